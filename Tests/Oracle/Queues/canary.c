// Wrong on purpose: the kernel's message queues with one mistake, chosen by ORACLE_CANARY. The
// oracle must see each of them; if it does not, its silence about anything else means nothing.
#define _GNU_SOURCE 1
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/syscall.h>
#include <unistd.h>

static int mistake(const char *name) {
  const char *chosen = getenv("ORACLE_CANARY");
  return chosen != NULL && strcmp(chosen, name) == 0;
}

static long result_of(long result) {
  // A sleeper of a removed queue is told what a later caller would be told.
  if (result < 0 && errno == EIDRM && mistake("removed")) errno = EINVAL;
  return result;
}

int msgget(key_t key, int flags) { return (int)syscall(SYS_msgget, key, flags); }

int msgsnd(int id, const void *message, size_t size, int flags) {
  // What is empty needs no room, it seems, and is not worth a queue that is full.
  if (size == 0 && mistake("empty")) flags |= IPC_NOWAIT;
  return (int)result_of(syscall(SYS_msgsnd, id, message, size, flags));
}

ssize_t msgrcv(int id, void *message, size_t size, long type, int flags) {
  if (type < 0 && type != -1 && !(flags & MSG_COPY) && mistake("lowest")) type = 0; // the oldest
  if (mistake("except")) flags &= ~MSG_EXCEPT;
  if (!(flags & MSG_COPY) && mistake("truncate")) flags |= MSG_NOERROR;
  ssize_t result = result_of(syscall(SYS_msgrcv, id, message, size, type, flags));
  if (result > 4 && mistake("body")) ((char *)message)[sizeof(long) + 4] ^= 1;
  return result;
}

int msgctl(int id, int cmd, struct msqid_ds *status) {
  int result = (int)syscall(SYS_msgctl, id, cmd, status);
  if (cmd != IPC_STAT || result != 0) return result;
  if (status->msg_qnum > 1 && mistake("count")) status->msg_qnum--;
  if (status->msg_rtime == 0 && mistake("time")) status->msg_rtime = status->msg_stime;
  // The last process is forgotten once it is dead.
  if (status->msg_lspid > 0 && mistake("pid") && kill(status->msg_lspid, 0) != 0)
    status->msg_lspid = 0;
  return result;
}
