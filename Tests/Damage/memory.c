// Segments: what users of a scribbled one do, the limits reached, a full file system, other users.
#include "damage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { SIZE = 10000 };

static double microseconds_since(int64_t begin, long count) {
  return 1e-3 * (double)(now_ns() - begin) / (double)(count ? count : 1);
}

static long free_bytes(void) {
  struct statvfs status;
  if (statvfs(namespace_path(), &status)) give_up("statvfs");
  return (long)(status.f_bavail * status.f_bsize);
}

// --- under a hostile peer

// What this process has attached: whatever the image says, it can be used and detached.
enum { HELD = 8 };
static char *held[HELD];

static int attach_some(int id) {
  int place = below(HELD);
  if (held[place]) {
    int result = omega_shmdt(held[place]);
    if (result) _exit(111);  // of our own list, which nobody scribbles on
    held[place] = NULL;
    return result;
  }
  char *memory = omega_shmat(id, NULL, below(3) ? 0 : SHM_RDONLY);
  if (memory == (void *)-1) return -1;
  volatile char first = memory[below(SIZE)];
  (void)first;
  held[place] = memory;
  return 0;
}

static int fork_and_look(void) {
  pid_t pid = fork();
  if (pid < 0) return -1;
  if (pid == 0) {
    for (int place = 0; place < HELD; place++)
      if (held[place] && omega_shmdt(held[place])) _exit(1);
    _exit(0);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid || status) _exit(112);
  return 0;
}

static int any_segment_call(int id, int kind) {
  struct shmid_ds status;
  struct shm_info info;
  switch (kind) {
    case 0: return omega_shmctl(id, IPC_STAT, &status);
    case 1: return omega_shmctl(id & 0x7FFF, SHM_STAT_ANY, &status);
    case 2: return omega_shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
    case 3:
      if (omega_shmctl(id, IPC_STAT, &status) < 0) return -1;
      return omega_shmctl(id, IPC_SET, &status);
    case 4: return omega_shmctl(id, below(2) ? SHM_LOCK : SHM_UNLOCK, NULL);
    case 5: return omega_shmctl(id & 0x7FFF, SHM_STAT, &status);
    case 6: return below(10) ? 0 : fork_and_look();
    case 7: return below(1000) ? 0 : omega_shmctl(id, IPC_RMID, NULL);
    default: return attach_some(id);
  }
}

static int create_segment(void) { return new_segment(SIZE); }
static bool remove_any_segment(int id) { return omega_shmctl(id, IPC_RMID, NULL) == 0; }
const struct target segment_target = {"hostile-peer-of-a-segment", "-memory", create_segment,
                                      any_segment_call, remove_any_segment, path_of_segment};

// --- limits

static void many_segments(void) {
  enum { SEGMENTS = 4096 };
  static int ids[SEGMENTS];
  static char *memory[SEGMENTS];
  if (free_bytes() < 4L * 8192 * SEGMENTS) {
    skip("limit-segments", "the file system has only %ld MB free", free_bytes() >> 20);
    return;
  }
  watch("many segments", 120);
  int count = 0;
  int64_t begin = now_ns();
  for (; count < SEGMENTS; count++) {
    ids[count] = omega_shmget(IPC_PRIVATE, 1, 0600);
    if (ids[count] < 0) break;
  }
  int error = errno;
  double create = microseconds_since(begin, count);
  int more = omega_shmget(IPC_PRIVATE, 1, 0600), more_error = errno;
  long wrong = 0;
  begin = now_ns();
  for (int i = 0; i < count; i++) {
    memory[i] = omega_shmat(ids[i], NULL, 0);
    if (memory[i] == (void *)-1) wrong++;
    else memory[i][0] = (char)i;
  }
  double first = microseconds_since(begin, count);
  for (int i = 0; i < count; i++) wrong += memory[i] != (void *)-1 && memory[i][0] != (char)i;
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < count; i++) wrong += attachments(ids[i]) != 2;
    _exit(wrong > 200 ? 200 : (int)wrong);
  }
  int status;
  waitpid(pid, &status, 0);
  for (int i = 0; i < count; i++) wrong += attachments(ids[i]) != 1;
  begin = now_ns();
  for (int i = 0; i < count; i++) wrong += omega_shmdt(memory[i]) != 0;
  double detach = microseconds_since(begin, count);
  for (int i = 0; i < count; i++) remove_segment(ids[i]);
  if (count < SEGMENTS)
    not_ok("limit-segments", "segment %d: %s", count, error_name(error));
  else if (more >= 0 || more_error != ENOSPC || wrong || status)
    not_ok("limit-segments", "one more: %s; %ld wrong, %d in a child", error_name(more_error),
           wrong, status);
  else
    ok("limit-segments", "%d: create %.1f us, attach and touch %.1f us, detach %.1f us; one more: "
       "ENOSPC", count, create, first, detach);
}

static void sizes(void) {
  static const struct {
    size_t size;
    int flags, error;
  } wishes[] = {
      {0, 0, EINVAL}, {SIZE_MAX, 0, EINVAL}, {SIZE_MAX - (1 << 24), 0, EINVAL},
      {(size_t)1 << 63, 0, EINVAL}, {((size_t)1 << 63) - 4096, 0, ENOMEM},
      {(size_t)1 << 62, 0, ENOMEM}, {(size_t)1 << 40, 0, ENOMEM},
  };
  watch("sizes", 60);
  int wrong = 0;
  for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
    int id = omega_shmget(IPC_PRIVATE, wishes[i].size, 0600 | wishes[i].flags), error = errno;
    if (id < 0 && error == wishes[i].error) continue;
    wrong++;
    printf("# %zu bytes: %s\n", wishes[i].size, id < 0 ? error_name(error) : "made");
    if (id >= 0) remove_segment(id);
  }
  // More than there is, with memory only where it is touched.
  size_t huge = (size_t)1 << 40;
  int id = omega_shmget(IPC_PRIVATE, huge, 0600 | SHM_NORESERVE);
  char *memory = id < 0 ? (void *)-1 : omega_shmat(id, NULL, 0);
  if (memory == (void *)-1) {
    wrong++;
    printf("# 1 TiB with SHM_NORESERVE: %s\n", error_name(errno));
  } else {
    memory[0] = memory[huge / 2] = memory[huge - 1] = 1;
    if (omega_shmdt(memory)) wrong++;
    // Too long for the address space from there on: EINVAL all the same where something is mapped in
    // between (as at the page of this variable) or the range wraps around.
    uintptr_t here = (uintptr_t)&id & ~(uintptr_t)4095;
    const struct {
      uintptr_t address;
      int error;
    } places[] = {{here, EINVAL}, {~(uintptr_t)4095, EINVAL}, {(uintptr_t)1 << 62, ENOMEM}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
      if (omega_shmat(id, (void *)places[i].address, 0) == (void *)-1 && errno == places[i].error)
        continue;
      wrong++;
      printf("# 1 TiB at %#zx: %s\n", (size_t)places[i].address, error_name(errno));
    }
  }
  if (id >= 0) remove_segment(id);
  if (wrong) not_ok("limit-sizes", "%d wrong", wrong);
  else ok("limit-sizes", "Linux's errors");
}

int run_memory_limits(void) {
  sizes();
  many_segments();
  return failures != 0;
}

// --- a full file system

static int memory_error(int id) { return id < 0 ? errno : 0; }

// Claimed when it was made: the memory is there, whatever happens to the file system then.
static int touch_all(int id, size_t size) {
  char *memory = omega_shmat(id, NULL, 0);
  if (memory == (void *)-1) return errno;
  for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
  return omega_shmdt(memory) ? errno : 0;
}
static int held_id;
static size_t held_size;
static int touch_held(void) { return touch_all(held_id, held_size); }

static void fill(void) {
  static char block[65536];
  int file = open(path_of("filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  memset(block, 1, sizeof block);
  while (write(file, block, sizeof block) > 0) continue;
  close(file);
}

int run_memory_disk(void) {
  watch("memory disk", 100);
  int failed = failures;
  // One page after the other, until there is no room.
  static int ids[4096];
  int count = 0, error = 0;
  for (; count < 4096 && !error; count++) error = memory_error(ids[count] = omega_shmget(
      IPC_PRIVATE, 3 * 4096, 0600));
  if (error) count--;
  printf("#   %d segments of three pages, then %s\n", count, error_name(error));
  for (int i = 0; i < count; i++) {
    held_id = ids[i];
    held_size = 3 * 4096;
    int seen = in_child(touch_held, 20);
    if (seen && seen != ENOMEM && seen != ENOSPC) {
      not_ok("disk-segments", "segment %d: %s", i, ending(seen));
      break;
    }
    if (i >= 20) break;
  }
  for (int i = 0; i < count; i++) remove_segment(ids[i]);
  if (error != ENOSPC && error != ENOMEM && count < 4096)
    not_ok("disk-segments", "%s", error_name(error));
  // One that takes half of it, then the rest filled by others.
  held_size = (size_t)free_bytes() / 2 & ~4095ul;
  held_id = held_size ? omega_shmget(IPC_PRIVATE, held_size, 0600) : -1;
  if (held_id >= 0) {
    fill();
    int seen = in_child(touch_held, 20);
    if (seen) not_ok("disk-segment-claimed", "%s", ending(seen));
    remove_segment(held_id);
    unlink(path_of("filler"));
  }
  // Larger than it is.
  int large = omega_shmget(IPC_PRIVATE, (size_t)free_bytes() + 65536, 0600);
  if (large >= 0 || (errno != ENOMEM && errno != ENOSPC))
    not_ok("disk-segment-too-large", "%s", large < 0 ? error_name(errno) : "made");
  // What was refused has left nothing.
  long before = free_bytes();
  for (int i = 0; i < 50; i++)
    if (omega_shmget(IPC_PRIVATE, (size_t)before + 65536, 0600) >= 0) break;
  if (free_bytes() != before)
    not_ok("disk-segment-refused", "%ld bytes are lost", before - free_bytes());
  // The dead give room at once when it is needed.
  if (failures == failed) ok("disk-segments", "errors, no signals; what was made could be used");
  return failures != 0;
}

// --- other users

enum { OWNER = 54321, OTHER = 54322, GROUP = 54400, KEY = 0x5100009B };
enum attempt { ATTACH, ATTACH_READING, ATTACH_EXECUTE, STAT, STAT_INDEX, SET, REMOVE, LOCK, UNLOCK,
               GET, GET_READ, GET_ALTER, GET_LARGER, ATTEMPTS };
static const char *const attempt_names[ATTEMPTS] = {
    "shmat", "SHM_RDONLY", "SHM_EXEC", "IPC_STAT", "SHM_STAT", "IPC_SET", "IPC_RMID", "SHM_LOCK",
    "SHM_UNLOCK", "shmget 0", "shmget 0444", "shmget 0666", "shmget of more"};
static enum attempt attempt;
static int ours, kernels, mode;

// Where SHM_EXEC is allowed it may still fail on a file system that is mounted noexec.
#define ATTEMPT(NAME, PREFIX, ID)                                                            \
  static int NAME(void) {                                                                    \
    struct shmid_ds status;                                                                  \
    memset(&status, 0, sizeof status);                                                       \
    status.shm_perm.uid = status.shm_perm.gid = OWNER;                                       \
    long result = 0;                                                                         \
    switch (attempt) {                                                                       \
      case ATTACH: result = (long)PREFIX##shmat(ID, NULL, 0); break;                         \
      case ATTACH_READING: result = (long)PREFIX##shmat(ID, NULL, SHM_RDONLY); break;        \
      case ATTACH_EXECUTE:                                                                   \
        result = (long)PREFIX##shmat(ID, NULL, SHM_RDONLY | SHM_EXEC);                       \
        if (result == -1 && errno == EPERM) result = 0;                                      \
        break;                                                                               \
      case STAT: result = PREFIX##shmctl(ID, IPC_STAT, &status); break;                      \
      case STAT_INDEX: result = PREFIX##shmctl(ID & 0x7FFF, SHM_STAT, &status); break;       \
      case SET: result = PREFIX##shmctl(ID, IPC_SET, &status); break;                        \
      case REMOVE: result = PREFIX##shmctl(ID, IPC_RMID, NULL); break;                       \
      case LOCK: result = PREFIX##shmctl(ID, SHM_LOCK, NULL); break;                         \
      case UNLOCK: result = PREFIX##shmctl(ID, SHM_UNLOCK, NULL); break;                     \
      case GET: result = PREFIX##shmget(KEY, 0, 0); break;                                   \
      case GET_READ: result = PREFIX##shmget(KEY, 0, 0444); break;                           \
      case GET_ALTER: result = PREFIX##shmget(KEY, 0, 0666); break;                          \
      default: result = PREFIX##shmget(KEY, SIZE + 1, 0); break;                             \
    }                                                                                        \
    return result == -1 ? errno : 0;                                                         \
  }                                                                                          \
  static int NAME##_create(void) {                                                           \
    return PREFIX##shmget(KEY, SIZE, IPC_CREAT | IPC_EXCL | mode) < 0 ? errno : 0;           \
  }                                                                                          \
  static int NAME##_remove(void) { return PREFIX##shmctl(ID, IPC_RMID, NULL) < 0 ? errno : 0; }

ATTEMPT(attempt_ours, omega_, ours)
ATTEMPT(attempt_kernel, , kernels)

static int attempt_as(int who, int (*body)(void)) {
  return as_user(who == 2 ? OWNER : OTHER, who ? GROUP : OTHER, body, 10);
}

// Attached for reading it cannot be made writable, also by who may write.
static int make_writable(void) {
  char *memory = omega_shmat(ours, NULL, SHM_RDONLY);
  if (memory == (void *)-1) return errno;
  return mprotect(memory, SIZE, PROT_READ | PROT_WRITE) ? errno : 0;
}
static int open_file(void) { return open(path_of_segment(ours), O_RDONLY) < 0 ? errno : 0; }

// A child of the owner that has become somebody else keeps what is attached, and is counted.
static int change_and_look(void) {
  char *memory = omega_shmat(ours, NULL, 0);
  if (memory == (void *)-1) return errno;
  pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    memory[0] = 1;
    _exit(omega_shmdt(memory) ? errno : 0);
  }
  int status;
  waitpid(pid, &status, 0);
  if (status) return WEXITSTATUS(status);
  return attachments(ours) == 1 ? 0 : 240;
}

int run_memory_users(void) {
  static const int modes[] = {0600, 0640, 0644, 0660, 0666, 0604, 0602, 0620, 0000, 0200, 0444, 0755};
  watch("users of segments", 300);
  if (geteuid() != 0 || access("/proc/sysvipc/shm", R_OK)) {
    skip("memory-users-errnos", "needs root to become other users, and a kernel to compare with");
    return 0;
  }
  chmod(namespace_path(), 01777);
  long compared = 0, wrong = 0;
  for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
    for (int who = 0; who < 3; who++) {
      for (attempt = 0; attempt < ATTEMPTS; attempt++, compared++) {
        mode = modes[m];
        if (as_user(OWNER, GROUP, attempt_ours_create, 10)) give_up("create");
        if (as_user(OWNER, GROUP, attempt_kernel_create, 10)) give_up("create on the kernel");
        ours = omega_shmget(KEY, 0, 0);
        kernels = shmget(KEY, 0, 0);
        int seen = attempt_as(who, attempt_ours), expected = attempt_as(who, attempt_kernel);
        as_user(OWNER, GROUP, attempt_ours_remove, 10);
        as_user(OWNER, GROUP, attempt_kernel_remove, 10);
        if (seen == expected && seen >= 0 && seen < 256) continue;
        wrong++;
        printf("# mode %04o, %s: %s", mode,
               who == 2 ? "the owner" : who ? "same group" : "another group",
               attempt_names[attempt]);
        printf(" here %s,", ending(seen));
        printf(" on the kernel %s\n", ending(expected));
      }
    }
  }
  if (wrong)
    not_ok("memory-users-errnos", "%ld of %ld differ from the kernel's", wrong, compared);
  else
    ok("memory-users-errnos", "%ld attempts: the kernel's errnos", compared);
  mode = 0600;
  if (as_user(OWNER, GROUP, attempt_ours_create, 10)) give_up("create");
  ours = omega_shmget(KEY, 0, 0);
  int seen = as_user(OWNER, GROUP, make_writable, 10), opened = as_user(OTHER, OTHER, open_file, 10);
  int kept = as_user(OWNER, GROUP, change_and_look, 10);
  if (seen == EACCES && opened == EACCES && !kept)
    ok("memory-users-protection", "EACCES");
  else
    not_ok("memory-users-protection", "mprotect %s, open %s, over fork %s", error_name(seen),
           error_name(opened), error_name(kept));
  as_user(OWNER, GROUP, attempt_ours_remove, 10);
  return failures != 0;
}
