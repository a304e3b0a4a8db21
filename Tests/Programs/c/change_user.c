// A server that starts as root, makes a set only root may use, and goes on as another user.
#define _GNU_SOURCE
#include <grp.h>

#include "check.h"

#define OTHER_USER 65534

static void as_other_user(int roots, int shared) {
  CHECK("root's set: operation", RESULT(one_op(roots, 0, 1, 0)), -EACCES);
  CHECK("root's set: GETVAL", RESULT(get_value(roots, 0)), -EACCES);
  CHECK("root's set: SETVAL", RESULT(set_value(roots, 0, 5)), -EACCES);
  CHECK("root's set: remove", RESULT(semctl(roots, 0, IPC_RMID)), -EPERM);
  CHECK("shared set: operation", RESULT(one_op(shared, 0, 1, 0)), 0);
  CHECK("shared set: remove", RESULT(semctl(shared, 0, IPC_RMID)), -EPERM);

  int own = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
  CHECK("own set", own >= 0, 1);
  CHECK("own set: operation", RESULT(one_op(own, 1, 2, 0)), 0);
  CHECK("own set: value", get_value(own, 1), 2);
  struct semid_ds stat;
  union semun_argument argument = {.buf = &stat};
  CHECK("own set: stat", RESULT(semctl(own, 0, IPC_STAT, argument)), 0);
  CHECK("own set: uid", stat.sem_perm.uid, OTHER_USER);
  CHECK("own set: creator", stat.sem_perm.cuid, OTHER_USER);
  CHECK("own set: gid", stat.sem_perm.gid, OTHER_USER);
  CHECK("own set: remove", RESULT(semctl(own, 0, IPC_RMID)), 0);
}

int main(void) {
  start_checks();
  if (geteuid() != 0) return fprintf(stderr, "needs root\n"), 2;
  int roots = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  int shared = semget(IPC_PRIVATE, 1, IPC_CREAT | 0666);
  CHECK("root's set: operation as root", RESULT(one_op(roots, 0, 1, 0)), 0);
  CHECK("shared set: operation as root", RESULT(one_op(shared, 0, 1, 0)), 0);

  // Temporarily another effective user, as setuid-aware servers do for single requests.
  CHECK("seteuid", RESULT(seteuid(OTHER_USER)), 0);
  CHECK("root's set as effective other user", RESULT(one_op(roots, 0, 1, 0)), -EACCES);
  CHECK("seteuid back", RESULT(seteuid(0)), 0);
  CHECK("root's set as root again", RESULT(one_op(roots, 0, 1, 0)), 0);

  pid_t pid = fork();
  if (pid == 0) {
    CHECK("setgroups", RESULT(setgroups(0, NULL)), 0);
    CHECK("setgid", RESULT(setgid(OTHER_USER)), 0);
    CHECK("setuid", RESULT(setuid(OTHER_USER)), 0);
    as_other_user(roots, shared);
    return 33;
  }
  CHECK("other user's part", wait_for(pid), 33);
  CHECK("value of root's set", get_value(roots, 0), 2);
  CHECK("value of the shared set", get_value(shared, 0), 2);
  CHECK("remove", RESULT(semctl(roots, 0, IPC_RMID)), 0);
  CHECK("remove", RESULT(semctl(shared, 0, IPC_RMID)), 0);
  return finish_checks();
}
