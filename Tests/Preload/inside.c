// What a program can notice of the drop-in from inside: descriptors, threads, signals, allocations,
// errno, stack. Each part prints its name and "same", or what has changed, and the exit status says
// how it went.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// --- the program's allocator, counted: semaphore calls must not come here
// ---------------------------

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);
static _Atomic long allocator_calls;
void *malloc(size_t size) {
  allocator_calls++;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  allocator_calls++;
  return __libc_calloc(count, size);
}
void *realloc(void *block, size_t size) {
  allocator_calls++;
  return __libc_realloc(block, size);
}
void free(void *block) {
  allocator_calls++;
  __libc_free(block);
}

// --- snapshots
// ----------------------------------------------------------------------------------------

struct snapshot {
  char status[2048];       // the lines of /proc/self/status that a library could change
  char descriptors[2048];  // numbers and targets
  char actions[65 * 32];
  char environment[4096];
};

static void take_status(char *out) {
  static const char *const wanted[] = {
      "Threads:", "SigBlk:", "SigIgn:", "SigCgt:", "NoNewPrivs:", "Seccomp:", "CapEff:", "Umask:"};
  char text[8192];
  int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  text[size > 0 ? size : 0] = 0;
  *out = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    for (size_t index = 0; index < sizeof wanted / sizeof *wanted; index++)
      if (strncmp(line, wanted[index], strlen(wanted[index])) == 0) strcat(strcat(out, line), "\n");
}

static void take_descriptors(char *out) {
  *out = 0;
  for (int number = 0; number < 256; number++) {
    char path[64], target[256], line[400];
    snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    ssize_t size = readlink(path, target, sizeof target - 1);
    if (size < 0) continue;
    target[size] = 0;
    snprintf(line, sizeof line, "%d -> %s flags %d\n", number, target, fcntl(number, F_GETFD));
    strcat(out, line);
  }
}

static void take_actions(char *out) {
  memset(out, 0, 65 * 32);
  for (int number = 1; number <= 64; number++) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) == -1) continue;
    snprintf(out + number * 32, 32, "%p %x", (void *)action.sa_handler, (unsigned)action.sa_flags);
  }
}

static void take_environment(char *out) {
  extern char **environ;
  *out = 0;
  for (char **entry = environ; *entry && strlen(out) + strlen(*entry) + 2 < 4096; entry++)
    strcat(strcat(out, *entry), "\n");
}

static void take(struct snapshot *snapshot) {
  take_status(snapshot->status);
  take_descriptors(snapshot->descriptors);
  take_actions(snapshot->actions);
  take_environment(snapshot->environment);
}

static int failures;

static void report(const char *what, int same, const char *before, const char *after) {
  printf("%s %s\n", what, same ? "same" : "CHANGED");
  if (!same) failures++;
  if (!same && before) printf("--- before\n%s--- after\n%s", before, after);
}

static void compare(const char *when, const struct snapshot *a, const struct snapshot *b) {
  char what[64];
#define COMPARE(field, words)                         \
  snprintf(what, sizeof what, "%s: %s", when, words); \
  report(what, memcmp(a->field, b->field, sizeof a->field) == 0, a->field, b->field)
  COMPARE(status, "threads and signal masks");
  COMPARE(descriptors, "descriptors");
  COMPARE(actions, "signal actions");
  COMPARE(environment, "environment");
}

// --- the work
// ---------------------------------------------------------------------------------------

static int must(int result, const char *what) {
  if (result == -1) {
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
  }
  return result;
}

// Every kind of call, with a set of its own.
static void use_semaphores(void) {
  int id = must(semget(IPC_PRIVATE, 4, IPC_CREAT | 0600), "semget");
  struct sembuf up = {0, 1, SEM_UNDO}, down = {0, -1, SEM_UNDO},
                both[2] = {{1, 1, 0}, {2, 2, SEM_UNDO}};
  struct timespec timeout = {0, 1000000};
  unsigned short values[4];
  struct semid_ds about;
  must(semop(id, &up, 1), "semop");
  must(semop(id, &down, 1), "semop");
  must(semop(id, both, 2), "semop of two");
  if (semtimedop(id, &(struct sembuf){3, -1, 0}, 1, &timeout) != -1 || errno != EAGAIN)
    must(-1, "timeout");
  must(semctl(id, 0, GETALL, values), "GETALL");
  must(semctl(id, 0, IPC_STAT, &about), "IPC_STAT");
  must(semctl(id, 0, SETVAL, 3), "SETVAL");
  must(semctl(id, 0, IPC_RMID), "IPC_RMID");
}

static void check_errno(void) {
  int id = must(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600), "semget");
  errno = 123;
  must(semop(id, &(struct sembuf){0, 1, 0}, 1), "semop");
  must(semctl(id, 0, GETVAL), "GETVAL");
  report("errno after success:", errno == 123, NULL, NULL);
  must(semctl(id, 0, IPC_RMID), "IPC_RMID");
}

// On the smallest stack that a thread may have: the kernel needs none of it. One child for each
// call, so that the one which overflows is named.
static const char *const small_calls[] = {"semget", "semop of 500", "GETALL of 500", "sleep",
                                          "IPC_RMID"};
static int small_set;

static void *on_small_stack(void *call) {
  static struct sembuf operations[500];
  static unsigned short values[500];
  struct timespec timeout = {0, 2000000};
  switch ((intptr_t)call) {
    case 0:
      must(semget(IPC_PRIVATE, 500, IPC_CREAT | 0600), "semget");
      break;
    case 1:
      for (int index = 0; index < 500; index++)
        operations[index] = (struct sembuf){(unsigned short)index, 1, SEM_UNDO};
      must(semop(small_set, operations, 500), "semop of 500");
      break;
    case 2:
      must(semctl(small_set, 0, GETALL, values), "GETALL");
      break;
    case 3:
      operations[0] = (struct sembuf){0, -1, 0};
      if (semtimedop(small_set, operations, 1, &timeout) != -1 || errno != EAGAIN)
        must(-1, "sleep");
      break;
    default:
      must(semctl(small_set, 0, IPC_RMID), "IPC_RMID");
  }
  return NULL;
}

static void call_on_small_stack(int call) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN));
  if (pthread_create(&thread, &attributes, on_small_stack, (void *)(intptr_t)call) != 0) exit(2);
  pthread_join(thread, NULL);
  exit(0);
}

// Daemons close every descriptor, before and after their first IPC call, and reuse the numbers.
static void close_everything(int use_first) {
  if (use_first) use_semaphores();
  int output = fcntl(1, F_DUPFD, 200);
  for (int number = 0; number < 1024; number++)
    if (number != output) close(number);
  use_semaphores();
  int first = open("/dev/null", O_RDWR), second = open("/dev/zero", O_RDWR);
  use_semaphores();
  char byte = 1;
  int good = first == 0 && second == 1 && read(second, &byte, 1) == 1 && byte == 0;
  dup2(output, 1);
  report(use_first ? "closed after the first call:" : "closed before the first call:", good, NULL,
         NULL);
  exit(failures != 0);
}

static int in_child(void (*body)(int), int argument) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) body(argument);
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

static void check_small_stack(void) {
  small_set = must(semget(IPC_PRIVATE, 500, IPC_CREAT | 0600), "semget");
  for (int call = 0; call < (int)(sizeof small_calls / sizeof *small_calls); call++) {
    char what[64];
    snprintf(what, sizeof what, "small stack: %s", small_calls[call]);
    report(what, in_child(call_on_small_stack, call) == 0, NULL, NULL);
  }
  semctl(small_set, 0, IPC_RMID);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  alarm(60);
  static struct snapshot start, after, again;
  take(&start);
  if (in_child(close_everything, 0) != 0 || in_child(close_everything, 1) != 0) failures++;
  long before = allocator_calls;
  use_semaphores();
  report("allocations:", allocator_calls == before, NULL, NULL);
  take(&after);
  compare("after the first calls", &start, &after);
  for (int turn = 0; turn < 200; turn++) use_semaphores();
  take(&again);
  compare("after 200 sets", &start, &again);
  check_errno();
  check_small_stack();
  printf("%s\n", failures ? "noticed" : "nothing noticed");
  return failures != 0;
}
