// Who has a segment attached: over threads, fork, exec and every way to end. The same demands are made
// of the kernel's segments.
#include "death.h"

#include <pthread.h>
#include <pty.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>

extern char **environ;
static int segment;
static const char *program_path;
// What processes tell each other; not of the library.
static struct shared {
  _Atomic long word, pid;
} *shared;

static void expect(const char *name, long value, long expected) {
  if (value == expected)
    ok(name, "%ld", value);
  else
    not_ok(name, "%ld, not %ld", value, expected);
}

static int status_of(pid_t pid) {
  int status;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static pid_t start(int (*body)(void)) {
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(60);
    _exit(body());
  }
  return pid;
}

static int in_child(int (*body)(void)) { return status_of(start(body)); }

static void wait_for_word(long value) {
  while (shared->word != value) usleep(200);
}

// In a fresh segment: what `body` says in a child, and how many attachments are left behind.
static void life(const char *name, int (*body)(void)) {
  segment = new_segment(10000);
  shared->word = 0;
  int result = in_child(body);
  long left = attachments(segment);
  if (result || left)
    not_ok(name, "result %d, %ld attachments left", result, left);
  else
    ok(name, "nothing is left");
  remove_segment(segment);
}

#define CHECK(condition)             \
  do {                               \
    if (!(condition)) return __LINE__ % 250 + 1; \
  } while (0)

// --- threads

static void *attach_in_thread(void *unused) {
  (void)unused;
  return attach(segment);
}

static int thread_ends(void) {
  pthread_t thread;
  void *memory;
  pthread_create(&thread, NULL, attach_in_thread, NULL);
  pthread_join(thread, &memory);
  CHECK(attachments(segment) == 1);
  CHECK(omega_shmdt(memory) == 0);
  CHECK(attachments(segment) == 0);
  pthread_create(&thread, NULL, attach_in_thread, NULL);
  pthread_join(thread, &memory);
  return attachments(segment) == 1 ? 0 : 2;
}

static void *outlive(void *first) {
  pause_ms(30);
  if (attachments(segment) != 1) _exit(1);
  pid_t pid = fork();
  if (pid == 0) _exit(attachments(segment) == 2 ? 0 : 1);
  if (status_of(pid)) _exit(2);
  _exit(attachments(segment) == 1 && omega_shmdt(first) == 0 && attachments(segment) == 0 ? 0 : 3);
}
static int first_thread_ends(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, outlive, attach(segment));
  pthread_exit(NULL);
}

static _Atomic int stop_threads;
static void *attach_and_detach(void *unused) {
  (void)unused;
  while (!stop_threads) omega_shmdt(attach(segment));
  return NULL;
}
// A child has what its parent had at the very instant, whatever other threads are doing.
static int fork_beside_threads(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, attach_and_detach, NULL);
  for (int turn = 0; turn < 200; turn++) {
    pid_t pid = fork();
    if (pid == 0) {
      void *memory = attach(segment);
      _exit(omega_shmdt(memory) ? 1 : 0);
    }
    CHECK(status_of(pid) == 0);
    CHECK(attachments(segment) <= 6);  // Linux counts one twice for a moment
  }
  stop_threads = 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  stop_threads = 0;
  return attachments(segment) == 0 ? 0 : 1;
}

// --- fork

static int fork_inherits(void) {
  char *memory = attach(segment), *again = attach(segment);
  for (int turn = 0; turn < 50; turn++) {
    pid_t pid = fork();
    if (pid == 0) {
      if (attachments(segment) != 4) _exit(1);
      memory[turn] = (char)turn;
      if (omega_shmdt(memory) || attachments(segment) != 3) _exit(2);
      shared->word = turn + 1;
      pause();
    }
    CHECK(attachments(segment) >= 3);
    wait_for_word(turn + 1);
    CHECK(attachments(segment) == 3 && again[turn] == turn);
    kill(pid, SIGKILL);
    if (turn % 2) status_of(pid);
    while (turn % 2 == 0 && state_of(pid) != 'Z') usleep(100);
    CHECK(attachments(segment) == 2);  // at once, also while it is a zombie
    if (turn % 2 == 0) status_of(pid);
  }
  return 0;
}

// Each generation is the child of the last, which has ended.
static int generations(void) {
  attach(segment);
  for (int turn = 0; turn < 30; turn++) {
    pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid) return status_of(pid);
    if (attachments(segment) != turn + 2) return 2;
  }
  return 0;
}

static int end_as_daemon(void) {
  char *memory = attach(segment);
  if (daemon(1, 1)) return 1;
  memory[0] = 1;
  shared->pid = getpid();
  wait_for_word(1);
  return 0;
}
static void daemons(void) {
  segment = new_segment(1);
  shared->word = shared->pid = 0;
  int wrong = 0;
  for (int turn = 0; turn < 20; turn++) {
    shared->word = shared->pid = 0;
    wrong += in_child(end_as_daemon) != 0;
    long after = attachments(segment);
    while (!shared->pid) usleep(200);
    wrong += after != 1 || attachments(segment) != 1;
    shared->word = 1;
    while (!kill((pid_t)shared->pid, 0) && state_of((pid_t)shared->pid) != 'Z') usleep(200);
    wrong += attachments(segment) != 0;
  }
  expect("daemon-keeps", wrong, 0);
  remove_segment(segment);
}

static int in_pseudo_terminal(void) {
  int terminal;
  attach(segment);
  pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
  if (pid == 0) _exit(attachments(segment) == 2 ? 0 : 1);
  CHECK(pid > 0 && status_of(pid) == 0);
  return attachments(segment) == 1 ? 0 : 1;
}

static int fork_fails(void) {
  struct shmid_ds status;
  attach(segment);
  omega_shmctl(segment, IPC_STAT, &status);
  status.shm_perm.mode = 0666;
  CHECK(omega_shmctl(segment, IPC_SET, &status) == 0);
  if (setgid(65534) || setuid(65534)) return 0;  // only root has somebody to become
  setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0});
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  CHECK(pid < 0 || status_of(pid) == 0);
  // The library cannot tell a fork that failed from a child that has not begun, for some seconds.
  for (int ms = 0; attachments(segment) != 1 && ms < 20000; ms += 50) pause_ms(50);
  return attachments(segment) == 1 ? 0 : 1;
}

static int vfork_and_spawn(void) {
  attach(segment);
  pid_t pid = vfork();
  if (pid == 0) _exit(0);
  CHECK(status_of(pid) == 0 && attachments(segment) == 1);
  pid = vfork();
  if (pid == 0) {
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  CHECK(status_of(pid) == 0 && attachments(segment) == 1);
  char *arguments[] = {"true", NULL};
  CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ) == 0);
  CHECK(status_of(pid) == 0 && attachments(segment) == 1);
  return 0;
}

// --- exec

static int exec_now(void) {
  char id[20];
  snprintf(id, sizeof id, "%d", segment);
  execl(program_path, program_path, "memory-exec", id, NULL);
  return 100;
}

int after_memory_exec(char **argv) {
  segment = atoi(argv[2]);
  CHECK(attachments(segment) == 0);
  void *memory = attach(segment);
  CHECK(attachments(segment) == 1);
  CHECK(omega_shmdt(memory) == 0 && attachments(segment) == 0);
  attach(segment);
  return 0;
}

static int attach_and_exec(void) {
  attach(segment);
  attach(segment);
  return exec_now();
}

static void *exec_in_thread(void *unused) {
  (void)unused;
  exec_now();
  return NULL;
}
static void *attach_and_exec_in_thread(void *unused) {
  attach(segment);
  return exec_in_thread(unused);
}
static int other_thread_execs(void) {
  pthread_t thread;
  attach(segment);
  pthread_create(&thread, NULL, exec_in_thread, NULL);
  pause();
  return 1;
}
static int attaching_thread_execs(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, attach_and_exec_in_thread, NULL);
  pause();
  return 1;
}
static int ended_thread_had_attached(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, attach_in_thread, NULL);
  pthread_join(thread, NULL);
  return exec_now();
}
static int exec_fails(void) {
  char *memory = attach(segment);
  execl("/nonexistent", "nothing", NULL);
  memory[0] = 1;
  return attachments(segment) == 1 && omega_shmdt(memory) == 0 ? 0 : 1;
}

// Seen by another process, and with a program that makes no call of ours.
static int sleep_elsewhere(void) {
  attach(segment);
  shared->word = 1;
  execl("/bin/sleep", "sleep", "60", NULL);
  return 100;
}
static void exec_is_seen(void) {
  segment = new_segment(1);
  shared->word = 0;
  pid_t pid = start(sleep_elsewhere);
  wait_for_word(1);
  while (attachments(segment) != 0) usleep(200);  // the watchdog ends it
  kill(pid, SIGKILL);
  status_of(pid);
  expect("exec-is-seen", attachments(segment), 0);
  remove_segment(segment);
}

// --- removal

static int doom(void) {
  attach(segment);
  if (omega_shmctl(segment, IPC_RMID, NULL)) return 1;
  shared->word = 1;
  return 0;
}
static int doom_and_wait(void) {
  int result = doom();
  if (result) return result;
  for (;;) pause();
}
static int doom_and_return(void) {
  if (doom()) return 1;
  exit(0);
}
static int doom_and_exec(void) {
  if (doom()) return 1;
  execl("/bin/true", "true", NULL);
  return 1;
}
static int doom_detach(void) {
  char *memory = attach(segment);
  if (doom() || omega_shmdt(memory) || attachments(segment) != 1) return 1;
  memory = attach(segment);  // Linux still lets it be attached
  return memory[0] == 0 && attachments(segment) == 2 ? 0 : 2;
}

static void removed(const char *name, int (*body)(void), int signal) {
  segment = new_segment(10000);
  shared->word = 0;
  pid_t pid = start(body);
  wait_for_word(1);
  if (signal) kill(pid, signal);
  int result = status_of(pid);
  errno = 0;
  long left = attachments(segment);
  if (left != -1 || errno != EINVAL || (!signal && result))
    not_ok(name, "result %d, %ld attachments, %s", result, left, error_name(errno));
  else
    ok(name, "%s", error_name(errno));
}

// --- many

enum { MANY = 2100 };  // more than the kernel walks of a robust list
static int attach_many(void) {
  static int ids[MANY];
  for (int i = 0; i < MANY; i++) ids[i] = shared->word ? 0 : omega_shmget(0x5100 + i, 1, 0);
  for (int i = 0; i < MANY; i++)
    if (ids[i] < 0 || omega_shmat(ids[i], NULL, 0) == (void *)-1) return 1;
  shared->word = 1;
  for (;;) pause();
}
static void many(void) {
  shared->word = 0;
  int wrong = 0;
  for (int i = 0; i < MANY; i++)
    if (omega_shmget(0x5100 + i, 1, IPC_CREAT | IPC_EXCL | 0600) < 0) give_up("many segments");
  pid_t pid = start(attach_many);
  wait_for_word(1);
  for (int i = 0; i < MANY; i++) wrong += attachments(omega_shmget(0x5100 + i, 1, 0)) != 1;
  expect("many-attached", wrong, 0);
  kill(pid, SIGKILL);
  status_of(pid);
  wrong = 0;
  for (int i = 0; i < MANY; i++) {
    int id = omega_shmget(0x5100 + i, 1, 0);
    wrong += attachments(id) != 0;
    remove_segment(id);
  }
  expect("many-ended", wrong, 0);
}

static int attach_often(void) {
  char *first = attach(segment);
  for (int i = 1; i < 1000; i++) attach(segment);
  CHECK(attachments(segment) == 1000);
  CHECK(omega_shmdt(first) == 0 && attachments(segment) == 999);
  return 0;
}

// --- mappings that the program changed itself

static char *map_over(char *where) {
  return mmap(where, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
static int pieces(void) {
  char *memory = attach(segment);  // three pages
  char *other = map_over(memory + 4096);
  *other = 7;
  CHECK(omega_shmdt(memory) == 0 && *other == 7 && attachments(segment) == 0);
  CHECK(omega_shmdt(memory) == -1 && errno == EINVAL && *other == 7);
  memory = attach(segment);
  munmap(memory, 4096);
  CHECK(omega_shmdt(memory) == 0 && attachments(segment) == 0);
  memory = attach(segment);
  munmap(memory, 12288);
  for (int i = 0; i < 3; i++) *map_over(memory + 4096 * i) = 8;
  CHECK(omega_shmdt(memory) == -1 && errno == EINVAL);
  CHECK(memory[0] == 8 && memory[8192] == 8 && attachments(segment) == 0);
  memory = attach(segment);
  mprotect(memory + 4096, 4096, PROT_NONE);
  CHECK(omega_shmdt(memory) == 0 && attachments(segment) == 0);
  return 0;
}

int run_memory(const char *program) {
  program_path = program;
  watch("memory", 200);
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) give_up("mmap");
  life("thread-ends", thread_ends);
  life("first-thread-ends", first_thread_ends);
  life("fork-beside-threads", fork_beside_threads);
  life("fork-inherits", fork_inherits);
  life("generations", generations);
  daemons();
  life("forkpty", in_pseudo_terminal);
  life("fork-fails", fork_fails);
  life("vfork-and-spawn", vfork_and_spawn);
  life("exec", attach_and_exec);
  life("exec-by-thread", other_thread_execs);
  life("exec-by-attaching-thread", attaching_thread_execs);
  life("exec-after-thread", ended_thread_had_attached);
  life("exec-fails", exec_fails);
  exec_is_seen();
  removed("removed-at-exit", doom_and_return, 0);
  removed("removed-at-_exit", doom, 0);
  removed("removed-at-exec", doom_and_exec, 0);
  removed("removed-at-kill", doom_and_wait, SIGKILL);
  removed("removed-at-abort", doom_and_wait, SIGABRT);
  removed("removed-at-last-detach", doom_detach, 0);
  life("often", attach_often);
  life("pieces", pieces);
  many();
  return failures != 0;
}
