// One process is killed within a call; the next one repairs that in its own call and is killed
// after every instruction in turn. Then the survivors must see what they would after the first
// death alone.
#include "stepper.h"

enum { COUNT = 4 };
static const struct scenario *base;
static long first_change;
static bool stops_sleepers;
static struct agent dead;

static void set_up(void) {
  base->set_up();
}
static void tear_down(void) { base->tear_down(); }

static void prepare(void) {
  base->prepare();
  // A sleeper would repair the set before the stepped process can.
  if (stops_sleepers) signal_sleepers(SIGSTOP);
  kill_at_change(base, first_change);
}

// Any call that reads through the lock.
static int call(void) {
  control(watched_set, 0, GETNCNT);
  return 0;
}

// The stepped process must not repair the set before it is stepped: it learns who it is on another.
static int other = -1;
static void warm(void) {
  unsigned short values[1];
  if (!get_values(other, values)) _exit(254);
}

static const char *check(const struct point *point) {
  struct point first = *point;
  first.ended = false;  // the first call never ended
  if (stops_sleepers) signal_sleepers(SIGCONT);
  return base->check(&first);
}

static void run_with(const struct scenario *scenario, const char *only, bool stops) {
  char name[80];
  snprintf(name, sizeof name, "step-recovery-of-%s", scenario->name + strlen("step-"));
  if (only && strncmp(name, only, strlen(only))) return;
  base = scenario;
  stops_sleepers = stops;
  other = new_set(1, NULL);
  base->set_up();
  long changes = count_changes(base);
  base->tear_down();
  long stride = is_long_run() ? 1 : changes / 4;
  for (first_change = stride; first_change < changes - 1; first_change += stride) {
    char label[160];
    snprintf(label, sizeof label, "%s-%ld/%ld", name, first_change, changes);
    struct scenario recovery = {
    .name = label, .set_up = set_up, .prepare = prepare, .warm = warm, .call = call,
    .check = check, .tear_down = tear_down, .summary = base->summary, .only_changes = true};
    run_scenario(&recovery);
  }
  remove_set(other);
}

// --- a death between calls: its undo is applied by the next one

static int set = -1;
static const unsigned short start_values[COUNT] = {5, 5, 5, 0};
static void set_up_undo(void) { set = watched_set = new_set(COUNT, NULL); }
static void tear_down_undo(void) { remove_set(set); }

static void prepare_undo(void) {
  remove_set(set);
  set = watched_set = new_set(COUNT, start_values);
  agent_start(&dead);
  if (agent_do(&dead, set, 0, -1, SEM_UNDO) || agent_do(&dead, set, 1, 2, SEM_UNDO) ||
      agent_do(&dead, set, 2, -3, SEM_UNDO) || agent_do(&dead, set, 3, 4, SEM_UNDO))
    give_up("operations with undo");
  agent_kill(&dead);
}

static const char *check_undo(const struct point *point) {
  (void)point;
  unsigned short values[COUNT];
  int64_t begin = now_ns();
  if (!get_values(set, values)) return message("GETALL: %s", error_name(errno));
  times_add(&first_times, now_ns() - begin);
  if (!same_values(values, start_values, COUNT))
    return message("values %s", values_text(values, COUNT));
  return operate(set, 0, -5, IPC_NOWAIT) ? "the set cannot be used" : NULL;
}

static const struct scenario undo = {
    .name = "step-recovery-of-an-exit", .set_up = set_up_undo, .prepare = prepare_undo,
    .warm = warm, .call = call, .check = check_undo, .tear_down = tear_down_undo};

void run_recoveries(const char *only) {
  if (!only || !strncmp(undo.name, only, strlen(only))) {
    other = new_set(1, NULL);
    run_scenario(&undo);
    remove_set(other);
  }
  run_with(several_plain_scenario, only, false);
  run_with(several_undo_scenario, only, false);
  run_with(set_all_scenario, only, false);
  run_with(hand_over_scenario, only, true);
  run_with(chain_scenario, only, true);
}
