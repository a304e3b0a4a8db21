// Layouts of <sys/ipc.h>, <sys/sem.h>, <sys/msg.h> and <sys/shm.h> that differ between architectures.
#ifndef OMEGA_ABI_H
#define OMEGA_ABI_H

#include <stddef.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

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
  omega_msqid_stime = offsetof(struct msqid_ds, msg_stime),
  omega_msqid_rtime = offsetof(struct msqid_ds, msg_rtime),
  omega_msqid_ctime = offsetof(struct msqid_ds, msg_ctime),
  omega_msqid_cbytes = offsetof(struct msqid_ds, __msg_cbytes),
  omega_msqid_qnum = offsetof(struct msqid_ds, msg_qnum),
  omega_msqid_qbytes = offsetof(struct msqid_ds, msg_qbytes),
  omega_msqid_lspid = offsetof(struct msqid_ds, msg_lspid),
  omega_msqid_lrpid = offsetof(struct msqid_ds, msg_lrpid),
  omega_msqid_size = sizeof(struct msqid_ds),
  omega_msginfo_size = 32,
  omega_shmid_segsz = offsetof(struct shmid_ds, shm_segsz),
  omega_shmid_atime = offsetof(struct shmid_ds, shm_atime),
  omega_shmid_dtime = offsetof(struct shmid_ds, shm_dtime),
  omega_shmid_ctime = offsetof(struct shmid_ds, shm_ctime),
  omega_shmid_cpid = offsetof(struct shmid_ds, shm_cpid),
  omega_shmid_lpid = offsetof(struct shmid_ds, shm_lpid),
  omega_shmid_nattch = offsetof(struct shmid_ds, shm_nattch),
  omega_shmid_size = sizeof(struct shmid_ds),
  omega_shminfo_size = 72,
  omega_shm_info_size = 48,
};

#endif
