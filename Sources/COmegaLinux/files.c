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

// renameat2, because newer architectures have no renameat.
long omega_rename(const char *old_path, const char *new_path) {
  return omega_syscall6(SYS_renameat2, -100, (long)old_path, -100, (long)new_path, 0, 0);
}

long omega_change_link_owner(const char *path, uint32_t uid, uint32_t gid) {
  return omega_syscall6(SYS_fchownat, -100, (long)path, uid, gid, 0x100 /* AT_SYMLINK_NOFOLLOW */, 0);
}
