// A signal handler that calls semop while it interrupts semop on the same set: a storm of timers.
#include "death.h"

#include <sys/time.h>

static int set;
static volatile sig_atomic_t in_handler;
static long handled, handler_errors;
static int handler_flags;

// Balanced, and one that can never proceed; a handler must leave errno alone.
static void handle(int signal) {
  (void)signal;
  int saved = errno;
  short flags = (short)handler_flags;
  struct sembuf several[] = {{0, 1, flags}, {1, -1, (short)(flags | IPC_NOWAIT)}};
  if (operate(set, 0, 1, handler_flags)) handler_errors++;
  if (operate(set, 0, -1, handler_flags | IPC_NOWAIT)) handler_errors++;
  if (operate(set, 2, -1, IPC_NOWAIT) != EAGAIN) handler_errors++;
  if (!operate_many(set, several, 2)) {
    several[0].sem_op = -1;
    several[1].sem_op = 1;
    if (operate_many(set, several, 2)) handler_errors++;
  }
  handled++;
  errno = saved;
}

static int storm(long calls, int flags) {
  static const unsigned short start[3] = {10, 10, 0};
  set_values(set, start);
  handled = handler_errors = 0;
  handler_flags = flags;
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_NODEFER};
  sigaction(SIGPROF, &action, NULL);
  sigaction(SIGVTALRM, &action, NULL);
  action.sa_flags = 0;
  sigaction(SIGUSR1, &action, NULL);
  struct itimerspec period = {{0, 30000}, {0, 30000}};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &period, NULL))
    give_up("timer");
  int error = 0;
  for (long i = 0; i < calls && !error; i++) {
    struct sembuf back[] = {{0, 1, (short)flags}, {1, 1, (short)flags}};
    switch (i % 3) {
      case 0:
        error = operate(set, 0, -1, flags | IPC_NOWAIT);
        if (!error) error = operate(set, 0, 1, flags);
        break;
      case 1:
        error = operate(set, 1, -1, flags | IPC_NOWAIT);
        if (!error) error = operate(set, 0, -1, flags | IPC_NOWAIT);
        if (!error) error = operate_many(set, back, 2);
        break;
      case 2: {
        // Sleeps until the time is over or a signal comes.
        struct sembuf never = {2, -1, (short)flags};
        struct timespec time = {0, 100000};
        omega_semtimedop(set, &never, 1, &time);
        if (errno != EAGAIN && errno != EINTR) error = errno;
        break;
      }
    }
  }
  timer_delete(timer);
  signal(SIGUSR1, SIG_IGN);
  unsigned short values[3];
  if (error || handler_errors || !get_values(set, values) || !same_values(values, start, 3)) {
    printf("# error %s, %ld in handlers, values %s\n", error_name(error), handler_errors,
           values_text(values, 3));
    return 1;
  }
  return handled > calls / 1000 ? 0 : 2;  // it must have been a storm
}

// Signals from another process too, at any instruction.
int run_handler(void) {
  watch("handler", 200);
  set = watched_set = new_set(3, NULL);
  const long calls = is_long_run() ? 2000000 : 200000;
  for (int with_undo = 0; with_undo < 2; with_undo++) {
    const char *name = with_undo ? "handler-undo" : "handler";
    pid_t pid = fork();
    if (pid < 0) give_up("fork");
    if (pid == 0) {
      alarm(0);
      int result = storm(calls, with_undo ? SEM_UNDO : 0);
      printf("#   %s: %ld handlers ran\n", name, handled);
      fflush(stdout);
      _exit(result);
    }
    int status;
    waitpid(pid, &status, 0);
    unsigned short values[3];
    static const unsigned short expected[3] = {10, 10, 0};
    bool right = get_values(set, values) && same_values(values, expected, 3);
    if (status || !right)
      not_ok(name, "status %x, values after the end %s", status, values_text(values, 3));
    else
      ok(name, "%ld calls, sums exact", calls);
  }
  remove_set(set);
  return failures != 0;
}
