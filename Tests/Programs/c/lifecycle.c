// Processes that fork, exec, thread, spawn and die while they use one set.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <spawn.h>

#include "check.h"

extern char **environ;
enum { guard, ready, semaphore_count };
static const char *self;

// What this program does when it runs itself again: "after-exec ID" still holds what it took
// before.
static int after_exec(int id) {
  if (get_value(id, guard) != 0) return 41;  // exec must not have undone it
  if (RESULT(one_op(id, guard, -1, IPC_NOWAIT)) != -EAGAIN) return 42;
  return 40;  // this exit undoes it
}

static void run_exec(int id) {
  pid_t pid = fork();
  if (pid == 0) {
    char number[16];
    snprintf(number, sizeof number, "%d", id);
    if (one_op(id, guard, -1, SEM_UNDO) == -1) _exit(1);
    execl(self, self, "after-exec", number, (char *)NULL);
    _exit(2);
  }
  CHECK("exec kept the undo", wait_for(pid), 40);
  CHECK("and the exit applied it", get_value(id, guard), 1);
}

static void run_spawn(int id) {
  char number[16];
  snprintf(number, sizeof number, "%d", id);
  char *arguments[] = {(char *)self, "spawned", number, NULL};
  pid_t pid;
  CHECK("take, with undo", RESULT(one_op(id, guard, -1, SEM_UNDO)), 0);
  CHECK("posix_spawn", posix_spawn(&pid, self, NULL, NULL, arguments, environ), 0);
  CHECK("spawned child", wait_for(pid), 50);
  CHECK("it undid nothing of ours", get_value(id, guard), 0);
  CHECK("give back", RESULT(one_op(id, guard, 1, SEM_UNDO)), 0);
  pid = vfork();
  if (pid == 0) {
    execl(self, self, "spawned", number, (char *)NULL);
    _exit(2);
  }
  CHECK("vforked child", wait_for(pid), 50);
}

static void run_fork(int id) {
  CHECK("take, with undo", RESULT(one_op(id, guard, -1, SEM_UNDO)), 0);
  pid_t pid = fork();
  if (pid == 0) _exit(one_op(id, ready, 1, 0) == 0 ? 60 : 1);
  CHECK("forked child", wait_for(pid), 60);
  CHECK("its operation", get_value(id, ready), 1);
  CHECK("it undid nothing of ours", get_value(id, guard), 0);
  CHECK("give back", RESULT(one_op(id, guard, 1, SEM_UNDO)), 0);
  CHECK("ready again", RESULT(one_op(id, ready, -1, 0)), 0);
}

static void run_kill(int id) {
  pid_t holder = fork();
  if (holder == 0) {
    if (one_op(id, guard, -1, SEM_UNDO) == -1 || one_op(id, ready, 1, 0) == -1) _exit(1);
    for (;;) pause();
  }
  CHECK("holder is ready", RESULT(one_op(id, ready, -1, 0)), 0);
  pid_t sleeper = fork();
  if (sleeper == 0) _exit(one_op(id, guard, -1, 0) == 0 ? 70 : 1);
  WAIT_UNTIL(semctl(id, guard, GETNCNT) == 1);
  kill(holder, SIGKILL);
  CHECK("holder's death", wait_for(holder), -SIGKILL);
  CHECK("its death let the sleeper go on", wait_for(sleeper), 70);
  CHECK("taken by the sleeper", get_value(id, guard), 0);
  CHECK("pid of the sleeper", semctl(id, guard, GETPID) == sleeper, 1);

  // A killed sleeper waits no more.
  sleeper = fork();
  if (sleeper == 0) _exit(one_op(id, guard, -1, 0) == 0 ? 71 : 1);
  WAIT_UNTIL(semctl(id, guard, GETNCNT) == 1);
  kill(sleeper, SIGKILL);
  CHECK("sleeper's death", wait_for(sleeper), -SIGKILL);
  CHECK("nobody waits", semctl(id, guard, GETNCNT), 0);
  CHECK("a token for nobody", RESULT(one_op(id, guard, 1, 0)), 0);
  CHECK("stays", get_value(id, guard), 1);
}

static int shared_id;
static long shared_counter;

static void *count_up(void *unused) {
  for (int turn = 0; turn < 2000; turn++) {
    if (one_op(shared_id, guard, -1, SEM_UNDO) == -1) abort();
    shared_counter++;  // not atomic on purpose: only the semaphore protects it
    if (one_op(shared_id, guard, 1, SEM_UNDO) == -1) abort();
  }
  return unused;
}

static void *take_with_undo(void *unused) {
  if (one_op(shared_id, guard, -1, SEM_UNDO) == -1) abort();
  return unused;
}

static void run_threads(int id) {
  shared_id = id;
  pthread_t threads[8];
  for (int index = 0; index < 8; index++) pthread_create(&threads[index], NULL, count_up, NULL);
  for (int index = 0; index < 8; index++) pthread_join(threads[index], NULL);
  CHECK("threads excluded each other", shared_counter, 16000);
  CHECK("guard is free", get_value(id, guard), 1);
  pthread_create(&threads[0], NULL, take_with_undo, NULL);
  pthread_join(threads[0], NULL);
  CHECK("a thread's end undoes nothing", get_value(id, guard), 0);
  CHECK("another thread gives back", RESULT(one_op(id, guard, 1, SEM_UNDO)), 0);
}

static volatile sig_atomic_t handled;
static void on_signal(int number) { handled = number; }

static void run_signal(int id) {
  pid_t pid = fork();
  if (pid == 0) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    long result = RESULT(one_op(id, ready, -1, 0));
    _exit(result == -EINTR && handled == SIGUSR1 ? 80 : 1);
  }
  WAIT_UNTIL(semctl(id, ready, GETNCNT) == 1);
  kill(pid, SIGUSR1);
  CHECK("EINTR, whatever SA_RESTART says", wait_for(pid), 80);
  CHECK("nobody waits", semctl(id, ready, GETNCNT), 0);
}

int main(int count, char **arguments) {
  self = arguments[0];
  if (count == 3 && strcmp(arguments[1], "after-exec") == 0) return after_exec(atoi(arguments[2]));
  if (count == 3) return get_value(atoi(arguments[2]), ready) == 0 ? 50 : 51;

  start_checks();
  int id = semget(IPC_PRIVATE, semaphore_count, IPC_CREAT | 0600);
  if (id == -1) return perror("semget"), 1;
  CHECK("one token", RESULT(set_value(id, guard, 1)), 0);
  run_fork(id);
  run_exec(id);
  run_spawn(id);
  run_kill(id);
  run_threads(id);
  run_signal(id);
  CHECK("remove", RESULT(semctl(id, 0, IPC_RMID)), 0);
  return finish_checks();
}
