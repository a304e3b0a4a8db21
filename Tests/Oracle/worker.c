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

// Not /proc/self: its thread may have ended while others live.
#define SELF "/proc/thread-self/exe"

// Pages to write, one not to touch, pages to read only, for each kind of argument and thread.
static _Thread_local char *argument_memory, *timeout_memory;

static char *new_memory(void) {
  size_t bytes = (2 * GOOD_PAGES + 1) * PAGE;
  char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED || mprotect(at + GOOD_PAGES * PAGE, PAGE, PROT_NONE) != 0 ||
      mprotect(at + (GOOD_PAGES + 1) * PAGE, GOOD_PAGES * PAGE, PROT_READ) != 0) {
    perror("oracle: argument memory");
    _exit(99);
  }
  return at;
}

void worker_prepare_memory(void) {
  argument_memory = new_memory();
  timeout_memory = new_memory();
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
    case AT_PROTECTED: return memory + GOOD_PAGES * PAGE;
    case AT_READONLY: return memory + (GOOD_PAGES + 1) * PAGE;
    case AT_EDGE: {
      size_t inside = bytes / 2 & ~(size_t)1;
      at = memory + GOOD_PAGES * PAGE - inside;
      memcpy(at, data, inside);
      return at;
    }
    default: abort();
  }
  memcpy(at, data, bytes);
  return at;
}

void *argument(enum place place, const void *data, size_t bytes) {
  return put(argument_memory, place, data, bytes);
}

void *timeout_argument(enum place place, const void *data, size_t bytes) {
  return put(timeout_memory, place, data, bytes);
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

// Objects made and removed at once: the numbering of ids goes on and wraps.
static long churn(const struct command *c) {
  long last = -1;
  for (int i = 0; i < c->value; i++) {
    last = kind->churn();
    if (last < 0) return -1;
  }
  return last;
}

// A child that makes one call and ends: with vfork inside posix_spawn, and a new program.
static long spawn_once(const struct command *c, struct reply *reply) {
  char id[16], what[3][24];
  snprintf(id, sizeof id, "%d", c->id);
  for (int i = 0; i < 3; i++) snprintf(what[i], sizeof what[i], "%ld", c->once[i]);
  char *arguments[] = {"oracle", "once", id, what[0], what[1], what[2], NULL};
  pid_t pid;
  int status;
  int error = posix_spawn(&pid, SELF, NULL, NULL, arguments, environ);
  if (error != 0) return errno = error, -1;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  reply->pid = pid; // so that its name can be shown
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
    default: result = kind->perform(c, reply);
  }
  reply->result = result;
  reply->error = result == -1 ? errno : 0;
}

static void on_signal(int signal) {
  (void)signal;
  int error = errno;
  if (kind->on_signal != NULL) kind->on_signal();
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
  if (dladdr(kind->entry(), &info) != 0 && info.dli_fname != NULL &&
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
  if (actor == 0 && kind->prepare != NULL) kind->prepare();
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
    perform(&command, &reply);
  }
}
