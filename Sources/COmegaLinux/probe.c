// Asking the kernel whether memory can be read or written: EFAULT instead of SIGSEGV, without a
// signal handler. The last stretch that answered is remembered per thread; a program that unmaps it and passes
// it again dies as it would by touching it itself.
#include "omega_linux.h"

// rt_sigprocmask copies the new set in before it looks at `how`, which is invalid: nothing changes,
// and the answer is EFAULT or EINVAL.
static int page_readable(uintptr_t address) {
  return omega_call(omega_call_rt_sigprocmask, 12345, (long)(address & ~7ul), 0, 8, 0, 0) != -14;
}

// FUTEX_WAKE_OP writes `word |= 0` and wakes nobody who is not waiting for this word; a private futex
// of an address nobody waits on.
static int page_writable(uintptr_t address) {
  uint32_t other = 0;
  long result = omega_call(omega_call_futex, (long)&other, 5 | 128 /* WAKE_OP | PRIVATE */, 0, 0,
                           (long)(address & ~3ul), 2 << 28 /* FUTEX_OP_OR 0 */ | 1 << 24);
  return result != -14;
}

int omega_probe_read(const void *address, size_t length) {
  uintptr_t first = (uintptr_t)address, last = first + length - 1;
  if (length == 0) return 1;
  if (!first || last < first) return 0;
  for (uintptr_t page = first >> 12; page <= last >> 12; page++)
    if (!page_readable(page << 12 < first ? first : page << 12)) return 0;
  omega_this_thread.readable_page = (first >> 12) + 1;
  omega_this_thread.readable_end = (last >> 12) + 1;
  return 1;
}

int omega_probe_write(void *address, size_t length) {
  uintptr_t first = (uintptr_t)address, last = first + length - 1;
  if (length == 0) return 1;
  if (!first || last < first) return 0;
  for (uintptr_t page = first >> 12; page <= last >> 12; page++)
    if (!page_writable(page << 12 < first ? first : page << 12)) return 0;
  omega_this_thread.writable_page = (first >> 12) + 1;
  omega_this_thread.writable_end = (last >> 12) + 1;
  return 1;
}

int omega_claim(void *address, size_t length) {
  uintptr_t first = (uintptr_t)address & ~4095ul;
  uintptr_t end = ((uintptr_t)address + length + 4095) & ~4095ul;
  long result = omega_call(omega_call_madvise, (long)first, (long)(end - first),
                           23 /* MADV_POPULATE_WRITE */, 0, 0, 0);
  if (result == 0) return 1;
  if (result != -22) return 0;
  // Before Linux 5.14: a write by the kernel fails where ours would be SIGBUS.
  for (uintptr_t page = first; page < end; page += 4096)
    if (!page_writable(page)) return 0;
  return 1;
}
