// Opening the files of /proc that show System V IPC: readers get the namespace's values.
//
// The next library opens whatever it is, and only then is the path looked at. The kernel has read
// the path by then, so a bad pointer stays EFAULT; the number of the descriptor, its flags and all
// errors are the kernel's. A descriptor of ours then takes the place of the kernel's file.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "omega_linux.h"

#define EXPORT __attribute__((visibility("default")))

// Swift: a descriptor with the text of a file, or a negative errno.
long omega_dropin_proc_file(int number);
int omega_dropin_opened(int fd, const char *path, int flags);

// Paths below /proc, in the order of OmegaLinux's ProcFile, and where their last names start.
static const struct {
  const char *path;
  int last;
} files[] = {
    {"sysvipc/sem", 8},
    {"sysvipc/msg", 8},
    {"sysvipc/shm", 8},
    {"sys/kernel/sem", 11},
    {"sys/kernel/msgmax", 11},
    {"sys/kernel/msgmnb", 11},
    {"sys/kernel/msgmni", 11},
    {"sys/kernel/shmmax", 11},
    {"sys/kernel/shmall", 11},
    {"sys/kernel/shmmni", 11},
    {"sys/kernel/shm_rmid_forced", 11},
    {"sys/kernel/sem_next_id", 11},
    {"sys/kernel/msg_next_id", 11},
    {"sys/kernel/shm_next_id", 11},
};
enum { count = sizeof files / sizeof *files };

// --- the next library's functions ----------------------------------------------------------------

enum function {
  next_open,
  next_open64,
  next_openat,
  next_openat64,
  next_open_2,
  next_open64_2,
  next_openat_2,
  next_openat64_2,
  next_fopen,
  next_fopen64,
  next_freopen,
  next_freopen64,
  functions
};
static const char *const function_names[functions] = {
    "open",       "open64",       "openat", "openat64", "__open_2", "__open64_2",
    "__openat_2", "__openat64_2", "fopen",  "fopen64",  "freopen",  "freopen64",
};
static void *found[functions];

static __attribute__((noinline, cold)) void *look_up(enum function which) {
  void *function = dlsym(RTLD_NEXT, function_names[which]);
  __atomic_store_n(&found[which], function, __ATOMIC_RELAXED);
  return function;
}

// When the library is loaded: later, in a signal handler or between a program's dlopen and dlerror,
// a lookup could be noticed. Another library's constructor may be earlier still; then it is done
// there.
__attribute__((constructor)) static void look_up_all(void) {
  for (enum function which = 0; which < functions; which++) look_up(which);
}

static inline void *next(enum function which) {
  void *function = __atomic_load_n(&found[which], __ATOMIC_RELAXED);
  return __builtin_expect(function != NULL, 1) ? function : look_up(which);
}

// --- recognising a file --------------------------------------------------------------------------

// The file of that path below /proc, −1 for any other.
static int named(const char *path) {
  if (path[0] != 's' || path[1] != 'y' || path[2] != 's') return -1;
  for (int file = 0; file < count; file++)
    if (!strcmp(path, files[file].path)) return file;
  return -1;
}

// Whether some file has this last name. All of them start with sem, msg or shm.
static int may_be(const char *name) {
  if (!((name[0] == 's' && (name[1] == 'e' || name[1] == 'h') && name[2] == 'm') ||
        (name[0] == 'm' && name[1] == 's' && name[2] == 'g')))
    return 0;
  for (int file = 0; file < count; file++)
    if (!strcmp(name, files[file].path + files[file].last)) return 1;
  return 0;
}

// The file behind a path that was opened as `fd`, or that is missing (`fd` is −1), as all of them
// are from a kernel without System V IPC; −1 for any other.
static __attribute__((noinline)) int recognise(int fd, const char *path) {
  int file = path[0] == '/' ? named(path + 6) : -1;
  if (file >= 0 || fd < 0) return file;
  // A relative path or a detour: the kernel knows where it led.
  const char *slash = strrchr(path, '/');
  if (!may_be(slash ? slash + 1 : path)) return -1;
  char link[32], target[64];
  omega_path_descriptor(link, (uint32_t)fd);
  long length = omega_call(omega_call_readlinkat, AT_FDCWD, (long)link, (long)target,
                           sizeof target - 1, 0, 0);
  if (length < 0) return -1;
  target[length] = 0;
  return strncmp(target, "/proc/", 6) ? -1 : named(target + 6);
}

// Whether a path must be looked at: any that is relative or below /proc.
static inline int is_other(const char *path) {
  return path[0] == '/' &&
         !(path[1] == 'p' && path[2] == 'r' && path[3] == 'o' && path[4] == 'c' && path[5] == '/');
}

// --- showing ours --------------------------------------------------------------------------------

static int fail(int error) {
  omega_set_errno(error);
  return -1;
}

static void close_fd(long fd) { omega_call(omega_call_close, fd, 0, 0, 0, 0, 0); }

// Puts the namespace's text in the place of an open file, whose number and close-on-exec flag stay.
// 0 or an errno.
static int replace(int fd, int file) {
  long ours = omega_dropin_proc_file(file);
  if (ours < 0) return (int)-ours;
  long closes = omega_syscall6(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0);
  long result = omega_syscall6(SYS_dup3, ours, fd, closes & FD_CLOEXEC ? O_CLOEXEC : 0, 0, 0, 0);
  close_fd(ours);
  return result < 0 ? (int)-result : 0;
}

static __attribute__((noinline)) int look_at(int fd, const char *path, int flags) {
  int file = recognise(fd, path);
  if (file < 0 || flags & O_PATH) return fd;
  if (fd < 0) {
    if ((flags & O_ACCMODE) != O_RDONLY) return fd;
    long ours = omega_dropin_proc_file(file);
    if (ours < 0) return fail((int)-ours);
    if (!(flags & O_CLOEXEC)) omega_syscall6(SYS_fcntl, ours, F_SETFD, 0, 0, 0, 0);
    return (int)ours;
  }
  // The kernel's limits do not concern a program that uses the namespace; `omega limits` sets its
  // own.
  int error = (flags & O_ACCMODE) == O_RDONLY ? replace(fd, file) : EACCES;
  if (!error) return fd;
  close_fd(fd);
  return fail(error);
}

// What an open returns whose descriptor the next library or the kernel gave, or −1 with errno set.
int omega_dropin_opened(int fd, const char *path, int flags) {
  if (fd < 0 && errno != ENOENT) return fd;
  return is_other(path) ? fd : look_at(fd, path, flags);
}

// As libc reads a mode: a + among the letters in front of a comma also writes.
static int reads_only(const char *mode) {
  if (*mode != 'r') return 0;
  for (int at = 1; at < 7 && mode[at] && mode[at] != ','; at++)
    if (mode[at] == '+') return 0;
  return 1;
}

static __attribute__((noinline)) FILE *look_at_stream(FILE *stream, const char *path,
                                                      const char *mode) {
  int file = recognise(fileno(stream), path);
  if (file < 0) return stream;
  // Nothing was read yet: the stream does not see that the file behind its descriptor changed.
  int error = reads_only(mode) ? replace(fileno(stream), file) : EACCES;
  if (!error) return stream;
  fclose(stream);
  fail(error);
  return NULL;
}

// For a kernel without System V IPC.
static __attribute__((noinline)) FILE *open_missing(const char *path, const char *mode,
                                                    enum function which) {
  int file = recognise(-1, path);
  if (file < 0 || !reads_only(mode)) return NULL;
  long ours = omega_dropin_proc_file(file);
  if (ours < 0) {
    fail((int)-ours);
    return NULL;
  }
  char link[32];
  omega_path_descriptor(link, (uint32_t)ours);
  FILE *stream = ((FILE * (*)(const char *, const char *)) next(which))(link, mode);
  close_fd(ours);
  return stream;
}

// --- the calls -----------------------------------------------------------------------------------

#define MODE(mode, flags)                  \
  mode_t mode = 0;                         \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list rest;                          \
    va_start(rest, flags);                 \
    mode = va_arg(rest, mode_t);           \
    va_end(rest);                          \
  }

#define OPEN(name)                                                    \
  EXPORT int name(const char *path, int flags, ...) {                 \
    MODE(mode, flags)                                                 \
    int (*real)(const char *, int, ...) = next(next_##name);          \
    return omega_dropin_opened(real(path, flags, mode), path, flags); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                             \
  EXPORT int name(int directory, const char *path, int flags, ...) {             \
    MODE(mode, flags)                                                            \
    int (*real)(int, const char *, int, ...) = next(next_##name);                \
    return omega_dropin_opened(real(directory, path, flags, mode), path, flags); \
  }
OPENAT(openat)
OPENAT(openat64)

// What a fortified program calls in their place.
#define OPEN_2(name)                                            \
  int __##name(const char *path, int flags);                    \
  EXPORT int __##name(const char *path, int flags) {            \
    int (*real)(const char *, int) = next(next_##name);         \
    return omega_dropin_opened(real(path, flags), path, flags); \
  }
OPEN_2(open_2)
OPEN_2(open64_2)

#define OPENAT_2(name)                                                     \
  int __##name(int directory, const char *path, int flags);                \
  EXPORT int __##name(int directory, const char *path, int flags) {        \
    int (*real)(int, const char *, int) = next(next_##name);               \
    return omega_dropin_opened(real(directory, path, flags), path, flags); \
  }
OPENAT_2(openat_2)
OPENAT_2(openat64_2)

#define FOPEN(name)                                                                            \
  EXPORT FILE *name(const char *path, const char *mode) {                                      \
    FILE *(*real)(const char *, const char *) = next(next_##name);                             \
    FILE *stream = real(path, mode);                                                           \
    if (!stream)                                                                               \
      return errno != ENOENT || is_other(path) ? NULL : open_missing(path, mode, next_##name); \
    return is_other(path) ? stream : look_at_stream(stream, path, mode);                       \
  }
FOPEN(fopen)
FOPEN(fopen64)

// A null path only changes the mode.
#define FREOPEN(name)                                                                        \
  EXPORT FILE *name(const char *path, const char *mode, FILE *old) {                         \
    FILE *(*real)(const char *, const char *, FILE *) = next(next_##name);                   \
    FILE *stream = real(path, mode, old);                                                    \
    return !stream || !path || is_other(path) ? stream : look_at_stream(stream, path, mode); \
  }
FREOPEN(freopen)
FREOPEN(freopen64)
