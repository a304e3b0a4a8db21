// The damage tests. See run.
#include "damage.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

const char *namespace_path(void) { return getenv("OMEGA_IPC_NAMESPACE"); }

const char *path_of(const char *name) {
  static char paths[4][500];
  static int next;
  char *out = paths[next++ % 4];
  snprintf(out, sizeof paths[0], "%s/%s", namespace_path(), name);
  return out;
}

const char *path_of_set(int id) {
  char name[20];
  snprintf(name, sizeof name, "sem.%05d", id & 0x7FFF);
  return path_of(name);
}

const char *path_of_queue(int id) {
  char name[20];
  snprintf(name, sizeof name, "msg.%05d", id & 0x7FFF);
  return path_of(name);
}

const char *path_of_segment(int id) {
  char name[20];
  snprintf(name, sizeof name, "shm.%05d", id & 0x7FFF);
  return path_of(name);
}

static int wait_for(pid_t pid, int seconds) {
  int status;
  int64_t end = now_ns() + seconds * 1000000000LL;
  while (true) {
    pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
    if (ended < 0) give_up("waitpid");
    if (now_ns() > end) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return -1;
    }
    usleep(500);
  }
}

int as_user(unsigned user, unsigned group, int (*body)(void), int seconds) {
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    alarm(0);
    if (user && (setgroups(0, NULL) || setresgid(group, group, group) ||
                 setresuid(user, user, user)))
      _exit(250);
    _exit(body());
  }
  return wait_for(pid, seconds);
}

int in_child(int (*body)(void), int seconds) { return as_user(0, 0, body, seconds); }

const char *ending(int result) {
  if (result < 0) return "hangs";
  if (result >= 256) return message("died of SIG%s", sigabbrev_np(result - 256));
  return result ? error_name(result) : "succeeds";
}

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
  if (!strcmp(part, "hostile")) return run_hostile(argc > 2 ? (unsigned)atol(argv[2]) : 1);
  if (!strcmp(part, "hostile-queues"))
    return run_hostile_queues(argc > 2 ? (unsigned)atol(argv[2]) : 1);
  if (!strcmp(part, "queue-limits")) return run_queue_limits();
  if (!strcmp(part, "queue-disk")) return run_queue_disk();
  if (!strcmp(part, "queue-users")) return run_queue_users();
  if (!strcmp(part, "hostile-memory"))
    return run_hostile_memory(argc > 2 ? (unsigned)atol(argv[2]) : 1);
  if (!strcmp(part, "memory-limits")) return run_memory_limits();
  if (!strcmp(part, "memory-users")) return run_memory_users();
  if (!strcmp(part, "memory-disk")) return run_memory_disk();
  if (!strcmp(part, "truncate")) return run_truncate();
  if (!strcmp(part, "foreign")) return run_foreign();
  if (!strcmp(part, "foreign-objects")) return run_foreign_objects();
  if (!strcmp(part, "directory")) return run_directory();
  if (!strcmp(part, "use")) return use_once(argc > 2 ? (unsigned)atol(argv[2]) : 0);
  if (!strcmp(part, "disk")) return run_disk();
  if (!strcmp(part, "file-limit")) return run_file_limit();
  if (!strcmp(part, "object-file-limit")) return run_object_file_limit();
  if (!strcmp(part, "limits")) return run_limits();
  if (!strcmp(part, "users")) return run_users();
  fprintf(stderr, "usage: damage hostile [SEED] | truncate | foreign | directory | disk | limits |"
                  " users\n");
  return 2;
}
