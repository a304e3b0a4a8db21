// The C library under the names of libc, so that the same binary runs on it. (A raw call through
// syscall() has no meaning for the C library: here it is the call of that name.)
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <omega_ipc.h>

int semget(key_t key, int count, int flags) { return omega_semget(key, count, flags); }
int semop(int id, struct sembuf *sops, size_t count) { return omega_semop(id, sops, count); }
int semtimedop(int id, struct sembuf *sops, size_t count, const struct timespec *timeout) {
  return omega_semtimedop(id, sops, count, timeout);
}
int semctl(int id, int number, int cmd, ...) {
  va_list arguments;
  va_start(arguments, cmd);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return omega_semctl(id, number, cmd, argument);
}

#ifdef WITH_QUEUES
int msgget(key_t key, int flags) { return omega_msgget(key, flags); }
int msgsnd(int id, const void *message, size_t size, int flags) {
  return omega_msgsnd(id, message, size, flags);
}
ssize_t msgrcv(int id, void *message, size_t size, long type, int flags) {
  return omega_msgrcv(id, message, size, type, flags);
}
int msgctl(int id, int cmd, struct msqid_ds *status) { return omega_msgctl(id, cmd, status); }
#endif

#ifdef WITH_MEMORY
int shmget(key_t key, size_t size, int flags) { return omega_shmget(key, size, flags); }
void *shmat(int id, const void *address, int flags) { return omega_shmat(id, address, flags); }
int shmdt(const void *address) { return omega_shmdt(address); }
int shmctl(int id, int cmd, struct shmid_ds *status) { return omega_shmctl(id, cmd, status); }
#endif

long syscall(long number, ...) {
  va_list list;
  long a[6];
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  switch (number) {
    case SYS_semget: return semget((key_t)a[0], (int)a[1], (int)a[2]);
    case SYS_semop: return semop((int)a[0], (struct sembuf *)a[1], (size_t)a[2]);
    case SYS_semtimedop:
      return semtimedop((int)a[0], (struct sembuf *)a[1], (size_t)a[2], (struct timespec *)a[3]);
    case SYS_semctl: return semctl((int)a[0], (int)a[1], (int)a[2], (void *)a[3]);
#ifdef WITH_QUEUES
    case SYS_msgget: return msgget((key_t)a[0], (int)a[1]);
    case SYS_msgsnd: return msgsnd((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3]);
    case SYS_msgrcv: return msgrcv((int)a[0], (void *)a[1], (size_t)a[2], a[3], (int)a[4]);
    case SYS_msgctl: return msgctl((int)a[0], (int)a[1], (struct msqid_ds *)a[2]);
#endif
#ifdef WITH_MEMORY
    case SYS_shmget: return shmget((key_t)a[0], (size_t)a[1], (int)a[2]);
    case SYS_shmat: return (long)shmat((int)a[0], (void *)a[1], (int)a[2]);
    case SYS_shmdt: return shmdt((void *)a[0]);
    case SYS_shmctl: return shmctl((int)a[0], (int)a[1], (struct shmid_ds *)a[2]);
#endif
  }
  long (*real)(long, ...) = (long (*)(long, ...))(uintptr_t)dlsym(RTLD_NEXT, "syscall");
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
