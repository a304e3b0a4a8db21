// The calls of semaphores, as a worker or the controller makes them.
#include "semaphores.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t reenter_id = -1;

static long call_semop(const struct command *c) {
  struct sembuf all[SEMOPM_LIMIT + 1];
  // A count beyond 32 bits is cut by the kernel; the array need not be longer than what is read.
  size_t count = (uint32_t)c->nsops <= SEMOPM_LIMIT ? (uint32_t)c->nsops : SEMOPM_LIMIT + 1;
  for (size_t i = 0; i < count; i++) all[i] = c->sops[i % (size_t)c->base];
  struct sembuf *sops = argument(c->place, all, count * sizeof *all);
  struct timespec *timeout = NULL;
  if (c->timeout == T_GIVEN || c->timeout == T_BAD_POINTER)
    timeout = timeout_argument(c->timeout_place, &c->time, sizeof c->time);
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
    case GETALL: case SETALL: bytes = c->size * sizeof *c->values; break;
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
  void *pointer = NULL;
  if (bytes != 0) {
    pointer = argument(c->place, in, bytes);
    if (c->cmd == GETALL && c->place <= AT_ODD) memset(pointer, 0xee, bytes);
    result = c->raw ? syscall(SYS_semctl, c->id, c->num, c->cmd, pointer)
                    : semctl(c->id, c->num, c->cmd, pointer);
  } else {
    result = c->raw ? syscall(SYS_semctl, c->id, c->num, c->cmd, (long)c->value)
                    : semctl(c->id, c->num, c->cmd, c->value);
  }
  int error = errno;
  if (bytes != 0 && c->place <= AT_ODD) {
    if (c->cmd == GETALL) memcpy(reply->values, pointer, bytes);
    if (in == &status) memcpy(&reply->status, pointer, sizeof status);
    if (in == &reply->info) memcpy(&reply->info, pointer, sizeof reply->info);
  }
  errno = error;
  return result;
}

long semaphores_perform(const struct command *c, struct reply *reply) {
  switch (c->action) {
    case ACT_GET:
      return c->raw ? syscall(SYS_semget, c->id, (int)c->size, c->flags)
                    : semget(c->id, (int)c->size, c->flags);
    case ACT_CONTROL: return call_semctl(c, reply);
    case ACT_SEMOP:
      reenter_id = c->value - 1;
      return call_semop(c);
    default: abort();
  }
}

// In a handler that interrupts a call.
void semaphores_on_signal(void) {
  if (reenter_id < 0) return;
  struct sembuf release = {0, 1, IPC_NOWAIT};
  semop(reenter_id, &release, 1);
  reenter_id = -1;
}

long semaphores_churn(void) {
  int id = semget(IPC_PRIVATE, 1, 0600);
  return id < 0 || semctl(id, 0, IPC_RMID) != 0 ? -1 : id;
}

int semaphores_once(int id, const long *what) {
  struct sembuf op = {(unsigned short)what[0], (short)what[1], (short)what[2]};
  return semop(id, &op, 1) == 0 ? 0 : errno;
}

int semaphores_status(int id, struct ipc_perm *perm) {
  struct semid_ds status;
  int result = semctl(id, 0, IPC_STAT, &status);
  if (result == 0) *perm = status.sem_perm;
  return result;
}

int semaphores_remove(int id) { return semctl(id, 0, IPC_RMID); }

void *semaphores_entry(void) { return (void *)(uintptr_t)semop; }
