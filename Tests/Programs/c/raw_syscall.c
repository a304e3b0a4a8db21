// A program that reaches semaphores through libc's syscall() and never through semop().
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "check.h"

static long raw_op(int id, int number, int delta, int flags) {
  struct sembuf operation = {(unsigned short)number, (short)delta, (short)flags};
  return RESULT(syscall(SYS_semop, id, &operation, 1));
}

int main(void) {
  start_checks();
  long id = syscall(SYS_semget, IPC_PRIVATE, 3, IPC_CREAT | 0600);
  if (id < 0) return perror("semget"), 1;

  unsigned short values[3] = {1, 2, 3};
  CHECK("SETALL", RESULT(syscall(SYS_semctl, id, 0, SETALL, values)), 0);
  CHECK("semop", raw_op((int)id, 0, -1, 0), 0);
  CHECK("would block", raw_op((int)id, 0, -1, IPC_NOWAIT), -EAGAIN);
  CHECK("GETVAL", RESULT(syscall(SYS_semctl, id, 0, GETVAL, 0)), 0);
  CHECK("GETPID", syscall(SYS_semctl, id, 0, GETPID, 0) == getpid(), 1);
  CHECK("SETVAL", RESULT(syscall(SYS_semctl, id, 0, SETVAL, 9)), 0);

  struct sembuf both[2] = {{0, -9, 0}, {1, -2, 0}};
  struct timespec soon = {0, 20000000};
  CHECK("semtimedop", RESULT(syscall(SYS_semtimedop, id, both, 2, &soon)), 0);
  CHECK("semtimedop times out", RESULT(syscall(SYS_semtimedop, id, both, 2, &soon)), -EAGAIN);
  struct timespec invalid = {0, 1000000000};
  CHECK("invalid timeout", RESULT(syscall(SYS_semtimedop, id, both, 2, &invalid)), -EINVAL);
  CHECK("no timeout, nothing to wait for", RESULT(syscall(SYS_semtimedop, id, both + 1, 0, NULL)),
        -EINVAL);

  memset(values, 0xff, sizeof values);
  CHECK("GETALL", RESULT(syscall(SYS_semctl, id, 0, GETALL, values)), 0);
  CHECK("values", values[0] * 100 + values[1] * 10 + values[2], 3);
  struct semid_ds stat;
  CHECK("IPC_STAT", RESULT(syscall(SYS_semctl, id, 0, IPC_STAT, &stat)), 0);
  CHECK("nsems", stat.sem_nsems, 3);
  CHECK("mode", stat.sem_perm.mode & 0777, 0600);

  // The library's calls and the raw ones name the same object.
  CHECK("semop on it", RESULT(one_op((int)id, 1, 4, 0)), 0);
  CHECK("seen by the raw call", RESULT(syscall(SYS_semctl, id, 1, GETVAL, 0)), 4);

  // Calls that are not IPC pass through, with all six arguments and errno.
  CHECK("SYS_getpid", syscall(SYS_getpid) == getpid(), 1);
  CHECK("SYS_close of nothing", RESULT(syscall(SYS_close, -1)), -EBADF);
  void *page = (void *)syscall(SYS_mmap, NULL, 4096, 3, 0x22, -1, 0);
  CHECK("SYS_mmap", page != (void *)-1, 1);
  strcpy((char *)page, "six arguments");
  CHECK("SYS_munmap", RESULT(syscall(SYS_munmap, page, 4096)), 0);

  CHECK("IPC_RMID", RESULT(syscall(SYS_semctl, id, 0, IPC_RMID, 0)), 0);
  CHECK("gone", RESULT(syscall(SYS_semctl, id, 0, GETVAL, 0)), -EINVAL);
  return finish_checks();
}
