// Leaves a sleeping semop by siglongjmp from a signal handler: the old way to give it a timeout.
#include <setjmp.h>
#include <signal.h>

#include "check.h"

static sigjmp_buf way_out;

static void jump(int signal) {
  (void)signal;
  siglongjmp(way_out, 1);
}

int main(void) {
  start_checks();
  int id = semget(IPC_PRIVATE, 1, 0600);
  struct sembuf take = {0, -1, 0}, give = {0, 1, 0}, try_undo = {0, -1, IPC_NOWAIT | SEM_UNDO};
  signal(SIGUSR1, jump);
  pid_t parent = getpid();
  for (volatile int round = 0; round < 3; round++) {
    if (fork() == 0) {
      // Signals only once the parent sleeps in the call.
      WAIT_UNTIL(semctl(id, 0, GETNCNT) == 1);
      kill(parent, SIGUSR1);
      _exit(0);
    }
    if (sigsetjmp(way_out, 1) == 0) {
      semop(id, &take, 1);
      CHECK("the call returned", 1, 0);
    }
    wait_for(-1);
    CHECK("sleepers after the jump", semctl(id, 0, GETNCNT), 0);
    CHECK("try", RESULT(semop(id, &try_undo, 1)), -EAGAIN);
    CHECK("give", RESULT(semop(id, &give, 1)), 0);
    CHECK("value", semctl(id, 0, GETVAL), 1);
    CHECK("take", RESULT(semop(id, &take, 1)), 0);
  }
  CHECK("remove", RESULT(semctl(id, 0, IPC_RMID)), 0);
  return finish_checks();
}
