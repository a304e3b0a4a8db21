// The calls of shared memory and accesses to it, as a worker or the controller makes them.
#include "memory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *addresses[ATTACHMENTS]; // by handle; inherited by fork, lost in exec
static bool prepared;
static sigjmp_buf faulted;

void memory_prepare(void) {
  if (prepared) return;
  void *at = (char *)ARENA + ARENA_TAKEN * PAGE;
  if (mmap(at, PAGE, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at) {
    perror("oracle: the arena");
    _exit(99);
  }
  prepared = true;
}

static char *address_of(const struct command *c) {
  static char *top;
  char here;
  switch (c->memory.address) {
    case ADDRESS_NULL: return NULL;
    case ADDRESS_ARENA: return (char *)ARENA + c->memory.offset;
    case ADDRESS_OF_ATTACHMENT: return addresses[c->memory.handle] + c->memory.offset;
    case ADDRESS_STACK:
      top = (char *)((uintptr_t)&here & ~(uintptr_t)(PAGE - 1));
      return top;
    case ADDRESS_LOW: return (char *)0x1001;
    case ADDRESS_HIGH: return (char *)0xffff800000000000;
  }
  abort();
}

// What the mapping at an address permits, as /proc/self/maps says: "rw-s".
static void read_rights(uintptr_t address, char *rights) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[512], found[8];
  unsigned long from, to;
  strcpy(rights, "?");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
    if (sscanf(line, "%lx-%lx %4s", &from, &to, found) == 3 && from <= address && address < to)
      strcpy(rights, found);
  if (maps != NULL) fclose(maps);
}

static long attach(const struct command *c, struct reply *reply) {
  char *hint = address_of(c);
  void *at = c->raw ? (void *)syscall(SYS_shmat, c->id, hint, c->flags)
                    : shmat(c->id, hint, c->flags);
  if (at == (void *)-1) return -1;
  addresses[c->value] = at;
  reply->attachment.address = (uintptr_t)at;
  read_rights((uintptr_t)at, reply->attachment.rights);
  return 0;
}

static void on_fault(int signal) { siglongjmp(faulted, signal); }

// EFAULT for SIGSEGV, EIO for SIGBUS.
static long direct_access(const struct command *c, volatile uint8_t *at) {
  struct sigaction action = {.sa_handler = on_fault}, segv, bus;
  sigaction(SIGSEGV, &action, &segv);
  sigaction(SIGBUS, &action, &bus);
  volatile long result = 0;
  int signal = sigsetjmp(faulted, 1);
  if (signal != 0) result = -1;
  else if (c->memory.access == ACCESS_READ) result = *at;
  else if (c->memory.access == ACCESS_WRITE) *at = c->memory.byte;
  else
    for (long i = 0; i < c->memory.pages * PAGE; i++) result = (result * 31 + at[i]) & 0xffffffff;
  sigaction(SIGSEGV, &segv, NULL);
  sigaction(SIGBUS, &bus, NULL);
  errno = signal == SIGBUS ? EIO : EFAULT;
  return result;
}

static long access_by_kernel(const struct command *c, char *at) {
  int ends[2];
  uint8_t byte = c->memory.byte;
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  bool reads = c->memory.access == ACCESS_READ_BY_KERNEL;
  long result = write(ends[1], reads ? at : (char *)&byte, 1);
  if (result == 1) result = read(ends[0], reads ? (char *)&byte : at, 1);
  int error = errno;
  close(ends[0]), close(ends[1]);
  errno = error;
  return result != 1 ? -1 : reads ? byte : 0;
}

static long control(const struct command *c, struct reply *reply) {
  struct shmid_ds status;
  size_t bytes = 0;
  const void *in = NULL;
  switch (c->cmd) {
    case IPC_STAT: case SHM_STAT: case SHM_STAT_ANY:
      memset(&status, 0, sizeof status);
      in = &status, bytes = sizeof status;
      break;
    case IPC_SET:
      memset(&status, 0x55, sizeof status); // what is not uid, gid and mode must not matter
      status.shm_perm.uid = (uid_t)c->set.uid;
      status.shm_perm.gid = (gid_t)c->set.gid;
      status.shm_perm.mode = (__typeof__(status.shm_perm.mode))c->set.mode;
      in = &status, bytes = sizeof status;
      break;
    case IPC_INFO:
      memset(&reply->segment_limits, 0, sizeof reply->segment_limits);
      in = &reply->segment_limits, bytes = sizeof reply->segment_limits;
      break;
    case SHM_INFO:
      memset(&reply->segment_info, 0, sizeof reply->segment_info);
      in = &reply->segment_info, bytes = sizeof reply->segment_info;
      break;
  }
  void *at = bytes == 0 ? NULL : argument(c->place, in, bytes);
  long result = c->raw ? syscall(SYS_shmctl, c->id, c->cmd, at) : shmctl(c->id, c->cmd, at);
  int error = errno;
  if (bytes != 0 && c->place <= AT_ODD)
    memcpy(in == &status ? (void *)&reply->segment : (void *)in, at, bytes);
  errno = error;
  return result;
}

long memory_perform(const struct command *c, struct reply *reply) {
  char *at;
  switch (c->action) {
    case ACT_GET:
      return c->raw ? syscall(SYS_shmget, c->id, c->size, c->flags)
                    : shmget(c->id, c->size, c->flags);
    case ACT_CONTROL: return control(c, reply);
    case ACT_ATTACH: return attach(c, reply);
    case ACT_DETACH:
      at = address_of(c);
      return c->raw ? syscall(SYS_shmdt, at) : shmdt(at);
    case ACT_ACCESS:
      at = address_of(c);
      if (c->memory.access == ACCESS_READ_BY_KERNEL || c->memory.access == ACCESS_WRITE_BY_KERNEL)
        return access_by_kernel(c, at);
      return direct_access(c, (volatile uint8_t *)at);
    default: abort();
  }
}

long memory_churn(void) {
  int id = shmget(IPC_PRIVATE, PAGE, 0600);
  return id < 0 || shmctl(id, IPC_RMID, NULL) != 0 ? -1 : id;
}

enum { NO_ERRNO = 200 };

// Attaches with flags, writes a byte (or reads, when it is negative), and perhaps detaches.
int memory_once(int id, const long *what) {
  volatile char *at = shmat(id, NULL, (int)what[1]);
  if (at == (void *)-1) return errno;
  char byte = *at;
  if (what[2] >= 0) *at = (char)what[2];
  if (what[0] && shmdt((void *)at) != 0) return errno;
  return what[2] < 0 ? NO_ERRNO + (unsigned char)byte % 50 : 0;
}

int memory_status(int id, struct ipc_perm *perm) {
  struct shmid_ds status;
  int result = shmctl(id, IPC_STAT, &status);
  if (result == 0) *perm = status.shm_perm;
  return result;
}

int memory_remove(int id) { return shmctl(id, IPC_RMID, NULL); }

void *memory_entry(void) { return (void *)(uintptr_t)shmat; }
