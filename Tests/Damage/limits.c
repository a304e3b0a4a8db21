// The limits of the Linux ABI, reached: many sets, large sets, long calls, many sleepers and
// members. Times are printed, not judged.
#include "damage.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>

static double megabytes_free(void) {
  struct statvfs status;
  if (statvfs(namespace_path(), &status)) give_up("statvfs");
  return (double)status.f_bavail * (double)status.f_frsize / 1e6;
}

static double microseconds_since(int64_t begin, long count) {
  return 1e-3 * (double)(now_ns() - begin) / (double)(count ? count : 1);
}

static void many_sets(void) {
  enum { SETS = 32000 };
  static int ids[SETS];
  if (megabytes_free() < 4.0 * 8192 * SETS / 1e6) {
    skip("limit-sets", "the file system has only %.0f MB free", megabytes_free());
    return;
  }
  int count = 0;
  int64_t begin = now_ns();
  for (; count < SETS; count++) {
    ids[count] = omega_semget(IPC_PRIVATE, 1, 0600);
    if (ids[count] < 0) break;
    if (count % 4000 == 0) watch("many sets", 120);
  }
  double create = microseconds_since(begin, count);
  int error = errno;
  if (count < SETS) {
    not_ok("limit-sets", "set %d: %s", count, error_name(error));
  } else {
    int more = omega_semget(IPC_PRIVATE, 1, 0600);
    error = errno;
    begin = now_ns();
    long wrong = 0;
    for (int i = 0; i < count; i++) wrong += operate(ids[i], 0, 1, 0) != 0;
    double first = microseconds_since(begin, count);
    begin = now_ns();
    for (int i = 0; i < count; i++) wrong += operate(ids[i], 0, -1, IPC_NOWAIT) != 0;
    double second = microseconds_since(begin, count);
    for (int i = 0; i < count; i++) wrong += control(ids[i], 0, GETVAL) != 0;
    if (more >= 0 || error != ENOSPC || wrong)
      not_ok("limit-sets", "one more: %s; %ld operations failed", error_name(error), wrong);
    else
      ok("limit-sets", "%d sets: create %.1f us, first operation %.1f us, second %.3f us; "
         "one more: ENOSPC", count, create, first, second);
  }
  begin = now_ns();
  for (int i = 0; i < count; i++) {
    if (i % 4000 == 0) watch("many sets, removal", 120);
    remove_set(ids[i]);
  }
  printf("#   remove %.1f us\n", microseconds_since(begin, count));
}

static void large_set(void) {
  enum { COUNT = 32000 };
  static unsigned short values[COUNT], seen[COUNT];
  watch("a large set", 120);
  int id = omega_semget(IPC_PRIVATE, COUNT, 0600);
  int more = omega_semget(IPC_PRIVATE, COUNT + 1, 0600);
  if (id < 0) {
    not_ok("limit-set-size", "%s", error_name(errno));
    return;
  }
  union semun argument = {.array = values};
  for (int i = 0; i < COUNT; i++) values[i] = (unsigned short)(i % 32768);
  int64_t begin = now_ns();
  bool right = omega_semctl(id, 0, SETALL, argument) == 0;
  double set_all = microseconds_since(begin, 1);
  begin = now_ns();
  argument.array = seen;
  right = omega_semctl(id, 0, GETALL, argument) == 0 && !memcmp(values, seen, sizeof seen) && right;
  double get_all = microseconds_since(begin, 1);
  begin = now_ns();
  for (int i = 0; i < COUNT; i++) right = !operate(id, i, 1, SEM_UNDO) && right;
  double undo = microseconds_since(begin, COUNT);
  begin = now_ns();
  for (int i = 0; i < COUNT; i++) right = !operate(id, i, -1, 0) && right;
  double plain = microseconds_since(begin, COUNT);
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < COUNT; i++)
      if (operate(id, i, 2, SEM_UNDO)) _exit(errno);
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  begin = now_ns();
  right = omega_semctl(id, 0, GETALL, argument) == 0 && !memcmp(values, seen, sizeof seen) &&
          right && !status;
  double settled = microseconds_since(begin, 1);
  remove_set(id);
  if (right && more < 0)
    ok("limit-set-size", "32000 semaphores: SETALL %.0f us, GETALL %.0f us, with undo %.3f us, "
       "without %.3f us, GETALL after a death with 32000 adjustments %.0f us", set_all, get_all,
       undo, plain, settled);
  else
    not_ok("limit-set-size", "wrong values, or status %x, or 32001 semaphores: %d", status, more);
}

static void long_calls(void) {
  enum { MOST = 500 };
  struct sembuf operations[MOST + 1];
  unsigned short values[MOST];
  watch("long calls", 60);
  int id = new_set(MOST, NULL);
  for (int flags = 0; flags <= SEM_UNDO; flags += SEM_UNDO) {
    for (int sign = 1; sign >= -1; sign -= 2) {
      for (int i = 0; i <= MOST; i++)
        operations[i] = (struct sembuf){(unsigned short)(i % MOST), (short)sign, (short)flags};
      int64_t begin = now_ns();
      int result = omega_semop(id, operations, MOST) < 0 ? errno : 0;
      double time = microseconds_since(begin, 1);
      bool right = !result && get_values(id, values);
      for (int i = 0; i < MOST; i++) right = right && values[i] == (sign > 0);
      int more = omega_semop(id, operations, MOST + 1) < 0 ? errno : 0;
      if (right && more == E2BIG)
        ok("limit-operations", "500%s: %.0f us; 501: E2BIG", flags ? " with undo" : "", time);
      else
        not_ok("limit-operations", "500: %s, 501: %s", error_name(result), error_name(more));
    }
  }
  remove_set(id);
}

static int sleep_set;
static void *sleep_thread(void *unused) {
  (void)unused;
  return (void *)(intptr_t)operate(sleep_set, 0, -1, 0);
}

static void many_sleepers(void) {
  enum { PROCESSES = 20, THREADS = 100, SLEEPERS = PROCESSES * THREADS };
  pid_t pids[PROCESSES];
  watch("many sleepers", 120);
  sleep_set = watched_set = new_set(2, NULL);
  for (int i = 0; i < PROCESSES; i++) {
    pids[i] = fork();
    if (pids[i] < 0) give_up("fork");
    if (pids[i]) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_t threads[THREADS];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 131072);
    for (int t = 0; t < THREADS; t++)
      if (pthread_create(&threads[t], &small, sleep_thread, NULL)) _exit(200);
    int wrong = 0;
    for (int t = 0; t < THREADS; t++) {
      void *result;
      pthread_join(threads[t], &result);
      if (result) wrong = (int)(intptr_t)result;
    }
    _exit(wrong);
  }
  wait_asleep(sleep_set, 0, SLEEPERS);
  int64_t begin = now_ns();
  for (int i = 0; i < 10000; i++) operate(sleep_set, 1, i % 2 ? -1 : 1, 0);
  double elsewhere = microseconds_since(begin, 10000);
  begin = now_ns();
  for (int i = 0; i < SLEEPERS / 2; i++) operate(sleep_set, 0, 1, 0);
  double one = microseconds_since(begin, SLEEPERS / 2);
  begin = now_ns();
  operate(sleep_set, 0, SLEEPERS - SLEEPERS / 2, 0);
  double rest = microseconds_since(begin, 1);
  int wrong = 0, status, first = 0;
  for (int i = 0; i < PROCESSES; i++) {
    waitpid(pids[i], &status, 0);
    wrong += status != 0;
    if (status && !first) first = status;
  }
  if (wrong || control(sleep_set, 0, GETVAL) || control(sleep_set, 0, GETNCNT))
    not_ok("limit-sleepers", "%d processes saw errors, the first %s; value %d", wrong,
           WIFEXITED(first) ? error_name(WEXITSTATUS(first)) : "a signal",
           control(sleep_set, 0, GETVAL));
  else
    ok("limit-sleepers", "2000: an operation elsewhere %.3f us, waking one %.1f us, waking 1000 at "
       "once %.0f us", elsewhere, one, rest);
  remove_set(sleep_set);
}

static void many_holders(void) {
  enum { HOLDERS = 1000 };
  static pid_t pids[HOLDERS];
  int ready[2];
  watch("many holders", 120);
  int id = watched_set = new_set(2, (unsigned short[]){HOLDERS, 5});
  if (pipe(ready)) give_up("pipe");
  int64_t begin = now_ns();
  for (int i = 0; i < HOLDERS; i++) {
    pids[i] = fork();
    if (pids[i] < 0) give_up("fork");
    if (pids[i]) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char error = (char)operate(id, 0, -1, SEM_UNDO | IPC_NOWAIT);
    if (write(ready[1], &error, 1) != 1) _exit(1);
    while (true) pause();
  }
  int wrong = 0;
  for (int i = 0; i < HOLDERS; i++) {
    char error = 1;
    if (read(ready[0], &error, 1) != 1 || error) wrong++;
  }
  double start = microseconds_since(begin, HOLDERS);
  begin = now_ns();
  for (int i = 0; i < 2000; i++) operate(id, 0, i % 2 ? -1 : 1, 0);
  double held = microseconds_since(begin, 2000);
  begin = now_ns();
  for (int i = 0; i < 2000; i++) operate(id, 1, i % 2 ? -1 : 1, 0);
  double other = microseconds_since(begin, 2000);
  for (int i = 0; i < HOLDERS; i += 2) kill(pids[i], SIGKILL);
  for (int i = 0; i < HOLDERS; i += 2) waitpid(pids[i], NULL, 0);
  begin = now_ns();
  int half = control(id, 0, GETVAL);
  double settle = microseconds_since(begin, HOLDERS / 2);
  for (int i = 1; i < HOLDERS; i += 2) kill(pids[i], SIGKILL);
  for (int i = 1; i < HOLDERS; i += 2) waitpid(pids[i], NULL, 0);
  int all = control(id, 0, GETVAL);
  close(ready[0]);
  close(ready[1]);
  if (wrong || half != HOLDERS / 2 || all != HOLDERS)
    not_ok("limit-holders", "%d failed; %d after half of them died, %d after all", wrong, half,
           all);
  else
    ok("limit-holders", "1000 processes: %.0f us each to start, an operation on the semaphore held "
       "%.3f us, on another %.3f us, undoing one death %.1f us", start, held, other, settle);
  remove_set(id);
}

int run_limits(void) {
  long_calls();
  large_set();
  many_sleepers();
  many_holders();
  many_sets();
  return failures != 0;
}
