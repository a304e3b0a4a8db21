// omega_semctl, whose fourth argument is there only for some commands.
#include <stdarg.h>

#include "omega_ipc.h"

int omega_cabi_semctl(int id, int number, int command, unsigned long argument);

// Reading an argument that was not passed is harmless on both ABIs: it is a register's content, and
// commands without an argument ignore it.
__attribute__((visibility("default"))) int omega_semctl(int id, int number, int command, ...) {
  va_list list;
  va_start(list, command);
  unsigned long argument = va_arg(list, unsigned long);
  va_end(list);
  return omega_cabi_semctl(id, number, command, argument);
}
