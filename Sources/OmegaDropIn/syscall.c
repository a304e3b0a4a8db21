// The direct system call, which Swift cannot define.
#include <stdarg.h>

#include "omega_linux.h"

#define EXPORT __attribute__((visibility("default")))

// As semctl is defined in Swift: with a fourth argument always (see SemaphoreCalls.swift).
int omega_dropin_semctl(int id, int number, int command, unsigned long argument) __asm__("semctl");
void omega_dropin_unshared(void);
int semget(int key, int count, int flags);
int semop(int id, void *operations, size_t count);
int semtimedop(int id, void *operations, size_t count, void *timeout);
int omega_dropin_opened(int fd, const char *path, int flags);
int msgget(int key, int flags);
int msgsnd(int id, void *message, size_t size, int flags);
long msgrcv(int id, void *message, size_t size, long type, int flags);
int msgctl(int id, int command, unsigned long argument);
int shmget(int key, size_t size, int flags);
long shmat(int id, unsigned long address, int flags);
int shmdt(unsigned long address);
int shmctl(int id, int command, unsigned long argument);

// A direct system call for System V IPC comes to us; any other goes to the kernel as libc would send
// it, and an open is looked at afterwards.
EXPORT long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  switch (number) {
    case SYS_semget: return semget((int)a, (int)b, (int)c);
    case SYS_semop: return semop((int)a, (void *)b, (size_t)c);
    case SYS_semtimedop: return semtimedop((int)a, (void *)b, (size_t)c, (void *)d);
    case SYS_semctl: return omega_dropin_semctl((int)a, (int)b, (int)c, (unsigned long)d);
    case SYS_msgget: return msgget((int)a, (int)b);
    case SYS_msgsnd: return msgsnd((int)a, (void *)b, (size_t)c, (int)d);
    case SYS_msgrcv: return msgrcv((int)a, (void *)b, (size_t)c, d, (int)e);
    case SYS_msgctl: return msgctl((int)a, (int)b, (unsigned long)c);
    case SYS_shmget: return shmget((int)a, (size_t)b, (int)c);
    case SYS_shmat: return shmat((int)a, (unsigned long)b, (int)c);
    case SYS_shmdt: return shmdt((unsigned long)a);
    case SYS_shmctl: return shmctl((int)a, (int)b, (unsigned long)c);
    case SYS_setuid: case SYS_setgid: case SYS_setreuid: case SYS_setregid: case SYS_setresuid:
    case SYS_setresgid: case SYS_setgroups: case SYS_setfsuid: case SYS_setfsgid: case SYS_capset:
      omega_credentials_changed();
  }
  long result = omega_syscall6(number, a, b, c, d, e, f);
  if (result < 0 && result > -4096) {
    omega_set_errno((int)-result);
    result = -1;
  }
  if (number == SYS_openat) return omega_dropin_opened((int)result, (const char *)b, (int)c);
#ifdef SYS_open
  if (number == SYS_open) return omega_dropin_opened((int)result, (const char *)a, (int)b);
#endif
  if (result == 0 && number == SYS_unshare && (a & (0x00040000 | 0x08000000))) omega_dropin_unshared();
  return result;
}
