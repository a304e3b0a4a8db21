// The processes and threads that make the calls. They obey; they decide nothing.
#include "oracle.h"

#include <dlfcn.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };
// Not /proc/self: its thread may have ended while others live.
#define SELF "/proc/thread-self/exe"

// One page to write, one to read only, one not to touch, for each kind of argument and thread.
static _Thread_local char *operations_memory, *timeout_memory;
static volatile sig_atomic_t reenter_id = -1;

static char *argument_memory(void) {
  char *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory + 2 * PAGE, PAGE, PROT_NONE) != 0 ||
      mprotect(memory + 3 * PAGE, PAGE, PROT_READ) != 0) {
    perror("oracle: argument memory");
    _exit(99);
  }
  return memory;
}

void worker_prepare_memory(void) {
  operations_memory = argument_memory();
  timeout_memory = argument_memory();
}

// Puts `bytes` of `data` where `place` says and returns the address to pass.
static void *put(char *memory, enum place place, const void *data, size_t bytes) {
  char *at = memory;
  switch (place) {
    case AT_GOOD: break;
    case AT_ODD: at = memory + 1; break;
    case AT_NULL: return NULL;
    case AT_LOW: return (void *)0x2000;
    case AT_HIGH: return (void *)-8192L;
    case AT_PROTECTED: return memory + 2 * PAGE;
    case AT_READONLY: return memory + 3 * PAGE;
    case AT_EDGE: {
      size_t inside = bytes / 2 & ~(size_t)1;
      at = memory + 2 * PAGE - inside;
      memcpy(at, data, inside);
      return at;
    }
    default: abort();
  }
  memcpy(at, data, bytes);
  return at;
}

static long call_semop(const struct command *c) {
  struct sembuf all[SEMOPM_LIMIT + 1];
  // A count beyond 32 bits is cut by the kernel; the array need not be longer than what is read.
  size_t count = (uint32_t)c->nsops <= SEMOPM_LIMIT ? (uint32_t)c->nsops : SEMOPM_LIMIT + 1;
  for (size_t i = 0; i < count; i++) all[i] = c->sops[i % (size_t)c->base];
  struct sembuf *sops = put(operations_memory, c->place, all, count * sizeof *all);
  struct timespec *timeout = NULL;
  if (c->timeout == T_GIVEN || c->timeout == T_BAD_POINTER)
    timeout = put(timeout_memory, c->timeout_place, &c->time, sizeof c->time);
  if (c->timeout == T_SEMOP)
    return c->raw ? syscall(SYS_semop, c->id, sops, c->nsops) : semop(c->id, sops, c->nsops);
  return c->raw ? syscall(SYS_semtimedop, c->id, sops, c->nsops, timeout)
                : semtimedop(c->id, sops, c->nsops, timeout);
}

static long call_semctl(const struct command *c, struct reply *reply) {
  struct semid_ds status;
  size_t bytes = 0;
  const void *in = c->values;
  switch (c->cmd) {
    case GETALL: case SETALL: bytes = (size_t)c->nsems * sizeof *c->values; break;
    case IPC_STAT: case SEM_STAT: case SEM_STAT_ANY:
      memset(&status, 0, sizeof status);
      in = &status, bytes = sizeof status;
      break;
    case IPC_SET:
      memset(&status, 0x55, sizeof status); // what is not uid, gid and mode must not matter
      status.sem_perm.uid = (uid_t)c->set.uid;
      status.sem_perm.gid = (gid_t)c->set.gid;
      status.sem_perm.mode = (__typeof__(status.sem_perm.mode))c->set.mode;
      in = &status, bytes = sizeof status;
      break;
    case IPC_INFO: case SEM_INFO:
      memset(&reply->info, 0, sizeof reply->info);
      in = &reply->info, bytes = sizeof reply->info;
      break;
  }
  long result;
  void *argument = NULL;
  if (bytes != 0) {
    argument = put(operations_memory, c->place, in, bytes);
    if (c->cmd == GETALL && c->place <= AT_ODD) memset(argument, 0xee, bytes);
    result = c->raw ? syscall(SYS_semctl, c->id, c->num, c->cmd, argument)
                    : semctl(c->id, c->num, c->cmd, argument);
  } else {
    result = c->raw ? syscall(SYS_semctl, c->id, c->num, c->cmd, (long)c->value)
                    : semctl(c->id, c->num, c->cmd, c->value);
  }
  int error = errno;
  if (bytes != 0 && c->place <= AT_ODD) {
    if (c->cmd == GETALL) memcpy(reply->values, argument, bytes);
    if (in == &status) memcpy(&reply->status, argument, sizeof status);
    if (in == &reply->info) memcpy(&reply->info, argument, sizeof reply->info);
  }
  errno = error;
  return result;
}

// As a set-user-ID program or a server that serves several users: for now, or for good.
static long change_credentials(const struct command *c) {
  gid_t groups[1] = {(gid_t)c->credentials.group};
  uid_t uid = (uid_t)c->credentials.uid;
  gid_t gid = (gid_t)c->credentials.gid;
  if (seteuid(0) != 0) return -1;
  if (setgroups(c->credentials.group >= 0 ? 1 : 0, groups) != 0) return -1;
  if (c->credentials.for_good) return setresgid(gid, gid, gid) != 0 ? -1 : setresuid(uid, uid, uid);
  return setegid(gid) != 0 ? -1 : seteuid(uid);
}

// Sets made and removed at once: the numbering of ids goes on and wraps.
static long churn(const struct command *c) {
  long last = -1;
  for (int i = 0; i < c->value; i++) {
    int id = semget(IPC_PRIVATE, 1, 0600);
    if (id < 0 || semctl(id, 0, IPC_RMID) != 0) return -1;
    last = id;
  }
  return last;
}

// A child that makes one call and ends: with vfork inside posix_spawn, and a new program.
static long spawn_once(const struct command *c, struct reply *reply) {
  char id[16], num[16], op[16], flags[16];
  snprintf(id, sizeof id, "%d", c->id);
  snprintf(num, sizeof num, "%d", c->sops[0].sem_num);
  snprintf(op, sizeof op, "%d", c->sops[0].sem_op);
  snprintf(flags, sizeof flags, "%d", c->sops[0].sem_flg);
  char *arguments[] = {"oracle", "once", id, num, op, flags, NULL};
  pid_t pid;
  int status;
  int error = posix_spawn(&pid, SELF, NULL, NULL, arguments, environ);
  if (error != 0) return errno = error, -1;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  reply->pid = pid; // so that GETPID can be read
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void *thread_main(void *argument) {
  struct command *c = argument;
  int slot = c->slot, actor = c->actor;
  free(c);
  worker_main(slot, actor, false);
  return NULL;
}

static void become_new_process(const struct command *c) {
  worker_main(c->slot, 0, false);
  exit(0);
}

static long start_thread(const struct command *c) {
  pthread_t thread;
  struct command *copy = malloc(sizeof *copy);
  *copy = *c;
  int error = pthread_create(&thread, NULL, thread_main, copy);
  if (error != 0) return errno = error, -1;
  return pthread_detach(thread);
}

static void run_again(const struct command *c) {
  char slot[16];
  snprintf(slot, sizeof slot, "%d", c->slot);
  char *arguments[] = {"oracle", "worker", slot, NULL};
  execv(SELF, arguments);
}

static void end_process(enum exit_kind kind) {
  switch (kind) {
    case EXIT_QUICK: _exit(3);
    case EXIT_ABORT: abort();
    case EXIT_TERM: kill(getpid(), SIGTERM); break;
    case EXIT_KILL: kill(getpid(), SIGKILL); break;
    case EXIT_SEGV: raise(SIGSEGV); break;
    default: exit(4);
  }
  for (;;) pause();
}

// Makes the call of a command; also used by the controller for its own calls.
void perform(const struct command *c, struct reply *reply) {
  memset(reply, 0, sizeof *reply);
  errno = 0;
  long result = -1;
  switch (c->action) {
    case ACT_SEMOP: result = call_semop(c); break;
    case ACT_SEMGET:
      result = c->raw ? syscall(SYS_semget, c->id, c->nsems, c->flags)
                      : semget(c->id, c->nsems, c->flags);
      break;
    case ACT_SEMCTL: result = call_semctl(c, reply); break;
    case ACT_CREDENTIALS: result = change_credentials(c); break;
    case ACT_UNSHARE: result = unshare(CLONE_SYSVSEM); break;
    case ACT_CHURN: result = churn(c); break;
    case ACT_SPAWN: result = spawn_once(c, reply); break;
    case ACT_THREAD: result = start_thread(c); break;
    case ACT_FORK:
      result = fork();
      if (result == 0) become_new_process(c);
      reply->pid = (pid_t)result;
      if (result > 0) result = 0;
      break;
    case ACT_EXEC: run_again(c); break;
    case ACT_EXIT: case ACT_LEAVE: abort(); // do not come back: handled by the loop
  }
  reply->result = result;
  reply->error = result == -1 ? errno : 0;
}

static void on_signal(int signal) {
  (void)signal;
  if (reenter_id < 0) return;
  int error = errno;
  struct sembuf release = {0, 1, IPC_NOWAIT};
  semop(reenter_id, &release, 1);
  reenter_id = -1;
  errno = error;
}

static void install_handlers(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR2, &action, NULL);
}

// The library under test must be the one that is called: ld.so only warns when it cannot load it.
void check_interposed(void) {
  const char *expected = getenv("ORACLE_LIBRARY");
  if (expected == NULL) return;
  Dl_info info;
  if (dladdr((void *)(uintptr_t)semop, &info) != 0 && info.dli_fname != NULL &&
      strcmp(info.dli_fname, expected) == 0)
    return;
  _exit(98);
}

void worker_main(int slot, int actor, bool after_exec) {
  int fd = WORKER_FD + slot * ACTORS + actor;
  if (actor == 0) {
    install_handlers();
    check_interposed();
    if (!after_exec) // only the controller may hold its ends: its death must be seen as EOF
      for (int i = 0; i < WORKERS * ACTORS; i++) close(CONTROLLER_FD + i);
  }
  worker_prepare_memory();
  struct reply reply = {.hello = true, .pid = getpid(), .tid = (pid_t)syscall(SYS_gettid)};
  for (;;) {
    if (write(fd, &reply, sizeof reply) != sizeof reply) _exit(97);
    struct command command;
    ssize_t got;
    do got = read(fd, &command, sizeof command);
    while (got < 0 && errno == EINTR);
    if (got != sizeof command) _exit(96);
    if (command.action == ACT_EXIT && command.exit_kind == EXIT_RETURN && actor == 0) return;
    if (command.action == ACT_EXIT) end_process(command.exit_kind);
    if (command.action == ACT_LEAVE) pthread_exit(NULL);
    if (command.action == ACT_SEMOP) reenter_id = command.value - 1;
    perform(&command, &reply);
  }
}
