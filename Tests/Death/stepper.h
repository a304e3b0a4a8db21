// Single-steps a process through one call and kills it after any instruction. See stepper.c.
#ifndef STEPPER_H
#define STEPPER_H

#include "death.h"

// Where a process was killed.
struct point {
  long step;       // instructions executed
  long pc;         // the next one
  bool changed;    // the last one changed what a survivor can see, or was a system call
  bool ended;      // the call had returned before, with `result`
  int result;
  int64_t killed;  // when
  int quiet_ms;    // how long the check may wait before it touches the set
};

struct scenario {
  const char *name;
  void (*set_up)(void);
  void (*prepare)(void);              // makes the state before the call; before each kill
  void (*warm)(void);                 // in the child, before the call
  int (*call)(void);                  // in the child, stepped; the errno
  void (*asleep)(void);               // the call sleeps: lets it go on
  void (*before_kill)(void);          // the child is stopped at the point
  const char *(*check)(const struct point *);  // NULL, or what is wrong
  void (*tear_down)(void);
  const char *(*summary)(void);       // what the checks saw, for the result line
  bool only_changes;                  // also in a long run: each kill is slow
  bool must_fail;                     // a canary: some kill must be found wrong
  bool goes_on;                       // the child is not killed: it must end by itself
  int inject;                         // then it gets this signal at the point
  bool every;                         // at every instruction, however many
};

// A check returns this when it saw that a sleeper had to be helped: the point is tried again with
// more patience and without help.
extern const char *const needs_help;

// Kills at every instruction (or, where that takes too long and this is no long run, at every
// instruction that changed something) and prints the result.
void run_scenario(const struct scenario *scenario);

// Starts a child, lets it make `change` changes in its call (or `step` instructions, if not 0), and
// kills it. For the death that another child recovers.
void kill_at_change(const struct scenario *scenario, long change);
// Number of changes of a scenario's call.
long count_changes(const struct scenario *scenario);

extern struct times sleeper_times;  // from SIGKILL to a sleeper's return
extern struct times first_times;    // of the first call after a death

extern const struct scenario *const several_plain_scenario, *const several_undo_scenario;
extern const struct scenario *const hand_over_scenario, *const chain_scenario;
extern const struct scenario *const set_all_scenario, *const remove_scenario;
// The sleepers of the hand-over scenarios, to be stopped and continued.
void signal_sleepers(int signal);

extern const struct scenario *const operation_scenarios[];
extern const struct scenario *const stopped_scenarios[];
extern const struct scenario *const hand_over_scenarios[];
extern const struct scenario *const sleep_scenarios[];
extern const struct scenario *const control_scenarios[];
extern const struct scenario *const memory_scenarios[];
void run_recoveries(const char *only);

#endif
