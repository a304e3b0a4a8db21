// SETALL, SETVAL with adjustments present, creation and removal.
#include "stepper.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { COUNT = 4, KEY = 0x51000042 };
static int set = -1;
static struct agent holder, sleeper;
static bool is_sleeping;
static long befores, afters, helped;

static void warm(void) {
  unsigned short values[COUNT];
  if (!get_values(set, values)) _exit(254);
}

static const char *summary(void) {
  return message("%ld before, %ld after, %ld helped", befores, afters, helped);
}

// Counts a kill as before or after; wrong when the call had returned and nothing happened.
static const char *count_side(const struct point *point, bool after) {
  if (after) {
    afters++;
    return NULL;
  }
  if (point->ended) return "the call returned, but nothing happened";
  befores++;
  return NULL;
}

static const char *usable(void) {
  int value = control(set, 3, GETVAL);
  if (operate(set, 3, 1, IPC_NOWAIT) || control(set, 3, GETVAL) != value + 1)
    return "the set cannot be used";
  return NULL;
}

// --- SETALL and SETVAL

static const unsigned short start_values[COUNT] = {1, 2, 3, 4};
static const unsigned short new_values[COUNT] = {8, 7, 6, 5};

static void set_up(void) {
  set = watched_set = new_set(COUNT, start_values);
  befores = afters = helped = 0;
  is_sleeping = false;
  agent_start(&sleeper);
}

static void tear_down(void) {
  agent_kill(&sleeper);
  remove_set(set);
}

static const char *finish_sleep(void) {
  struct reply reply;
  if (!is_sleeping) return NULL;
  is_sleeping = false;
  if (!agent_reply(&sleeper, 3000, &reply)) return "the sleeper does not return";
  return NULL;
}

static void renew(const unsigned short *values) {
  remove_set(set);
  finish_sleep();
  set = watched_set = new_set(COUNT, values);
}

static void prepare(void) { renew(start_values); }
static int call_set_all(void) {
  union semun argument = {.array = (unsigned short *)new_values};
  return omega_semctl(set, 0, SETALL, argument) < 0 ? errno : 0;
}

static const char *check_set_all(const struct point *point) {
  unsigned short values[COUNT];
  int64_t begin = now_ns();
  if (!get_values(set, values)) return message("GETALL: %s", error_name(errno));
  times_add(&first_times, now_ns() - begin);
  bool after = same_values(values, new_values, COUNT);
  if (!after && !same_values(values, start_values, COUNT))
    return message("values %s", values_text(values, COUNT));
  const char *wrong = count_side(point, after);
  return wrong ? wrong : usable();
}

static const struct scenario set_all = {
    .name = "step-setall", .set_up = set_up, .prepare = prepare, .warm = warm,
    .call = call_set_all, .check = check_set_all, .tear_down = tear_down, .summary = summary};

// A sleeper that SETALL lets go on; both sleep on semaphore 0.
static const unsigned short empty_values[COUNT] = {0, 2, 3, 4};
static void prepare_waking(void) {
  struct sembuf operation = {0, -3, 0};
  renew(empty_values);
  agent_operate(&sleeper, set, &operation, 1);
  is_sleeping = true;
  wait_asleep(set, 0, 1);
}

// Waits for the sleeper without touching the set.
static bool returns(const struct point *point, struct reply *reply) {
  if (!agent_reply(&sleeper, point->quiet_ms, reply)) return false;
  is_sleeping = false;
  times_add(&sleeper_times, reply->ns > point->killed ? reply->ns - point->killed : 0);
  return true;
}

static const char *check_waking(const struct point *point) {
  unsigned short values[COUNT];
  struct reply reply;
  bool alone = returns(point, &reply);
  if (!get_values(set, values)) return message("GETALL: %s", error_name(errno));
  if (same_values(values, empty_values, COUNT)) {
    if (alone) return "the sleeper returned, but the values are the old ones";
    if (control(set, 0, GETNCNT) != 1) return "the sleeper is not counted";
    const char *wrong = count_side(point, false);
    if (wrong) return wrong;
    int error = operate(set, 0, 3, 0);
    if (error) return message("the set cannot be used: %s", error_name(error));
    return finish_sleep();
  }
  static const unsigned short taken[COUNT] = {5, 7, 6, 5};
  if (!same_values(values, taken, COUNT)) return message("values %s", values_text(values, COUNT));
  count_side(point, true);
  if (!alone && point->quiet_ms >= 60) {
    helped++;
    const char *wrong = finish_sleep();
    return wrong ? wrong : needs_help;
  }
  const char *wrong = finish_sleep();
  return wrong ? wrong : usable();
}

static const struct scenario waking = {
    .name = "step-setall-waking", .set_up = set_up, .prepare = prepare_waking, .warm = warm,
    .call = call_set_all, .check = check_waking, .tear_down = tear_down, .summary = summary};

// SETVAL while another process holds adjustments: they are zeroed with it, or stay.
static void prepare_held(void) {
  renew(start_values);
  agent_kill(&holder);
  agent_start(&holder);
  if (agent_do(&holder, set, 1, -2, SEM_UNDO) || agent_do(&holder, set, 2, -1, SEM_UNDO))
    give_up("holder");
}
static int call_set_value(void) { return set_value(set, 1, 10); }

static const char *check_held(const struct point *point) {
  int value = control(set, 1, GETVAL);
  if (value != 0 && value != 10) return message("GETVAL is %d", value);
  const char *wrong = count_side(point, value == 10);
  if (wrong) return wrong;
  agent_kill(&holder);
  int undone = control(set, 1, GETVAL), other = control(set, 2, GETVAL);
  if (undone != (value == 10 ? 10 : 2)) return message("%d became %d by undo", value, undone);
  if (other != 3) return message("the other semaphore's undo made %d", other);
  return usable();
}

static void tear_down_held(void) {
  agent_kill(&holder);
  tear_down();
}

static const struct scenario held = {
    .name = "step-setval-held", .set_up = set_up, .prepare = prepare_held, .warm = warm,
    .call = call_set_value, .check = check_held, .tear_down = tear_down_held, .summary = summary};

static const char *check_all_held(const struct point *point) {
  unsigned short values[COUNT], now[COUNT];
  if (!get_values(set, values)) return message("GETALL: %s", error_name(errno));
  bool after = same_values(values, new_values, COUNT);
  const char *wrong = count_side(point, after);
  if (wrong) return wrong;
  agent_kill(&holder);
  if (!get_values(set, now)) return message("GETALL: %s", error_name(errno));
  if (!same_values(now, after ? new_values : start_values, COUNT))
    return message("%s became %s by undo", values_text(values, COUNT), values_text(now, COUNT));
  return usable();
}

static const struct scenario all_held = {
    .name = "step-setall-held", .set_up = set_up, .prepare = prepare_held, .warm = warm,
    .call = call_set_all, .check = check_all_held, .tear_down = tear_down_held,
    .summary = summary};

// --- creation and removal

static int count_files(const char *prefix) {
  DIR *directory = opendir(getenv("OMEGA_IPC_NAMESPACE"));
  if (!directory) give_up("namespace");
  int count = 0;
  struct dirent *entry;
  while ((entry = readdir(directory))) count += !strncmp(entry->d_name, prefix, strlen(prefix));
  closedir(directory);
  return count;
}

static int files_at_start;
static void set_up_create(void) {
  files_at_start = count_files("sem.");
  set = watched_set = new_set(COUNT, NULL);  // only to make the child know itself
  befores = afters = helped = 0;
}
static void prepare_create(void) {}
static int call_create(void) {
  return omega_semget(KEY, 3, IPC_CREAT | IPC_EXCL | 0640) < 0 ? errno : 0;
}

static const char *check_new(int id) {
  struct semid_ds status;
  unsigned short values[3];
  union semun argument = {.buf = &status};
  if (omega_semctl(id, 0, IPC_STAT, argument) < 0)
    return message("IPC_STAT: %s", error_name(errno));
  if (status.sem_nsems != 3 || (status.sem_perm.mode & 0777) != 0640 || !status.sem_ctime ||
      status.sem_otime || status.sem_perm.__key != KEY)
    return "IPC_STAT of the new set is wrong";
  if (!get_values(id, values)) return message("GETALL: %s", error_name(errno));
  if (values[0] || values[1] || values[2]) return "a new set is not empty";
  if (operate(id, 2, 1, SEM_UNDO) || operate(id, 2, -1, IPC_NOWAIT | SEM_UNDO))
    return "the new set cannot be used";
  return NULL;
}

static const char *check_create(const struct point *point) {
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  int id = omega_semget(KEY, 0, 0);
  bool after = id >= 0;
  if (!after && errno != ENOENT) return message("semget: %s", error_name(errno));
  const char *wrong = count_side(point, after);
  if (wrong) return wrong;
  if (!after) id = omega_semget(KEY, 3, IPC_CREAT | IPC_EXCL | 0640);
  if (id < 0) return message("the key cannot be created again: %s", error_name(errno));
  wrong = check_new(id);
  if (wrong) return wrong;
  if (omega_semctl(id, 0, IPC_RMID) < 0) return message("IPC_RMID: %s", error_name(errno));
  if (omega_semget(KEY, 0, 0) >= 0 || errno != ENOENT) return "the key is still there";
  return NULL;
}

// Once all indices have come round, nothing of the dead may be left.
static const char *summary_create(void) {
  int left = count_files("sem.") - files_at_start;
  for (int i = 0; i < 300; i++) remove_set(new_set(1, NULL));
  int still = count_files("sem.") - files_at_start;
  if (still) not_ok("step-create", "%d files are left over", still);
  return message("%s; %d files left by the dead, %d after the indices came round", summary(), left,
                 still);
}

static void tear_down_create(void) {
  int id = omega_semget(KEY, 0, 0);
  if (id >= 0) remove_set(id);
  remove_set(set);
}

static const struct scenario create = {
    .name = "step-create", .set_up = set_up_create, .prepare = prepare_create, .warm = warm,
    .call = call_create, .check = check_create, .tear_down = tear_down_create,
    .summary = summary_create};

// The same from the image of a set that the process has removed. This process must have none itself, for
// there is one in a namespace: its part is done by children.
static struct {
  ino_t spare;
  bool after;
  long renewed;
  char wrong[200];
} *seen;

static ino_t inode_of(int id) {
  struct stat status;
  const char *directory = getenv("OMEGA_IPC_NAMESPACE");
  const char *path = message("%s/sem.%05d", directory ? directory : ".", id & 0x7FFF);
  return stat(path, &status) ? 0 : status.st_ino;
}

static void make_spare(void) {
  for (int i = 0; i < 2; i++) {
    int id = omega_semget(KEY, 3, IPC_CREAT | IPC_EXCL | 0640);
    if (id < 0) _exit(253);
    seen->spare = inode_of(id);
    if (omega_semctl(id, 0, IPC_RMID) < 0) _exit(252);
  }
}

static const char *check_renew(const struct point *point) {
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    int id = omega_semget(KEY, 0, 0);
    if (id >= 0 && inode_of(id) == seen->spare) seen->renewed++;
    seen->after = id >= 0;
    const char *wrong = check_create(point);
    snprintf(seen->wrong, sizeof seen->wrong, "%s", wrong ? wrong : "");
    _exit(0);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid || status) return "the child that looks has crashed";
  if (seen->wrong[0]) return seen->wrong;
  return count_side(point, seen->after);
}

static void set_up_renew(void) {
  if (!seen) {
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED) give_up("mmap");
  }
  memset(seen, 0, sizeof *seen);
  files_at_start = count_files("sem.");
  befores = afters = helped = 0;
}
static void tear_down_renew(void) {
  int id = omega_semget(KEY, 0, 0);
  if (id >= 0) remove_set(id);
}

// What the dead have left would be tidied up within other scenarios, which count files: in a child, for
// this process must not get a spare image.
static void tidy_up(void) {
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    for (int i = 0; i < 300; i++) remove_set(new_set(1, NULL));
    for (int slot = 0; slot < 64; slot++)
      unlink(message("%s/spare.%05d", getenv("OMEGA_IPC_NAMESPACE"), slot));
    _exit(0);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid || status) give_up("the child that tidies up");
}

static const char *summary_renew(void) {
  tidy_up();
  const char *text = message("%s, %ld of these from a spare image", summary(), seen->renewed);
  if (!seen->renewed) not_ok("step-create-renewed", "no set was made from a spare image");
  return text;
}

static const struct scenario renewing = {
    .name = "step-create-renewed", .set_up = set_up_renew, .prepare = prepare_create,
    .warm = make_spare, .call = call_create, .check = check_renew,
    .tear_down = tear_down_renew, .summary = summary_renew};

static void prepare_remove(void) {
  struct sembuf operation = {0, -3, 0};
  set = watched_set = omega_semget(KEY, COUNT, IPC_CREAT | IPC_EXCL | 0600);
  if (set < 0) give_up("semget of the key");
  set_values(set, empty_values);
  agent_operate(&sleeper, set, &operation, 1);
  is_sleeping = true;
  wait_asleep(set, 0, 1);
}
static void set_up_remove(void) {
  befores = afters = helped = 0;
  is_sleeping = false;
  files_at_start = count_files("sem.");
  agent_start(&sleeper);
}
static void tear_down_remove(void) {
  agent_kill(&sleeper);
  int id = omega_semget(KEY, 0, 0);
  if (id >= 0) remove_set(id);
}
static int call_remove(void) { return omega_semctl(set, 0, IPC_RMID) < 0 ? errno : 0; }

static const char *check_remove(const struct point *point) {
  struct reply reply = {.error = 0};
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  bool alone = returns(point, &reply);
  bool gone = control(set, 1, GETVAL) < 0;
  if (gone && errno != EINVAL && errno != EIDRM) return message("GETVAL: %s", error_name(errno));
  const char *wrong = count_side(point, gone);
  if (wrong) return wrong;
  if (!gone) {
    unsigned short values[COUNT];
    if (alone) return message("the sleeper returned with %s", error_name(reply.error));
    if (omega_semget(KEY, 0, 0) != set) return "the key does not name the set any more";
    if (!get_values(set, values)) return message("GETALL: %s", error_name(errno));
    if (!same_values(values, empty_values, COUNT)) return "the values changed";
    if (operate(set, 0, 3, 0)) return "the set cannot be used";
    wrong = finish_sleep();
    if (wrong) return wrong;
    remove_set(set);
  } else if (!alone) {
    if (!agent_reply(&sleeper, 3000, &reply)) return "the sleeper does not return";
    is_sleeping = false;
    if (point->quiet_ms >= 60 && !point->ended) {
      helped++;
      return needs_help;
    }
    times_add(&sleeper_times, reply.ns > point->killed ? reply.ns - point->killed : 0);
  }
  if (gone && reply.error != EIDRM) return message("the sleeper got %s", error_name(reply.error));
  if (omega_semget(KEY, 0, 0) >= 0 || errno != ENOENT) return "the key is still there";
  int left = count_files("sem.") - files_at_start;
  return left ? message("%d names are left over", left) : NULL;
}

static const struct scenario removal = {
    .name = "step-remove", .set_up = set_up_remove, .prepare = prepare_remove, .warm = warm,
    .call = call_remove, .check = check_remove, .tear_down = tear_down_remove,
    .summary = summary};

const struct scenario *const set_all_scenario = &set_all;
const struct scenario *const remove_scenario = &removal;
const struct scenario *const control_scenarios[] = {
    &set_all, &waking, &held, &all_held, &create, &renewing, &removal, NULL};
