// Queues in readable form; and the table of what the oracle needs to know of them.
#include "queues.h"

#include <stdio.h>
#include <string.h>

struct contents queue_contents[MAX_OBJECTS];

static const char *control_name(int cmd) {
  static char other[24];
  switch (cmd) {
#define NAME(command) case command: return #command;
    NAME(IPC_RMID) NAME(IPC_SET) NAME(IPC_STAT) NAME(IPC_INFO) NAME(MSG_STAT) NAME(MSG_STAT_ANY)
    NAME(MSG_INFO)
#undef NAME
  }
  snprintf(other, sizeof other, "cmd %d", cmd);
  return other;
}

static void append_flags(char *text, size_t size, int flags) {
  static const struct { int flag; const char *name; } known[] = {
    {IPC_NOWAIT, " NOWAIT"}, {MSG_NOERROR, " NOERROR"}, {MSG_EXCEPT, " EXCEPT"},
    {MSG_COPY, " COPY"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (flags & known[i].flag) append(text, size, "%s", known[i].name);
    flags &= ~known[i].flag;
  }
  if (flags != 0) append(text, size, " and %#o", (unsigned)flags);
}

static void describe_call(char *text, size_t size, const struct command *c) {
  switch (c->action) {
    case ACT_GET:
      append(text, size, "msgget %s%s%s mode %o", key_name(c->id),
             c->flags & IPC_CREAT ? " CREAT" : "", c->flags & IPC_EXCL ? " EXCL" : "",
             c->flags & 0777);
      break;
    case ACT_CONTROL:
      append(text, size, "msgctl %s %s of %s", control_name(c->cmd), place_name(c->place),
             object_name(c->stat_id ? c->stat_id - 1 : c->id));
      if (c->cmd == IPC_SET)
        append(text, size, " uid %d gid %d mode %o bytes %lu", c->set.uid, c->set.gid, c->set.mode,
               c->set.bytes);
      break;
    case ACT_SEND: case ACT_RECEIVE:
      append(text, size, "%s %s %s type %ld size %zu",
             c->action == ACT_SEND ? "msgsnd" : "msgrcv", object_name(c->id), place_name(c->place),
             c->message.type, c->message.size);
      append_flags(text, size, c->flags);
      break;
    default:
      append(text, size, "spawns a program: %s %s type %ld size %ld", object_name(c->id),
             c->once[0] ? "receives" : "sends", c->once[1], c->once[2]);
  }
}

static void describe_control(char *text, size_t size, const struct command *c,
                             const struct reply *r) {
  const struct msginfo *info = &r->queue_info;
  switch (c->cmd) {
    case IPC_STAT: case MSG_STAT: case MSG_STAT_ANY:
      append(text, size, "%s qnum %lu cbytes %lu qbytes %lu mode %o owner %d:%d",
             c->cmd == IPC_STAT ? (r->result == 0 ? "0" : "NOT 0") : object_name((int)r->result),
             r->queue.msg_qnum, r->queue.__msg_cbytes, r->queue.msg_qbytes, r->queue.msg_perm.mode,
             (int)r->queue.msg_perm.uid, (int)r->queue.msg_perm.gid);
      break;
    case IPC_INFO: case MSG_INFO:
      // Elsewhere the counts are of the whole machine and the limits its configuration.
      if (!world.region->exact) {
        append(text, size, "done");
        break;
      }
      if (!(world.region->features & FEATURE_COUNTS) && c->cmd == MSG_INFO) {
        append(text, size, "%ld queues %d", r->result, info->msgpool);
        break;
      }
      append(text, size, "%ld pool %d map %d max %d mnb %d mni %d ssz %d tql %d seg %d", r->result,
             info->msgpool, info->msgmap, info->msgmax, info->msgmnb, info->msgmni, info->msgssz,
             info->msgtql, info->msgseg);
      break;
    default: append(text, size, "%ld", r->result);
  }
}

static void describe_result(char *text, size_t size, const struct command *c,
                            const struct reply *r) {
  if (c->action == ACT_CONTROL) return describe_control(text, size, c, r);
  append(text, size, "%ld", r->result);
  if (c->action == ACT_RECEIVE && c->place <= AT_ODD)
    append(text, size, " type %ld bytes %016lx", r->message.type, (unsigned long)r->message.hash);
}

// Reads every message without taking it, and remembers types and sizes.
static void look(int index, char *line, size_t size) {
  static struct { long type; char body[MESSAGE_LIMIT]; } message;
  struct contents *q = &queue_contents[index];
  append(line, size, "[");
  for (q->count = 0; q->count < MAX_CONTENTS; q->count++) {
    long got = msgrcv(world.objects[index].id, &message, sizeof message.body, q->count,
                      IPC_NOWAIT | MSG_COPY | MSG_NOERROR);
    if (got < 0) {
      q->known = errno == ENOMSG;
      if (!q->known) append(line, size, "%s", strerrorname_np(errno));
      break;
    }
    q->messages[q->count].type = message.type;
    q->messages[q->count].size = (size_t)got;
    append(line, size, "%s%ld:%ld:%04x", q->count ? " " : "", message.type, got,
           (unsigned)(hash_bytes(message.body, (size_t)got) & 0xffff));
  }
  append(line, size, "] ");
}

static bool observe_queue(int index, char *line, size_t size) {
  struct object *object = &world.objects[index];
  struct contents *q = &queue_contents[index];
  struct msqid_ds status;
  q->known = false;
  if (!object->live) return msgctl(object->id, IPC_STAT, &status) >= 0;
  if (msgctl(object->id, IPC_STAT, &status) != 0) {
    append(line, size, "IPC_STAT %s", strerrorname_np(errno));
    return true;
  }
  append(line, size, "qnum %lu cbytes %lu qbytes %lu lspid %s lrpid %s ", status.msg_qnum,
         status.__msg_cbytes, status.msg_qbytes, pid_name(status.msg_lspid),
         pid_name(status.msg_lrpid));
  if (queues_looking) look(index, line, size);
  q->number = status.msg_qnum;
  q->bytes = status.__msg_cbytes;
  q->limit = status.msg_qbytes;
  describe_perm(line, size, &status.msg_perm, object->id);
  append(line, size, " stime %s rtime %s ctime %s", time_state(status.msg_stime, &object->times[0]),
         time_state(status.msg_rtime, &object->times[1]),
         time_state(status.msg_ctime, &object->times[2]));
  return true;
}

static const char *const calls[] = {"msgget", "msgsnd", "msgrcv", "msgctl", NULL};

const struct kind queues = {
  .name = "msg", .letter = 'q', .plural = "queues", .calls = calls, .sleeps = true,
  .left_out = {"%u changes of a gift", "%u sends that would sleep beside other senders",
               "%u receives that would wake several senders",
               "%u IPC_SET after which sleepers would race",
               "%u looks at what the caller may not open"},
  .choose_temper = queues_choose_temper, .begin = queues_begin, .make_get = queues_make_get,
  .make_control = queues_make_control, .make_call = queues_make_call,
  .make_release = queues_make_release, .make_spawn = queues_make_spawn,
  .leave_out = queues_leave_out, .may_stop = queues_may_stop, .note = queues_note,
  .count_sleepers = count_asleep,
  .perform = queues_perform, .churn = queues_churn, .once = queues_once, .status = queues_status,
  .remove = queues_remove, .entry = queues_entry,
  .describe_call = describe_call, .describe_result = describe_result, .observe = observe_queue,
};
