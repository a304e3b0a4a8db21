// A process id that comes again must not take over what a dead process left, nor keep it alive.
#include "death.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct clone_arguments {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
      set_tid_size, cgroup;
};

// A child with this id, or -1: clone3 with set_tid needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN.
static pid_t fork_as(pid_t pid) {
  struct clone_arguments arguments = {
      .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
  return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

static int set;
static bool has_numbers;  // the kernel tells processes of one id and one time apart
static long in_one_tick;

static uint64_t pidfd_inode(pid_t pid) {
  struct stat status = {0};
  int file = (int)syscall(SYS_pidfd_open, pid, 0);
  if (file < 0) return 0;
  if (fstat(file, &status)) status.st_ino = 0;
  close(file);
  return status.st_ino;
}

// The start time in /proc, also of a zombie; 0 if there is none.
static unsigned long long start_of(pid_t pid) {
  char path[40], text[1024];
  unsigned long long start = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  if (fgets(text, sizeof text, file)) {
    char *field = strrchr(text, ')');
    for (int i = 0; field && i < 20; i++) field = strchr(field + 1, ' ');
    if (field) start = strtoull(field, NULL, 10);
  }
  fclose(file);
  return start;
}

// The new process of that id must look like a stranger.
static int stranger(bool uses) {
  if (control(set, 0, GETVAL) != 5) return 1;  // the dead one's is undone in spite of its pid
  if (uses && operate(set, 0, -1, SEM_UNDO)) return 2;
  if (uses && control(set, 0, GETVAL) != 4) return 3;
  return 0;
}

static int one_turn(int turn) {
  if (set_value(set, 0, 5)) return 1;
  pid_t first = fork();
  if (first < 0) give_up("fork");
  if (first == 0) {
    if (operate(set, 0, -2, SEM_UNDO)) _exit(1);
    raise(SIGKILL);
  }
  siginfo_t ended;
  waitid(P_PID, (id_t)first, &ended, WEXITED | WNOWAIT);
  unsigned long long first_start = start_of(first);
  waitpid(first, NULL, 0);
  // Start times count in hundredths of a second. Within one only the number of the pidfd's inode tells
  // the two apart.
  if (turn % 2 || !has_numbers) pause_ms(20);
  int sockets[2];
  if (pipe2(sockets, O_CLOEXEC)) give_up("pipe");
  // libomega reads its own pid after a fork by itself: raw clone3 is a fork to it.
  pid_t second = fork_as(first);
  if (second < 0) {
    int error = errno;
    close(sockets[0]);
    close(sockets[1]);
    errno = error;
    return error == EEXIST ? 0 : -1;  // Somebody else was given it.
  }
  if (second == 0) {
    int result = stranger(turn % 4 < 2);
    char byte = 1;
    if (write(sockets[1], &byte, 1) != 1) result = 9;
    if (result) _exit(result);
    pause();
  }
  close(sockets[1]);
  char byte = 0;
  ssize_t got = read(sockets[0], &byte, 1);
  close(sockets[0]);
  in_one_tick += start_of(second) == first_start;
  // While the stranger of that id lives, the dead one's two tokens must be back.
  int value = control(set, 0, GETVAL), expected = turn % 4 < 2 ? 4 : 5;
  kill(second, SIGKILL);
  int status;
  waitpid(second, &status, 0);
  if (got != 1) return 10 + (WIFEXITED(status) ? WEXITSTATUS(status) : 0);
  if (value != expected) return 2;
  return control(set, 0, GETVAL) == 5 ? 0 : 3;
}

int run_reuse(void) {
  watch("reuse", 120);
  set = watched_set = new_set(1, NULL);
  has_numbers = pidfd_inode(getpid()) && pidfd_inode(getpid()) != pidfd_inode(getppid());
  int turns = 40;
  for (int turn = 0; turn < turns; turn++) {
    int result = one_turn(turn);
    if (result == -1) {
      skip("pid-reuse", "clone3 with set_tid: %s", error_name(errno));
      turns = 0;
    } else if (result) {
      not_ok("pid-reuse", "turn %d: %d, value %d", turn, result, control(set, 0, GETVAL));
      turns = 0;
    }
  }
  if (turns)
    ok("pid-reuse", "%d processes with the id of a dead member, %ld in the same hundredth of a second",
       turns, in_one_tick);
  if (!has_numbers)
    skip("pid-reuse-in-one-tick", "this kernel gives pidfds no inodes of their own (Linux 6.9)");
  remove_set(set);
  return failures != 0;
}
