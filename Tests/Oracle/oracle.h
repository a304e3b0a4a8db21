// The oracle: the same seeded schedule on the kernel's System V IPC and on another implementation
// of the same calls; the two traces must be equal line by line.
//
//   main.c        one run: pairs of traces per seed, watchdog, comparison, clean-up
//   schedule.c    the controller: what happens next (seeded), one step at a time
//   control.c     the controller: workers, commands, waiting until a step has settled
//   observe.c     the controller: what is written after each step
//   names.c       commands and results in readable form, raw ids and pids replaced by names
//   worker.c      the processes and threads that make the calls
//
// What differs between the three kinds of objects stands in a folder each, behind `struct kind`:
//   plan.c        which calls with which arguments, and what is kept out
//   calls.c       making them, in a worker or in the controller
//   report.c      calls, results and the state of an object in readable form
//   canary.c      wrong on purpose; must be caught
#pragma once

#define _GNU_SOURCE 1
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/types.h>
#include <time.h>

enum {
  WORKERS = 5,         // process slots
  ACTORS = 3,          // threads of one process that take commands
  MAX_SEMS = 70,       // so that sem_num % 64 repeats
  MAX_OBJECTS = 96,    // made in the life of one seed
  MAX_OPS = 6,         // distinct operations of one call; longer calls repeat them
  MAX_STEPS = 400,
  SEMOPM_LIMIT = 500,
  PAGE = 4096,
  GOOD_PAGES = 5,      // of argument memory: the largest message fits
  MESSAGE_LIMIT = 8192,
  ATTACHMENTS = 12,    // of one process
  TRACE_BYTES = 4 << 20,
  WORKER_FD = 100,     // + slot * ACTORS + actor: the worker's end, the same after exec
  CONTROLLER_FD = 140, // likewise: the controller's end
  REGION_FD = 90,
  REFERENCE_FD = 91,
  CONTROLLER = -1,     // as a slot
  OMISSIONS = 5,       // kinds of calls that are left out
  NOBODY = 65534,      // a second and a third user; they need not exist
  SOMEBODY = 65533,
};

enum action {
  ACT_GET, ACT_CONTROL,             // semget … and semctl …
  ACT_SEMOP,
  ACT_SEND, ACT_RECEIVE,
  ACT_ATTACH, ACT_DETACH, ACT_ACCESS,
  ACT_EXIT, ACT_FORK, ACT_EXEC, ACT_CREDENTIALS, ACT_THREAD, ACT_LEAVE, ACT_UNSHARE, ACT_CHURN,
  ACT_SPAWN,
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

// Which address shmat or shmdt is given.
enum address {
  ADDRESS_NULL, ADDRESS_ARENA /* a place that is free or not, see Memory/calls.c */,
  ADDRESS_OF_ATTACHMENT, ADDRESS_STACK, ADDRESS_LOW, ADDRESS_HIGH,
};

enum access {
  ACCESS_READ, ACCESS_WRITE, ACCESS_READ_BY_KERNEL, ACCESS_WRITE_BY_KERNEL, ACCESS_ALL,
};

struct command {
  enum action action;
  bool raw;                    // through syscall(), not through the named function
  int id;                      // of the object; key for get
  enum place place;            // of sops, of the message, of the control argument
  // get and control
  size_t size;                 // semaphores, which is also the number of values; bytes
  int cmd, flags;
  int stat_id;                 // the object whose index is given, + 1; 0 for none
  struct { int uid, gid; unsigned mode; unsigned long bytes; } set;
  // semctl
  int num, value;
  uint16_t values[MAX_SEMS];
  // semop
  size_t nsops;                // as passed; sops repeat when it is larger than base
  int base;
  struct sembuf sops[MAX_OPS];
  enum timeout timeout;
  enum place timeout_place;
  struct timespec time;
  // msgsnd and msgrcv: with flags
  struct { long type; size_t size; uint8_t fill; } message;
  // shmat, shmdt and access: with flags
  struct {
    enum address address;
    int handle;                // the attachment meant; a new one gets the number in value
    long offset, pages;        // from the address; how many
    enum access access;
    uint8_t byte;
  } memory;
  // processes
  enum exit_kind exit_kind;
  int slot, actor;             // of the new process or thread
  long once[3];                // what a spawned program is to do
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
    struct msqid_ds queue;
    struct msginfo queue_info;
    struct { long type; uint64_t hash; } message;
    struct shmid_ds segment;
    struct shminfo segment_limits;
    struct shm_info segment_info;
    struct { uintptr_t address; char rights[8]; } attachment;
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
  unsigned steps;
  unsigned left_out[OMISSIONS]; // how often; what, each kind names itself
  uint8_t returned[MAX_STEPS]; // calls that came back in each step
  unsigned id_count;
  int ids[MAX_OBJECTS];        // objects made here, for removal where the namespace is shared
  size_t length;
  char trace[TRACE_BYTES];
};

// Kinds of steps that --without leaves out, to look behind a difference that is known.
enum {
  FEATURE_UNSHARE = 1,   // unshare(CLONE_SYSVSEM)
  FEATURE_USERS = 2,     // other users
  FEATURE_KEYS = 4,      // get of a key that may exist
  FEATURE_LISTS = 8,     // SEM_STAT, SEM_STAT_ANY, IPC_INFO, SEM_INFO
  FEATURE_IDS = 16,      // raw ids in the trace
  FEATURE_COPY = 32,     // MSG_COPY
  FEATURE_STOP = 64,     // SIGSTOP and SIGCONT
  FEATURE_PARTS = 128,   // SHM_REMAP over a part of an attachment
  FEATURE_COUNTS = 256,  // messages and bytes in MSG_INFO
  FEATURE_EXEC = 512,    // a worker that executes itself
  FEATURE_FAULTS = 1024, // pointers to where nothing is, or not all
  FEATURE_WIDE = 2048,   // limits of queues beyond what the namespace allows
  FEATURE_LEAVE = 4096,  // a thread that ends while others live on
  FEATURES_ALL = 8191,
};

struct actor {
  bool exists, busy;
  pid_t tid;
  struct command command;      // what it is doing, or did last
  struct reply reply;
  bool returned;               // in the current step
};

// The controller's record of an attachment; the address is the worker's secret.
struct attachment {
  bool live;
  int object;                  // index
  bool arena;                  // at a known place
  long offset, pages;          // in the arena
};

struct worker {
  bool alive, own_child, dropped /* root for good */, borrowed /* euid differs for now */;
  struct { int uid, gid, group; } user; // all 0 at the start; a group of -1 is none
  pid_t pid;
  int pidfd;
  int incarnation;
  struct actor actors[ACTORS];
  struct attachment attachments[ATTACHMENTS];
};

struct object {
  bool live, announced;        // announced: its absence has been observed
  int id;
  size_t size;                 // semaphores; bytes
  time_t times[3];             // as last seen
};

// The controller's whole state.
struct world {
  struct region *region;
  const struct region *reference; // the kernel's run of the same seed, or NULL
  uint64_t random;
  unsigned step;
  struct { int wild, foreign, deadly; } temper; // of one seed; each kind has more
  struct worker workers[WORKERS];
  struct object objects[MAX_OBJECTS];
  int object_count;
  key_t key_base;
  struct { pid_t pid; char name[16]; } names[512];
  int name_count;
};
extern struct world world;

struct kind {
  const char *name;            // sem, msg, shm
  char letter;                 // of its objects in the trace
  const char *plural;
  const char *const *calls;    // what a library must export to be tested
  const char *left_out[OMISSIONS];   // "%u ..." for region->left_out; NULL where there is no more
  bool sleeps;                 // some of its calls wait for others
  bool undo;                   // unshare(CLONE_SYSVSEM) and handlers that call again

  // plan.c
  void (*choose_temper)(char *text, size_t size);
  void (*begin)(void);                                 // makes the first objects
  void (*make_get)(struct command *c);
  void (*make_control)(struct command *c);
  void (*make_call)(struct command *c, int slot, int actor); // of the controller: never sleeps
  void (*make_release)(struct command *c);             // by the controller, when everybody sleeps
  void (*make_spawn)(struct command *c);
  void (*leave_out)(int slot, struct command *c);      // changes what must not happen
  bool (*may_stop)(int slot);                          // SIGSTOP has no effect on others; or NULL
  bool (*returns_soon)(const struct command *c);       // by itself: the step ends when it has
  void (*note)(int slot, const struct command *c, const struct reply *r); // or NULL
  long (*count_sleepers)(void);

  // calls.c
  void (*prepare)(void);                               // in each process, before its calls; or NULL
  long (*perform)(const struct command *c, struct reply *reply);
  void (*on_signal)(void);                             // in a handler; or NULL
  long (*churn)(void);                                 // makes an object, removes it; its id
  int (*once)(int id, const long *what);               // a spawned program; errno or 0
  int (*status)(int id, struct ipc_perm *perm);
  int (*remove)(int id);
  void *(*entry)(void);                                // a function that must be the library's

  // report.c
  void (*describe_call)(char *text, size_t size, const struct command *c);
  void (*describe_result)(char *text, size_t size, const struct command *c, const struct reply *r);
  // One line, or false and errno when the object is gone.
  bool (*observe)(int index, char *line, size_t size);
};
extern const struct kind semaphores, queues, memory;
extern const struct kind *kind;

// worker.c
void worker_main(int slot, int actor, bool after_exec);
void worker_prepare_memory(void);
void perform(const struct command *command, struct reply *reply);
void check_interposed(void);
void *argument(enum place place, const void *data, size_t bytes);
void *timeout_argument(enum place place, const void *data, size_t bytes);

// control.c
struct actor *actor_at(int slot, int actor);
void channels_open(void);
void start_worker(int slot);
void send_command(int slot, int actor, const struct command *command);
void await_reply(int slot, int actor);
void adopt_worker(int slot, pid_t pid, bool own_child);
void await_death(int slot);
void await_state(int slot, int actor, char state);
void await_asleep(int slot, int actor);
void await_thread_end(int slot, int actor);
long count_asleep(void);
void settle(void);
_Noreturn void give_up(const char *why);

// observe.c
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_returned(void);
void observe(void);
const char *time_state(time_t seen, time_t *last);
void describe_perm(char *text, size_t size, const struct ipc_perm *perm, int id);

// names.c
const char *pid_name(pid_t pid);
void name_pid(pid_t pid, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *object_name(int id);
const char *place_name(enum place place);
const char *key_name(key_t key);
int find_object(int id);
int register_object(int id, size_t size);
void describe_command(char *text, size_t size, const struct command *command);
void describe_reply(char *text, size_t size, const struct command *command,
                    const struct reply *reply);
void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// schedule.c
void run_schedule(uint64_t seed);
void step(int slot, int actor, struct command *command);
uint32_t roll(uint32_t sides);
bool chance(int percent);
// One of the arguments; all have the type of the first.
#define FIRST(first, ...) first
#define LIST(...) ((__typeof__(FIRST(__VA_ARGS__, 0))[]){__VA_ARGS__})
#define ONE_OF(...) LIST(__VA_ARGS__)[roll(sizeof LIST(__VA_ARGS__) / sizeof *LIST(__VA_ARGS__))]
int live_objects(void);
struct object *any_live_object(void);
int any_id(void);
enum place any_place(void);
unsigned any_mode(void);
void any_set(struct command *c);
void any_index(struct command *c);
bool has_no_rights(int slot, const struct ipc_perm *perm);
bool hidden_from(int slot, int id);
void any_key(struct command *c);
void any_get_flags(struct command *c);
