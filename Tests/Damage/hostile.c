// A peer that may write the image overwrites any of it while others work: none may crash, hang, or
// touch memory outside the image. And one that truncates the file.
#include "damage.h"

#include <execinfo.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { VICTIMS = 3, COUNT = 6, HANG_SECONDS = 40, GUARD = 65536 };

struct shared {
  int64_t began[VICTIMS];  // when the call that runs now began, 0 between calls
  int call[VICTIMS];       // which
  long calls, failed, scribbles;
  int created;             // an object that another process has made
  long guarded;            // rounds whose image lay between pages without access
};
static struct shared *shared;
static int set;  // the object, of whichever kind
static const struct target *target;

static uint64_t state;
uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}
int below(int limit) { return (int)((next_random() >> 33) % (uint64_t)limit); }

// --- a victim

// Where an object's image is mapped in this process; whether inaccessible pages enclose it.
struct mapping {
  unsigned long start, end;
  bool guarded;
};
static struct mapping find_mapping(int id) {
  struct mapping found = {0, 0, false};
  struct stat status;
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[600], rights[5];
  unsigned long start, end, inode, last_end = 0;
  bool last_is_guard = false, is_next = false, begins_guarded = false;
  if (stat(target->path(id), &status)) give_up("stat of an image");
  while (maps && fgets(line, sizeof line, maps)) {
    if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &start, &end, rights, &inode) != 4) continue;
    bool is_guard = !strncmp(rights, "---", 3);
    if (is_next) found.guarded = begins_guarded && is_guard && start == last_end;
    is_next = inode == status.st_ino;
    if (is_next) {
      found.start = start;
      found.end = end;
      begins_guarded = last_is_guard && start == last_end;
    }
    last_is_guard = is_guard;
    last_end = end;
  }
  if (maps) fclose(maps);
  return found;
}

// A new object whose image lies between inaccessible pages: it finds room just where we leave some.
static unsigned char *around;
static size_t around_size;
static int new_guarded(void) {
  static size_t image_size;
  static const struct target *measured;
  if (measured != target) {
    int id = target->create();
    measured = target;
    struct mapping mapping = find_mapping(id);
    image_size = mapping.end - mapping.start;
    target->remove(id);
    // The library likes this place; it must look for another.
    mmap((void *)mapping.start, image_size, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  }
  around_size = image_size + 2 * GUARD;
  around = mmap(NULL, around_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (around == MAP_FAILED) give_up("mmap");
  munmap(around + GUARD, image_size);
  int id = target->create();
  if (find_mapping(id).guarded) shared->guarded++;
  return id;
}
static void remove_guards(void) {
  munmap(around, GUARD);
  munmap(around + around_size - GUARD, GUARD);
}

static int any_set_call(int set, int kind) {
  unsigned short values[COUNT];
  struct semid_ds status;
  struct seminfo info;
  union semun argument = {.array = values};
  struct timespec time = {0, below(4) * 1000000L};
  struct sembuf operations[5];
  int count = below(3) ? 1 : 1 + below(5);
  for (int i = 0; i < count; i++)
    operations[i] = (struct sembuf){(unsigned short)below(COUNT), (short)(below(5) - 2),
                                    (short)(below(2) ? SEM_UNDO : 0)};
  switch (kind) {
    case 0: return omega_semctl(set, 0, GETALL, argument);
    case 1: return omega_semctl(set, below(COUNT), GETNCNT);
    case 2: return set_value(set, below(COUNT), below(10)) ? -1 : 0;
    case 3:
      for (int i = 0; i < COUNT; i++) values[i] = (unsigned short)below(10);
      return omega_semctl(set, 0, SETALL, argument);
    case 4: argument.buf = &status; return omega_semctl(set, 0, IPC_STAT, argument);
    case 5: argument.buf = &status; return omega_semctl(set & 0x7FFF, 0, SEM_STAT_ANY, argument);
    case 6: argument.buf = (void *)&info; return omega_semctl(0, 0, SEM_INFO, argument);
    case 7: return omega_semctl(set, below(COUNT), GETPID);
    case 8: return omega_semctl(set, below(COUNT), GETZCNT);
    default: return omega_semtimedop(set, operations, (size_t)count, &time);
  }
}

// Says where a victim crashed, before it does: the addresses are those of the library's file.
static void report_crash(int signal, siginfo_t *info, void *context) {
  void *frames[20];
  (void)context;
  dprintf(1, "#   SIG%s at address %p, from:\n", sigabbrev_np(signal), info->si_addr);
  backtrace_symbols_fd(frames, backtrace(frames, 20), 1);
  raise(signal);
}

static void suffer(int number, uint64_t seed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  alarm(0);
  void *frames[1];
  backtrace(frames, 1);  // loads what it needs
  struct sigaction action = {.sa_sigaction = report_crash, .sa_flags = SA_SIGINFO | SA_RESETHAND};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  sigaction(SIGILL, &action, NULL);
  state = seed | 1;
  while (true) {
    int kind = below(30);
    shared->call[number] = kind;
    __atomic_store_n(&shared->began[number], now_ns(), __ATOMIC_RELEASE);
    int result = target->call(set, kind);
    __atomic_store_n(&shared->began[number], 0, __ATOMIC_RELEASE);
    __atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
    if (result < 0) __atomic_fetch_add(&shared->failed, 1, __ATOMIC_RELAXED);
  }
}

// --- the peer

struct image {
  unsigned char *memory;
  size_t size;
  size_t used[64][2];  // parts with memory behind them
  int parts;
};

static bool map_image(struct image *image) {
  int file = open(target->path(set), O_RDWR | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status)) return false;
  image->size = (size_t)status.st_size;
  image->memory = mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  image->parts = 0;
  off_t start = 0;
  while (image->parts < 64 && (start = lseek(file, start, SEEK_DATA)) >= 0) {
    off_t end = lseek(file, start, SEEK_HOLE);
    if (end > status.st_size) end = status.st_size;
    image->used[image->parts][0] = (size_t)start;
    image->used[image->parts++][1] = (size_t)(end - start);
    start = end;
  }
  close(file);
  return image->memory != MAP_FAILED && image->parts > 0;
}

// Words that lead astray: offsets, counts and slots just inside, just outside and far away.
static uint64_t nasty_word(const struct image *image) {
  static const uint64_t some[] = {0, 1, ~0ull, 0x8000000000000000, 0x7FFFFFFFFFFFFFFF, 4095,
                                  4096, 4097, 8191, 8192, 8193, 0xFFFFFFFF, 0x100000000,
                                  0x2000000020000000,
                                  0x40000000, 0x80000000, 500, 501, 0xFFFF, 0x7FFF, 32768};
  switch (below(6)) {
    case 0: return next_random();
    case 1: return next_random() % (2 * image->size);
    case 2: return image->size - 16 + (uint64_t)below(32);
    case 3: return (uint64_t)below(10000) | (uint64_t)below(10000) << 32;
    case 4: return (uint64_t)below(64) | next_random() << 48;
    default: return some[below(sizeof some / sizeof *some)];
  }
}

static void scribble(const struct image *image) {
  const size_t *part = image->used[below(image->parts)];
  size_t at = part[0] + next_random() % part[1];
  switch (below(4)) {
    case 0: image->memory[at] = (unsigned char)next_random(); break;
    case 1: image->memory[at] ^= (unsigned char)(1 << below(8)); break;
    case 2: *(uint32_t *)(void *)(image->memory + (at & ~3ul)) = (uint32_t)nasty_word(image); break;
    default: *(uint64_t *)(void *)(image->memory + (at & ~7ul)) = nasty_word(image); break;
  }
  shared->scribbles++;
}

// Half of the scribbles go to words that hold something, and to the header.
static void scribble_where_it_hurts(const struct image *image) {
  size_t words = 0, at = 0;
  for (int turn = 0; turn < 400 && !words; turn++) {
    const size_t *part = image->used[below(image->parts)];
    at = (part[0] + next_random() % part[1]) & ~7ul;
    if (below(4) == 0) at = (size_t)below(512 + 64 * COUNT) & ~7ul;
    if (*(uint64_t *)(void *)(image->memory + at)) words = 1;
  }
  *(uint64_t *)(void *)(image->memory + at) = nasty_word(image);
  shared->scribbles++;
}

static pid_t victims[VICTIMS];

// True when all victims are alive and none has been in one call for too long.
static bool all_well(int round) {
  for (int i = 0; i < VICTIMS; i++) {
    int status;
    int64_t began = __atomic_load_n(&shared->began[i], __ATOMIC_ACQUIRE);
    if (waitpid(victims[i], &status, WNOHANG) == victims[i]) {
      not_ok(target->name, "round %d: victim %d in call %d: %s", round, i, shared->call[i],
             ending(WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status)));
      victims[i] = 0;
      return false;
    }
    if (began && now_ns() - began > HANG_SECONDS * 1000000000LL) {
      not_ok(target->name, "round %d: victim %d hangs in call %d, state %c", round, i,
             shared->call[i], state_of(victims[i]));
      return false;
    }
  }
  return true;
}

// A fresh process opens what is left of it.
static int open_damaged(void) {
  for (int kind = 0; kind < 12; kind++) target->call(set, kind);
  return 0;
}

static bool play_round(int round) {
  set = new_guarded();
  memset(shared->began, 0, sizeof shared->began);
  for (int i = 0; i < VICTIMS; i++) {
    uint64_t seed = next_random();
    victims[i] = fork();
    if (victims[i] < 0) give_up("fork");
    if (victims[i] == 0) suffer(i, seed);
  }
  struct image image;
  usleep(20000);
  if (!map_image(&image)) give_up("the peer cannot map the image");
  bool well = true;
  int64_t end = now_ns() + (is_long_run() ? 400 : 120) * 1000000LL;
  // From a single word to a flood.
  long scribbles = 1L << below(20), done = 0;
  for (; now_ns() < end && well; done++) {
    if (done >= scribbles)
      usleep(1000);
    else if (below(2))
      scribble(&image);
    else
      scribble_where_it_hurts(&image);
    if (done % 4096 == 0 || done >= scribbles) well = all_well(round);
    if (done < scribbles && scribbles < 2000) usleep((useconds_t)(60000 / scribbles));
  }
  if (well) {
    int result = in_child(open_damaged, HANG_SECONDS * 4);
    if (result) {
      not_ok(target->name, "round %d: a fresh process %s", round, ending(result));
      well = false;
    }
  }
  // Who is in a long wait for a scribbled lock must come out of it.
  int64_t limit = now_ns() + HANG_SECONDS * 1000000000LL;
  for (int i = 0; i < VICTIMS && well; i++) {
    int64_t began = shared->began[i];
    while (well && began && shared->began[i] == began && now_ns() < limit) {
      usleep(2000);
      well = all_well(round);
      if (!is_long_run() && round % 8) break;
    }
  }
  for (int i = 0; i < VICTIMS; i++) {
    if (victims[i] <= 0) continue;
    kill(victims[i], SIGKILL);
    waitpid(victims[i], NULL, 0);
  }
  munmap(image.memory, image.size);
  remove_guards();
  // The way out for its owner; the damaged file may have to be removed by hand.
  if (!target->remove(set)) unlink(target->path(set));
  return well;
}

// A sleeper whose slot says that it is neither asleep nor finished, and that the one it guards has
// died: it must return, and not with success. (The slot is found by its futex word and status.)
static void scribbled_sleeper(void) {
  struct agent sleeper;
  struct sembuf take = {0, -1, SEM_UNDO};
  struct reply reply;
  struct image image;
  bool found = false;
  set = watched_set = new_set(COUNT, NULL);
  agent_start(&sleeper);
  agent_operate(&sleeper, set, &take, 1);
  wait_asleep(set, 0, 1);
  if (!map_image(&image)) give_up("the peer cannot map the image");
  for (int part = 0; part < image.parts && !found; part++) {
    for (size_t at = 0; at + 64 <= image.used[part][1] && !found; at += 64) {
      uint32_t *word = (uint32_t *)(void *)(image.memory + image.used[part][0] + at);
      uint64_t *status = (uint64_t *)(void *)(word + 2);
      if (word[0] >> 28 != 2 || *status != 1) continue;
      *status = 7;
      word[0] = 0x40000001;
      syscall(SYS_futex, word, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0);
      found = true;
    }
  }
  if (!found)
    not_ok("hostile-sleeper", "its slot was not found: has the layout changed?");
  else if (!agent_reply(&sleeper, 10000, &reply))
    not_ok("hostile-sleeper", "it does not return, state %c", state_of(sleeper.pid));
  else if (!reply.error)
    not_ok("hostile-sleeper", "it returned with success");
  else
    ok("hostile-sleeper", "%s", error_name(reply.error));
  agent_kill(&sleeper);
  munmap(image.memory, image.size);
  remove_set(set);
}

// Marks of a call of several operations of a member that lives and makes none: its last call, made
// undecided again. Who meets them must not wait for it for ever. (The member is the set's first.)
static int take_two(void) {
  return operate_many(set, (struct sembuf[]){{0, -1, 0}, {1, -1, 0}}, 2);
}
static void scribbled_marks(bool named_by_the_call) {
  const char *name = named_by_the_call ? "hostile-mark" : "hostile-mark-of-nothing";
  struct agent member;
  struct reply reply;
  struct image image;
  unsigned short values[2];
  struct sembuf both[] = {{0, -1, 0}, {1, -1, 0}};
  uint64_t *status = NULL;
  set = watched_set = new_set(2, (unsigned short[]){8, 8});
  agent_start(&member);
  if (agent_do(&member, set, 0, -1, SEM_UNDO) || agent_do(&member, set, 0, 1, SEM_UNDO))
    give_up("the member's record");
  agent_operate(&member, set, both, 2);
  if (!agent_reply(&member, 10000, &reply) || reply.error) give_up("the member's call");
  if (!map_image(&image)) give_up("the peer cannot map the image");
  for (int part = 0; part < image.parts && !status; part++)
    for (size_t at = 0; at + 64 <= image.used[part][1] && !status; at += 64) {
      uint64_t *word = (uint64_t *)(void *)(image.memory + image.used[part][0] + at);
      if ((*word & 0x3FFFFFFFFF) == (2 | 2 << 8 | (uint64_t)member.pid << 16)) status = word;
    }
  if (!status) {
    not_ok(name, "its descriptor was not found: has the layout changed?");
  } else {
    *status -= 1;
    for (int i = 0; i < 2; i++)
      *(uint64_t *)(void *)(image.memory + 512 + 64 * i) =
          4097ull << 51 | (*status >> 40 & 0x3FFFFF) << 29 | (named_by_the_call ? 8 : 5);
    int result = in_child(take_two, HANG_SECONDS);
    unsigned short expected = named_by_the_call ? 7 : 4;
    if (result)
      not_ok(name, "a call of two operations %s", ending(result));
    else if (!get_values(set, values) || values[0] != expected || values[1] != expected)
      not_ok(name, "values %s, not %d", values_text(values, 2), expected);
    else
      ok(name, "another call goes on, values %s", values_text(values, 2));
  }
  agent_kill(&member);
  munmap(image.memory, image.size);
  remove_set(set);
}

static int create_set(void) {
  static const unsigned short start[COUNT] = {3, 2, 1, 0, 5, 4};
  return new_set(COUNT, start);
}
static bool remove_any_set(int id) { return omega_semctl(id, 0, IPC_RMID) == 0; }
static const struct target sets = {"hostile-peer", "", create_set, any_set_call, remove_any_set,
                                   path_of_set};

static void map_shared(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) give_up("mmap");
}

// Rounds of scribbling over objects of a kind, beside a set that nobody may touch.
static void play(const struct target *kind, unsigned seed, int rounds) {
  state = seed * 0x9E3779B97F4A7C15ull + 1;
  target = kind;
  shared->calls = shared->failed = shared->scribbles = shared->guarded = 0;
  int round = 0;
  bool well = true;
  int neighbour = new_set(2, (unsigned short[]){7, 9});
  for (; round < rounds && well; round++) {
    watch("hostile peer", 600);
    well = play_round(round);
  }
  unsigned short values[2];
  if (!get_values(neighbour, values) || values[0] != 7 || values[1] != 9)
    not_ok(kind->name, "another set was touched: %s", values_text(values, 2));
  remove_set(neighbour);
  if (well)
    ok(kind->name, "seed %u, %d rounds, %ld scribbles; %ld calls of which %ld failed; no "
       "crash, no hang; %ld rounds with the image between inaccessible pages", seed, round,
       shared->scribbles, shared->calls, shared->failed, shared->guarded);
  else
    printf("# replay: Tests/Damage/run hostile%s %u\n", kind->part, seed);
}

int run_hostile(unsigned seed) {
  map_shared();
  target = &sets;
  scribbled_sleeper();
  scribbled_marks(true);
  scribbled_marks(false);
  play(&sets, seed, is_long_run() ? 1000 : 80);
  return failures != 0;
}

int run_hostile_queues(unsigned seed) {
  map_shared();
  play(&queue_target, seed, is_long_run() ? 1000 : 80);
  return failures != 0;
}

int run_hostile_memory(unsigned seed) {
  map_shared();
  play(&segment_target, seed, is_long_run() ? 1000 : 80);
  return failures != 0;
}

// --- truncation

static int use_for_a_second(void) {
  int64_t end = now_ns() + 300000000LL;
  while (now_ns() < end) target->call(set, below(30));
  return 0;
}

static int neighbour;
static int use_neighbour(void) {
  unsigned short values[2];
  if (operate(neighbour, 0, -1, SEM_UNDO)) return errno;
  return get_values(neighbour, values) ? 0 : errno;
}

// Linux gives SIGBUS to who touches a mapping behind the end of its file: whoever may write the
// file can do that to its users, and no others. What is tested is that the rest goes on.
// This process must not have what is going to be truncated in its own memory.
static int create_in_child(void) {
  shared->created = target->create();
  return 0;
}
static int create_elsewhere(const struct target *kind) {
  target = kind;
  if (in_child(create_in_child, 20)) give_up("create");
  return shared->created;
}

static void truncate_objects(const struct target *kind) {
  static const off_t sizes[] = {0, 100, 4096, 8192, 40960, 1 << 20};
  watch("truncate", 120);
  state = 4711;
  target = kind;
  neighbour = new_set(2, (unsigned short[]){7, 9});
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    char name[60];
    snprintf(name, sizeof name, "truncated%s-to-%ld", kind->part, (long)sizes[i]);
    set = create_elsewhere(kind);
    pid_t user = fork();
    if (user == 0) {
      setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
      _exit(use_for_a_second());
    }
    usleep(20000);
    if (truncate(kind->path(set), sizes[i])) give_up("truncate");
    int status;
    waitpid(user, &status, 0);
    int seen = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
    printf("#   %s: a user of it %s\n", name, seen ? ending(seen) : "went on");
    int fresh = in_child(open_damaged, 60), other = in_child(use_neighbour, 10);
    if (seen && seen != 256 + SIGBUS)
      not_ok(name, "a user %s", ending(seen));
    else if (fresh)
      not_ok(name, "a fresh process %s", ending(fresh));
    else if (other || control(neighbour, 0, GETVAL) != 7)
      not_ok(name, "the other set: %s, value %d", ending(other), control(neighbour, 0, GETVAL));
    else
      ok(name, "fresh processes get errors, the other set works");
    unlink(kind->path(set));
  }
  remove_set(neighbour);
}

int run_truncate(void) {
  map_shared();
  truncate_objects(&sets);
  truncate_objects(&queue_target);
  truncate_objects(&segment_target);
  return failures != 0;
}
