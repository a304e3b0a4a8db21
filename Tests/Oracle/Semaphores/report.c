// Semaphores in readable form; and the table of what the oracle needs to know of them.
#include "semaphores.h"

#include <stdio.h>
#include <string.h>

// "1,0*3,2": long runs of a large set stay short.
static void append_list(char *text, size_t size, const uint16_t *values, size_t count) {
  for (size_t i = 0; i < count;) {
    size_t run = 1;
    while (i + run < count && values[i + run] == values[i]) run++;
    append(text, size, run > 1 ? "%s%u*%zu" : "%s%u", i == 0 ? "" : ",", values[i], run);
    i += run;
  }
}

static const char *control_name(int cmd) {
  static char other[24];
  switch (cmd) {
#define NAME(command) case command: return #command;
    NAME(IPC_RMID) NAME(IPC_SET) NAME(IPC_STAT) NAME(IPC_INFO) NAME(SEM_STAT) NAME(SEM_STAT_ANY)
    NAME(SEM_INFO) NAME(GETPID) NAME(GETVAL) NAME(GETALL) NAME(GETNCNT) NAME(GETZCNT)
    NAME(SETVAL) NAME(SETALL)
#undef NAME
  }
  snprintf(other, sizeof other, "cmd %d", cmd);
  return other;
}

static void describe_semop(char *text, size_t size, const struct command *c) {
  append(text, size, "semop %s n=%zu %s{", object_name(c->id), c->nsops, place_name(c->place));
  for (int i = 0; i < c->base; i++)
    append(text, size, "%s%u:%+d%s%s", i ? " " : "", c->sops[i].sem_num, c->sops[i].sem_op,
           c->sops[i].sem_flg & IPC_NOWAIT ? "n" : "", c->sops[i].sem_flg & SEM_UNDO ? "u" : "");
  append(text, size, "}");
  if (c->timeout == T_NULL) append(text, size, " timeout null");
  if (c->timeout == T_GIVEN || c->timeout == T_BAD_POINTER)
    append(text, size, " timeout %s{%ld,%ld}", place_name(c->timeout_place),
           (long)c->time.tv_sec, c->time.tv_nsec);
}

static void describe_call(char *text, size_t size, const struct command *c) {
  switch (c->action) {
    case ACT_SEMOP: describe_semop(text, size, c); break;
    case ACT_GET:
      append(text, size, "semget %s nsems %d%s%s mode %o", key_name(c->id), (int)c->size,
             c->flags & IPC_CREAT ? " CREAT" : "", c->flags & IPC_EXCL ? " EXCL" : "",
             c->flags & 0777);
      break;
    case ACT_CONTROL:
      append(text, size, "semctl %s %d %s %s of %s",
             c->cmd == SEM_STAT || c->cmd == SEM_STAT_ANY ? "index of" : "", c->num,
             control_name(c->cmd), place_name(c->place),
             object_name(c->stat_id ? c->stat_id - 1 : c->id));
      if (c->cmd == SETVAL) append(text, size, " value %d", c->value);
      if (c->cmd == SETALL && c->place <= AT_ODD) {
        append(text, size, " [");
        append_list(text, size, c->values, c->size);
        append(text, size, "]");
      }
      if (c->cmd == IPC_SET)
        append(text, size, " uid %d gid %d mode %o", c->set.uid, c->set.gid, c->set.mode);
      break;
    default:
      append(text, size, "spawns a program: %s %ld:%+ld%s%s", object_name(c->id), c->once[0],
             c->once[1], c->once[2] & IPC_NOWAIT ? "n" : "", c->once[2] & SEM_UNDO ? "u" : "");
  }
}

static void describe_control(char *text, size_t size, const struct command *c,
                             const struct reply *r) {
  switch (c->cmd) {
    case GETPID: append(text, size, "%s", pid_name((pid_t)r->result)); break;
    case GETALL:
      append(text, size, "%ld [", r->result);
      append_list(text, size, r->values, c->size);
      append(text, size, "]");
      break;
    case IPC_STAT: case SEM_STAT: case SEM_STAT_ANY:
      append(text, size, "%s nsems %lu mode %o owner %d:%d",
             c->cmd == IPC_STAT ? (r->result == 0 ? "0" : "NOT 0") : object_name((int)r->result),
             r->status.sem_nsems, r->status.sem_perm.mode, (int)r->status.sem_perm.uid,
             (int)r->status.sem_perm.gid);
      break;
    case IPC_INFO: case SEM_INFO:
      // Elsewhere the counts are of the whole machine and the limits its configuration.
      if (!world.region->exact) {
        append(text, size, "opm %d vmx %d", r->info.semopm, r->info.semvmx);
        break;
      }
      append(text, size, "%ld map %d mni %d mns %d mnu %d msl %d opm %d ume %d usz %d vmx %d"
             " aem %d", r->result, r->info.semmap, r->info.semmni, r->info.semmns,
             r->info.semmnu, r->info.semmsl, r->info.semopm, r->info.semume, r->info.semusz,
             r->info.semvmx, r->info.semaem);
      break;
    default: append(text, size, "%ld", r->result);
  }
}

static void describe_result(char *text, size_t size, const struct command *c,
                            const struct reply *r) {
  if (c->action == ACT_CONTROL) describe_control(text, size, c, r);
  else append(text, size, "%ld", r->result);
}

static void append_counts(char *text, size_t size, const struct object *set, int command) {
  uint16_t counts[MAX_SEMS];
  for (int n = 0; n < (int)set->size; n++) {
    int count = semctl(set->id, n, command);
    if (count < 0) return append(text, size, "error %d", errno);
    counts[n] = (uint16_t)count;
  }
  append_list(text, size, counts, set->size);
}

static void append_pids(char *text, size_t size, const struct object *set) {
  const char *last = NULL;
  int repeated = 0;
  for (int n = 0; n <= (int)set->size; n++) {
    const char *name = NULL;
    if (n < (int)set->size) {
      int pid = semctl(set->id, n, GETPID);
      name = pid < 0 ? "error" : pid_name(pid);
    }
    if (last != NULL && name != NULL && strcmp(name, last) == 0) {
      repeated++;
      continue;
    }
    if (last != NULL) append(text, size, repeated > 1 ? "%s*%d " : "%s ", last, repeated);
    last = name, repeated = 1;
  }
}

static bool observe_set(int index, char *line, size_t size) {
  struct object *set = &world.objects[index];
  struct semid_ds status;
  uint16_t values[MAX_SEMS + 1] = {0};
  if (!set->live) return semctl(set->id, 0, GETVAL) >= 0;
  if (semctl(set->id, 0, IPC_STAT, &status) != 0) {
    append(line, size, "IPC_STAT %s", strerrorname_np(errno));
    return true;
  }
  append(line, size, "[");
  if (semctl(set->id, 0, GETALL, values) == 0) append_list(line, size, values, set->size);
  else append(line, size, "%s", strerrorname_np(errno));
  append(line, size, "] pids ");
  append_pids(line, size, set);
  append(line, size, "ncnt [");
  append_counts(line, size, set, GETNCNT);
  append(line, size, "] zcnt [");
  append_counts(line, size, set, GETZCNT);
  append(line, size, "] n %lu ", status.sem_nsems);
  describe_perm(line, size, &status.sem_perm, set->id);
  append(line, size, " otime %s ctime %s", time_state(status.sem_otime, &set->times[0]),
         time_state(status.sem_ctime, &set->times[1]));
  return true;
}

static const char *const calls[] = {"semget", "semop", "semtimedop", "semctl", NULL};

const struct kind semaphores = {
  .name = "sem", .letter = 's', .plural = "sets", .calls = calls, .sleeps = true, .undo = true,
  .left_out = {"%u changes of a gift", "SEM_UNDO in %u calls without any rights"},
  .choose_temper = semaphores_choose_temper, .begin = semaphores_begin,
  .make_get = semaphores_make_get, .make_control = semaphores_make_control,
  .make_call = semaphores_make_call, .make_release = semaphores_make_release,
  .make_spawn = semaphores_make_spawn, .leave_out = semaphores_leave_out,
  .returns_soon = semaphores_returns_soon, .note = semaphores_note,
  .count_sleepers = semaphores_count_sleepers,
  .perform = semaphores_perform, .on_signal = semaphores_on_signal, .churn = semaphores_churn,
  .once = semaphores_once, .status = semaphores_status, .remove = semaphores_remove,
  .entry = semaphores_entry,
  .describe_call = describe_call, .describe_result = describe_result, .observe = observe_set,
};
