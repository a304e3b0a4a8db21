// A plug-in that uses semaphores; deepbind.c loads it with RTLD_DEEPBIND.
#include <sys/ipc.h>
#include <sys/sem.h>

int plugin_take(int id) {
  struct sembuf operation = {0, -1, IPC_NOWAIT};
  return semop(id, &operation, 1);
}

int plugin_make(void) { return semget(IPC_PRIVATE, 1, IPC_CREAT | 0600); }
