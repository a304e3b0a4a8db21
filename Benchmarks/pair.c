// Several processes: contention, independence, hand-over, an idle sleeper.
#include "bench.h"

enum { most_processes = 16 };

// On one page each, so that the measurement adds no sharing of its own.
struct counter {
  _Alignas(128) _Atomic long turns;
};
struct board {
  _Atomic int ready, go, stop;
  struct counter counters[most_processes];
};

typedef void (*turn_function)(int id, int process);

// Runs BODY in several processes at once for the time given; the turns of each are in the board.
static double run_together(struct board *board, int processes, int id, turn_function body) {
  pid_t pids[most_processes];
  for (int process = 0; process < processes; process++) {
    pids[process] = fork_child();
    if (pids[process] != 0) continue;
    pin_to_cpu(process % 2);
    for (int warm = 0; warm < 100; warm++) body(id, process);
    atomic_fetch_add(&board->ready, 1);
    while (!atomic_load(&board->go)) sched_yield();
    long turns = 0;
    while (!atomic_load_explicit(&board->stop, memory_order_relaxed)) {
      body(id, process);
      turns++;
    }
    atomic_store(&board->counters[process].turns, turns);
    _exit(0);
  }
  while (atomic_load(&board->ready) < processes) usleep(200);
  int64_t start = now_nanoseconds();
  atomic_store(&board->go, 1);
  usleep((useconds_t)(measure_milliseconds * 1000));
  atomic_store(&board->stop, 1);
  int64_t stop = now_nanoseconds();
  for (int process = 0; process < processes; process++) waitpid(pids[process], NULL, 0);
  return (double)(stop - start);
}

static long sum_of_turns(struct board *board, int processes, long *least) {
  long sum = 0;
  *least = -1;
  for (int process = 0; process < processes; process++) {
    long turns = atomic_load(&board->counters[process].turns);
    sum += turns;
    if (*least == -1 || turns < *least) *least = turns;
  }
  return sum;
}

static void lock_and_unlock(int id, int process) {
  (void)process;
  change(id, 0, -1, 0);
  change(id, 0, 1, 0);
}

// Wall time for each lock+unlock pair, whoever does it.
void measure_contend(int processes) {
  struct board *board = shared_page();
  int id = new_set(1);
  set_value(id, 0, 1);
  double cpu = own_and_children_cpu_seconds();
  double took = run_together(board, processes, id, lock_and_unlock);
  cpu = own_and_children_cpu_seconds() - cpu;
  long least, sum = sum_of_turns(board, processes, &least);
  if (sum == 0 || semctl(id, 0, GETVAL) != 1) fail("contend: lost or doubled token");
  printf("contend-%d %.3f\n", processes, took / (double)sum);
  printf("contend-%d.least-share %.3f\n", processes, (double)least * processes / (double)sum);
  printf("contend-%d.cpu-ns %.1f\n", processes, cpu * 1e9 / (double)sum);
  remove_set(id);
}

static void up_and_down(int id, int process) {
  change(id, process, 1, 0);
  change(id, process, -1, 0);
}

// Time of one operation for each of two processes, and of one process alone by the same loop.
void measure_disjoint(void) {
  int id = new_set(2);
  long least;
  double time_of[3] = {0};
  for (int processes = 1; processes <= 2; processes++) {
    struct board *board = shared_page();
    double took = run_together(board, processes, id, up_and_down);
    time_of[processes] = took * processes / (2.0 * (double)sum_of_turns(board, processes, &least));
  }
  printf("disjoint %.3f\n", time_of[2]);
  printf("disjoint.alone %.3f\n", time_of[1]);
  printf("disjoint.multiple %.3f\n", time_of[2] / time_of[1]);
  remove_set(id);
}

// --- ping-pong
// ---------------------------------------------------------------------------------------

static void answer(int id) {
  struct sembuf take = {0, -1, 0}, give = {1, 1, 0};
  for (;;) {
    if (semop(id, &take, 1) == -1 || semop(id, &give, 1) == -1) {
      if (errno == EINTR) continue;
      _exit(errno == EIDRM || errno == EINVAL ? 0 : 1);
    }
  }
}

void measure_ping_pong(int same_cpu) {
  const char *name = same_cpu ? "ping-pong-one-cpu" : "ping-pong";
  int id = new_set(2);
  pid_t pid = fork_child();
  if (pid == 0) {
    pin_to_cpu(same_cpu ? 0 : 1);
    answer(id);
  }
  long trips = 0;
  double cpu = own_and_children_cpu_seconds();
  int64_t start = now_nanoseconds();
  MEASURE(name, 1, {
    change(id, 0, 1, 0);
    change(id, 1, -1, 0);
    trips++;
  });
  double took = (double)(now_nanoseconds() - start);
  remove_set(id);
  int status;
  waitpid(pid, &status, 0);
  if (status != 0) fail("ping-pong: the other process failed");
  cpu = own_and_children_cpu_seconds() - cpu;
  printf("%s.cpu-ns %.1f\n", name, cpu * 1e9 / (double)trips);
  printf("%s.cores %.3f\n", name, cpu * 1e9 / took);
}

// CPU time that a sleeper uses in one second of sleep, in microseconds.
void measure_idle(void) {
  int id = new_set(1);
  pid_t pid = fork_child();
  if (pid == 0) {
    struct sembuf down = {0, -1, 0};
    semop(id, &down, 1);
    _exit(0);
  }
  while (semctl(id, 0, GETNCNT) != 1) usleep(100);
  usleep(20000);  // past any spinning at the beginning of the sleep
  clockid_t clock;
  if (clock_getcpuclockid(pid, &clock) != 0) fail("clock_getcpuclockid");
  struct timespec before, after;
  clock_gettime(clock, &before);
  usleep(1000000);
  clock_gettime(clock, &after);
  printf("idle %.3f\n", (double)(after.tv_sec - before.tv_sec) * 1e6 +
                            (double)(after.tv_nsec - before.tv_nsec) * 1e-3);
  change(id, 0, 1, 0);
  waitpid(pid, NULL, 0);
  remove_set(id);
}
