#pragma once
#include "../oracle.h"

// A stretch of addresses that is the same in every process and free but for one page, so that
// hints mean the same in both runs.
#define ARENA 0x200000000000ul
enum { ARENA_PAGES = 64, ARENA_TAKEN = 20 /* this page is mapped, privately */ };

void memory_choose_temper(char *text, size_t size);
void memory_begin(void);
void memory_make_get(struct command *c);
void memory_make_control(struct command *c);
void memory_make_call(struct command *c, int slot, int actor);
void memory_make_release(struct command *c);
void memory_make_spawn(struct command *c);
void memory_leave_out(int slot, struct command *c);
void memory_note(int slot, const struct command *c, const struct reply *r);

void memory_prepare(void);
long memory_perform(const struct command *c, struct reply *reply);
long memory_churn(void);
int memory_once(int id, const long *what);
int memory_status(int id, struct ipc_perm *perm);
int memory_remove(int id);
void *memory_entry(void);
