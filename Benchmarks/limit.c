// What an operation cannot do without, measured alone; and a fixed number of calls, to be counted.
//
//   limit               nanoseconds of a compare-and-swap, of two, and of the clock, on this machine
//   limit NAME COUNT    COUNT turns of two calls each, for `valgrind --tool=callgrind`
//                       (Documentation/Performance.md): one, one-undo, four, four-undo, getval
#include "bench.h"

long measure_milliseconds = 200;

void fail(const char *what) {
  perror(what);
  exit(1);
}

static _Atomic uint64_t words[16] __attribute__((aligned(128)));

// On one cache line that nobody else uses, as a semaphore that nobody contends for.
static void swap(_Atomic uint64_t *word) {
  uint64_t old = atomic_load_explicit(word, memory_order_acquire);
  atomic_compare_exchange_strong(word, &old, old + 1);
}

// The shortest batch: what the machine can do when nothing disturbs it.
#define SHORTEST(name, body)                                              \
  do {                                                                    \
    double shortest = 1e9;                                                \
    int64_t until = now_nanoseconds() + measure_milliseconds * 1000000;   \
    while (now_nanoseconds() < until) {                                   \
      int64_t start = now_nanoseconds();                                  \
      for (int turn = 0; turn < 10000; turn++) body;                      \
      double each = (double)(now_nanoseconds() - start) / 10000;          \
      if (each < shortest) shortest = each;                               \
    }                                                                     \
    printf("%-40s %5.1f ns\n", name, shortest);                           \
  } while (0)

static void measure(void) {
  struct timespec coarse;
  volatile time_t seconds;
  SHORTEST("one compare-and-swap", swap(&words[0]));
  SHORTEST("two compare-and-swaps", (swap(&words[0]), swap(&words[8])));
  SHORTEST("the clock: time(2) by the vDSO", seconds = time(NULL));
  SHORTEST("the clock: CLOCK_REALTIME_COARSE", clock_gettime(CLOCK_REALTIME_COARSE, &coarse));
  SHORTEST("one compare-and-swap and time(2)", (swap(&words[0]), seconds = time(NULL)));
  SHORTEST("two compare-and-swaps and time(2)",
           (swap(&words[0]), swap(&words[8]), seconds = time(NULL)));
  (void)seconds;
}

static void call(const char *name, long count) {
  int id = semget(IPC_PRIVATE, 4, 0600);
  if (id < 0) fail("semget");
  short flags = strstr(name, "undo") ? SEM_UNDO : 0;
  size_t operations = strncmp(name, "four", 4) == 0 ? 4 : 1;
  struct sembuf up[4], down[4];
  for (unsigned short number = 0; number < 4; number++) {
    up[number] = (struct sembuf){number, 1, flags};
    down[number] = (struct sembuf){number, -1, flags};
  }
  int failed = 0;
  if (strcmp(name, "getval") == 0)
    for (long turn = 0; turn < count; turn++)
      failed |= semctl(id, 0, GETVAL) | semctl(id, 0, GETVAL);
  else
    for (long turn = 0; turn < count; turn++)
      failed |= semop(id, up, operations) | semop(id, down, operations);
  if (failed) fail(name);
  if (semctl(id, 0, IPC_RMID) < 0) fail("IPC_RMID");
}

int main(int argc, char **argv) {
  if (argc == 3)
    call(argv[1], atol(argv[2]));
  else
    measure();
  return 0;
}
