// Clocks without libc: the vDSO's functions, found once in its symbol table, else system calls.
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include "omega_linux.h"

int64_t (*omega_vdso_time)(int64_t *);
static int (*vdso_gettime)(int, struct omega_timespec *);
static int searched;

static int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static void *find(const char *name) {
  uintptr_t base = getauxval(AT_SYSINFO_EHDR);
  if (!base) return 0;
  const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)base;
  const ElfW(Phdr) *segment = (const ElfW(Phdr) *)(base + header->e_phoff);
  const ElfW(Dyn) *dynamic = 0;
  uintptr_t bias = 0;
  for (int i = 0; i < header->e_phnum; i++) {
    if (segment[i].p_type == PT_LOAD && !bias) bias = base + segment[i].p_offset - segment[i].p_vaddr;
    if (segment[i].p_type == PT_DYNAMIC)
      dynamic = (const ElfW(Dyn) *)(base + segment[i].p_offset);
  }
  const ElfW(Sym) *symbols = 0;
  const char *strings = 0;
  const uint32_t *hash = 0;
  uint32_t count = 0;
  for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
    uintptr_t address = bias + dynamic->d_un.d_ptr;
    if (dynamic->d_tag == DT_SYMTAB) symbols = (const ElfW(Sym) *)address;
    if (dynamic->d_tag == DT_STRTAB) strings = (const char *)address;
    if (dynamic->d_tag == DT_HASH) hash = (const uint32_t *)address;
    if (dynamic->d_tag == DT_GNU_HASH && !count) {
      // The number of symbols: the end of the longest chain.
      const uint32_t *gnu = (const uint32_t *)address;
      const uint32_t *buckets = gnu + 4 + gnu[2] * (sizeof(ElfW(Addr)) / 4);
      const uint32_t *chains = buckets + gnu[0];
      uint32_t last = 0;
      for (uint32_t i = 0; i < gnu[0]; i++)
        if (buckets[i] > last) last = buckets[i];
      if (last >= gnu[1]) {
        while (!(chains[last - gnu[1]] & 1)) last++;
        count = last + 1;
      }
    }
  }
  if (hash) count = hash[1];
  if (!symbols || !strings) return 0;
  for (uint32_t i = 0; i < count; i++)
    if (symbols[i].st_shndx != SHN_UNDEF && same(strings + symbols[i].st_name, name))
      return (void *)(bias + symbols[i].st_value);
  return 0;
}

// Idempotent, so threads may race through it.
static void search(void) {
#if defined(__x86_64__)
  __atomic_store_n(&omega_vdso_time, (int64_t(*)(int64_t *))find("__vdso_time"), __ATOMIC_RELEASE);
  __atomic_store_n(&vdso_gettime, (int (*)(int, struct omega_timespec *))find("__vdso_clock_gettime"),
                   __ATOMIC_RELEASE);
#else
  __atomic_store_n(&vdso_gettime,
                   (int (*)(int, struct omega_timespec *))find("__kernel_clock_gettime"),
                   __ATOMIC_RELEASE);
#endif
  __atomic_store_n(&searched, 1, __ATOMIC_RELEASE);
}

static void gettime(int clock, struct omega_timespec *time) {
  if (!__atomic_load_n(&searched, __ATOMIC_ACQUIRE)) search();
  int (*vdso)(int, struct omega_timespec *) = __atomic_load_n(&vdso_gettime, __ATOMIC_ACQUIRE);
  if (!vdso || vdso(clock, time) != 0)
    omega_call(omega_call_clock_gettime, clock, (long)time, 0, 0, 0, 0);
}

int64_t omega_clock_seconds(void) {
  struct omega_timespec time = {0, 0};
  gettime(5 /* CLOCK_REALTIME_COARSE: what time(2) and the kernel's otime read */, &time);
  return time.seconds;
}

int64_t omega_clock_monotonic(void) {
  struct omega_timespec time = {0, 0};
  gettime(1 /* CLOCK_MONOTONIC */, &time);
  return time.seconds * 1000000000 + time.nanoseconds;
}
