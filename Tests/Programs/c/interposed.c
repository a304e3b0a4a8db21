// A program under two preloaded libraries: the drop-in and interposer.c, which calls semop inside
// open, stat, mmap, close and others.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "check.h"

int main(void) {
  start_checks();
  long (*uses)(void) = (long (*)(void))dlsym(RTLD_DEFAULT, "interposer_uses");
  CHECK("interposer is there", uses != NULL, 1);
  long before = uses();

  int id = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
  CHECK("set", id >= 0, 1);
  CHECK("first operation", RESULT(one_op(id, 0, 1, SEM_UNDO)), 0);
  int file = open("/proc/self/status", O_RDONLY);
  CHECK("open", file >= 0, 1);
  char text[64];
  CHECK("read", read(file, text, sizeof text) == sizeof text, 1);
  struct stat about;
  CHECK("stat", RESULT(stat("/", &about)), 0);
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK("mmap", page != MAP_FAILED, 1);
  CHECK("close", RESULT(close(file)), 0);
  CHECK("operation after them", RESULT(one_op(id, 0, -1, 0)), 0);
  CHECK("interposer was used", uses() - before >= 5, 1);

  pid_t pid = fork();
  if (pid == 0)
    _exit(open("/nonexistent", O_RDONLY) == -1 && one_op(id, 1, 1, SEM_UNDO) == 0 ? 90 : 1);
  CHECK("child", wait_for(pid), 90);
  CHECK("undone", get_value(id, 1), 0);
  CHECK("remove", RESULT(semctl(id, 0, IPC_RMID)), 0);
  return finish_checks();
}
