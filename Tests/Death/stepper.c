// Single-steps a process through one call and kills it after any instruction.
//
// The child stops itself just before the call; from there PTRACE_SINGLESTEP executes it instruction
// by instruction (a system call is one). Each kill takes a fresh child. Two kills differ only if
// something that a survivor can see differs between them (visible.c), so for long calls killing
// after each instruction that changed something is as good as killing after all of them; a long run
// does not rely on that.
#include "stepper.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "visible.h"

const char *const needs_help = "a sleeper returned only with help";
struct times sleeper_times, first_times;

// Literal kills cost about the square of the instructions.
enum { LITERAL_STEPS = 1000, MAX_FAILURES = 5, MAX_CHANGES = 20000 };

struct child {
  pid_t pid;
  bool ended;
  int result, signal;
  bool slept;
};

static void start(const struct scenario *scenario, struct child *child) {
  pid_t parent = getpid();
  *child = (struct child){.pid = fork()};
  if (child->pid < 0) give_up("fork");
  if (child->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    alarm(0);
    pid_t me = getpid();
    if (scenario->warm) scenario->warm();
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0) _exit(255);
    syscall(SYS_kill, me, SIGSTOP);
    _exit(scenario->call());
  }
  int status;
  if (waitpid(child->pid, &status, 0) < 0) give_up("waitpid");
  if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP) give_up("the child could not be traced");
}

static void note(struct child *child, int status) {
  child->signal = 0;
  if (WIFSTOPPED(status)) {
    if (WSTOPSIG(status) != SIGTRAP) child->signal = WSTOPSIG(status);
  } else {
    child->ended = true;
    child->result = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
  }
}

// Waits for the end of the step. True when the child sleeps in a system call instead.
static bool wait_or_sleep(struct child *child) {
  int status;
  int64_t begin = now_ns();
  int asleep = 0;
  while (true) {
    pid_t pid = waitpid(child->pid, &status, WNOHANG);
    if (pid < 0) give_up("waitpid");
    if (pid > 0) break;
    sched_yield();
    if (now_ns() - begin < 300000) continue;
    asleep = state_of(child->pid) == 'S' ? asleep + 1 : 0;
    if (asleep == 3) return true;
    usleep(100);
  }
  note(child, status);
  return false;
}

// Executes one instruction. True when the child sleeps in it.
static bool step(const struct scenario *scenario, struct child *child) {
  if (ptrace(PTRACE_SINGLESTEP, child->pid, 0, child->signal) < 0) give_up("PTRACE_SINGLESTEP");
  if (scenario->asleep) return wait_or_sleep(child);
  int status;
  if (waitpid(child->pid, &status, 0) < 0) give_up("waitpid");
  note(child, status);
  return false;
}

// Steps, and when the child sleeps, has it woken and waits for the end of the step.
static void step_through(const struct scenario *scenario, struct child *child) {
  if (!step(scenario, child)) return;
  scenario->asleep();
  child->slept = true;
  while (wait_or_sleep(child)) usleep(500);  // the watchdog ends it
}

static void end(struct child *child) {
  int status;
  kill(child->pid, SIGKILL);
  while (waitpid(child->pid, &status, 0) == child->pid && WIFSTOPPED(status)) continue;
}

// --- one kill

enum until { UNTIL_STEP, UNTIL_CHANGE };

// Runs a fresh child up to the point and kills it there. False when the call ended before.
static bool run_to(const struct scenario *scenario, enum until until, long count,
                   struct point *point) {
  struct child child;
  start(scenario, &child);
  bool looks = until == UNTIL_CHANGE;
  if (looks) visible_begin(child.pid);
  long steps = 0, changes = 0;
  bool asleep = false;
  while (!child.ended && (until == UNTIL_STEP ? steps : changes) < count) {
    asleep = step(scenario, &child);
    steps++;
    if (asleep) {
      // Killed in its sleep, or woken.
      changes++;
      if ((until == UNTIL_STEP ? steps : changes) >= count) break;
      scenario->asleep();
      child.slept = true;
      while (wait_or_sleep(&child)) usleep(500);
      asleep = false;
    }
    if (!child.ended && looks && visible_changed(child.pid)) changes++;
  }
  *point = (struct point){.step = steps, .ended = child.ended, .result = child.result};
  if (child.ended) {
    point->killed = now_ns();
    return false;
  }
  if (!asleep) point->pc = visible_pc(child.pid);
  if (scenario->before_kill) scenario->before_kill();
  point->killed = now_ns();
  if (!scenario->goes_on) {
    end(&child);
    return true;
  }
  if (scenario->inject) child.signal = scenario->inject;
  if (!asleep && ptrace(PTRACE_DETACH, child.pid, 0, child.signal) < 0) give_up("PTRACE_DETACH");
  int status;
  while (waitpid(child.pid, &status, 0) == child.pid && WIFSTOPPED(status))
    ptrace(PTRACE_DETACH, child.pid, 0, 0);
  note(&child, status);
  point->result = child.result;
  return true;
}

// --- a scenario

static unsigned char *changed;  // by instruction, from the survey
static long again;  // changes that were not where the survey had found them
// The survey's changes: after which instruction, and where the next one stands.
static struct {
  long step, pc;
} found[MAX_CHANGES];

// Steps once through the whole call; returns its number of instructions.
static long survey(const struct scenario *scenario, long *changes) {
  struct child child;
  scenario->prepare();
  start(scenario, &child);
  visible_begin(child.pid);
  long steps = 0;
  *changes = 0;
  memset(changed, 0, MAX_CHANGES);
  while (!child.ended) {
    step_through(scenario, &child);
    steps++;
    if (!child.ended && visible_changed(child.pid)) {
      if (++*changes < MAX_CHANGES) {
        found[*changes].step = steps;
        found[*changes].pc = visible_pc(child.pid);
      }
      if (steps < MAX_CHANGES) changed[steps] = 1;
    }
  }
  struct point point = {.step = steps, .ended = true, .result = child.result, .changed = true,
                        .killed = now_ns(), .quiet_ms = 60};
  const char *wrong = scenario->check(&point);
  if (wrong && !scenario->must_fail) not_ok(scenario->name, "without a kill: %s", wrong);
  return steps;
}

static const char *try_point(const struct scenario *scenario, enum until until, long count,
                             struct point *point, bool *reached) {
  char name[120];
  snprintf(name, sizeof name, "%s, %s %ld", scenario->name,
           until == UNTIL_STEP ? "instruction" : "change", count);
  watch(name, 60);
  scenario->prepare();
  *reached = run_to(scenario, until, count, point);
  point->changed = until == UNTIL_CHANGE || (point->step < MAX_CHANGES && changed[point->step]);
  point->quiet_ms = point->changed ? 60 : 2;
  const char *wrong = scenario->check(point);
  if (wrong != needs_help) return wrong;
  // Again without help: the sleeper has to manage alone, within the bounded waits.
  watch(name, 60);
  scenario->prepare();
  *reached = run_to(scenario, until, count, point);
  point->changed = true;
  point->quiet_ms = 3000;
  wrong = scenario->check(point);
  return wrong == needs_help ? "a sleeper was forgotten for 3 s" : wrong;
}

// As `try_point` after a change, without a look after each instruction: the survey says where it
// is. Where this time another instruction stands there, the slow way too.
static const char *try_change(const struct scenario *scenario, long changes, long count,
                              struct point *point, bool *reached) {
  if (count > 0 && count <= changes && changes < MAX_CHANGES && !scenario->asleep) {
    const char *wrong = try_point(scenario, UNTIL_STEP, found[count].step, point, reached);
    if (wrong || (*reached && point->pc == found[count].pc)) return wrong;
    again++;
  }
  return try_point(scenario, UNTIL_CHANGE, count, point, reached);
}

void run_scenario(const struct scenario *scenario) {
  int64_t begin = now_ns();
  int failed = failures;
  long changes, kills = 0;
  again = 0;
  times_clear(&sleeper_times);
  times_clear(&first_times);
  if (!changed) changed = malloc(MAX_CHANGES);
  if (!changed) give_up("malloc");
  watch(scenario->name, 60);
  scenario->set_up();
  long steps = survey(scenario, &changes);
  scenario->tear_down();
  scenario->set_up();
  enum until until =
      !scenario->only_changes && (steps <= LITERAL_STEPS || scenario->every || is_long_run())
          ? UNTIL_STEP
          : UNTIL_CHANGE;
  bool reached = true;
  int wrongs = 0;
  for (long count = 0; reached && wrongs < MAX_FAILURES && failures == failed; count++) {
    struct point point;
    const char *wrong = until == UNTIL_STEP
                            ? try_point(scenario, until, count, &point, &reached)
                            : try_change(scenario, changes, count, &point, &reached);
    kills += reached;
    if (wrong && scenario->must_fail && reached) {
      ok(scenario->name, "the kill after instruction %ld is noticed: %s", point.step, wrong);
      scenario->tear_down();
      return;
    }
    if (wrong) {
      printf("# %s: killed after instruction %ld of %ld (%s %ld of %ld)%s: %s\n", scenario->name,
             point.step, steps, until == UNTIL_STEP ? "instruction" : "change", count,
             until == UNTIL_STEP ? steps : changes, reached ? "" : ", at the end", wrong);
      wrongs++;
      scenario->tear_down();
      scenario->set_up();
    }
  }
  watch(scenario->name, 60);
  scenario->tear_down();
  if (scenario->must_fail) {
    not_ok(scenario->name, "no kill is noticed");
    return;
  }
  if (wrongs) not_ok(scenario->name, "%d of %ld kills, see above", wrongs, kills);
  if (failures > failed) return;
  ok(scenario->name, "%ld instructions, %ld changes, %ld %s (after %s)%s%s, %.1f s", steps,
     changes, kills, scenario->inject ? "signals" : scenario->goes_on ? "stops" : "kills",
     until == UNTIL_STEP ? "every instruction" : "every change",
     scenario->summary ? "; " : "", scenario->summary ? scenario->summary() : "",
     1e-9 * (double)(now_ns() - begin));
  if (again) printf("#   %ld changes came after another number of instructions\n", again);
  if (sleeper_times.count) printf("#   SIGKILL to return: %s\n", times_text(&sleeper_times));
  if (first_times.count) printf("#   first call after it: %s\n", times_text(&first_times));
}

void kill_at_change(const struct scenario *scenario, long change) {
  struct point point;
  // Should the call take fewer changes this time, it ends before: a death like any other.
  run_to(scenario, UNTIL_CHANGE, change, &point);
}

long count_changes(const struct scenario *scenario) {
  long changes;
  if (!changed) changed = malloc(MAX_CHANGES);
  survey(scenario, &changes);
  return changes;
}
