// File status and flags whose layout or value depends on the architecture.
#ifndef OMEGA_FILES_H
#define OMEGA_FILES_H

#include <asm/fcntl.h>
#include <asm/stat.h>

#include "omega_abi.h"
#include "omega_linux.h"

enum { omega_open_nofollow = O_NOFOLLOW, omega_open_directory = O_DIRECTORY };

struct omega_file_status {
  uint32_t mode, uid, gid;
  uint64_t links, inode;
  int64_t size;
};

static inline void omega_convert(const struct stat *status, struct omega_file_status *out) {
  out->mode = status->st_mode;
  out->uid = status->st_uid;
  out->gid = status->st_gid;
  out->links = status->st_nlink;
  out->inode = status->st_ino;
  out->size = status->st_size;
}

static inline int omega_fstat(int fd, struct omega_file_status *out) {
  struct stat status;
  long result = omega_call(omega_call_newfstat, fd, (long)&status, 0, 0, 0, 0);
  if (result < 0) return (int)result;
  omega_convert(&status, out);
  return 0;
}

// Does not follow a symbolic link at the end of the path.
static inline int omega_lstat(const char *path, struct omega_file_status *out) {
  struct stat status;
  long result = omega_call(omega_call_newfstatat, -100, (long)path, (long)&status, 0x100, 0, 0);
  if (result < 0) return (int)result;
  omega_convert(&status, out);
  return 0;
}

#endif
