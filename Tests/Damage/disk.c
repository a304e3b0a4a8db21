// A full file system and a small RLIMIT_FSIZE: an errno, never a signal, and what exists goes on.
// The namespace is a tmpfs of its own (run mounts it).
#include "damage.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

enum { COUNT = 4, MAX_SETS = 3000 };
static int sets[MAX_SETS], set_count;

static void fill_disk(void) {
  int file = open(path_of("filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  static char page[4096];
  memset(page, 1, sizeof page);
  if (file < 0) return;  // not even room for a name: full
  while (write(file, page, sizeof page) > 0) continue;
  close(file);
}

static long free_pages(void) {
  struct statvfs status;
  if (statvfs(namespace_path(), &status)) give_up("statvfs");
  return (long)status.f_bavail;
}

// Everything a process may do with a set, first in it or not; an error must be one of no room.
static int use_set(void) {
  unsigned short values[COUNT];
  union semun argument = {.array = values};
  struct sembuf many[500];
  struct timespec time = {0, 2000000};
  int id = sets[0];
  int plain = operate(id, 0, 1, 0);
  if (plain) return plain;  // the fast path needs nothing
  if (operate(id, 0, -1, IPC_NOWAIT)) return 100;
  if (!get_values(id, values)) return errno == ENOMEM || errno == ENOSPC ? 0 : errno;
  for (int i = 0; i < 500; i++)
    many[i] = (struct sembuf){(unsigned short)(i % COUNT), i / COUNT % 2 ? -1 : 1, 0};
  int errors[8] = {0};
  errors[0] = operate(id, 1, 1, SEM_UNDO);
  errors[1] = omega_semtimedop(id, &(struct sembuf){2, -30000, 0}, 1, &time) < 0 ? errno : 0;
  errors[2] = omega_semtimedop(id, &(struct sembuf){2, -30000, SEM_UNDO}, 1, &time) < 0 ? errno : 0;
  errors[3] = operate_many(id, many, 500);
  many[499].sem_op = -30000;
  errors[4] = omega_semtimedop(id, many, 500, &time) < 0 ? errno : 0;
  memset(values, 0, sizeof values);
  errors[5] = omega_semctl(id, 0, SETALL, argument) < 0 ? errno : 0;
  errors[6] = set_value(id, 3, 3);
  for (int i = 0; i < 7; i++)
    if (errors[i] && errors[i] != ENOMEM && errors[i] != ENOSPC && errors[i] != EAGAIN)
      return errors[i];
  return 0;
}

static int use_after_room(void) {
  struct timespec time = {0, 2000000};
  int id = sets[0];
  if (operate(id, 1, 1, SEM_UNDO)) return errno;
  if (omega_semtimedop(id, &(struct sembuf){2, -30000, SEM_UNDO}, 1, &time) == 0) return 101;
  return errno == EAGAIN ? 0 : errno;
}

static int create_one(void) {
  int id = omega_semget(IPC_PRIVATE, COUNT, 0600);
  if (id < 0) return errno;
  remove_set(id);
  return 0;
}
static int create_large(void) {
  int id = omega_semget(IPC_PRIVATE, 32000, 0600);
  if (id < 0) return errno;
  unsigned short *values = calloc(32000, 2);
  if (!get_values(id, values)) return errno;
  int error = operate(id, 31999, 1, SEM_UNDO);
  remove_set(id);
  return error;
}

static void expect(const char *name, int result, int first, int second) {
  if (result == first || result == second)
    ok(name, "%s", ending(result));
  else
    not_ok(name, "%s", ending(result));
}

int run_disk(void) {
  watch("disk", 200);
  int error = 0;
  while (set_count < MAX_SETS) {
    int id = omega_semget(IPC_PRIVATE, COUNT, 0600);
    if (id < 0) {
      error = errno;
      break;
    }
    sets[set_count++] = id;
    if (operate(id, 0, 1, 0)) give_up("a fresh set");
    if (set_count == 8 && free_pages() > 1000) break;  // the filler fills the rest
  }
  printf("#   %d sets, %ld pages free\n", set_count, free_pages());
  if (!set_count) {
    expect("disk-too-small", error, ENOSPC, ENOMEM);
    return failures != 0;
  }
  fill_disk();
  expect("disk-full-create", in_child(create_one, 20), ENOSPC, ENOMEM);
  expect("disk-full-create-large", in_child(create_large, 20), ENOSPC, ENOMEM);
  expect("disk-full-use", in_child(use_set, 20), 0, 0);
  expect("disk-full-use-again", in_child(use_set, 20), 0, 0);
  int wrong = 0;
  for (int i = 0; i < set_count; i++) wrong += operate(sets[i], 0, -1, IPC_NOWAIT) != 0;
  // The first one was set to 0 by SETALL, unless that had no room.
  if (wrong <= 1)
    ok("disk-full-others", "%d sets go on", set_count);
  else
    not_ok("disk-full-others", "%d of %d sets fail", wrong, set_count);
  const bool tiny = set_count < 16 && error;
  for (int i = 0; i < 8 && set_count > 1; i++) remove_set(sets[--set_count]);
  unlink(path_of("filler"));
  expect("disk-room-again", in_child(use_after_room, 20), 0, tiny ? ENOMEM : 0);
  // A partial filling: the last pages go one by one, so each claim fails once.
  int failed = failures;
  for (int pages = 0; pages < 24; pages++) {
    fill_disk();
    if (truncate(path_of("filler"), pages * 4096)) break;
    int hole = open(path_of("filler2"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    long spare = free_pages();
    if (hole >= 0) {
      if (spare > pages && fallocate(hole, 0, 0, (spare - pages) * 4096) < 0) errno = 0;
      close(hole);
    }
    int created = in_child(create_one, 20), used = in_child(use_set, 20);
    if ((created && created != ENOSPC && created != ENOMEM) || used)
      not_ok("disk-nearly-full", "%ld pages free: semget %s", free_pages(), ending(created)),
          printf("#   use: %s\n", ending(used));
    unlink(path_of("filler"));
    unlink(path_of("filler2"));
  }
  if (failures == failed) ok("disk-nearly-full", "tried with 0 to 23 pages free");
  return failures != 0;
}

// --- RLIMIT_FSIZE

static rlim_t limit;
static int use_limited(void) {
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
  int id = omega_semget(IPC_PRIVATE, COUNT, 0600);
  int error = id < 0 ? errno : 0;
  if (operate(sets[0], 0, 1, SEM_UNDO)) return 110;
  if (operate(sets[0], 0, -1, SEM_UNDO | IPC_NOWAIT)) return 111;
  return error;
}
static int start_limited(void) {  // the first call of the process makes its files
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
  char fresh[500];
  snprintf(fresh, sizeof fresh, "%s/limited-%lu", namespace_path(), (unsigned long)limit);
  setenv("OMEGA_IPC_NAMESPACE", fresh, 1);
  execl("/proc/self/exe", "damage", "use", NULL);
  return 112;
}

int run_file_limit(void) {
  static const rlim_t limits[] = {0, 1, 511, 4095, 4096, 8192, 65536, 1 << 20, 8 << 20, 64 << 20};
  watch("limit", 60);
  sets[0] = new_set(COUNT, NULL);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    char name[40];
    limit = limits[i];
    snprintf(name, sizeof name, "file-limit-%lu", (unsigned long)limit);
    int result = in_child(use_limited, 10), started = in_child(start_limited, 10);
    bool right = (result == 0 || result == ENOSPC || result == ENOMEM) &&
                 (started == 0 || started == ENOSPC || started == ENOMEM);
    if (right)
      ok(name, "semget %s; a first call %s", error_name(result), error_name(started));
    else
      not_ok(name, "%s; a first call %s", error_name(result & 255), ending(started)),
          printf("#   results %d and %d\n", result, started);
  }
  remove_set(sets[0]);
  return failures != 0;
}
