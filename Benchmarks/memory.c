// Shared memory: attaching and detaching, and whole lives of segments.
#include <sys/shm.h>

#include "bench.h"

static int new_segment(size_t size) {
  int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
  if (id == -1) fail("shmget");
  return id;
}

static char *attach(int id) {
  char *memory = shmat(id, NULL, 0);
  if (memory == (void *)-1) fail("shmat");
  return memory;
}

static void detach(const void *memory) {
  if (shmdt(memory) == -1) fail("shmdt");
}

static void remove_segment(int id) {
  if (shmctl(id, IPC_RMID, NULL) == -1) fail("IPC_RMID");
}

static void touch(volatile char *memory, size_t size) {
  for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
}

static void live(size_t size) {
  int id = new_segment(size);
  char *memory = attach(id);
  touch(memory, size);
  detach(memory);
  remove_segment(id);
}

static void fork_and_wait(void) {
  pid_t pid = fork();
  if (pid == -1) fail("fork");
  if (pid == 0) _exit(0);
  waitpid(pid, NULL, 0);
}

void measure_memory(const char *which) {
  const size_t small = 4096, large = 1 << 20;
  int id = new_segment(small);
  char *memory = attach(id);
  touch(memory, small);
  if (strcmp(which, "attach") == 0) {
    MEASURE(which, 1, detach(attach(id)));
  } else if (strcmp(which, "attach-touch") == 0) {
    MEASURE(which, 1, {
      char *again = attach(id);
      touch(again, small);
      detach(again);
    });
  } else if (strcmp(which, "segment") == 0) {
    MEASURE(which, 1, live(small));
  } else if (strcmp(which, "segment-1m") == 0) {
    MEASURE(which, 1, live(large));
  } else if (strcmp(which, "fork-attached") == 0) {
    MEASURE(which, 1, fork_and_wait());
  } else if (strcmp(which, "shm-stat") == 0) {
    struct shmid_ds status;
    MEASURE(which, 1, {
      if (shmctl(id, IPC_STAT, &status) == -1) fail("IPC_STAT");
    });
  } else {
    fprintf(stderr, "semaphore-bench: no measurement named memory %s\n", which);
    exit(2);
  }
  detach(memory);
  remove_segment(id);
}
