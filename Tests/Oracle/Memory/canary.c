// Wrong on purpose: the kernel's shared memory with one mistake, chosen by ORACLE_CANARY. The
// oracle must see each of them; if it does not, its silence about anything else means nothing.
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

static int mistake(const char *name) {
  const char *chosen = getenv("ORACLE_CANARY");
  return chosen != NULL && strcmp(chosen, name) == 0;
}

int shmget(key_t key, size_t size, int flags) { return (int)syscall(SYS_shmget, key, size, flags); }

void *shmat(int id, const void *address, int flags) {
  if (mistake("round")) flags &= ~SHM_RND;
  if (mistake("remap")) flags &= ~SHM_REMAP;
  if (mistake("readonly")) flags &= ~SHM_RDONLY;
  return (void *)syscall(SYS_shmat, id, address, flags);
}

int shmdt(const void *address) {
  // Anywhere in the first page is good enough.
  if (mistake("inside")) address = (const void *)((uintptr_t)address & ~(uintptr_t)4095);
  return (int)syscall(SYS_shmdt, address);
}

int shmctl(int id, int cmd, struct shmid_ds *status) {
  if (cmd == IPC_RMID && mistake("removed")) { // at once, for whoever comes later
    struct shmid_ds before;
    if (syscall(SYS_shmctl, id, IPC_STAT, &before) == 0 && before.shm_perm.mode & SHM_DEST)
      return errno = EINVAL, -1;
  }
  int result = (int)syscall(SYS_shmctl, id, cmd, status);
  if (cmd != IPC_STAT || result != 0) return result;
  if (status->shm_nattch > 1 && mistake("nattch")) status->shm_nattch--;
  if (mistake("lpid") && status->shm_dtime != 0) status->shm_lpid = status->shm_cpid;
  if (mistake("dest")) status->shm_perm.mode &= (unsigned short)~SHM_DEST;
  if (mistake("key") && status->shm_perm.mode & SHM_DEST) status->shm_perm.__key = 1;
  if (mistake("time") && status->shm_nattch == 0) status->shm_dtime = 0;
  return result;
}
