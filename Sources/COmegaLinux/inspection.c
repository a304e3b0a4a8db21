// The kernel's own structures for statfs and stat. See omega_inspection.h.
#include "omega_inspection.h"

#include <asm/stat.h>
#include <asm/statfs.h>

#include "omega_linux.h"

int omega_read_space(const char *path, struct omega_space *out) {
  struct statfs space;
  long result = omega_syscall6(SYS_statfs, (long)path, (long)&space, 0, 0, 0, 0);
  if (result < 0) return (int)result;
  out->type = (uint64_t)space.f_type;
  out->block_size = (uint64_t)space.f_bsize;
  out->blocks = (uint64_t)space.f_blocks;
  out->available = (uint64_t)space.f_bavail;
  out->files = (uint64_t)space.f_files;
  out->free_files = (uint64_t)space.f_ffree;
  return 0;
}

int omega_file_identity(const char *path, int follow, uint64_t *device, uint64_t *inode) {
  struct stat status;
  long flags = follow ? 0 : 0x100;  // AT_SYMLINK_NOFOLLOW
  long result = omega_call(omega_call_newfstatat, -100, (long)path, (long)&status, flags, 0, 0);
  if (result < 0) return (int)result;
  *device = status.st_dev;
  *inode = status.st_ino;
  return 0;
}
