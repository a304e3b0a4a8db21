// One process: single calls, and calls while others sleep elsewhere in the set.
#include <pthread.h>

#include "bench.h"

static void measure_four(int id, int flags, const char *name) {
  struct sembuf up[4], down[4];
  for (int index = 0; index < 4; index++) {
    up[index] = (struct sembuf){(unsigned short)index, 1, (short)flags};
    down[index] = (struct sembuf){(unsigned short)index, -1, (short)flags};
  }
  MEASURE(name, 2, {
    if (semop(id, up, 4) == -1 || semop(id, down, 4) == -1) fail("semop");
  });
}

static void measure_one(int id, int flags, const char *name) {
  struct sembuf up = {0, 1, (short)flags}, down = {0, -1, (short)flags};
  MEASURE(name, 2, {
    if (semop(id, &up, 1) == -1 || semop(id, &down, 1) == -1) fail("semop");
  });
}

void measure_single(const char *which) {
  int id = new_set(16);
  if (strcmp(which, "one") == 0) {
    measure_one(id, 0, which);
  } else if (strcmp(which, "undo") == 0) {
    measure_one(id, SEM_UNDO, which);
  } else if (strcmp(which, "four") == 0) {
    measure_four(id, 0, which);
  } else if (strcmp(which, "four-undo") == 0) {
    measure_four(id, SEM_UNDO, which);
  } else if (strcmp(which, "getval") == 0) {
    set_value(id, 3, 7);
    int sum = 0;
    MEASURE(which, 1, sum += semctl(id, 3, GETVAL));
    if (sum == 0) fail("GETVAL");  // keeps the calls, and they must have worked
  } else if (strcmp(which, "getall") == 0) {
    unsigned short values[16];
    MEASURE(which, 1, {
      if (semctl(id, 0, GETALL, values) == -1) fail("GETALL");
    });
  } else if (strcmp(which, "would-block") == 0) {
    struct sembuf down = {0, -1, IPC_NOWAIT};
    MEASURE(which, 1, {
      if (semop(id, &down, 1) != -1 || errno != EAGAIN) fail("semop");
    });
  } else if (strcmp(which, "create") == 0) {
    MEASURE(which, 1, remove_set(new_set(1)));
  } else {
    fprintf(stderr, "semaphore-bench: no measurement named %s\n", which);
    exit(2);
  }
  remove_set(id);
}

// --- sleepers elsewhere in the set
// -----------------------------------------------------------------

enum { elsewhere = 63 };
static int sleeping_set;

static void *sleep_on(void *number) {
  struct sembuf down = {(unsigned short)(uintptr_t)number, -1, 0};
  semop(sleeping_set, &down, 1);  // ends with the removal of the set
  return NULL;
}

// The sleepers are threads of one other process, spread over the semaphores 1...63.
static void sleep_in_threads(long sleepers) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 65536);
  for (long index = 0; index < sleepers; index++) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, sleep_on, (void *)(uintptr_t)(1 + index % elsewhere)))
      fail("pthread_create");
  }
  pthread_exit(NULL);
}

static long count_sleepers(int id) {
  long sum = 0;
  for (int number = 1; number <= elsewhere; number++) sum += semctl(id, number, GETNCNT);
  return sum;
}

void measure_sleepers(long sleepers) {
  int id = sleeping_set = new_set(1 + elsewhere);
  pid_t pid = 0;
  if (sleepers > 0) {
    pid = fork_child();
    if (pid == 0) sleep_in_threads(sleepers);
    while (count_sleepers(id) < sleepers) usleep(1000);
  }
  char name[32];
  snprintf(name, sizeof name, "sleepers-%ld", sleepers);
  measure_one(id, 0, name);
  remove_set(id);
  if (pid > 0) waitpid(pid, NULL, 0);
}
