// Processes do random operations with SEM_UNDO on shared sets, asleep, with threads, forking and
// executing, while they are killed and replaced thousands of times. In the end every token is back.
#include "death.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum { WORKERS = 8, SETS = 3, MAX_COUNT = 16, THREADS = 3 };
static const int counts[SETS] = {1, 4, MAX_COUNT};
static const unsigned short start_values[MAX_COUNT] = {3, 2, 0, 5, 1, 1, 4, 0,
                                                       2, 9, 1, 0, 3, 1, 1, 2};

// Shared by all, over exec as well (a memory file).
struct shared {
  int sets[SETS];
  long operations, sleeps, forks, executions, threads;
  char wrong[200];
};
static struct shared *shared;
static int shared_file;
static const char *program_path;

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}
static int below(uint64_t *state, int limit) {
  return (int)((next_random(state) >> 33) % (uint64_t)limit);
}
static void count(long *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

// --- a worker

static void complain(const char *what, int error) {
  if (!shared->wrong[0])
    snprintf(shared->wrong, sizeof shared->wrong, "%s: %s", what, error_name(error));
  _exit(3);
}

// What this process has taken and not given back (a part of it, after an exec). It gives back
// nothing else: the undo of a gift that others have used up is cut off at 0, on Linux as here.
static int holdings[SETS][MAX_COUNT];

static int reserve(int *held, int wanted) {
  int now = __atomic_load_n(held, __ATOMIC_RELAXED);
  while (now >= wanted)
    if (__atomic_compare_exchange_n(held, &now, now - wanted, 0, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
      return wanted;
  return 0;
}

// Takes or gives back, one or several, waiting for a short time or not at all.
static void operate_once(uint64_t *random) {
  int which = below(random, SETS);
  int number = below(random, 4) ? 1 : 1 + below(random, 5);
  struct sembuf operations[5];
  for (int i = 0; i < number; i++) {
    int semaphore = below(random, counts[which]);
    int amount = below(random, 2) ? reserve(&holdings[which][semaphore], 1 + below(random, 2)) : 0;
    if (!amount && below(random, 12)) amount = -1 - below(random, 2);
    operations[i] = (struct sembuf){(unsigned short)semaphore, (short)amount, SEM_UNDO};
    if (!below(random, 3)) operations[i].sem_flg |= IPC_NOWAIT;
  }
  struct timespec time = {0, below(random, 8) * 1000000L};
  count(&shared->operations);
  if (time.tv_nsec) count(&shared->sleeps);
  int error =
      omega_semtimedop(shared->sets[which], operations, (size_t)number, &time) ? errno : 0;
  if (error && error != EAGAIN && error != EINTR) complain("semtimedop", error);
  for (int i = 0; i < number; i++) {
    int change = error ? operations[i].sem_op : -operations[i].sem_op;
    if (change > 0)
      __atomic_fetch_add(&holdings[which][operations[i].sem_num], change, __ATOMIC_RELAXED);
  }
}

static void observe(uint64_t *random) {
  int which = below(random, SETS);
  unsigned short values[MAX_COUNT];
  if (!get_values(shared->sets[which], values)) complain("GETALL", errno);
  for (int i = 0; i < counts[which]; i++)
    if (values[i] > 32767) complain("GETALL gives a wild value", 0);
  if (control(shared->sets[which], below(random, counts[which]), GETNCNT) < 0)
    complain("GETNCNT", errno);
}

static void *work_in_thread(void *seed) {
  uint64_t random = (uint64_t)(uintptr_t)seed | 1;
  for (int i = 0; i < 40; i++) operate_once(&random);
  return NULL;
}

static void work_with_threads(uint64_t *random) {
  pthread_t threads[THREADS];
  count(&shared->threads);
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work_in_thread, (void *)(uintptr_t)next_random(random)))
      complain("pthread_create", errno);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void work_in_child(uint64_t *random) {
  count(&shared->forks);
  pid_t pid = fork();
  if (pid < 0) complain("fork", errno);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    next_random(random);
    memset(holdings, 0, sizeof holdings);  // a fork starts without an undo record
    for (int i = 0; i < 30; i++) operate_once(random);
    _exit(0);
  }
  operate_once(random);
  int status;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status)) _exit(WEXITSTATUS(status));
}

static void execute(uint64_t *random) {
  char file[20], seed[30];
  count(&shared->executions);
  snprintf(file, sizeof file, "%d", shared_file);
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)next_random(random));
  execl(program_path, program_path, "storm-worker", file, seed, NULL);
  complain("exec", errno);
}

static void work(uint64_t random) {
  while (true) {
    for (int i = 0; i < 8; i++) operate_once(&random);
    switch (below(&random, 8)) {
      case 0: work_with_threads(&random); break;
      case 1: work_in_child(&random); break;
      case 2: execute(&random); break;
      default: observe(&random);
    }
  }
}

static void map_shared(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, shared_file, 0);
  if (shared == MAP_FAILED) give_up("mmap");
}

int storm_worker(int argc, char **argv) {
  if (argc < 4) return 2;
  program_path = argv[0];
  shared_file = atoi(argv[2]);
  map_shared();
  work(strtoull(argv[3], NULL, 10) | 1);
  return 2;
}

// --- the killer

static pid_t workers[WORKERS];

static void start_worker(int slot, uint64_t *random) {
  uint64_t seed = next_random(random) | 1;
  pid_t parent = getpid();
  workers[slot] = fork();
  if (workers[slot] < 0) give_up("fork");
  if (workers[slot]) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  alarm(0);
  work(seed);
}

static bool end_worker(int slot) {
  int status;
  kill(workers[slot], SIGKILL);
  if (waitpid(workers[slot], &status, 0) < 0) give_up("waitpid");
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

// Children that workers left come to us; all must end, for they die with their parents.
static void reap_orphans(void) {
  while (true) {
    pid_t pid = waitpid(-1, NULL, 0);
    if (pid < 0) return;
  }
}

static bool all_back(long kills) {
  bool right = true;
  for (int i = 0; i < WORKERS; i++)
    if (!end_worker(i)) right = false;
  reap_orphans();
  for (int set = 0; set < SETS; set++) {
    unsigned short values[MAX_COUNT];
    if (!get_values(shared->sets[set], values)) give_up("GETALL");
    if (!same_values(values, start_values, counts[set])) {
      right = false;
      printf("# after %ld kills, set of %d: %s\n", kills, counts[set],
             values_text(values, counts[set]));
      printf("#   instead of %s\n", values_text(start_values, counts[set]));
    }
    for (int i = 0; i < counts[set]; i++) {
      int id = shared->sets[set];
      int sleepers = control(id, i, GETNCNT) + control(id, i, GETZCNT);
      if (!sleepers) continue;
      right = false;
      printf("# after %ld kills, set of %d: %d sleepers on %d\n", kills, counts[set], sleepers, i);
    }
  }
  return right;
}

static bool nothing_left(void) {
  const char *path = getenv("OMEGA_IPC_NAMESPACE");
  DIR *directory = path ? opendir(path) : NULL;
  struct dirent *entry;
  bool empty = true;
  while (directory && (entry = readdir(directory))) {
    if (strncmp(entry->d_name, "sem.", 4)) continue;
    printf("# left over: %s\n", entry->d_name);
    empty = false;
  }
  if (directory) closedir(directory);
  return empty;
}

int run_storm(const char *program, long kills, unsigned seed) {
  program_path = program;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  shared_file = memfd_create("storm", 0);
  if (shared_file < 0 || ftruncate(shared_file, sizeof *shared)) give_up("memfd");
  map_shared();
  for (int set = 0; set < SETS; set++) shared->sets[set] = new_set(counts[set], start_values);
  watched_set = shared->sets[1];
  uint64_t random = seed * 0x9E3779B97F4A7C15ull + 1;
  int64_t begin = now_ns();
  bool right = true;
  const char *strange = "";
  for (int i = 0; i < WORKERS; i++) start_worker(i, &random);
  long done = 0;
  while (done < kills && right) {
    char text[60];
    snprintf(text, sizeof text, "storm, kill %ld", done);
    watch(text, 30);
    long before = shared->operations;
    usleep((unsigned)below(&random, 4000));
    int slot = below(&random, WORKERS);
    if (!end_worker(slot)) {
      right = false;
      strange = "a worker ended by itself";
    }
    start_worker(slot, &random);
    done++;
    // Nothing may stand still: all wait for a few milliseconds at most.
    while (done % 100 == 0 && shared->operations == before) usleep(1000);
    if (done % 1000 == 0 && done < kills) {
      right = all_back(done) && right;
      for (int i = 0; i < WORKERS; i++) start_worker(i, &random);
    }
  }
  right = all_back(done) && right;
  for (int set = 0; set < SETS; set++) remove_set(shared->sets[set]);
  right = nothing_left() && right;
  if (right && !shared->wrong[0])
    ok("storm",
       "seed %u, %ld kills, %ld operations, %ld that may sleep, %ld with threads, %ld forks, "
       "%ld exec; sums exact; %.0f s", seed, done, shared->operations, shared->sleeps,
       shared->threads, shared->forks, shared->executions, 1e-9 * (double)(now_ns() - begin));
  else
    not_ok("storm", "seed %u, %ld kills; %s %s", seed, done, strange, shared->wrong);
  return failures != 0;
}
