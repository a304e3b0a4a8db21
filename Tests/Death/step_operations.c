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
};
static const struct plain *plain;
static int set;
static long befores, afters;

static void set_up(void) {
  set = watched_set = new_set(COUNT, NULL);
  befores = afters = 0;
}
static void tear_down(void) { remove_set(set); }

// A fresh image each time, so that memory is claimed and slots are made each time.
static void prepare(void) {
  remove_set(set);
  set = watched_set = new_set(COUNT, plain->start);
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
  return NULL;
}

#define SCENARIO(NAME, LABEL, ...)                                                         \
  static const struct plain NAME##_plain = __VA_ARGS__;                                    \
  static void NAME##_set_up(void) {                                                        \
    plain = &NAME##_plain;                                                                 \
    set_up();                                                                              \
  }                                                                                        \
  static const struct scenario NAME = {LABEL, NAME##_set_up, prepare, warm, call, NULL, NULL, \
                                       check, tear_down, summary, false, false}

SCENARIO(fast_plain, "step-one-plain",
         {{5, 5, 5, 5}, {{0}}, 0, {{0, -2, 0}}, 1, {5, 5, 5, 5}, {3, 5, 5, 5}});
SCENARIO(fast_undo, "step-one-undo",
         {{5, 5, 5, 5}, {{0, -1, U}, {0, 1, U}}, 2, {{0, -2, U}}, 1, {5, 5, 5, 5}, {5, 5, 5, 5}});
SCENARIO(first_undo, "step-first-undo",
         {{5, 5, 5, 5}, {{0}}, 0, {{0, -2, U}}, 1, {5, 5, 5, 5}, {5, 5, 5, 5}});
SCENARIO(held_undo, "step-one-undo-more",
         {{5, 5, 5, 5}, {{0, -1, U}, {1, 1, U}}, 2, {{0, -2, U}}, 1, {5, 5, 5, 5}, {5, 5, 5, 5}});
SCENARIO(back_undo, "step-one-undo-back",
         {{5, 5, 5, 5}, {{0, -3, U}}, 1, {{0, 3, U}}, 1, {5, 5, 5, 5}, {5, 5, 5, 5}});
// Held with undo, then altered without: what is undone is the difference.
SCENARIO(mixed, "step-one-plain-while-held",
         {{5, 5, 5, 5}, {{0, -1, U}}, 1, {{0, -2, 0}}, 1, {5, 5, 5, 5}, {3, 5, 5, 5}});
SCENARIO(several_plain, "step-several-plain",
         {{5, 5, 5, 0}, {{0}}, 0, {{0, -1, 0}, {1, -2, 0}, {2, 3, 0}, {3, 0, 0}}, 4,
          {5, 5, 5, 0}, {4, 3, 8, 0}});
SCENARIO(several_undo, "step-several-undo",
         {{5, 5, 5, 0}, {{0, -1, U}, {0, 1, U}}, 2,
          {{0, -1, U}, {1, -2, U}, {2, 3, U}, {3, 0, U}}, 4, {5, 5, 5, 0}, {5, 5, 5, 0}});
SCENARIO(same_semaphore, "step-several-on-one",
         {{5, 5, 5, 0}, {{1, -1, U}}, 1,
          {{0, -4, 0}, {0, 2, U}, {0, -3, 0}, {1, 1, U}, {2, -5, 0}}, 5,
          {5, 5, 5, 0}, {0, 5, 0, 0}});

const struct scenario *const several_plain_scenario = &several_plain;
const struct scenario *const several_undo_scenario = &several_undo;

const struct scenario *const operation_scenarios[] = {
    &fast_plain, &fast_undo, &first_undo, &held_undo, &back_undo, &mixed,
    &several_plain, &several_undo, &same_semaphore, NULL};
