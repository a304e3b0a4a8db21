// What keeps, empties and ends an undo record, and what ends a sleep: each as Linux does, for the
// same tests run on the kernel's semaphores.
#include "death.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>

extern char **environ;
static int set;
static const char *program_path;

static void expect(const char *name, int value, int expected) {
  if (value == expected)
    ok(name, "%d", value);
  else
    not_ok(name, "%d, not %d", value, expected);
}

static int value(void) { return control(set, 0, GETVAL); }

// In a child: 0 when `body` says so.
static int in_child(int (*body)(void)) {
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    alarm(30);
    signal(SIGALRM, SIG_DFL);
    _exit(body());
  }
  int status;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

// --- threads

static void *take(void *amount) {
  return (void *)(intptr_t)operate(set, 0, -(int)(intptr_t)amount, SEM_UNDO);
}

static int thread_ends(void) {
  pthread_t thread;
  void *result;
  pthread_create(&thread, NULL, take, (void *)2);
  pthread_join(thread, &result);
  if (result) return 1;
  pause_ms(5);
  if (value() != 3) return 2;  // kept, while the process lives
  // The next thread finds the same record: giving one back leaves an adjustment of one.
  pthread_create(&thread, NULL, take, (void *)-1);
  pthread_join(thread, &result);
  return value() == 4 ? 0 : 3;
}

static void *live_on(void *unused) {
  (void)unused;
  pause_ms(20);
  _exit(value() == 3 ? 0 : 4);
}
static int first_thread_ends(void) {
  pthread_t thread;
  if (operate(set, 0, -2, SEM_UNDO)) return 1;
  pthread_create(&thread, NULL, live_on, NULL);
  pthread_exit(NULL);
}

static void threads(void) {
  set_value(set, 0, 5);
  expect("thread-exit-keeps-undo", in_child(thread_ends), 0);
  expect("thread-exit-then-process-exit", value(), 5);
  expect("first-thread-exit-keeps-undo", in_child(first_thread_ends), 0);
  expect("first-thread-exit-then-process-exit", value(), 5);
}

// A thread that sleeps in semop does not hear of its cancellation unless it is asynchronous.
static void *sleep_to_be_cancelled(void *ready) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  __atomic_store_n((int *)ready, 1, __ATOMIC_RELEASE);
  operate(set, 0, -1, SEM_UNDO);
  return NULL;
}
static int cancelled(void) {
  for (int turn = 0; turn < 50; turn++) {
    pthread_t thread;
    void *result;
    int ready = 0;
    pthread_create(&thread, NULL, sleep_to_be_cancelled, &ready);
    wait_asleep(set, 0, 1);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    if (result != PTHREAD_CANCELED) return 1;
    // It sleeps no more: the token stays where it is, and can be taken.
    if (control(set, 0, GETNCNT) != 0) return 2;
    if (operate(set, 0, 1, 0)) return 3;
    if (value() != 1) return 4;
    if (operate(set, 0, -1, IPC_NOWAIT)) return 5;
  }
  return 0;
}

// --- exec, fork, vfork, posix_spawn

static int take_and_exec(void) {
  char id[20], expected[20];
  if (operate(set, 0, -2, SEM_UNDO)) return 1;
  snprintf(id, sizeof id, "%d", set);
  snprintf(expected, sizeof expected, "%d", 3);
  execl(program_path, program_path, "after-exec", id, expected, NULL);
  return 2;
}
static void *exec_from_thread(void *unused) {
  (void)unused;
  take_and_exec();
  return NULL;
}
static int exec_by_thread(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, exec_from_thread, NULL);
  pthread_join(thread, NULL);
  return 3;
}

static int fork_is_empty(void) {
  if (operate(set, 0, -2, SEM_UNDO)) return 1;
  pid_t pid = fork();
  if (pid == 0) _exit(value() == 3 ? 0 : 1);
  int status;
  waitpid(pid, &status, 0);
  if (status) return 2;
  if (value() != 3) return 3;  // the child had nothing to undo
  pid = fork();
  if (pid == 0) _exit(operate(set, 0, -1, SEM_UNDO) || value() != 2);
  waitpid(pid, &status, 0);
  if (status) return 4;
  return value() == 3 ? 0 : 5;  // the child's own is undone, ours is not
}

static int vfork_is_empty(void) {
  if (operate(set, 0, -2, SEM_UNDO)) return 1;
  pid_t pid = vfork();
  if (pid == 0) _exit(0);
  waitpid(pid, NULL, 0);
  return value() == 3 ? 0 : 2;
}

static int spawn_is_empty(void) {
  char id[20];
  char *arguments[] = {(char *)program_path, "after-spawn", id, "3", NULL};
  pid_t pid;
  int status;
  if (operate(set, 0, -2, SEM_UNDO)) return 1;
  snprintf(id, sizeof id, "%d", set);
  if (posix_spawn(&pid, program_path, NULL, NULL, arguments, environ)) return 2;
  waitpid(pid, &status, 0);
  if (status) return 10 + WEXITSTATUS(status);
  return value() == 3 ? 0 : 3;
}

// Forks of many generations, each taking and leaving.
static int generations(void) {
  for (int i = 0; i < 20; i++) {
    if (operate(set, 0, -1, SEM_UNDO)) return 1;
    if (operate(set, 0, 1, SEM_UNDO)) return 2;
    pid_t pid = fork();
    if (pid < 0) return 3;
    if (pid) {
      int status;
      waitpid(pid, &status, 0);
      return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
    }
  }
  return operate(set, 0, -1, SEM_UNDO) ? 5 : 0;
}

static void processes(void) {
  set_value(set, 0, 5);
  expect("exec-keeps-undo", in_child(take_and_exec), 0);
  expect("exec-then-exit", value(), 5);
  expect("exec-by-thread-keeps-undo", in_child(exec_by_thread), 0);
  expect("exec-by-thread-then-exit", value(), 5);
  expect("fork-is-empty", in_child(fork_is_empty), 0);
  expect("fork-then-exit", value(), 5);
  expect("vfork-is-empty", in_child(vfork_is_empty), 0);
  expect("vfork-then-exit", value(), 5);
  expect("spawn-is-empty", in_child(spawn_is_empty), 0);
  expect("spawn-then-exit", value(), 5);
  expect("generations", in_child(generations), 0);
  expect("generations-then-exit", value(), 5);
}

// --- who sleeps

static int killed_sleeper_undone(void) {
  struct agent sleeper, other;
  struct reply reply;
  struct sembuf one = {0, -1, SEM_UNDO};
  agent_start(&sleeper);
  agent_start(&other);
  for (int turn = 0; turn < 50; turn++) {
    // The first in the queue dies; the token goes to the second.
    agent_operate(&sleeper, set, &one, 1);
    wait_asleep(set, 0, 1);
    agent_operate(&other, set, &one, 1);
    wait_asleep(set, 0, 2);
    kill(sleeper.pid, SIGKILL);
    if (turn % 2) waitpid(sleeper.pid, NULL, 0);  // a zombie must not be given anything either
    if (turn % 2 && control(set, 0, GETNCNT) != 1) return 1;
    if (turn % 2 == 0) pause_ms(2);
    if (operate(set, 0, 1, 0)) return 2;
    if (!agent_reply(&other, 3000, &reply)) return 3;
    if (reply.error) return 4;
    if (turn % 2 == 0) waitpid(sleeper.pid, NULL, 0);
    close(sleeper.socket);
    agent_start(&sleeper);
    if (agent_do(&other, set, 0, 1, SEM_UNDO)) return 5;
    if (operate(set, 0, -1, IPC_NOWAIT)) return 6;
  }
  agent_kill(&sleeper);
  agent_kill(&other);
  return value();
}

static int more_semaphores(void) {
  struct sembuf all[8];
  for (int i = 0; i < 8; i++) all[i] = (struct sembuf){(unsigned short)i, (short)(i + 1), SEM_UNDO};
  return operate_many(set, all, 8);
}

// Undo clamps to 0…SEMVMX.
static int give(void) { return operate(set, 0, 3, SEM_UNDO); }
static int take_five(void) { return operate(set, 0, -5, SEM_UNDO) ? 1 : set_value(set, 1, 0); }
static void clamps(void) {
  set_value(set, 0, 0);
  pid_t pid = fork();
  if (pid == 0) {
    give();
    pause();
  }
  while (value() != 3) usleep(200);
  operate(set, 0, -2, 0);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  expect("undo-clamps-at-zero", value(), 0);
  set_value(set, 0, 5);
  pid = fork();
  if (pid == 0) {
    take_five();
    pause();
  }
  while (value() != 0) usleep(200);
  operate(set, 0, 32767, 0);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  expect("undo-clamps-at-most", value(), 32767);
  set_value(set, 0, 0);
  expect("undo-of-eight", in_child(more_semaphores), 0);
  unsigned short values[8], zero[8] = {0};
  if (get_values(set, values) && same_values(values, zero, 8))
    ok("undo-of-eight-then-exit", "all 0");
  else
    not_ok("undo-of-eight-then-exit", "%s", values_text(values, 8));
}

int after_exec(int argc, char **argv) {
  if (argc < 4) return 20;
  set = atoi(argv[2]);
  if (value() != atoi(argv[3])) return 21;
  // The record is the same one: what was taken before can be given back.
  if (!strcmp(argv[1], "after-exec") && operate(set, 0, 1, SEM_UNDO)) return 22;
  if (!strcmp(argv[1], "after-exec") && value() != atoi(argv[3]) + 1) return 23;
  return 0;
}

int run_lifecycle(const char *program) {
  program_path = program;
  watch("lifecycle", 200);
  set = watched_set = new_set(8, NULL);
  threads();
  processes();
  set_value(set, 0, 0);
  expect("cancelled-sleeper", in_child(cancelled), 0);
  expect("cancelled-sleeper-then-exit", value(), 0);
  expect("killed-sleeper", killed_sleeper_undone(), 0);
  clamps();
  remove_set(set);
  return failures != 0;
}
