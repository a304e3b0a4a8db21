// Calls that are passed on to the next library after a look: the credentials that the fast path
// remembers, and plug-ins that would not see a preloaded library.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/types.h>
#include <unistd.h>

#include "omega_linux.h"
#include "omega_memory.h"

#define EXPORT __attribute__((visibility("default")))

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

// Looked up at each call: these are rare, and a lookup at load time could be noticed. Raised after the
// change, so an answer found meanwhile is not kept.
#define PASS(type, name, parameters, arguments)                   \
  EXPORT type name parameters {                                   \
    type (*real) parameters = (type(*) parameters)next(#name);    \
    type result = real arguments;                                 \
    omega_credentials_changed();                                  \
    return result;                                                \
  }

PASS(int, setuid, (uid_t a), (a))
PASS(int, setgid, (gid_t a), (a))
PASS(int, seteuid, (uid_t a), (a))
PASS(int, setegid, (gid_t a), (a))
PASS(int, setreuid, (uid_t a, uid_t b), (a, b))
PASS(int, setregid, (gid_t a, gid_t b), (a, b))
PASS(int, setresuid, (uid_t a, uid_t b, uid_t c), (a, b, c))
PASS(int, setresgid, (gid_t a, gid_t b, gid_t c), (a, b, c))
PASS(int, setgroups, (size_t a, const gid_t *b), (a, b))
PASS(int, initgroups, (const char *a, gid_t b), (a, b))
PASS(int, setfsuid, (uid_t a), (a))
PASS(int, setfsgid, (gid_t a), (a))

void omega_dropin_unshared(void);

#define CLONE_SYSVSEM_OR_NEWIPC (0x00040000 | 0x08000000)

// Leaving the shared undo list, or the IPC namespace, applies the list at once (sem_exit, copy_semundo).
EXPORT int unshare(int flags) {
  int (*real)(int) = (int (*)(int))next("unshare");
  int result = real(flags);
  if (result == 0 && (flags & CLONE_SYSVSEM_OR_NEWIPC)) omega_dropin_unshared();
  return result;
}

EXPORT int setns(int fd, int type) {
  int (*real)(int, int) = (int (*)(int, int))next("setns");
  int result = real(fd, type);
  if (result == 0 && (type & CLONE_SYSVSEM_OR_NEWIPC)) omega_dropin_unshared();
  return result;
}

// A plug-in opened with RTLD_DEEPBIND finds libc before any preloaded library. libc looks at the
// caller's address for $ORIGIN and for its namespace, so this must be a tail call.
EXPORT void *dlopen(const char *file, int mode) {
  void *(*real)(const char *, int) = (void *(*)(const char *, int))next("dlopen");
  __attribute__((musttail)) return real(file, mode & ~RTLD_DEEPBIND);
}

void omega_dropin_will_fork(void);
void omega_dropin_did_fork(int child);

// A child has attached the memory that its parent has: the parent tells the segments its name. The rest is
// done by handlers that libc calls (COmegaLinux's forks.c), also in daemon() and forkpty().
EXPORT pid_t fork(void) {
  pid_t (*real)(void) = (pid_t(*)(void))next("fork");
  omega_dropin_will_fork();
  pid_t child = real();
  if (child != 0) omega_dropin_did_fork(child);
  return child;
}

// Calls no handlers.
EXPORT pid_t _Fork(void) {
  pid_t (*real)(void) = (pid_t(*)(void))next("_Fork");
  if (!real) return fork();  // glibc before 2.34
  omega_dropin_will_fork();
  omega_before_fork();
  pid_t child = real();
  if (child == 0) omega_after_fork_in_child();
  else omega_dropin_did_fork(child);
  return child;
}
