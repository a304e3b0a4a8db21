// Wrong on purpose: the kernel's semaphores with one mistake, chosen by ORACLE_CANARY. The oracle
// must see each of them; if it does not, its silence about anything else means nothing.
#define _GNU_SOURCE 1
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int mistake(const char *name) {
  const char *chosen = getenv("ORACLE_CANARY");
  return chosen != NULL && strcmp(chosen, name) == 0;
}

static int call(int id, struct sembuf *sops, size_t count, const struct timespec *timeout) {
  int result = (int)syscall(SYS_semtimedop, id, sops, count, timeout);
  // A sleeper of a removed set is told what a later caller would be told.
  if (result < 0 && errno == EIDRM && mistake("removed")) errno = EINVAL;
  return result;
}

int semtimedop(int id, struct sembuf *sops, size_t count, const struct timespec *timeout) {
  // Arguments that may not be readable are the kernel's to judge.
  struct sembuf copy[8];
  int readable = (unsigned long)sops > 65536 && (long)sops > 0 && count >= 1 && count <= 8;
  int broken = mistake("undo") || mistake("atomic") || mistake("order");
  if (!readable || !broken) return call(id, sops, count, timeout);
  // Only the controller's and the workers' aligned arrays at the start of a page are surely so.
  if ((unsigned long)sops % 4096 != 0) return call(id, sops, count, timeout);
  int probe[2];
  if (pipe(probe) != 0) return call(id, sops, count, timeout);
  long got = write(probe[1], sops, count * sizeof *sops);
  close(probe[0]), close(probe[1]);
  if (got < 0) return call(id, sops, count, timeout);
  memcpy(copy, sops, count * sizeof *sops);
  if (mistake("undo")) // what has several operations is not undone
    for (size_t i = 0; i < count && count > 1; i++) copy[i].sem_flg &= (short)~SEM_UNDO;
  if (mistake("order") && count == 2) { // the last operation first
    struct sembuf first = copy[0];
    copy[0] = copy[1], copy[1] = first;
  }
  if (mistake("atomic")) { // one after the other
    for (size_t i = 0; i < count; i++)
      if (call(id, &copy[i], 1, timeout) != 0) return -1;
    return 0;
  }
  return call(id, copy, count, timeout);
}

int semop(int id, struct sembuf *sops, size_t count) { return semtimedop(id, sops, count, NULL); }

int semctl(int id, int num, int cmd, ...) {
  va_list arguments;
  va_start(arguments, cmd);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  switch (cmd) { // as libc does, which knows no others
    case IPC_RMID: case IPC_SET: case IPC_STAT: case IPC_INFO: case SEM_STAT: case SEM_STAT_ANY:
    case SEM_INFO: case GETPID: case GETVAL: case GETALL: case GETNCNT: case GETZCNT: case SETVAL:
    case SETALL: break;
    default: errno = EINVAL; return -1;
  }
  int result = (int)syscall(SYS_semctl, id, num, cmd, argument);
  if (cmd == GETNCNT && result > 1 && mistake("count")) result--;
  // The last process is forgotten once it is dead.
  if (cmd == GETPID && result > 0 && mistake("pid") && kill(result, 0) != 0) result = 0;
  return result;
}
