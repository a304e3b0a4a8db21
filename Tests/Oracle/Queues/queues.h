#pragma once
#include "../oracle.h"

// What a queue holds, where the seed looks into queues (with MSG_COPY) after each step.
enum { MAX_CONTENTS = 64 };
struct contents {
  bool known;
  int count;
  unsigned long number, bytes, limit; // qnum, cbytes, qbytes
  struct { long type; size_t size; } messages[MAX_CONTENTS];
};
extern struct contents queue_contents[MAX_OBJECTS];
extern bool queues_looking;

void queues_choose_temper(char *text, size_t size);
void queues_begin(void);
void queues_make_get(struct command *c);
void queues_make_control(struct command *c);
void queues_make_call(struct command *c, int slot, int actor);
void queues_make_release(struct command *c);
void queues_make_spawn(struct command *c);
void queues_leave_out(int slot, struct command *c);
bool queues_may_stop(int slot);
void queues_note(int slot, const struct command *c, const struct reply *r);

long queues_perform(const struct command *c, struct reply *reply);
long queues_churn(void);
int queues_once(int id, const long *what);
int queues_status(int id, struct ipc_perm *perm);
int queues_remove(int id);
void *queues_entry(void);
uint64_t hash_bytes(const void *data, size_t bytes);
