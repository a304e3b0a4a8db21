// The oracle: the same seeded schedule on the kernel's System V semaphores and on another
// implementation of the same calls; the two traces must be equal line by line.
//
//   main.c        one run: pairs of traces per seed, watchdog, comparison, clean-up
//   schedule.c    the controller: what happens next (seeded), one step at a time
//   control.c     the controller: workers, commands, waiting until a step has settled
//   observe.c     the controller: what is written after each step
//   describe.c    commands and results in readable form, raw ids and pids replaced by names
//   worker.c      the processes and threads that make the calls
//   canary.c      wrong on purpose; must be caught
#pragma once

#define _GNU_SOURCE 1
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/types.h>
#include <time.h>

enum {
  WORKERS = 5,         // process slots
  ACTORS = 3,          // threads of one process that take commands
  MAX_SEMS = 70,       // so that sem_num % 64 repeats
  MAX_SETS = 96,       // made in the life of one seed
  MAX_OPS = 6,         // distinct operations of one call; longer calls repeat them
  MAX_STEPS = 400,
  SEMOPM_LIMIT = 500,
  TRACE_BYTES = 4 << 20,
  WORKER_FD = 100,     // + slot * ACTORS + actor: the worker's end, the same after exec
  CONTROLLER_FD = 140, // likewise: the controller's end
  REGION_FD = 90,
  REFERENCE_FD = 91,
  NOBODY = 65534,      // a second and a third user; they need not exist
  SOMEBODY = 65533,
};

enum action {
  ACT_SEMOP, ACT_SEMGET, ACT_SEMCTL, ACT_EXIT, ACT_FORK, ACT_EXEC, ACT_CREDENTIALS,
  ACT_THREAD, ACT_LEAVE, ACT_UNSHARE, ACT_CHURN, ACT_SPAWN,
};

// Where the memory behind a pointer argument lies.
enum place {
  AT_GOOD, AT_ODD /* unaligned */, AT_NULL, AT_LOW, AT_HIGH /* kernel half */,
  AT_PROTECTED, AT_EDGE /* runs into PROT_NONE */, AT_READONLY, PLACES,
};

enum timeout { T_SEMOP /* no timeout: semop() */, T_NULL, T_GIVEN, T_BAD_POINTER };

enum exit_kind {
  EXIT_RETURN, EXIT_EXIT, EXIT_QUICK /* _exit */, EXIT_ABORT, EXIT_TERM, EXIT_KILL, EXIT_SEGV,
  EXIT_KINDS,
};

struct command {
  enum action action;
  bool raw;                    // through syscall(), not through the named function
  int id;                      // semid; key for semget
  // semop
  size_t nsops;                // as passed; sops repeat when it is larger than base
  int base;
  struct sembuf sops[MAX_OPS];
  enum place place;            // of sops, of the semctl argument
  enum timeout timeout;
  enum place timeout_place;
  struct timespec time;
  // semctl and semget
  int num, cmd, value;
  int nsems, flags;            // semget; nsems is also the number of values
  uint16_t values[MAX_SEMS];
  struct { int uid, gid; unsigned mode; } set;
  // processes
  enum exit_kind exit_kind;
  int slot, actor;             // of the new process or thread
  struct { int uid, gid, group; bool for_good; } credentials;
};

struct reply {
  bool hello;                  // first message of a thread: it takes commands now
  long result;
  int error;
  pid_t pid, tid;
  union {
    uint16_t values[MAX_SEMS];
    struct semid_ds status;
    struct seminfo info;
  };
};

// Shared by the run's first process and the controller of one seed, so that the trace of a seed
// that hangs or crashes is not lost.
struct region {
  bool exact;                  // own IPC namespace: raw ids and machine-wide counts are comparable
  bool privileged;             // root: other users can be played
  bool ticking;                // wait for a new second before each step; show changed times
  unsigned patience_ms;        // a step that takes longer hangs
  unsigned features;           // see FEATURE_*
  bool finished;
  unsigned steps, without_undo, without_gift; // see leave_out_undo, leave_out_gift in schedule.c
  uint8_t returned[MAX_STEPS]; // calls that came back in each step
  unsigned id_count;
  int ids[MAX_SETS];           // sets made here, for removal where the namespace is shared
  size_t length;
  char trace[TRACE_BYTES];
};

// Kinds of steps that --without leaves out, to look behind a difference that is known.
enum {
  FEATURE_UNSHARE = 1, // unshare(CLONE_SYSVSEM)
  FEATURE_USERS = 2,   // other users
  FEATURE_KEYS = 4,    // semget of a key that may exist
  FEATURE_LISTS = 8,   // SEM_STAT, SEM_STAT_ANY, IPC_INFO, SEM_INFO
  FEATURE_IDS = 16,    // raw ids in the trace
  FEATURES_ALL = 31,
};

struct actor {
  bool exists, busy;
  pid_t tid;
  struct command command;      // what it is doing, or did last
  struct reply reply;
  bool returned;               // in the current step
};

struct worker {
  bool alive, own_child, dropped /* root for good */, borrowed /* euid differs for now */;
  struct { int uid, gid, group; } user; // all 0 at the start; a group of -1 is none
  pid_t pid;
  int pidfd;
  int incarnation;
  struct actor actors[ACTORS];
};

struct set {
  bool live, announced;        // announced: its absence has been observed
  int id, nsems;
  time_t otime, ctime;         // as last seen
};

// The controller's whole state.
struct world {
  struct region *region;
  const struct region *reference; // the kernel's run of the same seed, or NULL
  uint64_t random;
  unsigned step;
  struct worker workers[WORKERS];
  struct set sets[MAX_SETS];
  int set_count;
  key_t key_base;
  struct { pid_t pid; char name[16]; } names[256];
  int name_count;
};
extern struct world world;

// worker.c
void worker_main(int slot, int actor, bool after_exec);
void worker_prepare_memory(void);
void perform(const struct command *command, struct reply *reply);
void check_interposed(void);

// control.c
struct actor *actor_at(int slot, int actor);
void channels_open(void);
void start_worker(int slot);
void send_command(int slot, int actor, const struct command *command);
void await_reply(int slot, int actor);
void adopt_worker(int slot, pid_t pid, bool own_child);
void await_death(int slot);
void await_asleep(int slot, int actor);
void await_thread_end(int slot, int actor);
void settle(void);
_Noreturn void give_up(const char *why);

// observe.c
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_returned(void);
void observe(void);
long count_sleepers(void);

// describe.c
const char *pid_name(pid_t pid);
void name_pid(pid_t pid, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *set_name(int id);
int find_set(int id);
int register_set(int id, int nsems);
void describe_command(char *text, size_t size, const struct command *command);
void describe_reply(char *text, size_t size, const struct command *command,
                    const struct reply *reply);
void append_list(char *text, size_t size, const uint16_t *values, int count);

// schedule.c
void run_schedule(uint64_t seed);
