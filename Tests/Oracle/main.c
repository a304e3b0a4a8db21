// One run of the oracle: for each seed a trace of the kernel and a trace of the other
// implementation (a library to preload; the kernel again when none is given), compared.
// This process makes no IPC call itself.
#include "oracle.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct world world;
const struct kind *kind;

static struct {
  long first, count;
  bool verbose, ticking, together /* all seeds at the same time */, stop /* at a difference */;
  const char *preload, *directory, *name, *replay;
  unsigned patience_ms, features;
  char without[256]; // kinds of steps that are left out, for the result
  long enough; // differences after which the rest is not run
} options = {.enough = 10, .first = 1, .count = 1, .name = "oracle", .replay = "run",
             .patience_ms = 10000, .features = FEATURES_ALL};

static volatile pid_t running; // the process group of the seed in progress

static void die(const char *what) {
  perror(what);
  exit(2);
}

// The controller of one seed, in a program of its own: preloaded or not.
static int seed_main(uint64_t seed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  world.region = mmap(NULL, sizeof *world.region, PROT_READ | PROT_WRITE, MAP_SHARED, REGION_FD, 0);
  if (world.region == MAP_FAILED) die("oracle: mmap");
  if (fcntl(REFERENCE_FD, F_GETFD) >= 0) {
    world.reference = mmap(NULL, sizeof *world.region, PROT_READ, MAP_SHARED, REFERENCE_FD, 0);
    if (world.reference == MAP_FAILED) die("oracle: mmap");
  }
  check_interposed();
  run_schedule(seed);
  return 0;
}

static int once_main(char **arguments) {
  check_interposed();
  long what[3];
  for (int i = 0; i < 3; i++) what[i] = atol(arguments[3 + i]);
  return kind->once(atoi(arguments[2]), what);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk) {
  (void)status, (void)type, (void)walk;
  return remove(path);
}

// An own IPC namespace per seed: nothing of the machine is touched, ids start at 0, and the
// kernel cleans up. Without the right to have one, objects are removed one by one.
static bool can_have_namespace(void) {
  pid_t pid = fork();
  if (pid == 0) _exit(unshare(CLONE_NEWIPC) == 0 ? 0 : 1);
  int status;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void reap_all(pid_t group) {
  kill(-group, SIGKILL);
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {}
}

static void stop(int signal) {
  if (running > 0) kill(-running, SIGKILL);
  if (options.directory != NULL)
    nftw(options.directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  _exit(128 + signal);
}

static void run_one(long seed, int region_fd, int reference_fd, struct region *region,
                    const char *preload, bool exact) {
  memset(region, 0, offsetof(struct region, trace));
  region->exact = exact && options.features & FEATURE_IDS;
  region->privileged = geteuid() == 0;
  region->ticking = options.ticking;
  region->patience_ms = options.patience_ms;
  region->features = options.features;
  char namespace[512], number[32];
  snprintf(namespace, sizeof namespace, "%s/%ld.%d", options.directory, seed, (int)getpid());
  snprintf(number, sizeof number, "%ld", seed);
  if (mkdir(namespace, 0700) != 0) die(namespace);

  pid_t pid = fork();
  if (pid < 0) die("oracle: fork");
  if (pid == 0) {
    setpgid(0, 0);
    if (exact && unshare(CLONE_NEWIPC) != 0) die("oracle: unshare");
    if (dup2(region_fd, REGION_FD) < 0) die("oracle: dup2");
    if (reference_fd >= 0 && dup2(reference_fd, REFERENCE_FD) < 0) die("oracle: dup2");
    setenv("OMEGA_IPC_NAMESPACE", namespace, 1);
    setenv("ORACLE_KIND", kind->name, 1);
    if (preload != NULL) {
      setenv("LD_PRELOAD", preload, 1);
      setenv("ORACLE_LIBRARY", preload, 1);
    }
    execl("/proc/self/exe", "oracle", "seed", number, (char *)NULL);
    die("oracle: exec");
  }
  setpgid(pid, pid);
  running = pid;
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) die("oracle: pidfd_open");
  struct pollfd fd = {pidfd, POLLIN, 0};
  // A controller that gives up says why; this is for one that cannot (hung in its own call).
  long limit = (long)options.patience_ms * 3 + 10000 + (options.ticking ? 60000 : 0);
  int ready;
  do ready = poll(&fd, 1, (int)limit);
  while (ready < 0 && errno == EINTR);
  int status = 0;
  if (ready == 1) waitpid(pid, &status, 0);
  reap_all(pid);
  running = 0;
  close(pidfd);
  char *end = region->trace + region->length;
  if (ready != 1)
    region->length += (size_t)sprintf(end, "HANG in step %u: the controller\n", region->steps);
  else if (WIFSIGNALED(status))
    region->length += (size_t)sprintf(end, "CRASH in step %u: the controller, signal %d\n",
                                      region->steps, WTERMSIG(status));
  else if (WEXITSTATUS(status) == 98) { // not a difference: nothing could be compared
    printf("not ok %s: the calls are not taken from %s\n", options.name, preload);
    nftw(namespace, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    exit(1);
  } else if (WEXITSTATUS(status) != 0)
    region->length += (size_t)sprintf(end, "the controller ended with status %d\n",
                                      WEXITSTATUS(status));
  if (!exact)
    for (unsigned i = 0; i < region->id_count; i++) kind->remove(region->ids[i]);
  nftw(namespace, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static size_t line_end(const struct region *r, size_t at) {
  while (at < r->length && r->trace[at] != '\n') at++;
  return at < r->length ? at + 1 : at;
}

static void print_lines(const char *mark, const struct region *r, size_t from, int lines) {
  for (; lines > 0 && from < r->length; lines--) {
    size_t end = line_end(r, from);
    printf("%s %.*s%s", mark, (int)(end - from), r->trace + from,
           r->trace[end - 1] == '\n' ? "" : "\n");
    from = end;
  }
}

static bool compare(long seed, const struct region *kernel, const struct region *other) {
  if (kernel->length == other->length && kernel->finished && other->finished &&
      memcmp(kernel->trace, other->trace, kernel->length) == 0)
    return true;
  size_t at = 0, line = 1, context[16] = {0};
  for (;; line++) {
    size_t a = line_end(kernel, at), b = line_end(other, at);
    if (a != b || memcmp(kernel->trace + at, other->trace + at, a - at) != 0) break;
    if (at >= kernel->length) break;
    context[line % 16] = at;
    at = a;
  }
  size_t before = line > 15 ? 15 : line - 1;
  printf("%s: seed %ld differs in line %zu (step %u)%s\n", options.name, seed, line, other->steps,
         kernel->finished ? "" : "; the kernel's own run did not finish");
  if (before > 0)
    for (size_t i = line - before; i < line; i++) print_lines("  ", kernel, context[i % 16], 1);
  print_lines("- ", kernel, at, 15); // what the kernel did
  print_lines("+ ", other, at, 15);
  printf("replay: %s --seed %ld --verbose%s\n", options.replay, seed,
         options.ticking ? " --ticking" : "");
  fflush(stdout);
  return false;
}

static int new_region(struct region **region) {
  int fd = memfd_create("oracle", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, sizeof **region) != 0) die("oracle: memfd");
  *region = mmap(NULL, sizeof **region, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (*region == MAP_FAILED) die("oracle: mmap");
  return fd;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct totals {
  _Atomic long done, steps, differences, left_out[OMISSIONS];
};

static void run_seeds(long first, long count, bool exact, struct totals *totals) {
  struct region *kernel, *other;
  int kernel_fd = new_region(&kernel), other_fd = new_region(&other);
  for (long seed = first; seed < first + count; seed++) {
    run_one(seed, kernel_fd, -1, kernel, NULL, exact);
    run_one(seed, other_fd, kernel_fd, other, options.preload, exact);
    bool equal = compare(seed, kernel, other);
    if (options.verbose) print_lines("", other, 0, 1 << 30);
    totals->done++;
    totals->steps += kernel->steps;
    for (int i = 0; i < OMISSIONS; i++) totals->left_out[i] += kernel->left_out[i];
    totals->differences += !equal;
    if (!equal && options.stop) break;
    if (totals->differences == options.enough && seed + 1 < first + count) {
      printf("%s: %ld seeds differ, the others are not run\n", options.name, options.enough);
      break;
    }
  }
  fflush(stdout);
}

static int run_main(void) {
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  bool exact = can_have_namespace();
  double start = seconds();
  struct totals *totals =
      mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (totals == MAP_FAILED) die("oracle: mmap");
  if (options.together) {
    for (long i = 0; i < options.count; i++) {
      pid_t pid = fork();
      if (pid < 0) die("oracle: fork");
      if (pid > 0) continue;
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      prctl(PR_SET_CHILD_SUBREAPER, 1UL);
      run_seeds(options.first + i, 1, exact, totals);
      _exit(0);
    }
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {}
  } else {
    prctl(PR_SET_CHILD_SUBREAPER, 1UL); // whatever a dead controller leaves is reaped here
    run_seeds(options.first, options.count, exact, totals);
  }
  // A seed whose process came to nothing must not pass for one without a difference.
  bool whole = totals->done == options.count || totals->differences != 0;
  bool good = whole && totals->differences == 0;
  printf("%s %s: %ld seeds, %ld differences (%ld steps, %.1f s; seeds %ld to %ld"
         "%s%s%s%s; left out:",
         good ? "ok" : "not ok", options.name, totals->done, totals->differences, totals->steps,
         seconds() - start, options.first, options.first + options.count - 1,
         whole ? "" : "; some seeds were not run",
         exact ? "" : "; shared IPC namespace: raw ids not compared",
         geteuid() == 0 ? "" : "; not root: no other users",
         options.without);
  for (int i = 0; i < OMISSIONS && kind->left_out[i] != NULL; i++) {
    printf("%s ", i == 0 ? "" : ",");
    printf(kind->left_out[i], (unsigned)totals->left_out[i]);
  }
  printf(")\n");
  return good ? 0 : 1;
}

static bool leave_out(const char *names) { // "users,keys"
  size_t used = strlen(options.without);
  snprintf(options.without + used, sizeof options.without - used, "; WITHOUT %s", names);
  static const struct { const char *name; unsigned feature; } known[] = {
    {"unshare", FEATURE_UNSHARE}, {"users", FEATURE_USERS}, {"keys", FEATURE_KEYS},
    {"lists", FEATURE_LISTS}, {"ids", FEATURE_IDS}, {"copy", FEATURE_COPY},
    {"stop", FEATURE_STOP}, {"parts", FEATURE_PARTS}, {"counts", FEATURE_COUNTS},
    {"exec", FEATURE_EXEC}, {"faults", FEATURE_FAULTS}, {"wide", FEATURE_WIDE},
    {"leave", FEATURE_LEAVE},
  };
  for (size_t length; *names != 0; names += length + (names[length] == ',')) {
    length = strcspn(names, ",");
    unsigned feature = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (strlen(known[i].name) == length && strncmp(known[i].name, names, length) == 0)
        feature = known[i].feature;
    if (feature == 0) return false;
    options.features &= ~feature;
  }
  return true;
}

// Whether a library has the calls of this kind. (A later symbol of the program's would be libc's.)
static bool exports_calls(const char *file) {
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return false;
  for (const char *const *name = kind->calls; *name != NULL; name++) {
    Dl_info info;
    void *function = dlsym(library, *name);
    if (function == NULL || dladdr(function, &info) == 0 || strcmp(info.dli_fname, file) != 0) {
      printf("%s\n", *name);
      return false;
    }
  }
  return true;
}

static bool choose_kind(const char *name) {
  static const struct kind *const kinds[] = {&semaphores, &queues, &memory};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (name != NULL && strcmp(kinds[i]->name, name) == 0) kind = kinds[i];
  return kind != NULL;
}

int main(int argc, char **argv) {
  if (!choose_kind(getenv("ORACLE_KIND"))) {
    fprintf(stderr, "oracle: ORACLE_KIND is sem, msg or shm\n");
    return 2;
  }
  if (argc >= 3 && strcmp(argv[1], "seed") == 0) return seed_main(strtoull(argv[2], NULL, 10));
  if (argc >= 6 && strcmp(argv[1], "once") == 0) return once_main(argv);
  if (argc >= 3 && strcmp(argv[1], "worker") == 0) {
    worker_main(atoi(argv[2]), 0, true);
    return 0;
  }
  for (int i = 1; i < argc; i++) {
    const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(name, "--verbose") == 0) options.verbose = true;
    else if (strcmp(name, "--ticking") == 0) options.ticking = true;
    else if (strcmp(name, "--together") == 0) options.together = true;
    else if (strcmp(name, "--stop") == 0) options.stop = true;
    else if (strcmp(name, "--available") == 0)
      return kind->churn() < 0 && errno == ENOSYS;
    else if (strcmp(name, "--exports") == 0) return !exports_calls(value);
    else if (strcmp(name, "--first") == 0) options.first = atol(value), i++;
    else if (strcmp(name, "--count") == 0) options.count = atol(value), i++;
    else if (strcmp(name, "--enough") == 0) options.enough = atol(value), i++;
    else if (strcmp(name, "--preload") == 0) options.preload = value, i++;
    else if (strcmp(name, "--directory") == 0) options.directory = value, i++;
    else if (strcmp(name, "--name") == 0) options.name = value, i++;
    else if (strcmp(name, "--replay") == 0) options.replay = value, i++;
    else if (strcmp(name, "--patience") == 0) options.patience_ms = (unsigned)atol(value), i++;
    else if (strcmp(name, "--without") == 0 && leave_out(value)) i++;
    else {
      fprintf(stderr, "oracle: unknown option %s\n", name);
      return 2;
    }
  }
  if (options.directory == NULL) {
    fprintf(stderr, "oracle: --directory is needed\n");
    return 2;
  }
  return run_main();
}
