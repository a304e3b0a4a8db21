// Another preloaded library, as fakeroot's: it wraps file calls, and uses a semaphore inside each
// of them. If the drop-in did its own work through these libc functions, it would come back here
// without end.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread int depth;
static int set_id = -1;
static long uses;

static pid_t maker;

// The set belongs to the process that made it; its forked children only use it.
__attribute__((destructor)) static void remove_set(void) {
  if (set_id != -1 && maker == getpid()) semctl(set_id, 0, IPC_RMID);
}

// Read by interposed.c, to know that this library did something.
long interposer_uses(void) { return __atomic_load_n(&uses, __ATOMIC_RELAXED); }

static void use_semaphore(const char *call) {
  if (depth > 0) {
    // Inside our own semop: the drop-in called an interposable libc function.
    static const char text[] = "interposer: called by the drop-in: ";
    syscall(SYS_write, 2, text, sizeof text - 1);
    syscall(SYS_write, 2, call, strlen(call));
    syscall(SYS_write, 2, "\n", 1);
    syscall(SYS_exit_group, 99);
  }
  depth++;
  int saved = errno;
  if (set_id == -1) {
    maker = getpid();
    set_id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  }
  struct sembuf operations[2] = {{0, 1, 0}, {0, -1, SEM_UNDO}};
  if (set_id == -1 || semop(set_id, operations, 2) == -1) abort();
  __atomic_fetch_add(&uses, 1, __ATOMIC_RELAXED);
  errno = saved;
  depth--;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WRAP_OPEN(name)                        \
  int name(const char *path, int flags, ...) { \
    mode_t mode = 0;                           \
    if (flags & (O_CREAT | __O_TMPFILE)) {     \
      va_list rest;                            \
      va_start(rest, flags);                   \
      mode = va_arg(rest, mode_t);             \
      va_end(rest);                            \
    }                                          \
    use_semaphore(#name);                      \
    return REAL(name)(path, flags, mode);      \
  }
WRAP_OPEN(open)
WRAP_OPEN(open64)

#define WRAP_OPENAT(name)                                     \
  int name(int directory, const char *path, int flags, ...) { \
    mode_t mode = 0;                                          \
    if (flags & (O_CREAT | __O_TMPFILE)) {                    \
      va_list rest;                                           \
      va_start(rest, flags);                                  \
      mode = va_arg(rest, mode_t);                            \
      va_end(rest);                                           \
    }                                                         \
    use_semaphore(#name);                                     \
    return REAL(name)(directory, path, flags, mode);          \
  }
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)

#define WRAP(type, name, parameters, ...) \
  type name parameters {                  \
    use_semaphore(#name);                 \
    return REAL(name)(__VA_ARGS__);       \
  }
WRAP(int, close, (int file), file)
WRAP(int, stat, (const char *path, struct stat *out), path, out)
WRAP(int, lstat, (const char *path, struct stat *out), path, out)
WRAP(int, fstat, (int file, struct stat *out), file, out)
WRAP(int, fstatat, (int file, const char *path, struct stat *out, int flags), file, path, out,
     flags)
WRAP(int, link, (const char *from, const char *to), from, to)
WRAP(int, unlink, (const char *path), path)
WRAP(int, ftruncate, (int file, off_t size), file, size)
WRAP(int, fchmod, (int file, mode_t mode), file, mode)
WRAP(int, fchown, (int file, uid_t user, gid_t group), file, user, group)
WRAP(int, munmap, (void *address, size_t size), address, size)
WRAP(void *, mmap, (void *address, size_t size, int protection, int flags, int file, off_t offset),
     address, size, protection, flags, file, offset)
WRAP(ssize_t, read, (int file, void *buffer, size_t size), file, buffer, size)
WRAP(ssize_t, write, (int file, const void *buffer, size_t size), file, buffer, size)
