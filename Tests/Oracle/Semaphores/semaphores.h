#pragma once
#include "../oracle.h"

void semaphores_choose_temper(char *text, size_t size);
void semaphores_begin(void);
void semaphores_make_get(struct command *c);
void semaphores_make_control(struct command *c);
void semaphores_make_call(struct command *c, int slot, int actor);
void semaphores_make_release(struct command *c);
void semaphores_make_spawn(struct command *c);
void semaphores_leave_out(int slot, struct command *c);
bool semaphores_returns_soon(const struct command *c);
void semaphores_note(int slot, const struct command *c, const struct reply *r);
long semaphores_count_sleepers(void);

long semaphores_perform(const struct command *c, struct reply *reply);
void semaphores_on_signal(void);
long semaphores_churn(void);
int semaphores_once(int id, const long *what);
int semaphores_status(int id, struct ipc_perm *perm);
int semaphores_remove(int id);
void *semaphores_entry(void);
