// Commands and results in readable form; what differs between two runs (pids, and ids in a shared
// namespace) is replaced by names that do not.
#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void append(char *text, size_t size, const char *format, ...) {
  size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, size - used, format, arguments);
  va_end(arguments);
}

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

int find_object(int id) {
  for (int i = world.object_count - 1; i >= 0; i--)
    if (world.objects[i].id == id) return i;
  return -1;
}

int register_object(int id, size_t size) {
  if (world.object_count == MAX_OBJECTS) give_up("too many objects in one seed");
  world.region->ids[world.object_count] = id;
  world.region->id_count = (unsigned)world.object_count + 1;
  world.objects[world.object_count] = (struct object){.live = true, .id = id, .size = size};
  return world.object_count++;
}

const char *object_name(int id) {
  static char text[4][24];
  static int turn;
  char *name = text[turn = (turn + 1) % 4];
  int found = find_object(id);
  if (found >= 0) snprintf(name, sizeof text[0], "%c%d", kind->letter, found);
  else if (found < 0 && find_object(id - 32768) >= 0)
    snprintf(name, sizeof text[0], "%c%d+seq", kind->letter, find_object(id - 32768));
  else snprintf(name, sizeof text[0], "#%d", id);
  return name;
}

const char *place_name(enum place place) {
  static const char *const names[PLACES] = {"", "unaligned", "null", "low", "high", "protected",
                                            "edge", "readonly"};
  return names[place];
}

const char *key_name(key_t key) {
  static char text[24];
  if (key == IPC_PRIVATE) return "private";
  snprintf(text, sizeof text, "k%d", key & 7);
  return text;
}

void describe_command(char *text, size_t size, const struct command *c) {
  static const char *const exits[EXIT_KINDS] = {"return", "exit", "_exit", "abort", "SIGTERM",
                                                "SIGKILL", "SIGSEGV"};
  text[0] = 0;
  switch (c->action) {
    case ACT_EXIT: append(text, size, "ends by %s", exits[c->exit_kind]); break;
    case ACT_FORK: append(text, size, "forks w%d", c->slot); break;
    case ACT_EXEC: append(text, size, "executes itself"); break;
    case ACT_CREDENTIALS:
      append(text, size, "becomes %d:%d group %d%s", c->credentials.uid, c->credentials.gid,
             c->credentials.group, c->credentials.for_good ? " for good" : "");
      break;
    case ACT_THREAD: append(text, size, "starts thread %d", c->actor); break;
    case ACT_LEAVE: append(text, size, "ends its thread"); break;
    case ACT_UNSHARE: append(text, size, "unshares its undo list"); break;
    case ACT_CHURN: append(text, size, "makes and removes %d %s", c->value, kind->plural); break;
    default: kind->describe_call(text, size, c);
  }
  if (c->raw) append(text, size, " (syscall)");
}

void describe_reply(char *text, size_t size, const struct command *c, const struct reply *r) {
  snprintf(text, size, "-> ");
  if (r->result == -1) {
    const char *name = strerrorname_np(r->error);
    append(text, size, "%s", name != NULL ? name : "UNKNOWN ERRNO");
  } else if (c->action == ACT_GET) {
    append(text, size, "%s", object_name((int)r->result));
    if (world.region->exact) append(text, size, " (id %ld)", r->result);
  } else if (c->action == ACT_CHURN && !world.region->exact) {
    append(text, size, "done");
  } else if (c->action == ACT_SPAWN && r->result > 0 && r->result < 1000) {
    const char *name = strerrorname_np((int)r->result);
    if (name != NULL) append(text, size, "the program got %s", name);
    else append(text, size, "the program ended with %ld", r->result);
  } else if (c->action < ACT_EXIT) {
    kind->describe_result(text, size, c, r);
  } else {
    append(text, size, "%ld", r->result);
  }
}
