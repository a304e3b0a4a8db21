// Calls that let sleepers go on: no token lost or doubled, no sleeper forgotten.
#include "stepper.h"

#define U SEM_UNDO
enum { COUNT = 4, MAX_SLEEPERS = 3 };

struct sleeping {
  struct sembuf operations[2];
  int count;
  int blocked_on;  // the semaphore of its first operation that cannot proceed
};
struct hand_over {
  unsigned short start[COUNT];
  struct sleeping sleepers[MAX_SLEEPERS];
  int sleeper_count;
  struct sembuf operations[2];
  int count;
  unsigned goers;                 // the sleepers that go on, by bit
  unsigned short after[COUNT];    // then, with the caller dead
  unsigned short living[COUNT];   // the same with the caller alive
};
static const struct hand_over *current;
static struct agent agents[MAX_SLEEPERS];
static int sleeping[MAX_SLEEPERS];
static int set = -1;
static long befores, afters, helped;

static void set_up(void) {
  set = watched_set = new_set(COUNT, NULL);
  befores = afters = helped = 0;
  for (int i = 0; i < current->sleeper_count; i++) {
    agent_start(&agents[i]);
    sleeping[i] = 0;
  }
}

static void tear_down(void) {
  for (int i = 0; i < current->sleeper_count; i++) agent_kill(&agents[i]);
  remove_set(set);
}

static void put_to_sleep(int index) {
  const struct sleeping *one = &current->sleepers[index];
  int before = control(set, one->blocked_on, GETNCNT) + control(set, one->blocked_on, GETZCNT);
  agent_operate(&agents[index], set, one->operations, one->count);
  sleeping[index] = 1;
  wait_asleep(set, one->blocked_on, before + 1);
}

// Removing the old set sends back who still sleeps on it.
static void prepare(void) {
  struct reply reply;
  remove_set(set);
  for (int i = 0; i < current->sleeper_count; i++) {
    if (sleeping[i] && (!agent_reply(&agents[i], 5000, &reply) || reply.error != EIDRM)) {
      not_ok("step-hand-over", "sleeper %d of a removed set does not return with EIDRM", i);
      agent_kill(&agents[i]);
      agent_start(&agents[i]);
    }
    sleeping[i] = 0;
  }
  set = watched_set = new_set(COUNT, current->start);
  for (int i = 0; i < current->sleeper_count; i++) put_to_sleep(i);
}

static void warm(void) {
  unsigned short values[COUNT];
  if (!get_values(set, values)) _exit(254);
}

static int call(void) { return operate_many(set, current->operations, current->count); }

static int count_asleep(void) {
  int count = 0;
  for (int i = 0; i < COUNT; i++) count += control(set, i, GETNCNT) + control(set, i, GETZCNT);
  return count;
}

static unsigned returned;  // bit by sleeper
static const char *wrong_reply;

// Collects replies until all of `goers` are there, or the time is over.
static bool collect(unsigned goers, int ms, int64_t killed) {
  int64_t limit = now_ns() + ms * 1000000LL;
  while ((returned & goers) != goers) {
    int64_t left = (limit - now_ns()) / 1000000;
    if (left < 0) return false;
    for (int i = 0; i < current->sleeper_count; i++) {
      struct reply reply;
      if (!sleeping[i] || !agent_reply(&agents[i], 1, &reply)) continue;
      sleeping[i] = 0;
      returned |= 1u << i;
      if (reply.error) wrong_reply = message("sleeper %d: %s", i, error_name(reply.error));
      if (killed) times_add(&sleeper_times, reply.ns > killed ? reply.ns - killed : 0);
    }
  }
  return true;
}

static const char *expect(const unsigned short *expected, unsigned goers) {
  unsigned short values[COUNT];
  if (!get_values(set, values)) return message("GETALL: %s", error_name(errno));
  if (returned & ~goers) return message("sleepers %x returned, not %x", returned, goers);
  if (!same_values(values, expected, COUNT))
    return message("values %s, not %s, after sleepers %x went on", values_text(values, COUNT),
                   values_text(expected, COUNT), goers);
  return NULL;
}

static const char *check(const struct point *point) {
  const int all = current->sleeper_count, going = __builtin_popcount(current->goers);
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  returned = 0;
  wrong_reply = NULL;
  // First without touching the set: who is owed a wake-up must get it without anybody's help.
  bool quiet = collect(current->goers, point->quiet_ms, point->killed);
  unsigned alone = returned;
  int64_t begin = now_ns();
  int asleep = count_asleep();
  times_add(&first_times, (now_ns() - begin) / (2 * COUNT));
  if (asleep == all && !returned) {
    if (point->ended) return "the call returned, but nobody went on";
    befores++;
    const char *wrong = expect(current->start, 0);
    if (wrong) return wrong;
    // Usable: the same call by a survivor.
    int error = operate_many(set, current->operations, current->count);
    if (error) return message("the set cannot be used: %s", error_name(error));
    if (!collect(current->goers, 3000, 0)) return "a second release wakes nobody";
    if (wrong_reply) return wrong_reply;
    return expect(current->living, current->goers);
  }
  if (asleep != all - going)
    return message("%d calls sleep, not %d or %d; returned %x", asleep, all, all - going, returned);
  afters++;
  if (!quiet && point->quiet_ms >= 60 && !point->ended) {
    helped++;
    collect(current->goers, 3000, point->killed);
    return alone == returned ? "a sleeper does not return" : needs_help;
  }
  if (!collect(current->goers, 3000, point->killed)) return "a sleeper does not return";
  if (wrong_reply) return wrong_reply;
  const char *wrong = expect(current->after, current->goers);
  if (wrong) return wrong;
  int error = operate(set, COUNT - 1, -1, IPC_NOWAIT);
  if (error) return message("the set cannot be used: %s", error_name(error));
  return count_asleep() == all - going ? NULL : "the number of sleepers changed";
}

static const char *summary(void) {
  return message("%ld before, %ld after, %ld helped", befores, afters, helped);
}

void signal_sleepers(int signal) {
  for (int i = 0; i < current->sleeper_count; i++) kill(agents[i].pid, signal);
}

#define SCENARIO(NAME, LABEL, ...)                                                     \
  static const struct hand_over NAME##_hand_over = __VA_ARGS__;                        \
  static void NAME##_set_up(void) {                                                    \
    current = &NAME##_hand_over;                                                       \
    set_up();                                                                          \
  }                                                                                    \
  static const struct scenario NAME = {                                                \
      .name = LABEL, .set_up = NAME##_set_up, .prepare = prepare, .warm = warm,        \
      .call = call, .check = check, .tear_down = tear_down, .summary = summary}

SCENARIO(one, "step-hand-over",
         {{0, 0, 0, 5}, {{{{0, -1, 0}}, 1, 0}}, 1, {{0, 1, 0}}, 1, 1, {0, 0, 0, 5}, {0, 0, 0, 5}});
// Undone after the hand-over: the value is 0 already, so the undo finds nothing to take back.
SCENARIO(undone, "step-hand-over-undone",
         {{0, 0, 0, 5}, {{{{0, -1, 0}}, 1, 0}}, 1, {{0, 1, U}}, 1, 1, {0, 0, 0, 5}, {0, 0, 0, 5}});
SCENARIO(with_undo, "step-hand-over-to-undo",
         {{0, 0, 0, 5}, {{{{0, -1, U}}, 1, 0}}, 1, {{0, 1, 0}}, 1, 1, {0, 0, 0, 5}, {0, 0, 0, 5}});
// The first takes one, the second two, nothing is left for the third.
SCENARIO(three, "step-hand-over-three",
         {{0, 0, 0, 5},
          {{{{0, -1, 0}}, 1, 0}, {{{0, -2, U}}, 1, 0}, {{{1, 0, 0}, {0, -1, 0}}, 2, 0}}, 3,
          {{0, 3, 0}}, 1, 3, {0, 0, 0, 5}, {0, 0, 0, 5}});
SCENARIO(zero, "step-wait-for-zero",
         {{1, 0, 0, 5}, {{{{0, 0, 0}}, 1, 0}, {{{0, 0, 0}}, 1, 0}, {{{0, -2, 0}}, 1, 0}}, 3,
          {{0, -1, 0}}, 1, 3, {0, 0, 0, 5}, {0, 0, 0, 5}});
SCENARIO(two, "step-several-hand-over",
         {{0, 0, 0, 5}, {{{{0, -1, 0}}, 1, 0}, {{{1, -1, U}}, 1, 1}}, 2,
          {{0, 2, 0}, {1, 3, U}}, 2, 3, {1, 0, 0, 5}, {1, 2, 0, 5}});
// The first sleeper's own operations let the second go on.
SCENARIO(chain, "step-chain",
         {{0, 0, 0, 5}, {{{{0, -1, 0}, {1, 1, 0}}, 2, 0}, {{{1, -1, 0}}, 1, 1}}, 2,
          {{0, 1, 0}}, 1, 3, {0, 0, 0, 5}, {0, 0, 0, 5}});

const struct scenario *const hand_over_scenario = &one;
const struct scenario *const chain_scenario = &chain;
const struct scenario *const hand_over_scenarios[] = {&one, &undone, &with_undo, &three,
                                                      &zero, &two, &chain, NULL};
