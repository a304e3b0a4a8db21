// Checks shared by the C and C++ programs: each prints what it saw, the first wrong one ends the
// program.
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int checked_count;

// The value of an expression, or -errno when a call returned -1.
#define RESULT(call)                        \
  ({                                        \
    long result_ = (long)(call);            \
    result_ == -1 ? -(long)errno : result_; \
  })

#define CHECK(what, got, wanted)                                                            \
  do {                                                                                      \
    long got_ = (long)(got), wanted_ = (long)(wanted);                                      \
    if (got_ != wanted_) {                                                                  \
      fprintf(stderr, "%s:%d: %s: got %ld, wanted %ld\n", __FILE__, __LINE__, (what), got_, \
              wanted_);                                                                     \
      exit(1);                                                                              \
    }                                                                                       \
    printf("%s = %ld\n", (what), got_);                                                     \
    checked_count++;                                                                        \
  } while (0)

// Waits for a condition; alarm() in start_checks is the watchdog.
#define WAIT_UNTIL(condition)                      \
  do {                                             \
    struct timespec pause_ = {0, 200000};          \
    while (!(condition)) nanosleep(&pause_, NULL); \
  } while (0)

static inline void start_checks(void) {
  setvbuf(stdout, NULL, _IONBF, 0);  // children share stdout: nothing may be buffered at fork
  alarm(60);
}

static inline int finish_checks(void) {
  printf("checked %d\n", checked_count);
  return 0;
}

// Exit status of a child, or -signal.
static inline int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline int one_op(int id, int number, int delta, int flags) {
  struct sembuf operation = {(unsigned short)number, (short)delta, (short)flags};
  return semop(id, &operation, 1);
}

static inline int get_value(int id, int number) { return semctl(id, number, GETVAL); }

union semun_argument {
  int val;
  struct semid_ds *buf;
  unsigned short *array;
};

static inline int set_value(int id, int number, int value) {
  union semun_argument argument = {.val = value};
  return semctl(id, number, SETVAL, argument);
}

#endif
