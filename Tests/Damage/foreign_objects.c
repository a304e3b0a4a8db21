// Foreign things where the files of queues and segments should be, and a small RLIMIT_FSIZE for them: an
// errno, no crash, no hang, and nothing else is touched.
#include "damage.h"

#include <fcntl.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>

enum { KEY = 0x51000078 };

// A kind of object, as these tests use it. Calls return an errno, or 200 and more for what may not be.
struct kind {
  const char *name;
  int (*get)(key_t key, int flags);
  int (*use)(int id);   // works on a sound object
  void (*probe)(int id);  // all other calls, whatever they return
  int (*remove)(int id);
  const char *(*path)(int id);
};

static int get_queue(key_t key, int flags) { return omega_msgget(key, flags); }
static int use_queue(int id) {
  struct {
    long type;
    char text[8];
  } message = {3, "seven"};
  if (omega_msgsnd(id, &message, 8, IPC_NOWAIT)) return errno;
  return omega_msgrcv(id, &message, 8, 3, IPC_NOWAIT) == 8 ? 0 : 210;
}
static void probe_queue(int id) {
  struct msqid_ds status;
  char text[64];
  omega_msgrcv(id, text, 8, 0, IPC_NOWAIT);
  omega_msgctl(id, IPC_STAT, &status);
  omega_msgctl(id & 0x7FFF, MSG_STAT, &status);
  omega_msgctl(id & 0x7FFF, 13 /* MSG_STAT_ANY */, &status);
}
static int delete_queue(int id) { return omega_msgctl(id, IPC_RMID, NULL); }

static int get_segment(key_t key, int flags) { return omega_shmget(key, 5000, flags); }
static int use_segment(int id) {
  char *memory = omega_shmat(id, NULL, 0);
  if (memory == (void *)-1) return errno;
  memory[0] = memory[4999] = 7;
  return omega_shmdt(memory) ? 211 : 0;
}
static void probe_segment(int id) {
  struct shmid_ds status;
  omega_shmctl(id, IPC_STAT, &status);
  omega_shmctl(id & 0x7FFF, SHM_STAT, &status);
  omega_shmctl(id & 0x7FFF, 15 /* SHM_STAT_ANY */, &status);
}
static int delete_segment(int id) { return omega_shmctl(id, IPC_RMID, NULL); }

static const struct kind kinds[] = {
    {"msg", get_queue, use_queue, probe_queue, delete_queue, path_of_queue},
    {"shm", get_segment, use_segment, probe_segment, delete_segment, path_of_segment}};
static const struct kind *kind;

// --- Foreign files

static unsigned char page[4096];  // the first page of a whole, sound image
static off_t image_size;

static void copy_image(void) {
  int id = kind->get(IPC_PRIVATE, 0600);
  struct stat status;
  int file = open(kind->path(id), O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) || pread(file, page, sizeof page, 0) != sizeof page)
    give_up("an image");
  image_size = status.st_size;
  close(file);
  if (kind->remove(id)) give_up("removal");
}

static void write_file(const char *path, size_t count, off_t size) {
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 || pwrite(file, page, count, 0) != (ssize_t)count || ftruncate(file, size))
    give_up(path);
  close(file);
}

static void write_changed(const char *path, size_t offset, uint64_t word) {
  uint64_t old;
  memcpy(&old, page + offset, 8);
  memcpy(page + offset, &word, 8);
  write_file(path, sizeof page, image_size);
  memcpy(page + offset, &old, 8);
}

enum { THINGS = 13 };
static const char *const things[THINGS] = {
    "an empty file",       "one byte",        "zeros of an image's size", "a truncated image",
    "a header and no more", "a longer image", "another version",          "another magic",
    "another size",        "another identifier", "a symbolic link",       "a FIFO",
    "a directory"};

static void make(int thing, const char *path) {
  bool failed = false;
  switch (thing) {
    case 0: write_file(path, 0, 0); break;
    case 1: write_file(path, 1, 1); break;
    case 2: write_file(path, 0, image_size); break;
    case 3: write_file(path, sizeof page, image_size / 2); break;
    case 4: write_file(path, 512, 512); break;
    case 5: write_file(path, sizeof page, image_size + 4096); break;
    case 6: write_changed(path, 8, 77); break;
    case 7: write_changed(path, 0, 77); break;
    case 8: write_changed(path, 16, 3); break;
    case 9: write_changed(path, 24, 0x7FFFFFFF); break;
    case 10: failed = symlink(path_of("victim"), path); break;
    case 11: failed = mkfifo(path, 0600); break;
    default: failed = mkdir(path, 0700);
  }
  if (failed) give_up(path);
}

static int stale;  // an identifier whose file is the foreign thing

static int try_identifier(void) {
  int error = kind->use(stale);
  if (!error) return 0;
  kind->probe(stale);
  kind->remove(stale);
  // A new object goes round it.
  for (int i = 0; i < 70; i++) {
    int id = kind->get(IPC_PRIVATE, 0600);
    if (id < 0) return 200;
    if (kind->use(id) || kind->remove(id)) return 201;
  }
  return error;
}

static int try_key(void) {
  kind->get(KEY, 0600);
  int id = kind->get(KEY, IPC_CREAT | 0600);
  int error = id < 0 ? errno : 0;
  if (!error && kind->use(id)) return 202;
  if (kind->get(KEY, IPC_CREAT | IPC_EXCL | 0600) >= 0) return 203;
  return error;
}

static void put_and_try(const char *what, const char *path, int thing, int (*body)(void)) {
  struct stat before, after, victim;
  char name[100];
  snprintf(name, sizeof name, "foreign-%s-%s", kind->name, what);
  make(thing, path);
  if (lstat(path, &before)) give_up(path);
  int result = in_child(body, 20);
  bool same = !lstat(path, &after) && before.st_ino == after.st_ino &&
              before.st_size == after.st_size && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
              before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
  bool whole = !stat(path_of("victim"), &victim) && victim.st_size == 1;
  if (result < 0 || result >= 200)
    not_ok(name, "%s: %s (%d)", things[thing], ending(result), result);
  else if (result == 0)
    not_ok(name, "%s is taken for one of ours", things[thing]);
  else if (!same || !whole)
    not_ok(name, "%s was touched", same ? "what a link leads to" : things[thing]);
  else
    ok(name, "%s: %s", things[thing], ending(result));
  if (unlink(path) && rmdir(path)) give_up(path);
}

int run_foreign_objects(void) {
  watch("foreign-objects", 300);
  page[0] = 1;
  write_file(path_of("victim"), 1, 1);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    kind = &kinds[i];
    copy_image();
    for (int thing = 0; thing < THINGS; thing++) {
      stale = kind->get(IPC_PRIVATE, 0600);
      if (stale < 0 || kind->remove(stale)) give_up("an identifier");
      char path[500];
      snprintf(path, sizeof path, "%s", kind->path(stale));
      put_and_try("index", path, thing, try_identifier);
      char key[40];
      snprintf(key, sizeof key, "%s.key.%08x", kind->name, KEY);
      snprintf(path, sizeof path, "%s", path_of(key));
      put_and_try("key", path, thing, try_key);
    }
  }
  return failures != 0;
}

// --- RLIMIT_FSIZE

static rlim_t limit;
static int existing;  // made before the limit

static int use_limited(void) {
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
  int id = kind->get(IPC_PRIVATE, 0600);
  int error = id < 0 ? errno : kind->use(id);
  if (id >= 0 && kind->remove(id)) return 204;
  // What exists goes on, or says that there is no room.
  int old = kind->use(existing);
  if (old && old != ENOMEM && old != ENOSPC) return 205;
  return error;
}

int run_object_file_limit(void) {
  static const rlim_t limits[] = {0, 1, 511, 4095, 4096, 8192, 65536, 1 << 20, 8 << 20, 64 << 20};
  watch("object-file-limit", 60);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    kind = &kinds[i];
    existing = kind->get(IPC_PRIVATE, 0600);
    if (existing < 0 || kind->use(existing)) give_up("an object");
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
      char name[60];
      limit = limits[k];
      snprintf(name, sizeof name, "file-limit-%s-%lu", kind->name, (unsigned long)limit);
      int result = in_child(use_limited, 10);
      if (result == 0 || result == ENOSPC || result == ENOMEM)
        ok(name, "making and using one: %s", error_name(result));
      else
        not_ok(name, "%s (%d)", ending(result), result);
    }
    if (kind->use(existing)) not_ok("file-limit", "%s: the old one is broken", kind->name);
    kind->remove(existing);
  }
  return failures != 0;
}
