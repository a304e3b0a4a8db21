// Swift cannot call a C variadic: semctl gets fixed forms here.
#include <sys/ipc.h>
#include <sys/sem.h>

static inline int semctl_get(int id, int number, int command) {
  return semctl(id, number, command);
}
static inline int semctl_set(int id, int number, int value) {
  return semctl(id, number, SETVAL, value);
}
