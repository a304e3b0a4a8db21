// Who the calling process and thread are. See omega_linux.h.
#include "omega_linux.h"

#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static struct omega_identity first_identity;
struct omega_identity *omega_identity_page = &first_identity;
__thread struct omega_thread omega_this_thread;
char omega_namespace_path[256];
int omega_waitv_forbidden;
uint32_t omega_credential_generation;
void *omega_default_namespace;

static long call(enum omega_call n, long a, long b, long c, long d) {
  return omega_call(n, a, b, c, d, 0, 0);
}

static const char *value_of(const char *entry, const char *name) {
  while (*name && *entry == *name) entry++, name++;
  return *name ? 0 : entry;
}

// The environment as the process was started with it: values are copied before main runs, because
// programs overwrite or clear their environment. Nothing else happens at load time.
__attribute__((constructor)) static void remember_environment(int argc, char **argv, char **envp) {
  (void)argc;
  (void)argv;
  for (; envp && *envp; envp++) {
    const char *value = value_of(*envp, "OMEGA_IPC_FUTEX_WAITV=");
    if (value && value[0] == '0' && !value[1]) omega_waitv_forbidden = 1;
    value = value_of(*envp, "OMEGA_IPC_NAMESPACE=");
    if (!value) continue;
    size_t length = 0;
    while (value[length] && length < sizeof omega_namespace_path - 1) {
      omega_namespace_path[length] = value[length];
      length++;
    }
    omega_namespace_path[length] = 0;
  }
}

// The processors of the machine, not those this process may run on: the others run its partners. The
// file reads like "0-3,8-11".
static uint32_t count_processors(void) {
  char text[256];
  long fd = call(omega_call_openat, -100, (long)"/sys/devices/system/cpu/online",
                 0x80000 /* O_CLOEXEC */, 0);
  long length = fd < 0 ? 0 : call(omega_call_read, fd, (long)text, sizeof text, 0);
  if (fd >= 0) call(omega_call_close, fd, 0, 0, 0);
  uint32_t count = 0, first = 0, number = 0;
  int in_range = 0;
  for (long i = 0; i < length; i++) {
    if (text[i] >= '0' && text[i] <= '9') {
      number = number * 10 + (uint32_t)(text[i] - '0');
    } else {
      if (text[i] == '-') first = number;
      else count += in_range ? number - first + 1 : 1;
      in_range = text[i] == '-';
      number = 0;
    }
  }
  return count ? count : 2;  // Unknown: spinning a little does no harm.
}

uint32_t omega_processors(void) {
  struct omega_identity *page = omega_identity();
  uint32_t count = __atomic_load_n(&page->processors, __ATOMIC_RELAXED);
  if (count) return count;
  count = count_processors();
  __atomic_store_n(&page->processors, count, __ATOMIC_RELAXED);
  return count;
}

struct omega_identity *omega_identify(void) {
  struct omega_identity *page = omega_identity();
  if (page == &first_identity) {
    long address = omega_call(omega_call_mmap, 0, 4096, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address > 0 || address < -4095) {
      struct omega_identity *fresh = (struct omega_identity *)address;
      call(omega_call_madvise, address, 4096, MADV_WIPEONFORK, 0);
      // Release: whoever sees the page sees it wiped-on-fork.
      if (__atomic_compare_exchange_n(&omega_identity_page, &page, fresh, 0, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE))
        page = fresh;
      else
        call(omega_call_munmap, address, 4096, 0, 0);
    }
  }
  struct omega_stat stat;
  uint32_t pid = (uint32_t)call(omega_call_getpid, 0, 0, 0, 0);
  uint64_t start = omega_read_stat(pid, &stat) == 0 && stat.start_time ? stat.start_time : 1;
  page->start_time = start | omega_process_number(pid) << 40;
  // Release: who sees the pid sees the rest.
  __atomic_store_n(&page->pid, pid, __ATOMIC_RELEASE);
  return page;
}

void omega_identify_thread(struct omega_thread *thread, uint32_t pid) {
  struct omega_robust_head *head = 0;
  size_t length = 0;
  thread->tid = (uint32_t)call(omega_call_gettid, 0, 0, 0, 0);
  if (call(omega_call_get_robust_list, 0, (long)&head, (long)&length, 0) < 0 ||
      length != sizeof *head || !head || head->futex_offset != -32)
    head = 0;  // Not glibc's list: this thread's death is then found by asking.
  thread->robust = head;
  thread->armed = 0;
  thread->pid = pid;
}
