// Results, times, the watchdog and the calls. See death.h.
#include "death.h"

#include <fcntl.h>
#include <stdarg.h>

int failures;
int watched_set = -1;

static void result(const char *kind, const char *name, const char *format, va_list arguments) {
  char text[2000];
  vsnprintf(text, sizeof text, format, arguments);
  printf("%s %s%s%s\n", kind, name, *text ? ": " : "", text);
  fflush(stdout);
}

void ok(const char *name, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  result("ok", name, format, arguments);
  va_end(arguments);
}

void not_ok(const char *name, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  result("not ok", name, format, arguments);
  va_end(arguments);
  failures++;
}

void skip(const char *name, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  result("skip", name, format, arguments);
  va_end(arguments);
}

void give_up(const char *what) {
  printf("not ok death: %s: %s\n", what, strerror(errno));
  fflush(stdout);
  _exit(2);
}

const char *message(const char *format, ...) {
  static char text[2000];
  char fresh[sizeof text];  // the arguments may point into the last message
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(fresh, sizeof fresh, format, arguments);
  va_end(arguments);
  memcpy(text, fresh, sizeof text);
  return text;
}

bool is_long_run(void) {
  const char *value = getenv("OMEGA_TEST_LONG");
  return value && !strcmp(value, "1");
}

const char *error_name(int error) { return error ? strerrorname_np(error) : "0"; }

// --- time

int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

void pause_ms(int ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL); }

void times_add(struct times *times, int64_t ns) {
  if (times->count == times->capacity) {
    times->capacity = times->capacity ? 2 * times->capacity : 256;
    times->ns = realloc(times->ns, sizeof *times->ns * (size_t)times->capacity);
    if (!times->ns) give_up("realloc");
  }
  times->ns[times->count++] = ns;
}

void times_clear(struct times *times) { times->count = 0; }

static int compare_ns(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

const char *times_text(struct times *times) {
  static char text[4][160];
  static int next;
  char *out = text[next++ % 4];
  if (!times->count) return "none";
  qsort(times->ns, (size_t)times->count, sizeof *times->ns, compare_ns);
  long late = 0;
  for (long i = 0; i < times->count; i++) late += times->ns[i] > 50000000;
  double ms = 1e-6;
  snprintf(out, sizeof text[0],
           "median %.2f, 90%% %.2f, 99%% %.2f, most %.2f ms; %ld of %ld over 50 ms",
           ms * (double)times->ns[times->count / 2], ms * (double)times->ns[times->count * 9 / 10],
           ms * (double)times->ns[times->count * 99 / 100],
           ms * (double)times->ns[times->count - 1],
           late, times->count);
  return out;
}

// --- the watchdog

static char watched[200];

static void print_file(pid_t pid, const char *name) {
  char path[80], text[400];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file >= 0 ? read(file, text, sizeof text - 1) : -1;
  if (file >= 0) close(file);
  text[length > 0 ? length : 0] = 0;
  printf("#   %d %s: %s\n", pid, name, text);
}

// Runs in the watchdog's signal handler: the program is lost anyway, so stdio is good enough.
static void bark(int signal) {
  (void)signal;
  printf("not ok watchdog: hangs in %s\n", watched);
  fflush(stdout);
  char text[64];
  snprintf(text, sizeof text, "/proc/%d/task/%d/children", getpid(), getpid());
  FILE *children = fopen(text, "r");
  int pid;
  while (children && fscanf(children, "%d", &pid) == 1) {
    print_file(pid, "stat");
    print_file(pid, "syscall");
  }
  fflush(stdout);
  _exit(3);
}

void watch(const char *what, int seconds) {
  snprintf(watched, sizeof watched, "%s", what);
  signal(SIGALRM, bark);
  alarm((unsigned)seconds);
}

// --- semaphores

int new_set(int count, const unsigned short *values) {
  int id = omega_semget(IPC_PRIVATE, count, 0600);
  if (id < 0) give_up("semget");
  if (values) set_values(id, values);
  return id;
}

void remove_set(int id) {
  if (omega_semctl(id, 0, IPC_RMID) < 0) give_up("IPC_RMID");
}

void set_values(int id, const unsigned short *values) {
  union semun argument = {.array = (unsigned short *)values};
  if (omega_semctl(id, 0, SETALL, argument) < 0) give_up("SETALL");
}

bool get_values(int id, unsigned short *values) {
  union semun argument = {.array = values};
  return omega_semctl(id, 0, GETALL, argument) >= 0;
}

int control(int id, int semaphore, int command) { return omega_semctl(id, semaphore, command, 0); }

int set_value(int id, int semaphore, int value) {
  union semun argument = {.val = value};
  return omega_semctl(id, semaphore, SETVAL, argument) < 0 ? errno : 0;
}

int operate(int id, int semaphore, int amount, int flags) {
  struct sembuf operation = {(unsigned short)semaphore, (short)amount, (short)flags};
  return omega_semop(id, &operation, 1) < 0 ? errno : 0;
}

int operate_many(int id, const struct sembuf *operations, int count) {
  return omega_semop(id, (struct sembuf *)operations, (size_t)count) < 0 ? errno : 0;
}

bool same_values(const unsigned short *a, const unsigned short *b, int count) {
  return !memcmp(a, b, sizeof *a * (size_t)count);
}

const char *values_text(const unsigned short *values, int count) {
  static char text[4][100];
  static int next;
  char *out = text[next++ % 4];
  int at = 0;
  for (int i = 0; i < count && at < 90; i++)
    at += snprintf(out + at, sizeof text[0] - (size_t)at, "%s%d", i ? " " : "", values[i]);
  return out;
}

// --- memory

int new_segment(size_t size) {
  int id = omega_shmget(IPC_PRIVATE, size, 0600);
  if (id < 0) give_up("shmget");
  return id;
}

void *attach(int id) {
  void *memory = omega_shmat(id, NULL, 0);
  if (memory == (void *)-1) give_up("shmat");
  return memory;
}

long attachments(int id) {
  struct shmid_ds status;
  return omega_shmctl(id, IPC_STAT, &status) < 0 ? -1 : (long)status.shm_nattch;
}

void remove_segment(int id) {
  if (omega_shmctl(id, IPC_RMID, NULL) < 0) give_up("IPC_RMID of a segment");
}
