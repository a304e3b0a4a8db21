// What a survivor can see of a stopped process: the namespace's files and the robust list, which
// the kernel reads at its death. Everything else of it ends with it.
#include "visible.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

enum { MAX_FILES = 16 };
static struct file {
  int descriptor;
  size_t size;
  unsigned char *memory, *shadow;
} files[MAX_FILES];
static int file_count;
struct extent {
  struct file *file;
  size_t start, length;
};
static struct extent extents[256];
static int extent_count;
static uint64_t robust[3];

// Only pages that have memory can hold anything. Memory is claimed by system calls.
static void find_extents(void) {
  extent_count = 0;
  for (int i = 0; i < file_count; i++) {
    off_t start = 0;
    while ((start = lseek(files[i].descriptor, start, SEEK_DATA)) >= 0) {
      off_t end = lseek(files[i].descriptor, start, SEEK_HOLE);
      if (end > (off_t)files[i].size) end = (off_t)files[i].size;
      if (extent_count == 256) give_up("visible: too many extents");
      extents[extent_count++] =
          (struct extent){&files[i], (size_t)start, (size_t)(end - start)};
      start = end;
    }
  }
}

static void close_files(void) {
  for (int i = 0; i < file_count; i++) {
    munmap(files[i].memory, files[i].size);
    munmap(files[i].shadow, files[i].size);
    close(files[i].descriptor);
  }
  file_count = 0;
}

static void open_file(int directory, const char *name) {
  int descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat status;
  if (descriptor < 0) return;  // a symbolic link: changed by system calls only
  if (fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode) || !status.st_size) {
    close(descriptor);
    return;
  }
  size_t size = (size_t)status.st_size;
  if (file_count == MAX_FILES) give_up("visible: too many files");
  struct file *file = &files[file_count++];
  file->descriptor = descriptor;
  file->size = size;
  file->memory = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
  file->shadow = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (file->memory == MAP_FAILED || file->shadow == MAP_FAILED) give_up("visible: mmap");
}

static void *robust_head;
static bool next_is_call;

#if defined(__x86_64__)
static const unsigned char call[2] = {0x0f, 0x05};
#elif defined(__aarch64__)
static const unsigned char call[4] = {0x01, 0x00, 0x00, 0xd4};
#endif

long visible_pc(pid_t pid) {
#if defined(__x86_64__)
  errno = 0;
  long pc = ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rip), 0);
  return errno ? 0 : pc;
#elif defined(__aarch64__)
  struct user_regs_struct registers;
  struct iovec all = {&registers, sizeof registers};
  if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &all) < 0) return 0;
  return (long)registers.pc;
#endif
}

// One look at the stopped process: its robust list's head, and its next instruction.
static bool read_process(pid_t pid, uint64_t *list) {
  long pc = visible_pc(pid);
  if (!pc) return false;
  unsigned char code[sizeof call];
  struct iovec local[] = {{list, 24}, {code, sizeof code}};
  struct iovec remote[] = {{robust_head, 24}, {(void *)pc, sizeof code}};
  if (process_vm_readv(pid, local, 2, remote, 2, 0) != 24 + sizeof code) return false;
  next_is_call = !memcmp(code, call, sizeof call);
  return true;
}

static bool compare(pid_t pid) {
  bool changed = false;
  for (int i = 0; i < extent_count; i++) {
    unsigned char *now = extents[i].file->memory + extents[i].start;
    unsigned char *before = extents[i].file->shadow + extents[i].start;
    if (memcmp(now, before, extents[i].length)) {
      memcpy(before, now, extents[i].length);
      changed = true;
    }
  }
  uint64_t list[3] = {0, 0, 0};
  if (!read_process(pid, list)) {
    next_is_call = true;  // asleep in one, or between two lives
    return true;
  }
  if (memcmp(list, robust, sizeof list)) {
    memcpy(robust, list, sizeof list);
    changed = true;
  }
  return changed;
}

void visible_begin(pid_t pid) {
  close_files();
  const char *path = getenv("OMEGA_IPC_NAMESPACE");
  DIR *directory = opendir(path);
  if (!directory) give_up("visible: namespace");
  struct dirent *entry;
  while ((entry = readdir(directory)))
    if (entry->d_name[0] != '.') open_file(dirfd(directory), entry->d_name);
  closedir(directory);
  find_extents();
  size_t length = 0;
  if (syscall(SYS_get_robust_list, pid, &robust_head, &length) < 0) give_up("get_robust_list");
  compare(pid);
}

bool visible_changed(pid_t pid) {
  bool was_call = next_is_call;
  if (was_call) find_extents();
  return compare(pid) || was_call;
}
