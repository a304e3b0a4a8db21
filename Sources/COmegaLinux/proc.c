// What /proc tells about processes, names of files in a namespace, and glibc's robust list.
#include "omega_linux.h"

#include <sys/stat.h>

static char *append_text(char *out, const char *text) {
  while (*text) *out++ = *text++;
  *out = 0;
  return out;
}

static char *append_number(char *out, uint32_t number, uint32_t base, int digits) {
  for (int i = digits - 1; i >= 0; i--, number /= base) out[i] = "0123456789abcdef"[number % base];
  out[digits] = 0;
  return out + digits;
}

static int digits_of(uint32_t number) {
  int digits = 1;
  while (number >= 10) number /= 10, digits++;
  return digits;
}

// The command name in parentheses may hold anything, so fields are counted from the last ')'.
int omega_read_stat(uint32_t id, struct omega_stat *stat) {
  char path[40], text[1024];
  char *end = append_number(append_text(path, "/proc/"), id, 10, digits_of(id));
  append_text(end, "/stat");
  long fd = omega_call(omega_call_openat, -100, (long)path, 0x80000 /* O_CLOEXEC */, 0, 0, 0);
  if (fd < 0) return (int)fd;
  long length = omega_call(omega_call_read, fd, (long)text, sizeof text - 1, 0, 0, 0);
  omega_call(omega_call_close, fd, 0, 0, 0, 0, 0);
  if (length < 0) return (int)length;
  long at = length;
  while (at > 0 && text[at - 1] != ')') at--;
  *stat = (struct omega_stat){0, 0, 0, 0};
  int field = 2;
  for (; at < length && field <= 22; at++) {
    if (text[at] == ' ') {
      field++;
    } else if (field == 3) {
      stat->state = text[at];
    } else if (text[at] >= '0' && text[at] <= '9') {
      uint64_t digit = (uint64_t)(text[at] - '0');
      if (field == 9) stat->flags = stat->flags * 10 + digit;
      if (field == 20) stat->threads = stat->threads * 10 + digit;
      if (field == 22) stat->start_time = stat->start_time * 10 + digit;
    }
  }
  return stat->state ? 0 : -3;
}

// Older kernels have one inode for all pidfds: then the number says nothing, as it should.
uint64_t omega_process_number(uint32_t pid) {
  struct stat status;
  long fd = omega_call(omega_call_pidfd_open, (long)pid, 0, 0, 0, 0, 0);
  if (fd < 0) return 0;
  long result = omega_call(omega_call_newfstat, fd, (long)&status, 0, 0, 0, 0);
  omega_call(omega_call_close, fd, 0, 0, 0, 0, 0);
  return result < 0 ? 0 : status.st_ino % 0xFFFFFF + 1;
}

void omega_path_file(char *out, const char *directory, const char *name) {
  append_text(append_text(append_text(out, directory), "/"), name);
}

void omega_path_index(char *out, const char *directory, const char *kind, uint32_t index) {
  char *end = append_text(append_text(append_text(out, directory), "/"), kind);
  append_number(append_text(end, "."), index, 10, 5);
}

void omega_path_key(char *out, const char *directory, const char *kind, uint32_t key) {
  char *end = append_text(append_text(append_text(out, directory), "/"), kind);
  append_number(append_text(end, ".key."), key, 16, 8);
}

void omega_path_status(char *out, const char *directory, const char *kind, uint32_t index,
                       const char *suffix) {
  omega_path_index(out, directory, kind, index);
  while (*out) out++;
  append_text(append_text(out, ".id"), suffix);
}

void omega_path_default(char *out, uint32_t uid) {
  append_number(append_text(out, "/dev/shm/omega-ipc."), uid, 10, digits_of(uid));
}

void omega_path_descriptor(char *out, uint32_t fd) {
  append_number(append_text(out, "/proc/thread-self/fd/"), fd, 10, digits_of(fd));
}

void omega_link_text(char *out, const uint64_t *numbers, int count) {
  for (int i = 0; i < count; i++) {
    char digits[20];
    int length = 0;
    uint64_t rest = numbers[i];
    do digits[length++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (i > 0) *out++ = '.';
    while (length > 0) *out++ = digits[--length];
  }
  *out = 0;
}

int omega_read_link(const char *path, uint64_t *numbers, int count) {
  char text[omega_link_bytes];
  long length =
      omega_call(omega_call_readlinkat, -100, (long)path, (long)text, sizeof text, 0, 0);
  if (length < 1 || length >= (long)sizeof text) return -1;
  int field = 0, digits = 0;
  numbers[0] = 0;
  for (long i = 0; i < length; i++) {
    if (text[i] >= '0' && text[i] <= '9' && ++digits <= 19) {
      numbers[field] = numbers[field] * 10 + (uint64_t)(text[i] - '0');
    } else if (text[i] == '.' && digits > 0 && ++field < count) {
      numbers[field] = 0;
      digits = 0;
    } else {
      return -1;
    }
  }
  return field == count - 1 && digits > 0 ? 0 : -1;
}

// The list as glibc keeps it for robust mutexes: links point at the `next` words, and the word before
// each `next` points back, so that both its entries and ours can be taken out in any order.
static uintptr_t *links(void *word) { return (uintptr_t *)((char *)word + 24); }

void omega_robust_add(struct omega_robust_head *head, void *word) {
  uintptr_t *own = links(word);
  uintptr_t first = head->list;
  own[0] = (uintptr_t)&head->list;
  own[1] = first;
  ((uintptr_t *)(first & ~1ul))[-1] = (uintptr_t)&own[1];
  // The kernel walks from the head: ours is complete before it is there.
  __atomic_store_n(&head->list, (uintptr_t)&own[1], __ATOMIC_RELEASE);
}

void omega_robust_links(void *word, uintptr_t *previous, uintptr_t *next) {
  *previous = __atomic_load_n(&links(word)[0], __ATOMIC_RELAXED) & ~1ul;
  *next = __atomic_load_n(&links(word)[1], __ATOMIC_RELAXED) & ~1ul;
}

int omega_robust_remove(void *word, uintptr_t previous, uintptr_t next) {
  uintptr_t own = (uintptr_t)&links(word)[1];
  if ((*(uintptr_t *)previous & ~1ul) != own || ((uintptr_t *)next)[-1] != own) return 0;
  ((uintptr_t *)next)[-1] = previous;
  __atomic_store_n((uintptr_t *)previous, next, __ATOMIC_RELEASE);
  return 1;
}
