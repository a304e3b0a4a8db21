// The stepped process is the sleeper: killed on its way to sleep, asleep, woken; and a release at
// any instruction of its way, after which it must not sleep for ever.
#include "stepper.h"

enum { COUNT = 2 };
static struct agent releaser;
static int set = -1;
static int flags;
static bool always_asleep;  // a release is made only when the stepped process sleeps
static int releases;   // made, or under way
static bool pending;   // the last release has not been answered yet
static long granted, kept;

static void set_up(void) {
  set = watched_set = new_set(COUNT, NULL);
  granted = kept = 0;
  pending = always_asleep = false;
  agent_start(&releaser);
}
static void set_up_plain(void) {
  flags = 0;
  set_up();
}
static void set_up_asleep(void) {
  set_up_plain();
  always_asleep = true;
}
static void set_up_undo(void) {
  flags = SEM_UNDO;
  set_up();
}

static void tear_down(void) {
  agent_kill(&releaser);
  remove_set(set);
}

static const char *finish_release(void) {
  struct reply reply;
  if (!pending) return NULL;
  pending = false;
  if (!agent_reply(&releaser, 3000, &reply)) return "the release hangs";
  return reply.error ? message("the release failed: %s", error_name(reply.error)) : NULL;
}

static void prepare(void) {
  remove_set(set);
  set = watched_set = new_set(COUNT, NULL);
  releases = 0;
}

static void warm(void) {
  unsigned short values[COUNT];
  if (!get_values(set, values)) _exit(254);
}

static int call(void) { return operate(set, 0, -1, flags); }

static int call_with_timeout(void) {
  struct sembuf operation = {0, -1, (short)flags};
  struct timespec time = {0, 100000000};
  return omega_semtimedop(set, &operation, 1, &time) < 0 ? errno : 0;
}

// Another process does it: the stopped one may hold the lock.
static void release(void) {
  struct reply reply;
  struct sembuf operation = {0, 1, 0};
  finish_release();
  agent_operate(&releaser, set, &operation, 1);
  releases++;
  pending = !agent_reply(&releaser, 2, &reply);
}

static void nothing(void) {}

static const char *usable(int value) {
  int now = control(set, 0, GETVAL);
  if (now != value) return message("GETVAL is %d, not %d", now, value);
  if (control(set, 0, GETNCNT)) return "a dead sleeper is counted";
  int error = operate(set, 0, 1, 0);
  if (error) return message("the set cannot be used: %s", error_name(error));
  now = control(set, 0, GETVAL);
  if (now != value + 1) return message("GETVAL is %d, not %d, after a release", now, value + 1);
  error = operate(set, 0, -value - 1, IPC_NOWAIT);
  return error ? message("the tokens cannot be taken: %s", error_name(error)) : NULL;
}

static const char *check(const struct point *point) {
  const char *wrong = finish_release();
  if (wrong) return wrong;
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  if (point->ended && releases < 1) return "the call returned without a release";
  int64_t begin = now_ns();
  int value = control(set, 0, GETVAL);
  times_add(&first_times, now_ns() - begin);
  // Undone, or never granted: all are there. Without undo the dead one may have one.
  if (value < 0) return message("GETVAL: %s", error_name(errno));
  if (value == releases)
    kept++;
  else
    granted++;
  if (value != releases && (flags || value != releases - 1 || releases < 1))
    return message("GETVAL is %d after %d releases", value, releases);
  // Without `before_kill` it was asleep at the release, so it has been given the token.
  if (!flags && releases == 1 && value == 1 && (point->ended || always_asleep))
    return "the release passed by the sleeper";
  return usable(value);
}

// It was released at the point and went on.
static const char *check_went_on(const struct point *point) {
  const char *wrong = finish_release();
  if (wrong) return wrong;
  if (point->result) return message("the call ended with %d", point->result);
  granted++;
  return usable(flags ? releases : releases - 1);
}

static const char *check_timeout(const struct point *point) {
  if (point->ended && point->result != EAGAIN)
    return message("the call ended with %d", point->result);
  kept++;
  return usable(0);
}

static const char *summary(void) {
  return message("%ld times the token stayed or came back, %ld times it was taken", kept, granted);
}

static const struct scenario plain = {
    .name = "step-sleep", .set_up = set_up_asleep, .prepare = prepare, .warm = warm,
    .call = call, .asleep = release, .check = check, .tear_down = tear_down, .summary = summary};
static const struct scenario undo = {
    .name = "step-sleep-undo", .set_up = set_up_undo, .prepare = prepare, .warm = warm,
    .call = call, .asleep = release, .check = check, .tear_down = tear_down, .summary = summary};
static const struct scenario released_plain = {
    .name = "step-sleep-released", .set_up = set_up_plain, .prepare = prepare, .warm = warm,
    .call = call, .asleep = release, .before_kill = release, .check = check,
    .tear_down = tear_down, .summary = summary};
static const struct scenario released_undo = {
    .name = "step-sleep-released-undo", .set_up = set_up_undo, .prepare = prepare, .warm = warm,
    .call = call, .asleep = release, .before_kill = release, .check = check,
    .tear_down = tear_down, .summary = summary};
static const struct scenario goes_on = {
    .name = "step-sleep-goes-on", .set_up = set_up_plain, .prepare = prepare, .warm = warm,
    .call = call, .asleep = release, .before_kill = release, .check = check_went_on,
    .tear_down = tear_down, .summary = summary, .goes_on = true};
static const struct scenario timeout = {
    .name = "step-sleep-timeout", .set_up = set_up_undo, .prepare = prepare, .warm = warm,
    .call = call_with_timeout, .asleep = nothing, .check = check_timeout, .tear_down = tear_down,
    .summary = summary};

const struct scenario *const sleep_scenarios[] = {&plain, &undo, &released_plain, &released_undo,
                                                  &goes_on, &timeout, NULL};
