// File status by the kernel's own structure. See omega_files.h.
#include "omega_files.h"

#include <asm/fcntl.h>
#include <asm/stat.h>

_Static_assert(omega_open_nofollow == O_NOFOLLOW && omega_open_directory == O_DIRECTORY,
               "flags of open(2)");

static void convert(const struct stat *status, struct omega_file_status *out) {
  out->mode = status->st_mode;
  out->uid = status->st_uid;
  out->gid = status->st_gid;
  out->links = status->st_nlink;
  out->inode = status->st_ino;
  out->size = status->st_size;
}

int omega_fstat(int fd, struct omega_file_status *out) {
  struct stat status;
  long result = omega_call(omega_call_newfstat, fd, (long)&status, 0, 0, 0, 0);
  if (result < 0) return (int)result;
  convert(&status, out);
  return 0;
}

int omega_lstat(const char *path, struct omega_file_status *out) {
  struct stat status;
  long result = omega_call(omega_call_newfstatat, -100, (long)path, (long)&status, 0x100, 0, 0);
  if (result < 0) return (int)result;
  convert(&status, out);
  return 0;
}
