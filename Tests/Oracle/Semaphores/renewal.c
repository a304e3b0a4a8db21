// Sets made and removed again and again, in the ways that could show one that was there before. Run on
// the kernel and on the library; what it prints must be equal. Prints no ids, pids or times.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 3 };

static void check(int good, const char *what, long number) {
  if (good) return;
  printf("wrong in turn %ld: %s (%s)\n", number, what, strerrorname_np(errno));
  fflush(stdout);
  _exit(1);
}

static int make(long turn) {
  int id = semget(IPC_PRIVATE, COUNT, 0600);
  check(id >= 0, "semget", turn);
  return id;
}

static int operate(int id, int number, int amount, int flags) {
  struct sembuf operation = {(unsigned short)number, (short)amount, (short)flags};
  return semop(id, &operation, 1);
}

static void check_fresh(int id, long turn) {
  unsigned short values[COUNT];
  struct semid_ds status;
  check(semctl(id, 0, GETALL, values) == 0, "GETALL", turn);
  check(semctl(id, 0, IPC_STAT, &status) == 0, "IPC_STAT", turn);
  check(status.sem_otime == 0 && status.sem_ctime != 0 && status.sem_nsems == COUNT &&
            (status.sem_perm.mode & 0777) == 0600,
        "a status that is not new", turn);
  for (int i = 0; i < COUNT; i++) {
    check(values[i] == 0, "a value that is not 0", turn);
    check(semctl(id, i, GETPID) == 0, "a pid that is not 0", turn);
    check(semctl(id, i, GETNCNT) == 0 && semctl(id, i, GETZCNT) == 0, "a sleeper", turn);
  }
}

// Leaves marks wherever a later set could show them.
static void use(int id, long turn) {
  unsigned short values[COUNT] = {3, 4, 5};
  check(semctl(id, 0, SETALL, values) == 0, "SETALL", turn);
  check(operate(id, 1, -2, 0) == 0, "semop", turn);
  if (turn % 3 == 0) check(operate(id, 2, -1, SEM_UNDO) == 0, "semop with undo", turn);
  if (turn % 5 == 0) {
    struct semid_ds status;
    check(semctl(id, 0, IPC_STAT, &status) == 0, "IPC_STAT", turn);
    status.sem_perm.mode = 0640;
    check(semctl(id, 0, IPC_SET, &status) == 0, "IPC_SET", turn);
  }
}

static void discard(int id, long turn) {
  check(semctl(id, 0, IPC_RMID) == 0, "IPC_RMID", turn);
  check(semctl(id, 0, GETVAL) == -1 && errno == EINVAL, "a set that is still there", turn);
  check(operate(id, 0, 1, IPC_NOWAIT) == -1 && errno == EINVAL, "a removed set that works", turn);
}

static void turns(long count) {
  int older = -1;
  for (long turn = 0; turn < count; turn++) {
    int id = make(turn);
    check_fresh(id, turn);
    if (older >= 0)
      check(operate(older, 0, 1, IPC_NOWAIT) == -1 && errno == EINVAL, "an old id that works", turn);
    use(id, turn);
    if (turn % 7 == 0) { // another one lives beside it
      int other = make(turn);
      check_fresh(other, turn);
      check(semctl(id, 0, GETVAL) == 3, "a value that changed", turn);
      discard(other, turn);
    }
    discard(id, turn);
    older = id;
  }
}

// A child that was born with the set goes on with the old id while its parent makes new sets.
static void across_fork(long turn, int used_before) {
  int to_child[2], to_parent[2], old = make(turn), fresh;
  char token;
  check(pipe(to_child) == 0 && pipe(to_parent) == 0, "pipe", turn);
  pid_t child = fork();
  check(child >= 0, "fork", turn);
  if (child == 0) {
    close(to_child[1]); // the parent's end: it must end with the parent
    if (used_before) check(operate(old, 0, 1, 0) == 0, "semop of a child", turn);
    check(write(to_parent[1], "x", 1) == 1, "write", turn);
    check(read(to_child[0], &fresh, sizeof fresh) == sizeof fresh, "read", turn);
    check(operate(old, 0, 1, IPC_NOWAIT) == -1 && errno == EINVAL, "a child's old id works", turn);
    check(semctl(old, 0, SETVAL, 7) == -1 && errno == EINVAL, "a child's old id works", turn);
    check(operate(fresh, 1, 2, SEM_UNDO) == 0 && operate(fresh, 1, -1, SEM_UNDO) == 0,
          "a child's new id", turn);
    check(operate(fresh, 2, 1, 0) == 0, "a child's new id", turn);
    _exit(0);
  }
  check(read(to_parent[0], &token, 1) == 1, "read", turn);
  discard(old, turn);
  fresh = make(turn);
  check_fresh(fresh, turn);
  check(write(to_child[1], &fresh, sizeof fresh) == sizeof fresh, "write", turn);
  int status;
  check(waitpid(child, &status, 0) == child && status == 0, "a child's end", turn);
  check(semctl(fresh, 0, GETVAL) == 0 && semctl(fresh, 1, GETVAL) == 0, "a value", turn);
  check(semctl(fresh, 2, GETVAL) == 1 && semctl(fresh, 2, GETPID) == child, "a child's value", turn);
  discard(fresh, turn);
  for (int i = 0; i < 2; i++) close(to_child[i]), close(to_parent[i]);
}

// The set goes while somebody sleeps on it.
static void with_sleeper(long turn) {
  int old = make(turn);
  pid_t child = fork();
  check(child >= 0, "fork", turn);
  if (child == 0) {
    check(operate(old, 1, -1, 0) == -1 && errno == EIDRM, "a sleeper's result", turn);
    check(operate(old, 1, -1, 0) == -1 && errno == EINVAL, "a sleeper's old id", turn);
    _exit(0);
  }
  while (semctl(old, 1, GETNCNT) == 0) usleep(200);
  discard(old, turn);
  for (int i = 0; i < 3; i++) {
    int id = make(turn);
    check_fresh(id, turn);
    discard(id, turn);
  }
  int status;
  check(waitpid(child, &status, 0) == child && status == 0, "a sleeper's end", turn);
}

static void *in_thread(void *argument) {
  turns(150);
  return argument;
}

static void threads(void) {
  pthread_t list[4];
  for (int i = 0; i < 4; i++)
    check(pthread_create(&list[i], NULL, in_thread, NULL) == 0, "pthread_create", i);
  for (int i = 0; i < 4; i++) pthread_join(list[i], NULL);
}

static int sets_in_use(void) {
  struct seminfo info;
  check(semctl(0, 0, SEM_INFO, &info) >= 0, "SEM_INFO", 0);
  return info.semusz;
}

// Killed anywhere: what is left is a whole set or none, and all can be removed.
static void killed(int count) {
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    check(child >= 0, "fork", i);
    if (child == 0)
      for (;;) turns(1000);
    struct timespec moment = {0, 300000 + i * 7919 % 3000000};
    nanosleep(&moment, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    turns(3);
  }
  struct seminfo info;
  int highest = semctl(0, 0, SEM_INFO, &info);
  for (int index = 0; index <= highest; index++) {
    struct semid_ds status;
    int id = semctl(index, 0, SEM_STAT, &status);
    if (id < 0) continue;
    unsigned short values[COUNT];
    check(status.sem_nsems == COUNT && semctl(id, 0, GETALL, values) == 0, "a set left over", id);
    check(semctl(id, 0, IPC_RMID) == 0, "removing a set left over", id);
  }
}

int main(int argc, char **argv) {
  if (argc > 1) { // after exec
    turns(20);
    printf("after exec: ok\n");
    return 0;
  }
  int before = sets_in_use();
  turns(300);
  printf("turns: ok\n");
  for (int i = 0; i < 20; i++) across_fork(i, i % 2);
  printf("across fork: ok\n");
  for (int i = 0; i < 20; i++) with_sleeper(i);
  printf("with a sleeper: ok\n");
  threads();
  turns(20);
  printf("threads: ok\n");
  killed(100);
  printf("killed: %d sets left\n", sets_in_use() - before);
  fflush(stdout);
  execl("/proc/self/exe", argv[0], "again", (char *)NULL);
  return 1;
}
