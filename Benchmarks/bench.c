// Helpers of the measurements and the command line:  semaphore-bench NAME MILLISECONDS [ARGUMENT]
#include "bench.h"

long measure_milliseconds = 100;

void fail(const char *what) {
  fprintf(stderr, "semaphore-bench: %s: %s\n", what, strerror(errno));
  exit(1);
}

pid_t fork_child(void) {
  pid_t pid = fork();
  if (pid == -1) fail("fork");
  if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

int new_set(int semaphores) {
  int id = semget(IPC_PRIVATE, semaphores, IPC_CREAT | 0600);
  if (id == -1) fail("semget");
  return id;
}

void remove_set(int id) {
  if (semctl(id, 0, IPC_RMID) == -1) fail("IPC_RMID");
}

void set_value(int id, int number, int value) {
  if (semctl(id, number, SETVAL, value) == -1) fail("SETVAL");
}

void pin_to_cpu(int index) {
  cpu_set_t allowed, wanted;
  static cpu_set_t initial;
  static int known;
  if (!known) {
    if (sched_getaffinity(0, sizeof initial, &initial) == -1) return;
    known = 1;
  }
  allowed = initial;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed) || index-- > 0) continue;
    CPU_ZERO(&wanted);
    CPU_SET(cpu, &wanted);
    sched_setaffinity(0, sizeof wanted, &wanted);
    return;
  }
}

void *shared_page(void) {
  void *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) fail("mmap");
  memset(page, 0, 65536);
  return page;
}

static double seconds(struct timeval time) {
  return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

double own_and_children_cpu_seconds(void) {
  double sum = 0;
  int both[2] = {RUSAGE_SELF, RUSAGE_CHILDREN};
  for (int index = 0; index < 2; index++) {
    struct rusage usage;
    getrusage(both[index], &usage);
    sum += seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  return sum;
}

static int by_value(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

void report_samples(const char *name, double *samples, size_t count) {
  if (count == 0) fail(name);
  qsort(samples, count, sizeof *samples, by_value);
  printf("%s %.3f\n", name, samples[count / 2]);
  printf("%s.min %.3f\n", name, samples[0]);
  printf("%s.p99 %.3f\n", name, samples[(count - 1) * 99 / 100]);
  printf("%s.max %.3f\n", name, samples[count - 1]);
}

int main(int count, char **arguments) {
  if (count < 3) {
    fprintf(stderr, "usage: semaphore-bench NAME MILLISECONDS [ARGUMENT]\n");
    return 2;
  }
  const char *name = arguments[1];
  const char *argument = count > 3 ? arguments[3] : "";
  measure_milliseconds = atol(arguments[2]);
  alarm(50);  // a hang ends the benchmark, it does not hang it
  pin_to_cpu(0);
  if (strcmp(name, "sleepers") == 0) measure_sleepers(atol(argument));
  else if (strcmp(name, "contend") == 0) measure_contend(atoi(argument));
  else if (strcmp(name, "disjoint") == 0) measure_disjoint();
  else if (strcmp(name, "ping-pong") == 0) measure_ping_pong(0);
  else if (strcmp(name, "ping-pong-one-cpu") == 0) measure_ping_pong(1);
  else if (strcmp(name, "memory") == 0) measure_memory(argument);
  else if (strcmp(name, "idle") == 0) measure_idle();
  else if (strcmp(name, "death") == 0) measure_death(atol(argument));
  else if (strcmp(name, "start") == 0) measure_start(argument, 500);
  else if (strcmp(name, "message") == 0) measure_message_pair(atol(argument));
  else if (strcmp(name, "message-typed") == 0) measure_message_typed(atol(argument));
  else if (strcmp(name, "message-ping-pong") == 0) measure_message_ping_pong();
  else if (strcmp(name, "message-stream") == 0) measure_message_stream();
  else measure_single(name);
  return 0;
}
