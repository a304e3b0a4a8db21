// File status and flags whose layout or value depends on the architecture.
#ifndef OMEGA_FILES_H
#define OMEGA_FILES_H

// Only results that are never null say so.
#pragma clang diagnostic ignored "-Wnullability-completeness"

#include "omega_abi.h"
#include "omega_linux.h"

struct omega_file_status {
  uint32_t mode, uid, gid;
  uint64_t links, inode;
  int64_t size;
};

// 0 or a negative errno. `omega_lstat` does not follow a symbolic link at the end of the path.
int omega_fstat(int fd, struct omega_file_status *_Nonnull out)
    __attribute__((visibility("hidden")));
int omega_lstat(const char *_Nonnull path, struct omega_file_status *_Nonnull out)
    __attribute__((visibility("hidden")));

// renameat(2), and fchownat(2) of a symbolic link itself: 0 or a negative errno.
long omega_rename(const char *_Nonnull old_path, const char *_Nonnull new_path)
    __attribute__((visibility("hidden")));
long omega_change_link_owner(const char *_Nonnull path, uint32_t uid, uint32_t gid)
    __attribute__((visibility("hidden")));

// Gives a file of `owner` and `owning_group` the mode rw-, `group` and `other` (0…7). What its owner
// has, `uid` and `cuid` have too, and what its group has, `gid` and `cgid`: where they differ, by an
// access control list (acl(5)). 0 or a negative errno, after which the file has the mode alone.
struct omega_rights {
  uint32_t owner, uid, cuid, owning_group, gid, cgid, group, other;
};
long omega_set_rights(int fd, const struct omega_rights *_Nonnull rights)
    __attribute__((visibility("hidden")));

// O_NOFOLLOW and O_DIRECTORY.
#if defined(__x86_64__)
enum { omega_open_nofollow = 0400000, omega_open_directory = 0200000 };
#else
enum { omega_open_nofollow = 0100000, omega_open_directory = 040000 };
#endif

#endif
