// What is written after each step: everything that a program can see of the sets.
#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void say(const char *format, ...) {
  struct region *r = world.region;
  va_list arguments;
  va_start(arguments, format);
  int wrote = vsnprintf(r->trace + r->length, TRACE_BYTES - r->length, format, arguments);
  va_end(arguments);
  if (wrote < 0 || r->length + (size_t)wrote >= TRACE_BYTES) {
    dprintf(2, "oracle: the trace is full\n");
    _exit(95);
  }
  r->length += (size_t)wrote;
}

// All sleepers of all sets. Linux counts a sleeping call on exactly one semaphore (since 3.16).
long count_sleepers(void) {
  long total = 0;
  for (int i = 0; i < world.set_count; i++) {
    const struct set *set = &world.sets[i];
    if (!set->live) continue;
    for (int n = 0; n < set->nsems; n++) {
      int negative = semctl(set->id, n, GETNCNT), zero = semctl(set->id, n, GETZCNT);
      if (negative > 0) total += negative;
      if (zero > 0) total += zero;
    }
  }
  return total;
}

// Results by worker: the order in which calls completed together return is not specified.
void report_returned(void) {
  for (int s = 0; s < WORKERS; s++)
    for (int i = 0; i < ACTORS; i++) {
      struct actor *a = actor_at(s, i);
      if (!a->returned) continue;
      char text[1024];
      describe_reply(text, sizeof text, &a->command, &a->reply);
      say("  %s/%d %s\n", pid_name(world.workers[s].pid), i, text);
      a->returned = false;
    }
}

static const char *time_state(time_t seen, time_t *last) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const char *state = seen == 0 ? "never" : seen < *last ? "BACKWARDS"
                      : seen > now.tv_sec ? "FUTURE" : "set";
  // With a new second before each step it shows which step sets which time.
  if (world.region->ticking && seen > *last) state = "now";
  *last = seen;
  return state;
}

static void append_counts(char *text, size_t size, const struct set *set, int command) {
  uint16_t counts[MAX_SEMS];
  for (int n = 0; n < set->nsems; n++) {
    int count = semctl(set->id, n, command);
    if (count < 0) {
      snprintf(text, size, "error %d", errno);
      return;
    }
    counts[n] = (uint16_t)count;
  }
  append_list(text, size, counts, set->nsems);
}

static void append_pids(char *text, size_t size, const struct set *set) {
  size_t used = 0;
  const char *last = NULL;
  int repeated = 0;
  for (int n = 0; n <= set->nsems && used < size; n++) {
    const char *name = NULL;
    if (n < set->nsems) {
      int pid = semctl(set->id, n, GETPID);
      name = pid < 0 ? "error" : pid_name(pid);
    }
    if (last != NULL && name != NULL && strcmp(name, last) == 0) {
      repeated++;
      continue;
    }
    if (last != NULL)
      used += (size_t)snprintf(text + used, size - used, repeated > 1 ? "%s*%d " : "%s ", last,
                               repeated);
    last = name, repeated = 1;
  }
}

static void observe_set(int index) {
  struct set *set = &world.sets[index];
  struct semid_ds status;
  errno = 0;
  if (semctl(set->id, 0, IPC_STAT, &status) != 0) {
    say("  s%d: IPC_STAT %s\n", index, strerrorname_np(errno));
    return;
  }
  uint16_t values[MAX_SEMS + 1] = {0};
  char list[512] = "", pids[2048] = "", negative[512] = "", zero[512] = "";
  if (semctl(set->id, 0, GETALL, values) == 0) append_list(list, sizeof list, values, set->nsems);
  else snprintf(list, sizeof list, "%s", strerrorname_np(errno));
  append_pids(pids, sizeof pids, set);
  append_counts(negative, sizeof negative, set, GETNCNT);
  append_counts(zero, sizeof zero, set, GETZCNT);
  const char *otime = time_state(status.sem_otime, &set->otime);
  const char *ctime = time_state(status.sem_ctime, &set->ctime);
  char line[4096];
  snprintf(line, sizeof line,
      "  s%d: [%s] pids %sncnt [%s] zcnt [%s] n %lu mode %o owner %d:%d creator %d:%d key %s"
      " seq %d otime %s ctime %s\n", index, list, pids, negative, zero, status.sem_nsems,
      status.sem_perm.mode, (int)status.sem_perm.uid, (int)status.sem_perm.gid,
      (int)status.sem_perm.cuid, (int)status.sem_perm.cgid,
      status.sem_perm.__key == IPC_PRIVATE ? "private" :
      (status.sem_perm.__key & ~7) == world.key_base ?
      (char[]){'k', (char)('0' + (status.sem_perm.__key & 7)), 0} : "OTHER",
      world.region->exact ? status.sem_perm.__seq : status.sem_perm.__seq == set->id >> 15,
      otime, ctime);
  // What is as before goes without saying.
  static char last[MAX_SETS][4096];
  if (strcmp(line, last[index]) != 0) say("%s", strcpy(last[index], line));
}

void observe(void) {
  for (int i = 0; i < world.set_count; i++) {
    struct set *set = &world.sets[i];
    if (set->live) observe_set(i);
    else if (!set->announced) {
      set->announced = true;
      say("  s%d: is gone: %s\n", i,
          semctl(set->id, 0, GETVAL) < 0 ? strerrorname_np(errno) : "NOT GONE");
    }
  }
}
