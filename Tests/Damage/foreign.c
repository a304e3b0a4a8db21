// Foreign things where the namespace's files should be, and directories that cannot be trusted: an
// errno, no crash, no hang, and nothing else is touched.
#include "damage.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { KEY = 0x51000077 };

static unsigned char *image;  // a whole, sound image of a set with one semaphore
static size_t image_size;

static void copy_image(void) {
  int id = new_set(1, (unsigned short[]){4});
  int file = open(path_of_set(id), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status)) give_up("open of an image");
  image_size = (size_t)status.st_size;
  image = malloc(image_size);
  if (!image || pread(file, image, image_size, 0) != (ssize_t)image_size) give_up("read");
  close(file);
  remove_set(id);
}

static void write_file(const char *path, const void *bytes, size_t count, size_t size) {
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) give_up(path);
  if (pwrite(file, bytes, count, 0) != (ssize_t)count || ftruncate(file, (off_t)size))
    give_up("write");
  close(file);
}

static void write_changed(const char *path, size_t offset, uint64_t word) {
  uint64_t old;
  memcpy(&old, image + offset, 8);
  memcpy(image + offset, &word, 8);
  write_file(path, image, 65536, image_size);
  memcpy(image + offset, &old, 8);
}

enum { KINDS = 14 };
static const char *const kinds[KINDS] = {
    "an empty file",        "a text",           "zeros of an image's size", "a truncated image",
    "a longer image",       "another version",  "another magic",            "another count",
    "another identifier",   "a symbolic link",  "a dangling link",          "a FIFO",
    "a directory",          "a socket"};

static void make(int kind, const char *path) {
  switch (kind) {
    case 0: write_file(path, "", 0, 0); break;
    case 1: write_file(path, "these are not the semaphores\n", 29, 29); break;
    case 2: write_file(path, "", 0, image_size); break;
    case 3: write_file(path, image, 65536, image_size / 2); break;
    case 4: write_file(path, image, 65536, image_size + 4096); break;
    case 5: write_changed(path, 8, 77); break;
    case 6: write_changed(path, 0, 77); break;
    case 7: write_changed(path, 16, 2); break;
    case 8: write_changed(path, 24, 0x7FFFFFFF); break;
    case 9:
      if (symlink(path_of("victim"), path)) give_up("symlink");
      break;
    case 10:
      if (symlink("nowhere/at/all", path)) give_up("symlink");
      break;
    case 11:
      if (mkfifo(path, 0600)) give_up("mkfifo");
      break;
    case 12:
      if (mkdir(path, 0700)) give_up("mkdir");
      break;
    default: {
      struct sockaddr_un address = {.sun_family = AF_UNIX};
      int directory = open(namespace_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory,
               strrchr(path, '/') + 1);
      int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (bind(file, (struct sockaddr *)&address, sizeof address)) give_up("bind");
      close(file);
      close(directory);
    }
  }
}

// What must not change: everything about the thing itself.
struct trace {
  ino_t inode;
  mode_t mode;
  off_t size;
  struct timespec changed;
};
static struct trace look(const char *path) {
  struct stat status;
  if (lstat(path, &status)) return (struct trace){0, 0, 0, {0, 0}};
  return (struct trace){status.st_ino, status.st_mode, status.st_size, status.st_mtim};
}

static bool same(const struct trace *a, const struct trace *b) {
  return a->inode == b->inode && a->mode == b->mode && a->size == b->size &&
         a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static void discard(const char *path) {
  if (unlink(path) && rmdir(path) && errno != ENOENT) give_up(path);
}

// --- in a fresh process: every call; the last byte of the exit status is the errno of the main one

static int stale;  // an identifier whose file is the foreign thing
static int use_identifier(void) {
  unsigned short values[4];
  union semun argument = {.array = values};
  struct semid_ds status;
  int error = operate(stale, 0, -1, IPC_NOWAIT);
  if (!error) return 0;
  omega_semctl(stale, 0, GETALL, argument);
  argument.buf = &status;
  omega_semctl(stale & 0x7FFF, 0, SEM_STAT, argument);
  omega_semctl(stale & 0x7FFF, 0, SEM_STAT_ANY, argument);
  omega_semctl(stale, 0, IPC_RMID);
  // A new set goes round it.
  for (int i = 0; i < 70; i++) {
    int id = omega_semget(IPC_PRIVATE, 1, 0600);
    if (id < 0) return 200;
    if (operate(id, 0, 1, SEM_UNDO) || omega_semctl(id, 0, IPC_RMID)) return 201;
  }
  return error;
}

static int use_key(void) {
  int id = omega_semget(KEY, 1, 0600);
  int first = id < 0 ? errno : 0;
  id = omega_semget(KEY, 1, IPC_CREAT | 0600);
  int second = id < 0 ? errno : 0;
  if (!second && operate(id, 0, 1, SEM_UNDO)) return 202;
  id = omega_semget(KEY, 1, IPC_CREAT | IPC_EXCL | 0600);
  if (id >= 0) return 203;
  (void)first;
  return second;
}

static int use_namespace(void) {
  int id = omega_semget(IPC_PRIVATE, 1, 0600);
  if (id < 0) return errno;
  if (operate(id, 0, 1, SEM_UNDO)) return 204;
  return omega_semctl(id, 0, IPC_RMID) ? 205 : 0;
}

// The namespace is opened anew.
static int execute_use(void) {
  execl("/proc/self/exe", "damage", "use", "0", NULL);
  return 251;
}

static const char *const victim_text = "nobody may change this";

static void put_and_use(const char *what, const char *path, int kind, int (*use)(void),
                        bool may_work) {
  char name[100];
  snprintf(name, sizeof name, "foreign-%s", what);
  make(kind, path);
  struct trace before = look(path), victim = look(path_of("victim"));
  int result = in_child(use, 20);
  struct trace after = look(path), victim_after = look(path_of("victim"));
  bool touched = !same(&before, &after) || !same(&victim, &victim_after);
  if (result < 0 || result >= 200)
    not_ok(name, "%s: %s (%d)", kinds[kind], ending(result), result);
  else if (result == 0 && !may_work)
    not_ok(name, "%s is taken for one of ours", kinds[kind]);
  else if (touched && !(may_work && result == 0))
    not_ok(name, "%s was touched", kinds[kind]);
  else
    ok(name, "%s: %s", kinds[kind], ending(result));
  discard(path);
}

int run_foreign(void) {
  watch("foreign", 300);
  copy_image();
  write_file(path_of("victim"), victim_text, strlen(victim_text), strlen(victim_text));
  for (int kind = 0; kind < KINDS; kind++) {
    stale = new_set(1, NULL);
    remove_set(stale);
    put_and_use("index", path_of_set(stale), kind, use_identifier, false);
  }
  char key[40];
  snprintf(key, sizeof key, "sem.key.%08x", KEY);
  for (int kind = 0; kind < KINDS; kind++)
    put_and_use("key", path_of(key), kind, use_key, kind == 10);
  // A key's link is text: these are none of ours, or lead to no set.
  static const char *const links[] = {"1", "1.", ".1", "99999999999.1", "12345.1", "-1.1",
                                      "1.1.1", "0.0", "4294967295.4294967295", "/etc/passwd"};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    if (symlink(links[i], path_of(key))) give_up("symlink");
    int result = in_child(use_key, 20);
    if (result < 0 || result >= 200)
      not_ok("foreign-link", "'%s': %s (%d)", links[i], ending(result), result);
    else
      ok("foreign-link", "'%s': %s", links[i], ending(result));
    int id = omega_semget(KEY, 0, 0);
    if (id >= 0) remove_set(id);
    unlink(path_of(key));
  }
  for (int kind = 0; kind < KINDS; kind++) {
    discard(path_of("limits"));
    put_and_use("limits", path_of("limits"), kind, execute_use, true);
  }
  for (int kind = 0; kind < KINDS; kind++) {
    discard(path_of("sequence"));
    put_and_use("sequence", path_of("sequence"), kind, execute_use, true);
  }
  return failures != 0;
}

// --- the directory

static void use_directory(const char *name, const char *path, unsigned user, int expected) {
  setenv("OMEGA_IPC_NAMESPACE", path, 1);
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    char user_text[20];
    snprintf(user_text, sizeof user_text, "%u", user);
    execl("/proc/self/exe", "damage", "use", user_text, NULL);
    _exit(251);
  }
  int status;
  waitpid(pid, &status, 0);
  int result = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
  if (result == expected)
    ok(name, "%s", ending(result));
  else
    not_ok(name, "%s, not %s", ending(result), ending(expected));
}

int use_once(unsigned user) { return as_user(user, user, use_namespace, 20); }

int run_directory(void) {
  watch("directory", 60);
  char base[400], path[500], link[500];
  snprintf(base, sizeof base, "%s", namespace_path());
  const bool root = geteuid() == 0;
  const unsigned other = 54321, third = 54322;
  chmod(base, 0755);

#define PATH(NAME) (snprintf(path, sizeof path, "%s/%s", base, NAME), path)
  mkdir(PATH("open"), 0777), chmod(path, 0777);
  use_directory("directory-0777", path, 0, EACCES);
  mkdir(PATH("group"), 0770), chmod(path, 0770);
  use_directory("directory-0770", path, 0, EACCES);
  mkdir(PATH("sticky"), 01777), chmod(path, 01777);
  use_directory("directory-1777", path, 0, 0);
  mkdir(PATH("own"), 0700);
  use_directory("directory-0700", path, 0, 0);
  snprintf(link, sizeof link, "%s/link", base);
  if (symlink(path, link)) give_up("symlink");
  use_directory("directory-link", link, 0, EACCES);
  use_directory("directory-missing-parent", PATH("no/where"), 0, EACCES);
  use_directory("directory-made", PATH("made"), 0, 0);
  write_file(PATH("file"), "text", 4, 4);
  use_directory("directory-is-a-file", path, 0, EACCES);
  char longest[5000];
  memset(longest, 'x', sizeof longest);
  memcpy(longest, base, strlen(base));
  for (size_t i = strlen(base); i < sizeof longest; i += 100) longest[i] = '/';
  longest[sizeof longest - 1] = 0;
  setenv("OMEGA_IPC_NAMESPACE", base, 1);
  use_directory("directory-long-path", longest, 0, ENAMETOOLONG);
  if (!root) {
    skip("directory-of-others", "needs root to make directories of others");
    setenv("OMEGA_IPC_NAMESPACE", base, 1);
    return failures != 0;
  }
  mkdir(PATH("theirs"), 0700);
  if (chown(path, other, other)) give_up("chown");
  use_directory("directory-of-another-0700", path, third, EACCES);
  mkdir(PATH("theirs-open"), 0755);
  if (chown(path, other, other)) give_up("chown");
  use_directory("directory-of-another-0755", path, third, EACCES);
  mkdir(PATH("roots"), 0755);
  use_directory("directory-of-root-0755", path, third, EACCES);
  mkdir(PATH("shared"), 01777), chmod(path, 01777);
  use_directory("directory-shared-by-others", path, third, 0);
  mkdir(PATH("read-only"), 0500);
  if (chown(path, third, third)) give_up("chown");
  use_directory("directory-read-only", path, third, EACCES);
#undef PATH
  setenv("OMEGA_IPC_NAMESPACE", base, 1);
  return failures != 0;
}
