// Other users in a shared namespace: the errnos of Linux (asked of the kernel in the same run),
// and no way round them through the files.
#include "damage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { OWNER = 54321, OTHER = 54322, GROUP = 54400, KEY = 0x51000099 };

static int id, kernel_id;

// Each attempt by another user: here and on the kernel.
enum attempt {
  ALTER, WAIT_ZERO, READ, READ_ALL, STAT, SET_VALUE, SET_OWNER, REMOVE, GET_PLAIN, GET_READ,
  GET_ALTER, ATTEMPTS
};
static const char *const attempt_names[ATTEMPTS] = {
    "semop", "semop for zero", "GETVAL", "GETALL", "IPC_STAT", "SETVAL", "IPC_SET", "IPC_RMID",
    "semget 0", "semget 0444", "semget 0666"};
static enum attempt attempt;

static int attempt_ours(void) {
  unsigned short values[4];
  struct semid_ds status;
  memset(&status, 0, sizeof status);
  union semun argument = {.array = values};
  int result = 0;
  switch (attempt) {
    case ALTER: return operate(id, 0, 1, IPC_NOWAIT);
    case WAIT_ZERO: return operate(id, 1, 0, IPC_NOWAIT);
    case READ: result = omega_semctl(id, 0, GETVAL); break;
    case READ_ALL: result = omega_semctl(id, 0, GETALL, argument); break;
    case STAT: argument.buf = &status; result = omega_semctl(id, 0, IPC_STAT, argument); break;
    case SET_VALUE: return set_value(id, 0, 1);
    case SET_OWNER: argument.buf = &status; result = omega_semctl(id, 0, IPC_SET, argument); break;
    case REMOVE: result = omega_semctl(id, 0, IPC_RMID); break;
    case GET_PLAIN: result = omega_semget(KEY, 0, 0); break;
    case GET_READ: result = omega_semget(KEY, 0, 0444); break;
    default: result = omega_semget(KEY, 0, 0666); break;
  }
  return result < 0 ? errno : 0;
}

static int attempt_kernel(void) {
  unsigned short values[4];
  struct semid_ds status;
  memset(&status, 0, sizeof status);
  union semun argument = {.array = values};
  struct sembuf operation = {0, 1, IPC_NOWAIT}, zero = {1, 0, IPC_NOWAIT};
  int result = 0;
  switch (attempt) {
    case ALTER: result = semop(kernel_id, &operation, 1); break;
    case WAIT_ZERO: result = semop(kernel_id, &zero, 1); break;
    case READ: result = semctl(kernel_id, 0, GETVAL); break;
    case READ_ALL: result = semctl(kernel_id, 0, GETALL, argument); break;
    case STAT: argument.buf = &status; result = semctl(kernel_id, 0, IPC_STAT, argument); break;
    case SET_VALUE: argument.val = 1; result = semctl(kernel_id, 0, SETVAL, argument); break;
    case SET_OWNER: argument.buf = &status; result = semctl(kernel_id, 0, IPC_SET, argument); break;
    case REMOVE: result = semctl(kernel_id, 0, IPC_RMID); break;
    case GET_PLAIN: result = semget(KEY, 0, 0); break;
    case GET_READ: result = semget(KEY, 0, 0444); break;
    default: result = semget(KEY, 0, 0666); break;
  }
  return result < 0 ? errno : 0;
}

static int mode;
static int create_ours(void) {
  return omega_semget(KEY, 2, IPC_CREAT | IPC_EXCL | mode) < 0 ? errno : 0;
}
static int create_kernel(void) {
  return semget(KEY, 2, IPC_CREAT | IPC_EXCL | mode) < 0 ? errno : 0;
}
static int remove_ours(void) { return omega_semctl(id, 0, IPC_RMID) < 0 ? errno : 0; }
static int remove_kernel(void) { return semctl(kernel_id, 0, IPC_RMID) < 0 ? errno : 0; }

static void errors_as_on_linux(void) {
  static const int modes[] = {0600, 0640, 0644, 0660, 0666, 0604, 0602, 0000, 0200, 0444};
  const bool kernel = access("/proc/sysvipc/sem", R_OK) == 0;
  long compared = 0, wrong = 0;
  for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
    for (int who = 0; who < 2; who++) {
      for (attempt = 0; attempt < ATTEMPTS; attempt++) {
        mode = modes[m];
        if (as_user(OWNER, GROUP, create_ours, 10)) give_up("create");
        id = omega_semget(KEY, 0, 0);
        int seen = as_user(OTHER, who ? GROUP : OTHER, attempt_ours, 10);
        if (kernel && as_user(OWNER, GROUP, create_kernel, 10)) give_up("create on the kernel");
        if (kernel) kernel_id = semget(KEY, 0, 0);
        int expected = kernel ? as_user(OTHER, who ? GROUP : OTHER, attempt_kernel, 10) : seen;
        as_user(OWNER, GROUP, remove_ours, 10);
        if (kernel) as_user(OWNER, GROUP, remove_kernel, 10);
        compared += kernel;
        if (seen == expected && seen >= 0 && seen < 256) continue;
        wrong++;
        printf("# mode %04o, %s: %s", mode, who ? "same group" : "another group",
               attempt_names[attempt]);
        printf(" here %s,", ending(seen));
        printf(" on the kernel %s\n", ending(expected));
      }
    }
  }
  if (!kernel)
    skip("users-errnos", "this machine has no System V IPC to compare with");
  else if (wrong)
    not_ok("users-errnos", "%ld of %ld differ from the kernel's", wrong, compared);
  else
    ok("users-errnos", "%ld attempts by others: the kernel's errnos", compared);
}

// --- round the library

static char image_path[500], key_path[500];

static int open_image(void) { return open(image_path, O_RDWR) < 0 ? errno : 0; }
static int read_image(void) { return open(image_path, O_RDONLY) < 0 ? errno : 0; }
static int unlink_image(void) { return unlink(image_path) ? errno : 0; }
static int unlink_key(void) { return unlink(key_path) ? errno : 0; }
static int rename_image(void) { return rename(image_path, path_of("sem.09999")) ? errno : 0; }
static int replace_image(void) {
  int file = open(path_of("mine"), O_WRONLY | O_CREAT, 0666);
  if (file < 0) return errno;
  return rename(path_of("mine"), image_path) ? errno : 0;
}
static int link_image(void) { return link(image_path, path_of("sem.09998")) ? errno : 0; }
static int chmod_image(void) { return chmod(image_path, 0666) ? errno : 0; }
static int truncate_image(void) { return truncate(image_path, 0) ? errno : 0; }

static void refused(const char *name, int (*body)(void)) {
  int seen = as_user(OTHER, OTHER, body, 10);
  if (seen == EACCES || seen == EPERM)
    ok(name, "%s", error_name(seen));
  else
    not_ok(name, "%s", ending(seen));
}

static void no_way_round(void) {
  mode = 0600;
  if (as_user(OWNER, GROUP, create_ours, 10)) give_up("create");
  id = omega_semget(KEY, 0, 0);
  snprintf(image_path, sizeof image_path, "%s", path_of_set(id));
  char name[40];
  snprintf(name, sizeof name, "sem.key.%08x", KEY);
  snprintf(key_path, sizeof key_path, "%s", path_of(name));
  refused("users-open", open_image);
  refused("users-read", read_image);
  refused("users-unlink", unlink_image);
  refused("users-unlink-key", unlink_key);
  refused("users-rename", rename_image);
  refused("users-replace", replace_image);
  refused("users-link", link_image);
  refused("users-chmod", chmod_image);
  refused("users-truncate", truncate_image);
  as_user(OWNER, GROUP, remove_ours, 10);
  unlink(path_of("mine"));
}

// --- tricks of somebody who comes first

static char target[500];
static int claim_key_by_link(void) { return symlink(target, key_path) ? errno : 0; }
static int claim_index_by_link(void) { return symlink(target, image_path) ? errno : 0; }

// An image that says it belongs to somebody else.
static int forge(void) {
  int own = omega_semget(IPC_PRIVATE, 2, 0666);
  if (own < 0) return errno;
  int file = open(path_of_set(own), O_RDWR);
  if (file < 0) return errno;
  uint64_t *header = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (header == MAP_FAILED) return errno;
  header[48 / 8] = header[64 / 8] = OWNER;
  return 0;
}
static int use_forged(void) {
  for (int index = 0; index < 200; index++) {
    struct semid_ds status;
    union semun argument = {.buf = &status};
    int found = omega_semctl(index, 0, SEM_STAT_ANY, argument);
    if (found >= 0 && status.sem_perm.uid == OWNER) return 220;
  }
  return 0;
}

static int own_cycle(void) {
  int fresh = omega_semget(KEY, 2, IPC_CREAT | IPC_EXCL | 0600);
  if (fresh < 0) return errno;
  if (operate(fresh, 0, 1, SEM_UNDO)) return 221;
  return omega_semctl(fresh, 0, IPC_RMID) ? 222 : 0;
}
static int scribble_sequence(void) {
  int file = open(path_of("sequence"), O_RDWR);
  if (file < 0) return errno;
  uint64_t *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (words == MAP_FAILED) return errno;
  for (int i = 0; i < 16; i++) words[i] = ~0ull >> i;
  return 0;
}

static void tricks(void) {
  struct stat before, after;
  snprintf(target, sizeof target, "%s", path_of("precious"));
  int file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0 || write(file, "precious", 8) != 8 || fchown(file, OWNER, GROUP)) give_up(target);
  close(file);
  if (stat(target, &before)) give_up("stat");
  if (as_user(OTHER, OTHER, claim_key_by_link, 10)) give_up("symlink");
  int seen = as_user(OWNER, GROUP, own_cycle, 10);
  if (stat(target, &after) || after.st_size != before.st_size)
    not_ok("users-link-at-key", "the target was changed");
  else if (seen == EEXIST || seen == EACCES || seen == 0)
    ok("users-link-at-key", "%s, the target is untouched", ending(seen));
  else
    not_ok("users-link-at-key", "%s", ending(seen));
  unlink(key_path);
  for (int i = 0; i < 70; i++) {
    char name[20];
    snprintf(name, sizeof name, "sem.%05d", i);
    snprintf(image_path, sizeof image_path, "%s", path_of(name));
    as_user(OTHER, OTHER, claim_index_by_link, 10);
  }
  seen = as_user(OWNER, GROUP, own_cycle, 10);
  if (stat(target, &after) || after.st_size != before.st_size)
    not_ok("users-links-at-indices", "the target was changed");
  else if (seen == 0 || seen == ENOSPC || seen == EACCES)
    ok("users-links-at-indices", "%s, the target is untouched", ending(seen));
  else
    not_ok("users-links-at-indices", "%s", ending(seen));
  for (int i = 0; i < 70; i++) {
    char name[20];
    snprintf(name, sizeof name, "sem.%05d", i);
    unlink(path_of(name));
  }
  if (as_user(OTHER, OTHER, forge, 10)) give_up("forge");
  seen = as_user(OWNER, GROUP, use_forged, 10);
  if (seen)
    not_ok("users-forged-owner", "a forged image is believed (%d)", seen);
  else
    ok("users-forged-owner", "not believed");
  seen = as_user(OTHER, OTHER, scribble_sequence, 10);
  int used = as_user(OWNER, GROUP, own_cycle, 20);
  if (used < 0 || used > 255)
    not_ok("users-scribbled-sequence", "%s", ending(used));
  else
    ok("users-scribbled-sequence", "scribbling %s; then semget %s", error_name(seen),
       error_name(used));
}

int run_users(void) {
  watch("users", 300);
  if (geteuid() != 0) {
    skip("users", "needs root to become other users");
    return 0;
  }
  chmod(namespace_path(), 01777);
  errors_as_on_linux();
  no_way_round();
  tricks();
  return failures != 0;
}
