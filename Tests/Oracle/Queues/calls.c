// The calls of message queues, as a worker or the controller makes them.
#include "queues.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct message {
  long type;
  uint8_t body[GOOD_PAGES * PAGE - 2 * sizeof(long)];
};

uint64_t hash_bytes(const void *data, size_t bytes) { // FNV-1a
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
  return hash;
}

// The part of a message that is really there; a size may be anything.
static size_t body_bytes(size_t size) {
  size_t most = sizeof((struct message *)0)->body;
  return size < most ? size : most;
}

static long send(const struct command *c) {
  struct message message = {.type = c->message.type};
  size_t bytes = body_bytes(c->message.size);
  for (size_t i = 0; i < bytes; i++) message.body[i] = (uint8_t)(c->message.fill + i * 7 + i / 251);
  void *at = argument(c->place, &message, sizeof message.type + bytes);
  return c->raw ? syscall(SYS_msgsnd, c->id, at, c->message.size, c->flags)
                : msgsnd(c->id, at, c->message.size, c->flags);
}

static long receive(const struct command *c, struct reply *reply) {
  struct message message;
  // With what follows the buffer, which must stay as it is.
  size_t bytes = sizeof message.type + body_bytes(c->message.size);
  size_t all = bytes + 64 < sizeof message ? bytes + 64 : sizeof message;
  memset(&message, 0xee, sizeof message);
  void *at = argument(c->place, &message, c->place == AT_EDGE ? bytes : all);
  long result = c->raw ? syscall(SYS_msgrcv, c->id, at, c->message.size, c->message.type, c->flags)
                       : msgrcv(c->id, at, c->message.size, c->message.type, c->flags);
  int error = errno;
  if (c->place <= AT_ODD) {
    memcpy(&message, at, all);
    reply->message.type = message.type;
    reply->message.hash = hash_bytes(message.body, all - sizeof message.type);
  }
  errno = error;
  return result;
}

static long control(const struct command *c, struct reply *reply) {
  struct msqid_ds status;
  size_t bytes = 0;
  const void *in = NULL;
  switch (c->cmd) {
    case IPC_STAT: case MSG_STAT: case MSG_STAT_ANY:
      memset(&status, 0, sizeof status);
      in = &status, bytes = sizeof status;
      break;
    case IPC_SET:
      memset(&status, 0x55, sizeof status); // what is not set must not matter
      status.msg_perm.uid = (uid_t)c->set.uid;
      status.msg_perm.gid = (gid_t)c->set.gid;
      status.msg_perm.mode = (__typeof__(status.msg_perm.mode))c->set.mode;
      status.msg_qbytes = c->set.bytes;
      in = &status, bytes = sizeof status;
      break;
    case IPC_INFO: case MSG_INFO:
      memset(&reply->queue_info, 0, sizeof reply->queue_info);
      in = &reply->queue_info, bytes = sizeof reply->queue_info;
      break;
  }
  void *at = bytes == 0 ? NULL : argument(c->place, in, bytes);
  long result = c->raw ? syscall(SYS_msgctl, c->id, c->cmd, at) : msgctl(c->id, c->cmd, at);
  int error = errno;
  if (bytes != 0 && c->place <= AT_ODD) {
    if (in == &status) memcpy(&reply->queue, at, sizeof status);
    if (in == &reply->queue_info) memcpy(&reply->queue_info, at, bytes);
  }
  errno = error;
  return result;
}

long queues_perform(const struct command *c, struct reply *reply) {
  switch (c->action) {
    case ACT_GET:
      return c->raw ? syscall(SYS_msgget, c->id, c->flags) : msgget(c->id, c->flags);
    case ACT_CONTROL: return control(c, reply);
    case ACT_SEND: return send(c);
    case ACT_RECEIVE: return receive(c, reply);
    default: abort();
  }
}

long queues_churn(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  return id < 0 || msgctl(id, IPC_RMID, NULL) != 0 ? -1 : id;
}

// Receives or sends, a type and a size.
int queues_once(int id, const long *what) {
  struct message message = {.type = what[1]};
  size_t bytes = (size_t)what[2];
  long result = what[0] ? msgrcv(id, &message, bytes, what[1], IPC_NOWAIT | MSG_NOERROR)
                        : msgsnd(id, &message, bytes, IPC_NOWAIT);
  return result >= 0 ? 0 : errno;
}

int queues_status(int id, struct ipc_perm *perm) {
  struct msqid_ds status;
  int result = msgctl(id, IPC_STAT, &status);
  if (result == 0) *perm = status.msg_perm;
  return result;
}

int queues_remove(int id) { return msgctl(id, IPC_RMID, NULL); }

void *queues_entry(void) { return (void *)(uintptr_t)msgrcv; }
