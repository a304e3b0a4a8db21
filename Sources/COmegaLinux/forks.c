// The lock of attached memory, and the word about forks. See omega_memory.h.
#include <pthread.h>

#include "omega_memory.h"

void *omega_attachment_list;
static struct omega_fork_calls calls;
static uint64_t program;

uint64_t omega_program(void) {
  uint64_t number = __atomic_load_n(&program, __ATOMIC_ACQUIRE);
  if (number) return number;
  uint64_t fresh = (uint64_t)omega_clock_monotonic() | 1;
  return __atomic_compare_exchange_n(&program, &number, fresh, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
             ? fresh
             : number;
}

// The owner's thread id, in the page that a fork wipes: a child is born with the lock free, however it was
// forked.
static int try_lock(uint32_t tid) {
  uint32_t none = 0;
  return __atomic_compare_exchange_n(&omega_identity()->attachment_lock, &none, tid, 0,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

int omega_holds_attachments(uint32_t tid) {
  return __atomic_load_n(&omega_identity()->attachment_lock, __ATOMIC_RELAXED) == tid;
}

static void lock(uint32_t tid) {
  for (int turns = 0; !try_lock(tid); turns++) {
    struct omega_timespec time = {0, 50000};
    // A fork takes its time.
    if (turns < 100) omega_call(omega_call_sched_yield, 0, 0, 0, 0, 0, 0);
    else omega_call(omega_call_nanosleep, (long)&time, 0, 0, 0, 0, 0);
  }
}

struct omega_attachment_lock omega_lock_attachments(uint32_t tid) {
  struct omega_attachment_lock taken = {omega_block_signals(), omega_holds_attachments(tid)};
  if (!taken.nested) lock(tid);
  return taken;
}

void omega_unlock_attachments(struct omega_attachment_lock taken) {
  if (!taken.nested) __atomic_store_n(&omega_identity()->attachment_lock, 0, __ATOMIC_RELEASE);
  omega_restore_signals(taken.signals);
}

int omega_begin_fork(uint32_t tid) {
  if (omega_holds_attachments(tid)) return 0;
  uint64_t signals = omega_block_signals();
  lock(tid);
  omega_restore_signals(signals);
  return 1;
}

void omega_end_fork(void) {
  __atomic_store_n(&omega_identity()->attachment_lock, 0, __ATOMIC_RELEASE);
}

void omega_follow_forks(struct omega_fork_calls wanted) {
  calls.in_parent = wanted.in_parent;
  calls.in_child = wanted.in_child;
  calls.at_exit = wanted.at_exit;
  // Last: the others are called only after it.
  __atomic_store_n(&calls.before, wanted.before, __ATOMIC_RELEASE);
}

void omega_before_fork(void) {
  void (*call)(void) = __atomic_load_n(&calls.before, __ATOMIC_ACQUIRE);
  if (call) call();
}
void omega_after_fork_in_parent(void) {
  if (__atomic_load_n(&calls.before, __ATOMIC_ACQUIRE)) calls.in_parent();
}
void omega_after_fork_in_child(void) {
  if (__atomic_load_n(&calls.before, __ATOMIC_ACQUIRE)) calls.in_child();
}

// At load time, before anybody else: so the first of these calls is the last before the fork, and the
// others are the first after it. It costs no system call.
__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(omega_before_fork, omega_after_fork_in_parent, omega_after_fork_in_child);
}

__attribute__((destructor)) static void at_exit(void) {
  if (__atomic_load_n(&calls.before, __ATOMIC_ACQUIRE)) calls.at_exit();
}
