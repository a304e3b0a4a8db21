// What the parts of the death tests share. See run.
#ifndef DEATH_H
#define DEATH_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The tests that need no tracer also run on the kernel's objects: what they demand is Linux's.
#ifdef ON_KERNEL
#define omega_semget semget
#define omega_semop semop
#define omega_semtimedop semtimedop
#define omega_semctl semctl
#define omega_msgget msgget
#define omega_msgsnd msgsnd
#define omega_msgrcv msgrcv
#define omega_msgctl msgctl
#define omega_shmget shmget
#define omega_shmat shmat
#define omega_shmdt shmdt
#define omega_shmctl shmctl
#else
#include "omega_ipc.h"
#endif

union semun {
  int val;
  struct semid_ds *buf;
  unsigned short *array;
};

enum { MAX_SEMAPHORES = 8, MAX_OPERATIONS = 8 };

// --- results

extern int failures;
void ok(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void not_ok(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void skip(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Ends the program: something outside of the library failed.
void give_up(const char *what) __attribute__((noreturn));
// Builds a message in a buffer that the next call overwrites.
const char *message(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool is_long_run(void);
const char *error_name(int error);

// --- time

int64_t now_ns(void);
void pause_ms(int ms);
// Distribution of durations: printed, never judged.
struct times {
  long count, capacity;
  int64_t *ns;
};
void times_add(struct times *times, int64_t ns);
// "median 0.1 ms, 99% 0.4 ms, most 1.2 ms, 3 of 100 over 50 ms"; sorts.
const char *times_text(struct times *times);
void times_clear(struct times *times);

// A watchdog for deadlocks: prints what was going on, the set and where the call hangs, and exits.
void watch(const char *what, int seconds);
extern int watched_set;

// --- semaphores

int new_set(int count, const unsigned short *values);
void remove_set(int id);
void set_values(int id, const unsigned short *values);
// GETALL; false with errno.
bool get_values(int id, unsigned short *values);
int control(int id, int semaphore, int command);
int set_value(int id, int semaphore, int value);
// One operation; 0 or the errno.
int operate(int id, int semaphore, int amount, int flags);
int operate_many(int id, const struct sembuf *operations, int count);
bool same_values(const unsigned short *a, const unsigned short *b, int count);
const char *values_text(const unsigned short *values, int count);

// --- memory

int new_segment(size_t size);
void *attach(int id);  // gives up when it fails
// IPC_STAT; -1 and errno when there is no such segment.
long attachments(int id);
void remove_segment(int id);

// --- agents: other processes that do what they are told

enum order { ORDER_OPERATE, ORDER_SET_VALUE, ORDER_GET_VALUES, ORDER_MESSAGE };
// A message: its bytes follow from size and serial.
struct note {
  long type;
  int size;
  unsigned serial;
};
// A call of msgsnd (when `note.type` is above 0) or msgrcv.
struct message_call {
  struct note note;
  long type;
  int flags, capacity;
};
struct command {
  enum order order;
  int id, count;
  struct sembuf operations[MAX_OPERATIONS];
  int semaphore, value;
  struct message_call call;
};
struct reply {
  int error;
  struct note note;  // received
  int64_t ns;  // when the call returned
};
struct agent {
  pid_t pid;
  int socket;
};
void agent_start(struct agent *agent);
void agent_operate(struct agent *agent, int id, const struct sembuf *operations, int count);
void agent_set_value(struct agent *agent, int id, int semaphore, int value);
void agent_message(struct agent *agent, int id, const struct message_call *call);
// Waits for the reply; false when none came in time.
bool agent_reply(struct agent *agent, int ms, struct reply *reply);
// Tells it and waits; the errno.
int agent_do(struct agent *agent, int id, int semaphore, int amount, int flags);
// SIGKILL and waitpid.
void agent_kill(struct agent *agent);
// Waits until that many calls sleep on the semaphore (GETNCNT + GETZCNT).
void wait_asleep(int id, int semaphore, int count);
char state_of(pid_t pid);

// --- parts

int run_steps(int argc, char **argv);
int run_instant(void);
int run_lifecycle(const char *program);
int run_memory(const char *program);
int after_memory_exec(char **argv);
int run_handler(void);
int run_reuse(void);
int run_queue_lifecycle(const char *program);
int queue_after_exec(const char *id);
int run_queue_storm(long kills, unsigned seed);
int run_storm(const char *program, long kills, unsigned seed);
int storm_worker(int argc, char **argv);

#endif
