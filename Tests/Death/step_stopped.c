// A process that is stopped after any instruction of a call of several operations holds nobody up:
// another one looks at the set and changes it meanwhile; then the first goes on.
#include "stepper.h"

#define U SEM_UNDO
enum { COUNT = 4 };
static const unsigned short start[COUNT] = {5, 5, 5, 0}, after[COUNT] = {4, 3, 8, 0};
static const struct sembuf operations[] = {{0, -1, U}, {1, -2, U}, {2, 3, U}, {3, 0, U}};
static const struct sembuf others[] = {
    {0, -2, IPC_NOWAIT}, {1, 1, IPC_NOWAIT}, {2, -4, IPC_NOWAIT}};
enum { OTHERS = sizeof others / sizeof *others };
static int set;
static const char *wrong;  // what the other one found
static bool has_changed;
static long befores, afters;

static void set_up(void) {
  set = watched_set = new_set(COUNT, NULL);
  befores = afters = 0;
}
static void tear_down(void) { remove_set(set); }

static void prepare(void) {
  remove_set(set);
  set = watched_set = new_set(COUNT, start);
  wrong = NULL;
  has_changed = false;
}

// A member with an undo record: then the call needs no lock.
static void warm(void) {
  if (operate(set, 0, -1, SEM_UNDO) || operate(set, 0, 1, SEM_UNDO)) _exit(254);
}

static int call(void) {
  return operate_many(set, operations, sizeof operations / sizeof *operations);
}

static void while_stopped(void) {
  unsigned short values[COUNT];
  int64_t begin = now_ns();
  if (!get_values(set, values)) {
    wrong = "GETALL";
    return;
  }
  if (same_values(values, start, COUNT)) {
    befores++;
  } else if (same_values(values, after, COUNT)) {
    afters++;
  } else {
    wrong = message("values %s while it is stopped", values_text(values, COUNT));
    return;
  }
  int error = operate_many(set, others, OTHERS);
  times_add(&first_times, now_ns() - begin);
  if (error) wrong = message("a call while it is stopped: %s", error_name(error));
  has_changed = true;
}

static const char *check(const struct point *point) {
  unsigned short values[COUNT], expected[COUNT];
  if (wrong) return wrong;
  if (point->result) return message("the call failed: %s", error_name(point->result));
  if (!get_values(set, values)) return message("GETALL: %s", error_name(errno));
  // Its end has taken its operations back.
  memcpy(expected, start, sizeof expected);
  for (int i = 0; i < OTHERS && has_changed; i++)
    expected[others[i].sem_num] = (unsigned short)(expected[others[i].sem_num] + others[i].sem_op);
  if (!same_values(values, expected, COUNT))
    return message("values %s, not %s", values_text(values, COUNT), values_text(expected, COUNT));
  return NULL;
}

static const char *summary(void) { return message("%ld before, %ld after", befores, afters); }

static const struct scenario stopped = {
    .name = "step-several-stopped", .set_up = set_up, .prepare = prepare, .warm = warm,
    .call = call, .before_kill = while_stopped, .check = check, .tear_down = tear_down,
    .summary = summary, .goes_on = true};

const struct scenario *const stopped_scenarios[] = {&stopped, NULL};
