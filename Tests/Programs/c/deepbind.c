// A program that loads its plug-in with RTLD_DEEPBIND, as PHP does: the plug-in's calls look into
// libc first, so a preloaded library does not see them unless it does something about dlopen.
#define _GNU_SOURCE
#include <dlfcn.h>

#include "check.h"

int main(int count, char **arguments) {
  start_checks();
  if (count != 2) return fprintf(stderr, "usage: deepbind PLUGIN\n"), 2;
  void *plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (!plugin) return fprintf(stderr, "%s\n", dlerror()), 1;
  int (*take)(int) = (int (*)(int))dlsym(plugin, "plugin_take");
  int (*make)(void) = (int (*)(void))dlsym(plugin, "plugin_make");
  CHECK("plug-in found", take && make, 1);

  int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  CHECK("release", RESULT(one_op(id, 0, 1, 0)), 0);
  CHECK("taken in the plug-in", RESULT(take(id)), 0);
  CHECK("seen outside", get_value(id, 0), 0);
  CHECK("nothing left", RESULT(take(id)), -EAGAIN);

  int other = make();
  CHECK("made in the plug-in, used outside", RESULT(one_op(other, 0, 3, 0)), 0);
  CHECK("two sets", other != id, 1);
  CHECK("remove", RESULT(semctl(other, 0, IPC_RMID)), 0);
  CHECK("remove", RESULT(semctl(id, 0, IPC_RMID)), 0);

  CHECK("dlopen of nothing fails", dlopen("/nonexistent/plugin.so", RTLD_NOW) == NULL, 1);
  const char *error = dlerror();
  CHECK("dlerror names it", error && strstr(error, "nonexistent") != NULL, 1);
  CHECK("dlclose", dlclose(plugin), 0);
  return finish_checks();
}
