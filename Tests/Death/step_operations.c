// Calls that do not concern sleepers: all or nothing, and undone.
#include "stepper.h"

#define U SEM_UNDO
enum { COUNT = 4 };

// What a scenario of this file is made of.
struct plain {
  unsigned short start[COUNT];
  struct sembuf first[MAX_OPERATIONS];  // in the child, each a call of its own
  int first_count;
  struct sembuf operations[MAX_OPERATIONS];
  int count;
  unsigned short before[COUNT], after[COUNT];  // what the survivors see: one of them
  int holds;  // another process has taken as many from the first two semaphores, with undo
};
static const struct plain *plain;
static int set;
static struct agent holder;
static long befores, afters;

static void set_up(void) {
  set = watched_set = new_set(COUNT, NULL);
  befores = afters = 0;
}
static void tear_down(void) {
  agent_kill(&holder);
  remove_set(set);
}

// A fresh image each time, so that memory is claimed and slots are made each time.
static void prepare(void) {
  remove_set(set);
  set = watched_set = new_set(COUNT, plain->start);
  agent_kill(&holder);
  if (!plain->holds) return;
  agent_start(&holder);
  for (int i = 0; i < 2; i++)
    if (agent_do(&holder, set, i, -plain->holds, SEM_UNDO)) give_up("the other holder");
}

static void warm(void) {
  unsigned short values[COUNT];
  if (!get_values(set, values)) _exit(254);  // the child knows itself
  for (int i = 0; i < plain->first_count; i++)
    if (operate_many(set, &plain->first[i], 1)) _exit(253);
}

static int call(void) { return operate_many(set, plain->operations, plain->count); }

static const char *summary(void) { return message("%ld before, %ld after", befores, afters); }

static const char *check(const struct point *point) {
  unsigned short values[COUNT];
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  int64_t begin = now_ns();
  if (!get_values(set, values)) return message("GETALL: %s", error_name(errno));
  times_add(&first_times, now_ns() - begin);
  bool before = same_values(values, plain->before, COUNT);
  bool after = same_values(values, plain->after, COUNT);
  if (!before && !after)
    return message("values %s, not %s or %s", values_text(values, COUNT),
                   values_text(plain->before, COUNT), values_text(plain->after, COUNT));
  if (!after && point->ended) return "the call returned, but nothing happened";
  if (after && !before) afters++;
  if (before && !after) befores++;
  for (int i = 0; i < COUNT; i++) {
    if (control(set, i, GETNCNT) || control(set, i, GETZCNT)) return "a sleeper is counted";
    int error = operate(set, i, 2, IPC_NOWAIT);
    if (!error) error = operate(set, i, -2, IPC_NOWAIT);
    if (error) return message("the set cannot be used: %s", error_name(error));
    if (control(set, i, GETVAL) != values[i]) return "the next operations came out wrong";
    if (control(set, i, GETPID) != getpid()) return "GETPID is not the last one's";
  }
  if (!plain->holds) return NULL;
  // What the other one holds has not been touched.
  agent_kill(&holder);
  for (int i = 0; i < 2; i++) values[i] = (unsigned short)(values[i] + plain->holds);
  unsigned short now[COUNT];
  if (!get_values(set, now)) return message("GETALL: %s", error_name(errno));
  if (!same_values(now, values, COUNT))
    return message("values %s, not %s, after the other holder's death", values_text(now, COUNT),
                   values_text(values, COUNT));
  return NULL;
}

#define SCENARIO(NAME, LABEL, ...)                                                         \
  static const struct plain NAME##_plain = __VA_ARGS__;                                    \
  static void NAME##_set_up(void) {                                                        \
    plain = &NAME##_plain;                                                                 \
    set_up();                                                                              \
  }                                                                                        \
  static const struct scenario NAME = {                                                    \
      .name = LABEL, .set_up = NAME##_set_up, .prepare = prepare, .warm = warm,            \
      .call = call, .check = check, .tear_down = tear_down, .summary = summary}

SCENARIO(fast_plain, "step-one-plain",
         {{5, 5, 5, 5}, {{0}}, 0, {{0, -2, 0}}, 1, {5, 5, 5, 5}, {3, 5, 5, 5}, 0});
SCENARIO(fast_undo, "step-one-undo",
         {{5, 5, 5, 5}, {{0, -1, U}, {0, 1, U}}, 2, {{0, -2, U}}, 1,
          {5, 5, 5, 5}, {5, 5, 5, 5}, 0});
SCENARIO(first_undo, "step-first-undo",
         {{5, 5, 5, 5}, {{0}}, 0, {{0, -2, U}}, 1, {5, 5, 5, 5}, {5, 5, 5, 5}, 0});
SCENARIO(held_undo, "step-one-undo-more",
         {{5, 5, 5, 5}, {{0, -1, U}, {1, 1, U}}, 2, {{0, -2, U}}, 1,
          {5, 5, 5, 5}, {5, 5, 5, 5}, 0});
SCENARIO(back_undo, "step-one-undo-back",
         {{5, 5, 5, 5}, {{0, -3, U}}, 1, {{0, 3, U}}, 1, {5, 5, 5, 5}, {5, 5, 5, 5}, 0});
// Held with undo, then altered without: what is undone is the difference.
SCENARIO(mixed, "step-one-plain-while-held",
         {{5, 5, 5, 5}, {{0, -1, U}}, 1, {{0, -2, 0}}, 1, {5, 5, 5, 5}, {3, 5, 5, 5}, 0});
// Two processes hold adjustments of the semaphore: then an operation takes three steps.
SCENARIO(shared_undo, "step-one-undo-shared",
         {{5, 5, 5, 5}, {{0, -1, U}}, 1, {{0, -2, U}}, 1, {4, 4, 5, 5}, {4, 4, 5, 5}, 1});
SCENARIO(shared_back, "step-one-undo-shared-back",
         {{5, 5, 5, 5}, {{0, -2, U}}, 1, {{0, 2, U}}, 1, {4, 4, 5, 5}, {4, 4, 5, 5}, 1});
SCENARIO(shared_plain, "step-one-plain-shared",
         {{5, 5, 5, 5}, {{0, -1, U}}, 1, {{0, -2, 0}}, 1, {4, 4, 5, 5}, {2, 4, 5, 5}, 1});
SCENARIO(several_shared, "step-several-undo-shared",
         {{5, 5, 5, 0}, {{0, -1, U}}, 1, {{0, -1, U}, {1, -2, U}, {2, 3, U}}, 3,
          {4, 4, 5, 0}, {4, 4, 5, 0}, 1});
SCENARIO(several_mixed, "step-several-plain-shared",
         {{5, 5, 5, 0}, {{0, -1, U}}, 1, {{0, -1, 0}, {1, -2, 0}, {2, 3, 0}}, 3,
          {4, 4, 5, 0}, {3, 2, 8, 0}, 1});
SCENARIO(several_plain, "step-several-plain",
         {{5, 5, 5, 0}, {{0}}, 0, {{0, -1, 0}, {1, -2, 0}, {2, 3, 0}, {3, 0, 0}}, 4,
          {5, 5, 5, 0}, {4, 3, 8, 0}, 0});
SCENARIO(several_undo, "step-several-undo",
         {{5, 5, 5, 0}, {{0, -1, U}, {0, 1, U}}, 2,
          {{0, -1, U}, {1, -2, U}, {2, 3, U}, {3, 0, U}}, 4, {5, 5, 5, 0}, {5, 5, 5, 0}, 0});
SCENARIO(same_semaphore, "step-several-on-one",
         {{5, 5, 5, 0}, {{1, -1, U}}, 1,
          {{0, -4, 0}, {0, 2, U}, {0, -3, 0}, {1, 1, U}, {2, -5, 0}}, 5,
          {5, 5, 5, 0}, {0, 5, 0, 0}, 0});

// Canaries: what is no single call must be found out.
static const struct plain halves_plain = {
    {5, 5, 5, 5}, {{0}}, 0, {{0, -2, 0}, {1, -1, 0}}, 2, {5, 5, 5, 5}, {3, 4, 5, 5}, 0};
static void halves_set_up(void) {
  plain = &halves_plain;
  set_up();
}
static int call_halves(void) {
  for (int i = 0; i < plain->count; i++)
    if (operate_many(set, &plain->operations[i], 1)) return errno;
  return 0;
}
static const struct scenario halves = {
    .name = "step-canary-two-calls", .set_up = halves_set_up, .prepare = prepare, .warm = warm,
    .call = call_halves, .check = check, .tear_down = tear_down, .must_fail = true};

// An operation without undo where one with undo is expected.
static const struct plain kept_plain = {
    {5, 5, 5, 5}, {{0}}, 0, {{0, -2, 0}}, 1, {5, 5, 5, 5}, {5, 5, 5, 5}, 0};
static void kept_set_up(void) {
  plain = &kept_plain;
  set_up();
}
static const struct scenario kept = {
    .name = "step-canary-not-undone", .set_up = kept_set_up, .prepare = prepare, .warm = warm,
    .call = call, .check = check, .tear_down = tear_down, .must_fail = true};

const struct scenario *const several_plain_scenario = &several_plain;
const struct scenario *const several_undo_scenario = &several_undo;

const struct scenario *const operation_scenarios[] = {
    &halves, &kept, &fast_plain, &fast_undo, &first_undo, &held_undo, &back_undo, &mixed,
    &shared_undo, &shared_back, &shared_plain, &several_plain, &several_undo, &several_shared,
    &several_mixed, &same_semaphore, NULL};
