// System calls and per-thread state for OmegaLinux, as static inline functions that Swift can call.
//
// System calls are made directly, never through libc: other preloaded libraries wrap open, stat,
// close … and may call back into this one. Results are the kernel's: negative errno on failure.
#ifndef OMEGA_LINUX_H
#define OMEGA_LINUX_H

// Only results that are never null say so.
#pragma clang diagnostic ignored "-Wnullability-completeness"

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
static inline long omega_syscall6(long n, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
static inline void omega_pause(void) { __asm__ volatile("pause"); }
#elif defined(__aarch64__)
static inline long omega_syscall6(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
}
static inline void omega_pause(void) { __asm__ volatile("isb"); }
#else
#error "Omega IPC knows x86-64 and aarch64"
#endif

#include <sys/syscall.h>

// Numbers newer than Debian 12's headers know on every architecture, or than some builders have.
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

enum omega_call {
  omega_call_openat = SYS_openat,
  omega_call_close = SYS_close,
  omega_call_read = SYS_read,
  omega_call_pwrite = SYS_pwrite64,
  omega_call_ftruncate = SYS_ftruncate,
  omega_call_fallocate = SYS_fallocate,
  omega_call_linkat = SYS_linkat,
  omega_call_unlinkat = SYS_unlinkat,
  omega_call_mkdirat = SYS_mkdirat,
  omega_call_memfd_create = SYS_memfd_create,
  omega_call_fchmod = SYS_fchmod,
  omega_call_fchown = SYS_fchown,
  omega_call_getdents = SYS_getdents64,
  omega_call_mmap = SYS_mmap,
  omega_call_munmap = SYS_munmap,
  omega_call_madvise = SYS_madvise,
  omega_call_futex = SYS_futex,
  omega_call_futex_waitv = SYS_futex_waitv,
  omega_call_get_robust_list = SYS_get_robust_list,
  omega_call_rt_sigprocmask = SYS_rt_sigprocmask,
  omega_call_rt_sigaction = SYS_rt_sigaction,
  omega_call_rt_sigpending = SYS_rt_sigpending,
  omega_call_sigaltstack = SYS_sigaltstack,
  omega_call_getpid = SYS_getpid,
  omega_call_gettid = SYS_gettid,
  omega_call_tkill = SYS_tkill,
  omega_call_kill = SYS_kill,
  omega_call_geteuid = SYS_geteuid,
  omega_call_getegid = SYS_getegid,
  omega_call_getgroups = SYS_getgroups,
  omega_call_capget = SYS_capget,
  omega_call_clock_gettime = SYS_clock_gettime,
  omega_call_sched_getaffinity = SYS_sched_getaffinity,
  omega_call_newfstat = SYS_fstat,
  omega_call_newfstatat = SYS_newfstatat,
  omega_call_symlinkat = SYS_symlinkat,
  omega_call_readlinkat = SYS_readlinkat,
  omega_call_prlimit = SYS_prlimit64,
  omega_call_sched_yield = SYS_sched_yield,
  omega_call_nanosleep = SYS_nanosleep,
  omega_call_membarrier = SYS_membarrier,
  omega_call_pidfd_open = SYS_pidfd_open,
};

static inline long omega_call(enum omega_call n, long a, long b, long c, long d, long e, long f) {
  return omega_syscall6((long)n, a, b, c, d, e, f);
}

// What the hot path needs to know about the process. It stands in a page that a fork wipes, so a
// zero pid says "ask again" in every child.
struct omega_identity {
  uint32_t pid;
  uint32_t lock;  // guards the process's own tables; a fork of another thread cannot leave it held
  uint64_t start_time;  // in ticks; above 40 bits omega_process_number
  uint32_t processors;  // 0: not counted yet
  uint32_t attachment_lock;  // thread that changes what memory is attached, or forks; 0 for none
};

struct omega_thread {
  uint32_t tid;
  uint32_t pid;              // of the process in which tid was read
  struct omega_robust_head *robust;
  uint32_t armed;            // life words of ours in that list
  uint32_t names_child;      // inside a wrapped fork, which will tell the child's pid
  uintptr_t readable_page;   // 1 + the first page that could be read the last time it was asked about
  uintptr_t readable_end;    // and the last, likewise
  uintptr_t writable_page;   // the same for writing
  uintptr_t writable_end;
  // The call this thread sleeps in, for the case that a signal handler leaves it by siglongjmp.
  uintptr_t sleep_frame;     // address of its stack frame, 0 for none
  void *sleep_handle;
  int64_t sleep_slot;
  int sleep_kind;            // which kind of object's handle it is (OmegaLinux's ObjectKind)
  int cancellable;           // the call that may sleep is a cancellation point
  uintptr_t last_message;    // the queue and the way of its last message (`MessageWay`)
  uintptr_t sleep_pending;   // the robust list's pending entry to put back
};

// <linux/futex.h>'s robust_list_head.
struct omega_robust_head {
  uintptr_t list;
  long futex_offset;
  uintptr_t list_op_pending;
};

extern struct omega_identity *omega_identity_page __attribute__((visibility("hidden")));
// initial-exec: one load instead of a call; the few bytes come out of libc's reserve for such use.
extern __thread struct omega_thread omega_this_thread
    __attribute__((visibility("hidden"), tls_model("initial-exec")));
// As given, cut: a longer one than the limit is refused when it is opened.
extern char omega_namespace_path[256] __attribute__((visibility("hidden")));
extern int omega_waitv_forbidden __attribute__((visibility("hidden")));
// Raised by the wrapped setuid family; permissions decided at an older generation are decided again.
extern uint32_t omega_credential_generation __attribute__((visibility("hidden")));
// The namespace of the environment, once opened (OmegaLinux's NamespaceState).
extern void *omega_default_namespace __attribute__((visibility("hidden")));

static inline struct omega_identity *_Nonnull omega_identity(void) {
  return __atomic_load_n(&omega_identity_page, __ATOMIC_ACQUIRE);
}

static inline struct omega_thread *_Nonnull omega_thread(void) { return &omega_this_thread; }

static inline char *_Nonnull omega_namespace(void) { return omega_namespace_path; }
static inline int omega_may_waitv(void) { return !omega_waitv_forbidden; }
static inline void omega_forbid_waitv(void) { omega_waitv_forbidden = 1; }
static inline uint32_t omega_credentials(void) {
  return __atomic_load_n(&omega_credential_generation, __ATOMIC_ACQUIRE);
}
static inline void omega_credentials_changed(void) {
  __atomic_fetch_add(&omega_credential_generation, 1, __ATOMIC_ACQ_REL);
}
static inline void *omega_get_default(void) {
  return __atomic_load_n(&omega_default_namespace, __ATOMIC_ACQUIRE);
}
// Keeps the first one and returns it.
static inline void *_Nonnull omega_set_default_once(void *_Nonnull state) {
  void *expected = NULL;
  return __atomic_compare_exchange_n(&omega_default_namespace, &expected, state, 0,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
             ? state
             : expected;
}

// Fills in pid and start time after start, fork or the first call; never fails.
struct omega_identity *_Nonnull omega_identify(void) __attribute__((visibility("hidden")));
// The machine's processors, counted at the first call that has to wait.
uint32_t omega_processors(void) __attribute__((visibility("hidden")));
// Fills in tid and the robust list of the calling thread.
void omega_identify_thread(struct omega_thread *thread, uint32_t pid)
    __attribute__((visibility("hidden")));

// CLOCK_REALTIME in whole seconds and CLOCK_MONOTONIC in nanoseconds, by the vDSO.
int64_t omega_clock_seconds(void) __attribute__((visibility("hidden")));
int64_t omega_clock_monotonic(void) __attribute__((visibility("hidden")));
extern int64_t (*omega_vdso_time)(int64_t *) __attribute__((visibility("hidden")));

static inline int64_t omega_seconds(void) {
  int64_t (*time)(int64_t *) = __atomic_load_n(&omega_vdso_time, __ATOMIC_ACQUIRE);
  return time ? time(NULL) : omega_clock_seconds();
}

// Nonzero while the process has one thread (<sys/single_threaded.h>).
extern char __libc_single_threaded;
static inline int omega_single_threaded(void) { return __libc_single_threaded; }

// The process's own lock, for its tables; never held over anything that waits. Signals are blocked.
static inline uint64_t omega_lock_process(void) {
  uint64_t all = ~0ull, old = 0;
  omega_call(omega_call_rt_sigprocmask, 2, (long)&all, (long)&old, 8, 0, 0);
  // Acquire and release: the tables belong to the holder.
  while (__atomic_exchange_n(&omega_identity()->lock, 1, __ATOMIC_ACQUIRE))
    omega_call(omega_call_sched_yield, 0, 0, 0, 0, 0, 0);
  return old;
}
static inline void omega_unlock_process(uint64_t old) {
  __atomic_store_n(&omega_identity()->lock, 0, __ATOMIC_RELEASE);
  omega_call(omega_call_rt_sigprocmask, 2, (long)&old, 0, 8, 0, 0);
}

// Compare-and-swap that is atomic against this thread's signal handlers only (CallOwner).
static inline int omega_owner_exchange(void *word, uint64_t old, uint64_t value) {
#if defined(__x86_64__)
  uint8_t same;
  __asm__ volatile("cmpxchgq %3, %1\n\tsete %0"
                   : "=q"(same), "+m"(*(uint64_t *)word), "+a"(old)
                   : "r"(value)
                   : "memory", "cc");
  return same;
#else
  return __atomic_compare_exchange_n((uint64_t *)word, &old, value, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
#endif
}

// A handle's count of users, sequentially consistent (see OmegaLinux's Handle.swift); the new count.
static inline int32_t omega_add_users(int32_t *count, int32_t change) {
  return __atomic_add_fetch(count, change, __ATOMIC_SEQ_CST);
}

// Flags and words of a handle that the fast path reads without the process's lock.
static inline int omega_try_flag(uint32_t *flag) {
  return __atomic_exchange_n(flag, 1, __ATOMIC_ACQUIRE) == 0;
}
static inline void omega_clear_flag(uint32_t *flag) { __atomic_store_n(flag, 0, __ATOMIC_RELEASE); }
static inline void omega_store_state(uint64_t *word, uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
static inline void omega_store_pid(uint32_t *word, uint32_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
// Orders a flag against what a signal handler on this thread may see.
static inline void omega_compiler_barrier(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

static inline void omega_publish(void *entry, void *value) {
  __atomic_store_n((void **)entry, value, __ATOMIC_RELEASE);
}

// Takes what stands there, if anything.
static inline void *omega_take(void *entry) {
  return __atomic_exchange_n((void **)entry, NULL, __ATOMIC_ACQ_REL);
}

extern int *__errno_location(void);
static inline void omega_set_errno(int value) { *__errno_location() = value; }

// Whether `length` bytes at `address` can be read or written, without a signal: asks the kernel, which
// answers EFAULT. Remembers the last stretch, per thread.
int omega_probe_read(const void *address, size_t length) __attribute__((visibility("hidden")));
int omega_probe_write(void *address, size_t length) __attribute__((visibility("hidden")));

// The stack's own page needs no question.
static inline int omega_readable(const void *address, size_t length) {
  uintptr_t first = (uintptr_t)address, last = first + length - 1;
  uintptr_t page = first >> 12, stack = (uintptr_t)__builtin_frame_address(0) >> 12;
  if (page + 1 >= omega_this_thread.readable_page && (last >> 12) < omega_this_thread.readable_end &&
      first <= last)
    return 1;
  if (page == last >> 12 && page == stack) return 1;
  return omega_probe_read(address, length);
}

static inline int omega_writable(void *address, size_t length) {
  uintptr_t first = (uintptr_t)address, last = first + length - 1;
  uintptr_t page = first >> 12, stack = (uintptr_t)__builtin_frame_address(0) >> 12;
  if (page + 1 >= omega_this_thread.writable_page && (last >> 12) < omega_this_thread.writable_end &&
      first <= last)
    return 1;
  if (page == last >> 12 && page == stack) return 1;
  return omega_probe_write(address, length);
}

// What /proc says about a process or a thread.
struct omega_stat {
  char state;
  uint64_t flags, threads, start_time;
};
// 0, or the negative errno of opening or reading /proc/ID/stat.
int omega_read_stat(uint32_t id, struct omega_stat *stat) __attribute__((visibility("hidden")));
// 24 bits of the number that the kernel gives to each process, also to those that share a pid and a
// start time: that of its pidfd's inode (Linux 6.9). Not 0, which says that it cannot be had.
uint64_t omega_process_number(uint32_t pid) __attribute__((visibility("hidden")));

// Puts the robust-list node of the futex word at `word` (its links stand 24 and 32 bytes behind) into
// the calling thread's list, or takes it out. Signals must be blocked.
void omega_robust_add(struct omega_robust_head *head, void *word)
    __attribute__((visibility("hidden")));
// The links stand in the image, where a peer may write. Removal follows only addresses that the caller
// has found to be of this thread's own list, and only if they point back; 0 when they do not.
void omega_robust_links(void *word, uintptr_t *previous, uintptr_t *next)
    __attribute__((visibility("hidden")));
int omega_robust_remove(void *word, uintptr_t previous, uintptr_t next)
    __attribute__((visibility("hidden")));

// A store the compiler may not move: the kernel reads it at the thread's death.
// A hint that the memory will be written soon.
static inline void omega_expect(const void *_Nonnull memory) {
#if defined(__x86_64__)
  __asm__ volatile("prefetchw %0" : : "m"(*(const char *)memory));
#else
  __builtin_prefetch(memory, 1);
#endif
}
static inline void omega_set_pending(struct omega_robust_head *head, uintptr_t entry) {
  __atomic_store_n(&head->list_op_pending, entry, __ATOMIC_RELEASE);
}

static inline uint64_t omega_block_signals(void) {
  uint64_t all = ~0ull, old = 0;
  omega_call(omega_call_rt_sigprocmask, 2, (long)&all, (long)&old, 8, 0, 0);
  return old;
}
static inline void omega_restore_signals(uint64_t mask) {
  omega_call(omega_call_rt_sigprocmask, 2, (long)&mask, 0, 8, 0, 0);
}
// msgsnd and msgrcv are cancellation points. As libc's own do, they let the thread be cancelled at any
// instruction while the kernel has it, and nowhere else.
extern int pthread_setcanceltype(int type, int *old);
extern void pthread_testcancel(void);
static inline void omega_test_cancel(void) {
  if (!__libc_single_threaded) pthread_testcancel();
}
static inline void omega_set_cancellable(int value) { omega_this_thread.cancellable = value; }

static inline long omega_sleeping_call(enum omega_call n, long a, long b, long c, long d, long e,
                                       long f) {
  if (!omega_this_thread.cancellable || __libc_single_threaded)
    return omega_call(n, a, b, c, d, e, f);
  int old;
  pthread_setcanceltype(1 /* PTHREAD_CANCEL_ASYNCHRONOUS */, &old);
  long result = omega_call(n, a, b, c, d, e, f);
  pthread_setcanceltype(old, &old);
  return result;
}

// Texts of messages: the program's memory and the image's.
// A loop of ours: libc's memcpy uses "rep movsb" from two kilobytes on, which takes five times as
// long for some pairs of addresses (measured on an EPYC, Documentation/Decisions/0012).
typedef long long omega_chunk __attribute__((vector_size(16), aligned(1), may_alias));
typedef long long omega_word __attribute__((aligned(1), may_alias));
static inline void omega_copy(void *to, const void *from, size_t length) {
  char *out = (char *)to;
  const char *in = (const char *)from;
  if (length >= 16) {
    const char *last = in + length - 16;
    char *out_last = out + length - 16;
    // The end first, as it overlaps what the loop copies.
    omega_chunk end = *(const omega_chunk *)last;
    for (; last - in >= 64; in += 64, out += 64) {
      omega_chunk a = ((const omega_chunk *)in)[0], b = ((const omega_chunk *)in)[1];
      omega_chunk c = ((const omega_chunk *)in)[2], d = ((const omega_chunk *)in)[3];
      ((omega_chunk *)out)[0] = a;
      ((omega_chunk *)out)[1] = b;
      ((omega_chunk *)out)[2] = c;
      ((omega_chunk *)out)[3] = d;
      __asm__ volatile("" ::: "memory");  // Not to be turned into memcpy.
    }
    for (; in < last; in += 16, out += 16) {
      *(omega_chunk *)out = *(const omega_chunk *)in;
      __asm__ volatile("" ::: "memory");
    }
    *(omega_chunk *)out_last = end;
  } else if (length >= 8) {
    omega_word first = *(const omega_word *)in, end = *(const omega_word *)(in + length - 8);
    *(omega_word *)out = first;
    *(omega_word *)(out + length - 8) = end;
  } else {
    for (size_t i = 0; i < length; i++) {
      out[i] = in[i];
      __asm__ volatile("" ::: "memory");
    }
  }
}

static inline uintptr_t omega_frame(void) { return (uintptr_t)__builtin_frame_address(0); }
// Whether the thread runs on its alternate signal stack.
int omega_on_signal_stack(void) __attribute__((visibility("hidden")));

// Lets signals through that are pending and not in `mask`. Nonzero when one had a handler: signals are
// as in `mask` then; else they are blocked again.
int omega_deliver_signals(uint64_t mask) __attribute__((visibility("hidden")));

// Whether any handler of this process was installed with SA_RESTART.
int omega_has_restarting_handler(void) __attribute__((visibility("hidden")));

// Puts memory behind every page of the range; 0 when the file system has none left.
int omega_claim(void *address, size_t length) __attribute__((visibility("hidden")));

// DIRECTORY/NAME with a decimal number of five digits or a key of eight hexadecimal ones.
void omega_path_index(char *out, const char *directory, const char *kind, uint32_t index)
    __attribute__((visibility("hidden")));
void omega_path_key(char *out, const char *directory, const char *kind, uint32_t key)
    __attribute__((visibility("hidden")));
// DIRECTORY/KIND.NNNNN.id and a suffix: see OmegaLinux's PublicStatus.swift.
void omega_path_status(char *out, const char *directory, const char *kind, uint32_t index,
                       const char *suffix) __attribute__((visibility("hidden")));
void omega_path_file(char *out, const char *directory, const char *name)
    __attribute__((visibility("hidden")));
// The directory of a user: /dev/shm/omega-ipc.UID.
void omega_path_default(char *out, uint32_t uid) __attribute__((visibility("hidden")));
// The text of our symbolic links: decimal numbers below 10^19 with dots between them. Reading gives
// 0, or −1 when the link is not there or has another text.
enum { omega_link_bytes = 192 };
void omega_link_text(char *out, const uint64_t *numbers, int count)
    __attribute__((visibility("hidden")));
int omega_read_link(const char *path, uint64_t *numbers, int count)
    __attribute__((visibility("hidden")));
void omega_path_descriptor(char *out, uint32_t fd) __attribute__((visibility("hidden")));

struct omega_waitv {
  uint64_t value;
  uint64_t address;
  uint32_t flags;
  uint32_t reserved;
};

struct omega_timespec {
  int64_t seconds;
  int64_t nanoseconds;
};

#endif
