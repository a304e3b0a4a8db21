// What the parts of the damage tests share. See run.
#ifndef DAMAGE_H
#define DAMAGE_H

#include "../Death/Queues/queue.h"

// The namespace's directory, and the path of a file in it (overwritten by the fourth next call).
const char *namespace_path(void);
const char *path_of(const char *name);
const char *path_of_set(int id);
const char *path_of_queue(int id);
const char *path_of_segment(int id);

// Runs `body` in a child; its exit status, 256 + signal when it was killed, -1 when it did not
// end in time (it is killed then).
int in_child(int (*body)(void), int seconds);
// The same as another user, without capabilities.
int as_user(unsigned user, unsigned group, int (*body)(void), int seconds);
const char *ending(int result);

// What a hostile peer scribbles over, and what its users do with it.
struct target {
  const char *name, *part;  // the part of the program: "hostile" and this
  int (*create)(void);
  int (*call)(int id, int kind);  // kind: 0 to 29
  bool (*remove)(int id);
  const char *(*path)(int id);
};
extern const struct target queue_target, segment_target;
uint64_t next_random(void);
int below(int limit);

int run_hostile(unsigned seed);
int run_hostile_queues(unsigned seed);
int run_queue_limits(void);
int run_queue_users(void);
int run_queue_disk(void);
int run_hostile_memory(unsigned seed);
int run_memory_limits(void);
int run_memory_users(void);
int run_memory_disk(void);
int run_truncate(void);
int run_foreign(void);
int run_foreign_objects(void);
int run_directory(void);
int use_once(unsigned user);
int run_disk(void);
int run_file_limit(void);
int run_object_file_limit(void);
int run_limits(void);
int run_users(void);

#endif
