// Commands and results in readable form; what differs between two runs (pids, and ids in a shared
// namespace) is replaced by names that do not.
#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void name_pid(pid_t pid, const char *format, ...) {
  if (world.name_count == (int)(sizeof world.names / sizeof *world.names))
    give_up("too many processes in one seed");
  int slot = world.name_count++;
  world.names[slot].pid = pid;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(world.names[slot].name, sizeof world.names[slot].name, format, arguments);
  va_end(arguments);
}

// The newest process of that number: pids may come round again.
const char *pid_name(pid_t pid) {
  if (pid == 0) return "-";
  for (int i = world.name_count - 1; i >= 0; i--)
    if (world.names[i].pid == pid) return world.names[i].name;
  return "STRANGER";
}

int find_set(int id) {
  for (int i = world.set_count - 1; i >= 0; i--)
    if (world.sets[i].id == id) return i;
  return -1;
}

int register_set(int id, int nsems) {
  if (world.set_count == MAX_SETS) give_up("too many sets in one seed");
  world.region->ids[world.set_count] = id;
  world.region->id_count = (unsigned)world.set_count + 1;
  world.sets[world.set_count] = (struct set){.live = true, .id = id, .nsems = nsems};
  return world.set_count++;
}

const char *set_name(int id) {
  static char text[4][24];
  static int turn;
  char *name = text[turn = (turn + 1) % 4];
  int found = find_set(id);
  if (found >= 0) snprintf(name, sizeof text[0], "s%d", found);
  else if (found < 0 && find_set(id - 32768) >= 0)
    snprintf(name, sizeof text[0], "s%d+seq", find_set(id - 32768));
  else snprintf(name, sizeof text[0], "#%d", id);
  return name;
}

static const char *place_name(enum place place) {
  static const char *const names[PLACES] = {"", "unaligned", "null", "low", "high", "protected",
                                            "edge", "readonly"};
  return names[place];
}

// "1,0*3,2": long runs of a large set stay short.
void append_list(char *text, size_t size, const uint16_t *values, int count) {
  size_t used = 0;
  text[0] = 0;
  for (int i = 0; i < count && used < size;) {
    int run = 1;
    while (i + run < count && values[i + run] == values[i]) run++;
    used += (size_t)snprintf(text + used, size - used, run > 1 ? "%s%u*%d" : "%s%u",
                             i == 0 ? "" : ",", values[i], run);
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

static const char *key_name(key_t key) {
  static char text[24];
  if (key == IPC_PRIVATE) return "private";
  snprintf(text, sizeof text, "k%d", key & 7);
  return text;
}

static void describe_semop(char *text, size_t size, const struct command *c) {
  size_t used = (size_t)snprintf(text, size, "semop %s n=%zu %s{", set_name(c->id), c->nsops,
                                 place_name(c->place));
  for (int i = 0; i < c->base && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%u:%+d%s%s", i ? " " : "",
                             c->sops[i].sem_num, c->sops[i].sem_op,
                             c->sops[i].sem_flg & IPC_NOWAIT ? "n" : "",
                             c->sops[i].sem_flg & SEM_UNDO ? "u" : "");
  if (used >= size) return;
  used += (size_t)snprintf(text + used, size - used, "}");
  if (c->timeout == T_NULL) snprintf(text + used, size - used, " timeout null");
  if (c->timeout == T_GIVEN || c->timeout == T_BAD_POINTER)
    snprintf(text + used, size - used, " timeout %s{%ld,%ld}", place_name(c->timeout_place),
             (long)c->time.tv_sec, c->time.tv_nsec);
}

void describe_command(char *text, size_t size, const struct command *c) {
  static const char *const exits[EXIT_KINDS] = {"return", "exit", "_exit", "abort", "SIGTERM",
                                                "SIGKILL", "SIGSEGV"};
  char list[512];
  text[0] = 0;
  switch (c->action) {
    case ACT_SEMOP: describe_semop(text, size, c); break;
    case ACT_SEMGET:
      snprintf(text, size, "semget %s nsems %d%s%s mode %o", key_name(c->id), c->nsems,
               c->flags & IPC_CREAT ? " CREAT" : "", c->flags & IPC_EXCL ? " EXCL" : "",
               c->flags & 0777);
      break;
    case ACT_SEMCTL:
      snprintf(text, size, "semctl %s %d %s %s",
               c->cmd == SEM_STAT || c->cmd == SEM_STAT_ANY ? "index of" : "", c->num,
               control_name(c->cmd), place_name(c->place));
      size_t used = strlen(text);
      snprintf(text + used, size - used, " of %s",
               c->flags ? set_name(c->flags - 1) : set_name(c->id));
      used = strlen(text);
      if (c->cmd == SETVAL) snprintf(text + used, size - used, " value %d", c->value);
      if (c->cmd == SETALL && c->place <= AT_ODD) {
        append_list(list, sizeof list, c->values, c->nsems);
        snprintf(text + used, size - used, " [%s]", list);
      }
      if (c->cmd == IPC_SET)
        snprintf(text + used, size - used, " uid %d gid %d mode %o", c->set.uid, c->set.gid,
                 c->set.mode);
      break;
    case ACT_EXIT: snprintf(text, size, "ends by %s", exits[c->exit_kind]); break;
    case ACT_FORK: snprintf(text, size, "forks w%d", c->slot); break;
    case ACT_EXEC: snprintf(text, size, "executes itself"); break;
    case ACT_CREDENTIALS:
      snprintf(text, size, "becomes %d:%d group %d%s", c->credentials.uid, c->credentials.gid,
               c->credentials.group, c->credentials.for_good ? " for good" : "");
      break;
    case ACT_THREAD: snprintf(text, size, "starts thread %d", c->actor); break;
    case ACT_LEAVE: snprintf(text, size, "ends its thread"); break;
    case ACT_UNSHARE: snprintf(text, size, "unshares its undo list"); break;
    case ACT_CHURN: snprintf(text, size, "makes and removes %d sets", c->value); break;
    case ACT_SPAWN:
      snprintf(text, size, "spawns a program: %s %u:%+d%s%s", set_name(c->id), c->sops[0].sem_num,
               c->sops[0].sem_op, c->sops[0].sem_flg & IPC_NOWAIT ? "n" : "",
               c->sops[0].sem_flg & SEM_UNDO ? "u" : "");
      break;
  }
  if (c->raw) snprintf(text + strlen(text), size - strlen(text), " (syscall)");
}

static void describe_control(char *text, size_t size, const struct command *c,
                             const struct reply *r) {
  bool exact = world.region->exact;
  char list[512];
  switch (c->cmd) {
    case GETPID: snprintf(text, size, "-> %s", pid_name((pid_t)r->result)); break;
    case GETALL:
      append_list(list, sizeof list, r->values, c->nsems);
      snprintf(text, size, "-> %ld [%s]", r->result, list);
      break;
    case IPC_STAT: case SEM_STAT: case SEM_STAT_ANY:
      snprintf(text, size, "-> %s nsems %lu mode %o owner %d:%d",
               c->cmd == IPC_STAT ? (r->result == 0 ? "0" : "NOT 0") : set_name((int)r->result),
               r->status.sem_nsems, r->status.sem_perm.mode, (int)r->status.sem_perm.uid,
               (int)r->status.sem_perm.gid);
      break;
    case IPC_INFO: case SEM_INFO:
      // Elsewhere the counts are of the whole machine and the limits its configuration.
      if (!exact) {
        snprintf(text, size, "-> opm %d vmx %d", r->info.semopm, r->info.semvmx);
        break;
      }
      snprintf(text, size, "-> %ld map %d mni %d mns %d mnu %d msl %d opm %d ume %d usz %d vmx %d"
               " aem %d", r->result, r->info.semmap, r->info.semmni, r->info.semmns,
               r->info.semmnu, r->info.semmsl, r->info.semopm, r->info.semume, r->info.semusz,
               r->info.semvmx, r->info.semaem);
      break;
    default: snprintf(text, size, "-> %ld", r->result);
  }
}

void describe_reply(char *text, size_t size, const struct command *c, const struct reply *r) {
  if (r->result == -1) {
    const char *name = strerrorname_np(r->error);
    snprintf(text, size, "-> %s", name != NULL ? name : "UNKNOWN ERRNO");
  } else if (c->action == ACT_SEMGET) {
    if (world.region->exact)
      snprintf(text, size, "-> %s (id %ld)", set_name((int)r->result), r->result);
    else
      snprintf(text, size, "-> %s", set_name((int)r->result));
  } else if (c->action == ACT_SEMCTL) {
    describe_control(text, size, c, r);
  } else if (c->action == ACT_CHURN && !world.region->exact) {
    snprintf(text, size, "-> done");
  } else if (c->action == ACT_SPAWN && r->result > 0 && r->result < 1000) {
    snprintf(text, size, "-> the program got %s", strerrorname_np((int)r->result));
  } else {
    snprintf(text, size, "-> %ld", r->result);
  }
}
