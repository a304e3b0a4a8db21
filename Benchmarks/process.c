// Processes that start and that die.
#include <spawn.h>

#include "bench.h"

extern char **environ;

// --- from SIGKILL of an undo holder to the return of the sleeper
// -------------------------------------

struct stage {
  _Atomic int wanted, taken;
  _Atomic int64_t returned_at;
};

static void sleeper(int id, struct stage *stage) {
  pin_to_cpu(1);
  for (int round = 1;; round++) {
    while (atomic_load(&stage->wanted) < round) usleep(50);
    struct sembuf take = {0, -1, 0};
    if (semop(id, &take, 1) == -1) _exit(errno == EIDRM || errno == EINVAL ? 0 : 1);
    atomic_store(&stage->returned_at, now_nanoseconds());
    change(id, 0, 1, 0);
    atomic_store(&stage->taken, round);
  }
}

void measure_death(long deaths) {
  int id = new_set(2);
  set_value(id, 0, 1);
  struct stage *stage = shared_page();
  pid_t waiting = fork_child();
  if (waiting == 0) sleeper(id, stage);

  double *samples = malloc((size_t)deaths * sizeof *samples);
  for (long round = 1; round <= deaths; round++) {
    pid_t holder = fork_child();
    if (holder == 0) {
      change(id, 0, -1, SEM_UNDO);
      change(id, 1, 1, 0);
      for (;;) pause();
    }
    change(id, 1, -1, 0);  // the holder holds
    atomic_store(&stage->wanted, (int)round);
    while (semctl(id, 0, GETNCNT) != 1) usleep(50);
    usleep(2000);  // past any spinning: the usual sleeper has slept for long
    int64_t killed_at = now_nanoseconds();
    kill(holder, SIGKILL);
    while (atomic_load(&stage->taken) < round) usleep(20);
    samples[round - 1] = (double)(atomic_load(&stage->returned_at) - killed_at) * 1e-3;
    waitpid(holder, NULL, 0);
  }
  report_samples("death", samples, (size_t)deaths);
  free(samples);
  kill(waiting, SIGKILL);
  waitpid(waiting, NULL, 0);
  remove_set(id);
}

// --- process start
// ------------------------------------------------------------------------------------

static double start_once(char **environment) {
  char *arguments[] = {"true", NULL};
  pid_t pid;
  int status;
  int64_t start = now_nanoseconds();
  if (posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environment) != 0) fail("posix_spawn");
  waitpid(pid, &status, 0);
  int64_t stop = now_nanoseconds();
  if (status != 0) fail("/bin/true");
  return (double)(stop - start) * 1e-6;
}

// Starts /bin/true alternately plain and under LIBRARY; this process itself is not under it.
void measure_start(const char *library, long starts) {
  char preload[4096];
  snprintf(preload, sizeof preload, "LD_PRELOAD=%s", library);
  char *plain[] = {"PATH=/usr/bin:/bin", NULL};
  char *preloaded[] = {"PATH=/usr/bin:/bin", preload, NULL};
  double *samples[2];
  for (int side = 0; side < 2; side++) samples[side] = malloc((size_t)starts * sizeof(double));
  for (int warm = 0; warm < 20; warm++) {
    start_once(plain);
    start_once(preloaded);
  }
  for (long index = 0; index < starts; index++) {
    samples[0][index] = start_once(plain);
    samples[1][index] = start_once(preloaded);
  }
  report_samples("start-plain", samples[0], (size_t)starts);
  report_samples("start-preload", samples[1], (size_t)starts);
}
