// Attaching, detaching, forking, creating and removing segments.
#include "stepper.h"

#include <dirent.h>
#include <sys/mman.h>

enum { KEY = 0x51000043, SIZE = 10000 };
static int segment = -1;
static char *memory;  // in the child
static pid_t other;   // has it attached, or 0
static long befores, afters;
static int files_at_start;

static int count_files(void) {
  DIR *directory = opendir(getenv("OMEGA_IPC_NAMESPACE"));
  if (!directory) give_up("namespace");
  int count = 0;
  struct dirent *entry;
  while ((entry = readdir(directory))) count += !strncmp(entry->d_name, "shm.", 4);
  closedir(directory);
  return count;
}

static void set_up(void) {
  befores = afters = 0;
  segment = -1;
  files_at_start = count_files();
}

static void end_other(void) {
  if (other <= 0) return;
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  other = 0;
}

static void remove_if_there(void) {
  if (segment >= 0 && attachments(segment) >= 0) remove_segment(segment);
  segment = -1;
}

static void tear_down(void) {
  end_other();
  remove_if_there();
}

static void prepare(void) {
  end_other();
  remove_if_there();
  segment = omega_shmget(KEY, SIZE, IPC_CREAT | IPC_EXCL | 0600);
  if (segment < 0) give_up("shmget");
}

static void prepare_with_other(void) {
  prepare();
  other = fork();
  if (other < 0) give_up("fork");
  if (other == 0) {
    attach(segment);
    for (;;) pause();
  }
  while (attachments(segment) != 1) usleep(200);
}

static const char *summary(void) { return message("%ld before, %ld after", befores, afters); }

static const char *count_side(const struct point *point, bool after) {
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  if (after) {
    afters++;
    return NULL;
  }
  if (point->ended) return "the call returned, but nothing happened";
  befores++;
  return NULL;
}

// The segment is as good as new, but for its times: attached by us, written, detached, removed.
static const char *usable(long expected) {
  long count = attachments(segment);
  if (count != expected) return message("%ld attachments, not %ld", count, expected);
  if (omega_shmget(KEY, SIZE, 0) != segment) return "the key does not name it";
  char *mine = omega_shmat(segment, NULL, 0);
  if (mine == (void *)-1) return message("shmat: %s", error_name(errno));
  mine[SIZE - 1]++;
  if (attachments(segment) != expected + 1) return "our attachment is not counted";
  if (omega_shmdt(mine)) return "shmdt";
  if (attachments(segment) != expected) return "our detachment is not counted";
  return NULL;
}

static const char *gone(void) {
  if (attachments(segment) != -1) return message("%ld attachments", attachments(segment));
  if (errno != EINVAL && errno != EIDRM) return message("IPC_STAT: %s", error_name(errno));
  if (omega_shmget(KEY, 0, 0) >= 0 || errno != ENOENT) return "the key is still there";
  int left = count_files() - files_at_start;
  return left ? message("%d names are left over", left) : NULL;
}

// --- attaching and detaching

static void know(void) {
  if (attachments(segment) < 0) _exit(254);
}
static void attach_first(void) { memory = attach(segment); }
static void attach_other(void) {
  attach(segment);
  memory = attach(segment);
}

static int call_attach(void) { return omega_shmat(segment, NULL, 0) == (void *)-1 ? errno : 0; }
static int call_attach_for_reading(void) {
  return omega_shmat(segment, NULL, SHM_RDONLY) == (void *)-1 ? errno : 0;
}
static int call_detach(void) { return omega_shmdt(memory) ? errno : 0; }
static int call_replace(void) {
  return omega_shmat(segment, memory, SHM_REMAP) == (void *)-1 ? errno : 0;
}

// Whatever the dead process was doing, it has nothing attached any more. If it had, it was the last to do
// anything, and has detached.
static pid_t last_pid(void) {
  struct shmid_ds status;
  return omega_shmctl(segment, IPC_STAT, &status) ? -1 : status.shm_lpid;
}
static const char *check_none(const struct point *point) {
  struct shmid_ds status;
  int64_t begin = now_ns();
  if (omega_shmctl(segment, IPC_STAT, &status)) return message("IPC_STAT: %s", error_name(errno));
  times_add(&first_times, now_ns() - begin);
  const char *wrong = count_side(point, status.shm_atime != 0);
  if (wrong) return wrong;
  if (!status.shm_atime != !status.shm_lpid || !status.shm_atime != !status.shm_dtime)
    return message("atime %d, dtime %d, lpid %d", status.shm_atime != 0, status.shm_dtime != 0,
                   status.shm_lpid);
  return usable(0);
}

#define MEMORY(NAME, LABEL, PREPARE, WARM, CALL, CHECK)                                  \
  static const struct scenario NAME = {                                                  \
      .name = LABEL, .set_up = set_up, .prepare = PREPARE, .warm = WARM, .call = CALL,   \
      .check = CHECK, .tear_down = tear_down, .summary = summary}

MEMORY(first, "step-shmat", prepare, know, call_attach, check_none);
MEMORY(again, "step-shmat-again", prepare, attach_first, call_attach, check_none);
MEMORY(reading, "step-shmat-reading", prepare, know, call_attach_for_reading, check_none);
MEMORY(replacing, "step-shmat-remap", prepare, attach_other, call_replace, check_none);
MEMORY(detaching, "step-shmdt", prepare, attach_other, call_detach, check_none);

static const char *check_one(const struct point *point) {
  const char *wrong = count_side(point, last_pid() != other);
  return wrong ? wrong : usable(1);
}
MEMORY(beside, "step-shmat-beside", prepare_with_other, know, call_attach, check_one);

// --- removal

static int call_remove(void) { return omega_shmctl(segment, IPC_RMID, NULL) ? errno : 0; }
static void attach_and_doom(void) {
  attach_first();
  if (call_remove()) _exit(253);
}

static const char *check_removed(const struct point *point) {
  bool is_gone = attachments(segment) < 0;
  const char *wrong = count_side(point, is_gone);
  if (wrong) return wrong;
  if (!is_gone) {
    if ((wrong = usable(0))) return wrong;
    remove_segment(segment);
  }
  return gone();
}
MEMORY(removing, "step-shm-remove", prepare, know, call_remove, check_removed);

// The last to have it attached detaches it, or dies: it is gone in any case.
static const char *check_ended(const struct point *point) {
  const char *wrong = count_side(point, true);
  return wrong ? wrong : gone();
}
MEMORY(ending, "step-last-shmdt", prepare, attach_and_doom, call_detach, check_ended);
MEMORY(reviving, "step-shmat-doomed", prepare, attach_and_doom, call_attach, check_ended);

// Removed while another has it attached: marked, without its key, or as before.
static const char *check_doomed(const struct point *point) {
  struct shmid_ds status;
  if (omega_shmctl(segment, IPC_STAT, &status)) return message("IPC_STAT: %s", error_name(errno));
  bool after = status.shm_perm.mode & SHM_DEST;
  const char *wrong = count_side(point, after);
  if (wrong) return wrong;
  if (after != !status.shm_perm.__key) return "marked, but with a key; or the reverse";
  if (!after) {
    if ((wrong = usable(1))) return wrong;
    remove_segment(segment);
  }
  if (attachments(segment) != 1) return message("%ld attachments", attachments(segment));
  if (omega_shmget(KEY, 0, 0) >= 0 || errno != ENOENT) return "the key is still there";
  // The key is free for another.
  int fresh = omega_shmget(KEY, 1, IPC_CREAT | IPC_EXCL | 0600);
  if (fresh < 0) return message("the key cannot be used again: %s", error_name(errno));
  remove_segment(fresh);
  end_other();
  return gone();
}
MEMORY(dooming, "step-shm-doom", prepare_with_other, know, call_remove, check_doomed);

// --- creation

static void prepare_create(void) { remove_if_there(); }
static void know_nothing(void) {
  if (omega_shmget(KEY, 1, 0) >= 0) _exit(254);
}
static int call_create(void) {
  return omega_shmget(KEY, SIZE, IPC_CREAT | IPC_EXCL | 0600) < 0 ? errno : 0;
}
static const char *check_created(const struct point *point) {
  segment = omega_shmget(KEY, 0, 0);
  if (segment < 0 && errno != ENOENT) return message("shmget: %s", error_name(errno));
  const char *wrong = count_side(point, segment >= 0);
  if (wrong) return wrong;
  if (segment < 0) segment = omega_shmget(KEY, SIZE, IPC_CREAT | IPC_EXCL | 0600);
  if (segment < 0) return message("the key cannot be created again: %s", error_name(errno));
  struct shmid_ds status;
  if (omega_shmctl(segment, IPC_STAT, &status)) return message("IPC_STAT: %s", error_name(errno));
  if (status.shm_segsz != SIZE || status.shm_atime || status.shm_lpid || !status.shm_cpid)
    return "IPC_STAT of the new segment is wrong";
  char *mine = attach(segment);
  for (int i = 0; i < SIZE; i++)
    if (mine[i]) return "a new segment is not empty";
  memset(mine, 1, SIZE);
  if (omega_shmdt(mine)) return "shmdt";
  return usable(0);
}

// Once all indices have come round, nothing of the dead may be left.
static const char *summary_create(void) {
  remove_if_there();
  for (int i = 0; i < 300; i++) remove_segment(new_segment(SIZE));
  int left = count_files() - files_at_start;
  if (left) not_ok("step-shm-create", "%d files are left over", left);
  return message("%s; nothing left", summary());
}
static const struct scenario creating = {
    .name = "step-shm-create", .set_up = set_up, .prepare = prepare_create,
    .warm = know_nothing, .call = call_create, .check = check_created, .tear_down = tear_down,
    .summary = summary_create};

// The same from the image of a segment that the process has removed.
static void make_spare(void) {
  for (int i = 0; i < 3; i++) {
    segment = new_segment(SIZE);
    memory = attach(segment);
    memset(memory, 1, SIZE);
    if (omega_shmdt(memory)) _exit(253);
    remove_segment(segment);
  }
}
static const struct scenario renewing = {
    .name = "step-shm-renew", .set_up = set_up, .prepare = prepare_create, .warm = make_spare,
    .call = call_create, .check = check_created, .tear_down = tear_down,
    .summary = summary_create};

// --- fork

static _Atomic pid_t *grandchild;
static void prepare_fork(void) {
  if (!grandchild)
    grandchild = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (grandchild == MAP_FAILED) give_up("mmap");
  *grandchild = 0;
  prepare();
}
static int call_fork(void) {
  pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid > 0) return 0;
  *grandchild = getpid();
  for (;;) pause();
}

// Killed, the parent leaves a child or none. What it has reserved for one that never was is given up after
// a few seconds.
static const char *check_fork(const struct point *point) {
  for (int ms = 0; !*grandchild && ms < 50; ms++) pause_ms(1);
  long expected = *grandchild != 0;
  const char *wrong = count_side(point, expected);
  if (wrong) return wrong;
  if (expected) {
    // At once, and never less.
    if (attachments(segment) != 1) return message("%ld attachments", attachments(segment));
    kill(*grandchild, SIGKILL);
    while (!kill(*grandchild, 0) && state_of(*grandchild) != 'Z') usleep(200);
  }
  for (int ms = 0; attachments(segment) != 0 && ms < 20000; ms += 20) pause_ms(20);
  return usable(0);
}
static const struct scenario forking = {
    .name = "step-fork", .set_up = set_up, .prepare = prepare_fork, .warm = attach_first,
    .call = call_fork, .check = check_fork, .tear_down = tear_down, .summary = summary,
    .only_changes = true};

// --- a canary: what is no single call must be found out

static int call_two(void) {
  int error = call_remove();
  return error ? error : call_create();
}
static const char *check_two(const struct point *point) {
  const char *wrong = count_side(point, point->ended || omega_shmget(KEY, 0, 0) != segment);
  if (wrong) return wrong;
  return omega_shmget(KEY, 0, 0) < 0 ? "there is no segment with the key" : NULL;
}
static void tear_down_two(void) {
  segment = omega_shmget(KEY, 0, 0);
  tear_down();
}
static const struct scenario canary = {
    .name = "step-canary-memory", .set_up = set_up, .prepare = prepare, .warm = know,
    .call = call_two, .check = check_two, .tear_down = tear_down_two, .must_fail = true};

const struct scenario *const memory_scenarios[] = {
    &canary, &first, &again, &reading, &replacing, &detaching, &beside, &removing, &ending,
    &reviving, &dooming, &creating, &renewing, &forking, NULL};
