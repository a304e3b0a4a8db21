// Layouts of <sys/ipc.h> and <sys/sem.h> that differ between architectures.
#ifndef OMEGA_ABI_H
#define OMEGA_ABI_H

#include <stddef.h>
#include <sys/sem.h>

enum {
  omega_perm_key = offsetof(struct ipc_perm, __key),
  omega_perm_uid = offsetof(struct ipc_perm, uid),
  omega_perm_gid = offsetof(struct ipc_perm, gid),
  omega_perm_cuid = offsetof(struct ipc_perm, cuid),
  omega_perm_cgid = offsetof(struct ipc_perm, cgid),
  omega_perm_mode = offsetof(struct ipc_perm, mode),
  omega_perm_seq = offsetof(struct ipc_perm, __seq),
  omega_semid_otime = offsetof(struct semid_ds, sem_otime),
  omega_semid_ctime = offsetof(struct semid_ds, sem_ctime),
  omega_semid_nsems = offsetof(struct semid_ds, sem_nsems),
  omega_semid_size = sizeof(struct semid_ds),
  omega_seminfo_size = 40,
};

#endif
