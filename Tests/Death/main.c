// The death tests. See run.
#include "death.h"
#ifndef ON_KERNEL
#include "Queues/queue_steps.h"
#include "stepper.h"

static void run_all(const struct scenario *const *scenarios, const char *only) {
  for (; *scenarios; scenarios++)
    if (!only || !strncmp((*scenarios)->name, only, strlen(only))) run_scenario(*scenarios);
}

int run_steps(int argc, char **argv) {
  const char *only = argc > 0 ? argv[0] : NULL;
  run_all(operation_scenarios, only);
  run_all(stopped_scenarios, only);
  run_all(hand_over_scenarios, only);
  run_all(sleep_scenarios, only);
  run_all(control_scenarios, only);
  run_all(memory_scenarios, only);
  run_recoveries(only);
  run_all(queue_call_scenarios, only);
  run_all(queue_sleep_scenarios, only);
  run_all(queue_control_scenarios, only);
  run_all(queue_handler_scenarios, only);
  run_queue_recoveries(only);
  return failures != 0;
}
#endif

int after_exec(int argc, char **argv);

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
#ifndef ON_KERNEL
  if (!strcmp(part, "step")) return run_steps(argc - 2, argv + 2);
#endif
  if (!strcmp(part, "instant") || !strcmp(part, "fallback")) return run_instant();
  if (!strcmp(part, "lifecycle")) return run_lifecycle(argv[0]);
  if (!strcmp(part, "memory")) return run_memory(argv[0]);
  if (!strcmp(part, "memory-exec")) return after_memory_exec(argv);
  if (!strcmp(part, "handler")) return run_handler();
  if (!strcmp(part, "reuse")) return run_reuse();
  if (!strcmp(part, "storm")) {
    long kills = argc > 2 ? atol(argv[2]) : is_long_run() ? 100000 : 10000;
    return run_storm(argv[0], kills, argc > 3 ? (unsigned)atol(argv[3]) : 1);
  }
#ifndef ON_KERNEL
  if (!strcmp(part, "queue-storm")) {
    long kills = argc > 2 ? atol(argv[2]) : is_long_run() ? 100000 : 10000;
    return run_queue_storm(kills, argc > 3 ? (unsigned)atol(argv[3]) : 1);
  }
  if (!strcmp(part, "queue-lifecycle")) return run_queue_lifecycle(argv[0]);
  if (!strcmp(part, "queue-after-exec") && argc > 2) return queue_after_exec(argv[2]);
#endif
  if (!strcmp(part, "storm-worker")) return storm_worker(argc, argv);
  if (!strncmp(part, "after-", 6)) return after_exec(argc, argv);
  fprintf(stderr, "usage: death step [NAME] | instant | lifecycle | memory | handler | reuse | storm\n");
  return 2;
}
