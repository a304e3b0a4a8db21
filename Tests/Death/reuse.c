// A process id that comes again must not take over what a dead process left, nor keep it alive.
#include "death.h"

#include <fcntl.h>
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
  waitpid(first, NULL, 0);
  // Start times count in hundredths of a second. (The same id again within one, which only this
  // kind of clone can bring about, would be taken for the same process after an exec.)
  pause_ms(20);
  int sockets[2];
  if (pipe2(sockets, O_CLOEXEC)) give_up("pipe");
  // libomega reads its own pid after a fork by itself: raw clone3 is a fork to it.
  pid_t second = fork_as(first);
  if (second < 0) return -1;
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
  if (turns) ok("pid-reuse", "%d processes with the id of a dead member", turns);
  remove_set(set);
  return failures != 0;
}
