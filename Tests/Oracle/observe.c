// What is written after each step: everything that a program can see of the objects.
#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>
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

const char *time_state(time_t seen, time_t *last) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const char *state = seen == 0 ? "never" : seen < *last ? "BACKWARDS"
                      : seen > now.tv_sec ? "FUTURE" : "set";
  // With a new second before each step it shows which step sets which time.
  if (world.region->ticking && seen > *last) state = "now";
  *last = seen;
  return state;
}

void describe_perm(char *text, size_t size, const struct ipc_perm *perm, int id) {
  append(text, size, "mode %o owner %d:%d creator %d:%d key %s seq %d", perm->mode,
         (int)perm->uid, (int)perm->gid, (int)perm->cuid, (int)perm->cgid,
         perm->__key == IPC_PRIVATE ? "private" :
         (perm->__key & ~7) == world.key_base ?
         (char[]){'k', (char)('0' + (perm->__key & 7)), 0} : "OTHER",
         world.region->exact ? perm->__seq : perm->__seq == id >> 15);
}

void observe(void) {
  for (int i = 0; i < world.object_count; i++) {
    struct object *object = &world.objects[i];
    // What is as before goes without saying.
    static char last[MAX_OBJECTS][4096];
    char line[4096] = "";
    if (object->announced) continue;
    errno = 0;
    bool there = kind->observe(i, line, sizeof line);
    if (!there || !object->live) {
      object->live = false;
      object->announced = true;
      say("  %c%d: is gone: %s\n", kind->letter, i, there ? "NOT GONE" : strerrorname_np(errno));
    } else if (strcmp(line, last[i]) != 0) {
      say("  %c%d: %s\n", kind->letter, i, strcpy(last[i], line));
    }
  }
}
