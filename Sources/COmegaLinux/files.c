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

// Linux's xattr form of an access control list (linux/posix_acl_xattr.h).
struct acl {
  uint32_t version;
  struct entry {
    uint16_t tag, rights;
    uint32_t id;
  } entries[8];
};

enum { acl_user_obj = 1, acl_user = 2, acl_group_obj = 4, acl_group = 8, acl_mask = 16, acl_other = 32 };

static struct entry *add(struct entry *entry, uint16_t tag, uint32_t rights, uint32_t id) {
  *entry = (struct entry){tag, (uint16_t)rights, id};
  return entry + 1;
}

long omega_set_rights(int fd, const struct omega_rights *rights) {
  static const char name[] = "system.posix_acl_access";
  const struct omega_rights r = *rights;
  struct acl acl = {.version = 2};
  struct entry *entry = add(acl.entries, acl_user_obj, 6, UINT32_MAX);
  if (r.uid != r.owner) entry = add(entry, acl_user, 6, r.uid);
  if (r.cuid != r.owner && r.cuid != r.uid) entry = add(entry, acl_user, 6, r.cuid);
  entry = add(entry, acl_group_obj, r.group, UINT32_MAX);
  if (r.gid != r.owning_group) entry = add(entry, acl_group, r.group, r.gid);
  if (r.cgid != r.owning_group && r.cgid != r.gid) entry = add(entry, acl_group, r.group, r.cgid);
  long result = 0;
  if (entry - acl.entries > 2) {
    entry = add(entry, acl_mask, 6, UINT32_MAX);
    entry = add(entry, acl_other, r.other, UINT32_MAX);
    long size = (char *)entry - (char *)&acl;
    result = omega_syscall6(SYS_fsetxattr, fd, (long)name, (long)&acl, size, 0, 0);
    if (result == 0) return 0;
  }
  // Without a list the mode says it all; with an old one it would change the list's mask.
  omega_syscall6(SYS_fremovexattr, fd, (long)name, 0, 0, 0, 0);
  long mode = omega_call(omega_call_fchmod, fd, 0600 | r.group << 3 | r.other, 0, 0, 0, 0);
  return result ? result : mode;
}
