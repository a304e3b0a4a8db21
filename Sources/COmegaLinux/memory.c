// Mappings, and what the machine says about its memory. See omega_memory.h.
#include "omega_memory.h"

#include <asm/stat.h>

#include "omega_files.h"

// --- /proc/PID/maps  ---

static char *append(char *out, const char *text) {
  while (*text) *out++ = *text++;
  *out = 0;
  return out;
}

static char *append_decimal(char *out, uint32_t number) {
  char digits[10];
  int length = 0;
  do digits[length++] = (char)('0' + number % 10);
  while (number /= 10);
  while (length > 0) *out++ = digits[--length];
  *out = 0;
  return out;
}

static long open_file(const char *path, long flags) {
  return omega_call(omega_call_openat, -100, (long)path, flags | 0x80000 /* O_CLOEXEC */, 0, 0, 0);
}

static int fill(struct omega_mappings *walk) {
  walk->at = 0;
  walk->length =
      omega_call(omega_call_read, walk->descriptor, (long)walk->text, sizeof walk->text, 0, 0, 0);
  if (walk->length < 0) walk->length = 0;
  return walk->length > 0;
}

// A thread that has ended shows no mappings, and the first one may have ended before others: those below
// /proc/PID/task are tried. 0 when one was found.
static int open_thread(struct omega_mappings *walk, const char *tasks) {
  char names[512], path[72];
  long directory = open_file(tasks, omega_open_directory), length;
  if (directory < 0) return (int)directory;
  int result = -3;
  while (result != 0 && (length = omega_call(omega_call_getdents, directory, (long)names,
                                             sizeof names, 0, 0, 0)) > 0) {
    for (long at = 0; at < length && result != 0;) {
      const char *record = names + at;
      unsigned short size;
      __builtin_memcpy(&size, record + 16, sizeof size);
      at += size;
      if (record[19] < '0' || record[19] > '9') continue;
      append(append(append(append(path, tasks), "/"), record + 19), "/maps");
      walk->descriptor = open_file(path, 0);
      if (walk->descriptor < 0) continue;
      if (fill(walk)) result = 0;
      else omega_close_mappings(walk);
    }
  }
  omega_call(omega_call_close, directory, 0, 0, 0, 0, 0);
  return result;
}

int omega_open_mappings(struct omega_mappings *walk, uint32_t pid) {
  char path[40];
  char *end = append(path, "/proc/");
  end = pid ? append_decimal(end, pid) : append(end, "thread-self");
  append(end, "/maps");
  walk->descriptor = open_file(path, 0);
  if (walk->descriptor < 0) return (int)walk->descriptor;
  if (fill(walk)) return 0;
  omega_close_mappings(walk);
  append(end, "/task");
  return pid ? open_thread(walk, path) : -3;
}

void omega_close_mappings(struct omega_mappings *walk) {
  omega_call(omega_call_close, walk->descriptor, 0, 0, 0, 0, 0);
}

static int next_byte(struct omega_mappings *walk) {
  if (walk->at == walk->length && !fill(walk)) return -1;
  return (unsigned char)walk->text[walk->at++];
}

static int digit(int byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

// A number and the byte behind it.
static uint64_t number(struct omega_mappings *walk, uint64_t base, int *behind) {
  uint64_t value = 0;
  int byte, next;
  while ((next = digit(byte = next_byte(walk))) >= 0) value = value * base + (uint64_t)next;
  *behind = byte;
  return value;
}

// START-END PERMS OFFSET MAJOR:MINOR INODE NAME
int omega_next_mapping(struct omega_mappings *walk, struct omega_mapping *out) {
  int byte;
  out->start = number(walk, 16, &byte);
  if (byte != '-') return 0;
  out->end = number(walk, 16, &byte);
  while ((byte = next_byte(walk)) >= 0 && byte != ' ') continue;
  out->offset = number(walk, 16, &byte);
  uint64_t major = number(walk, 16, &byte);
  out->device = major << 32 | number(walk, 16, &byte);
  out->inode = number(walk, 10, &byte);
  while (byte >= 0 && byte != '\n') byte = next_byte(walk);
  return byte == '\n';
}

int omega_find_mapping(const void *address, struct omega_mapping *out) {
  struct omega_mappings walk;
  if (omega_open_mappings(&walk, 0) != 0) return -1;
  int found = 0;
  while (!found && omega_next_mapping(&walk, out))
    found = (uintptr_t)address >= out->start && (uintptr_t)address < out->end;
  omega_close_mappings(&walk);
  return found ? 0 : -1;
}

// --- mappings  ---

// More than any mapping could grow by, and no more than an address space has.
#if defined(__x86_64__)
#define WHOLE_ADDRESS_SPACE 0x7ffffffff000
#else
#define WHOLE_ADDRESS_SPACE 0x7ffffff000
#endif

// Both questions cost a system call each, a tenth of reading /proc/self/maps.
int omega_is_mapping_of(uintptr_t address, size_t length, const void *page) {
  // FUTEX_CMP_REQUEUE_PI refuses with EINVAL two addresses that are the same word of the same file. Else it
  // answers EFAULT, or EAGAIN because the word does not hold this value (were it to, it would find nobody
  // to wake).
  long same = omega_call(omega_call_futex, (long)address, 12, 1, 0, (long)page, 0x5ca1ab1e);
  if (same != -22) return 0;
  if (length <= 4096) return 1;
  // Asked to grow, a mapping that ends before the range does is EFAULT, and one that does not, ENOMEM. Should
  // it grow after all, it is made as long as it was.
  long grown =
      omega_syscall6(SYS_mremap, (long)address, (long)length, WHOLE_ADDRESS_SPACE, 0, 0, 0);
  if (grown == (long)address)
    omega_call(omega_call_munmap, (long)(address + length), (long)(WHOLE_ADDRESS_SPACE - length), 0,
               0, 0, 0);
  return grown == (long)address || grown == -12;
}

// Of a mapping that is shared, mremap from no bytes makes another (mremap(2), old_size).
long omega_map_again(const void *page, size_t length) {
  return omega_syscall6(SYS_mremap, (long)page, 0, (long)length, 1 /* MREMAP_MAYMOVE */, 0, 0);
}

// --- the machine  ---

long omega_change_path_mode(const char *path, uint32_t mode) {
  return omega_syscall6(SYS_fchmodat, -100, (long)path, (long)mode, 0, 0, 0);
}

static uint64_t field(const char *text, long length, const char *name) {
  for (long at = 0; at < length; at++) {
    if (at > 0 && text[at - 1] != '\n') continue;
    const char *rest = name;
    long here = at;
    while (here < length && *rest && text[here] == *rest) here++, rest++;
    if (*rest) continue;
    while (here < length && text[here] == ' ') here++;
    uint64_t value = 0;
    while (here < length && text[here] >= '0' && text[here] <= '9')
      value = value * 10 + (uint64_t)(text[here++] - '0');
    return value << 10;
  }
  return 0;
}

static long read_whole_meminfo(char *text, size_t size) {
  long descriptor = open_file("/proc/meminfo", 0);
  if (descriptor < 0) return 0;
  long length = omega_call(omega_call_read, descriptor, (long)text, (long)size, 0, 0, 0);
  omega_call(omega_call_close, descriptor, 0, 0, 0, 0, 0);
  return length;
}

static uint64_t read_meminfo(const char *name) {
  char text[2048];
  return field(text, read_whole_meminfo(text, sizeof text), name);
}

int64_t omega_available_memory(void) {
  char text[2048];
  long length = read_whole_meminfo(text, sizeof text);
  uint64_t available = field(text, length, "MemAvailable:");
  return available ? (int64_t)(available + field(text, length, "SwapFree:")) : -1;
}

static const char huge_pages[] = "/sys/kernel/mm/hugepages";

static int exists(const char *path) {
  struct stat status;
  return omega_call(omega_call_newfstatat, -100, (long)path, (long)&status, 0, 0, 0) == 0;
}

int64_t omega_huge_page_size(uint32_t log) {
  char path[64];
  if (!exists(huge_pages)) return -1;
  if (log == 0) {
    uint64_t usual = read_meminfo("Hugepagesize:");
    return usual ? (int64_t)usual : -1;
  }
  if (log < 10 || log > 40) return 0;
  char *end = append(append(path, huge_pages), "/hugepages-");
  append(append_decimal(end, 1u << (log - 10)), "kB");
  return exists(path) ? (int64_t)1 << log : 0;
}

int64_t omega_file_usage(const char *path) {
  struct stat status;
  long result = omega_call(omega_call_newfstatat, -100, (long)path, (long)&status, 0x100, 0, 0);
  return result < 0 ? result : (int64_t)status.st_blocks * 512;
}
