#ifndef OMEGA_FIBER_H
#define OMEGA_FIBER_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Fibers for the simulation: a simulated thread is a stack of its own on the one real thread that
// runs the simulation, so a schedule is repeatable, a switch costs nanoseconds, and a fiber can be
// saved and restored like any other memory (Explorer.swift).

struct omega_fiber {
  jmp_buf context;
  void *stack;  // lowest address
  size_t byte_count;
  void *low;  // lowest address in use while the fiber is not running
  void (*entry)(void *argument);
  void *argument;
  int started;
};

// Zeroed memory straight from the kernel: most of an image is never touched.
void *omega_map(size_t byte_count);
void omega_unmap(void *memory, size_t byte_count);

// Makes a fiber that will run `entry(argument)`, which must never return.
void omega_fiber_make(struct omega_fiber *fiber, void *stack, size_t byte_count,
                      void (*entry)(void *), void *argument);
// Runs the fiber until its next yield. Called by the scheduler, not by fibers.
void omega_fiber_resume(struct omega_fiber *fiber);
// Returns to the scheduler. Called by the fiber that runs.
void omega_fiber_yield(struct omega_fiber *fiber);

// Combines `count` words into a digest; zeros leave it alone, so unused memory costs little.
uint64_t omega_digest(uint64_t digest, const void *words, size_t count);

#pragma clang assume_nonnull end

#endif
