// The death tests. See run.
#include "death.h"
#ifndef ON_KERNEL
#include "stepper.h"

static void run_all(const struct scenario *const *scenarios, const char *only) {
  for (; *scenarios; scenarios++)
    if (!only || !strncmp((*scenarios)->name, only, strlen(only))) run_scenario(*scenarios);
}

int run_steps(int argc, char **argv) {
  const char *only = argc > 0 ? argv[0] : NULL;
  run_all(operation_scenarios, only);
  run_all(hand_over_scenarios, only);
  run_all(sleep_scenarios, only);
  run_all(control_scenarios, only);
  run_recoveries(only);
  return failures != 0;
}
#endif

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
#ifndef ON_KERNEL
  if (!strcmp(part, "step")) return run_steps(argc - 2, argv + 2);
#endif
  fprintf(stderr, "usage: death step [NAME] | instant | lifecycle | handler | reuse | storm\n");
  return 2;
}
