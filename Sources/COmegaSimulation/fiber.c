#undef _FORTIFY_SOURCE  // longjmp between stacks is what this file is for
#define _GNU_SOURCE
#include "omega_fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

// Where the fiber of this real thread yields to. Tests run in parallel, each on its own thread.
static _Thread_local jmp_buf scheduler;

void *omega_map(size_t byte_count) {
  void *memory = mmap(NULL, byte_count, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) abort();
  return memory;
}

void omega_unmap(void *memory, size_t byte_count) { munmap(memory, byte_count); }

void omega_fiber_make(struct omega_fiber *fiber, void *stack, size_t byte_count,
                      void (*entry)(void *), void *argument) {
  memset(fiber, 0, sizeof *fiber);
  fiber->stack = stack;
  fiber->byte_count = byte_count;
  fiber->low = (char *)stack + byte_count;
  fiber->entry = entry;
  fiber->argument = argument;
}

// makecontext passes int arguments only.
static void begin(unsigned high, unsigned low) {
  struct omega_fiber *fiber = (struct omega_fiber *)((uintptr_t)high << 32 | (uintptr_t)low);
  fiber->entry(fiber->argument);
  abort();
}

static void start(struct omega_fiber *fiber) {
  ucontext_t context;
  fiber->started = 1;
  if (getcontext(&context) != 0) abort();
  context.uc_stack.ss_sp = fiber->stack;
  context.uc_stack.ss_size = fiber->byte_count;
  context.uc_link = NULL;
  uintptr_t address = (uintptr_t)fiber;
  makecontext(&context, (void (*)(void))begin, 2, (unsigned)(address >> 32), (unsigned)address);
  setcontext(&context);
  abort();
}

void omega_fiber_resume(struct omega_fiber *fiber) {
  if (_setjmp(scheduler) != 0) return;
  if (!fiber->started) start(fiber);
  _longjmp(fiber->context, 1);
}

void omega_fiber_yield(struct omega_fiber *fiber) {
  // This frame is small; what lies below it is of no use to anybody.
  fiber->low = (char *)__builtin_frame_address(0) - 1024;
  if (_setjmp(fiber->context) != 0) return;
  _longjmp(scheduler, 1);
}

uint64_t omega_digest(uint64_t digest, const void *words, size_t count) {
  const uint64_t *word = words;
  for (size_t index = 0; index < count; index++) {
    if (word[index] == 0) continue;
    uint64_t x = (digest ^ (word[index] + (index << 40))) * UINT64_C(0x9E3779B97F4A7C15);
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    digest = (x ^ x >> 29) + word[index];
  }
  return digest;
}
