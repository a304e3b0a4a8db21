// Shared by the measurements: clock, pinning, a page shared by processes, and the ways to print a
// figure. Each measurement runs for some milliseconds and prints lines "NAME VALUE";
// Benchmarks/report.py runs the same binary on the kernel's IPC and under the drop-in, and
// compares.
#ifndef BENCH_H
#define BENCH_H

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// How long one measurement runs.
extern long measure_milliseconds;

void fail(const char *what);
pid_t fork_child(void);  // the child dies with this process
int new_set(int semaphores);
void remove_set(int id);
void set_value(int id, int number, int value);
void pin_to_cpu(
    int index);  // the index-th CPU this process may use; does nothing when there is none
void *shared_page(void);
double own_and_children_cpu_seconds(void);
void report_samples(const char *name, double *samples, size_t count);

static inline int64_t now_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline void change(int id, int number, int delta, int flags) {
  struct sembuf operation = {(unsigned short)number, (short)delta, (short)flags};
  while (semop(id, &operation, 1) == -1)
    if (errno != EINTR) fail("semop");
}

// Runs BODY (which may use the loop variable `turn`) in short batches for the time given and
// reports the median and the minimum of nanoseconds per turn over the batches, divided by CALLS in
// each turn.
#define MEASURE(name, calls, body)                                                       \
  do {                                                                                   \
    long batch_ = 1;                                                                     \
    for (int64_t took_ = 0; took_ < 100000 && batch_ < (1 << 24);) { /* warms up, too */ \
      batch_ *= 2;                                                                       \
      int64_t start_ = now_nanoseconds();                                                \
      for (long turn = 0; turn < batch_; turn++) { body; }                               \
      took_ = now_nanoseconds() - start_;                                                \
    }                                                                                    \
    size_t count_ = 0, room_ = 100000;                                                   \
    double *samples_ = malloc(room_ * sizeof *samples_);                                 \
    int64_t end_ = now_nanoseconds() + measure_milliseconds * 1000000;                   \
    while (count_ < room_) {                                                             \
      int64_t start_ = now_nanoseconds();                                                \
      for (long turn = 0; turn < batch_; turn++) { body; }                               \
      int64_t stop_ = now_nanoseconds();                                                 \
      samples_[count_++] = (double)(stop_ - start_) / (double)batch_ / (calls);          \
      if (stop_ >= end_) break;                                                          \
    }                                                                                    \
    report_samples(name, samples_, count_);                                              \
    free(samples_);                                                                      \
  } while (0)

void measure_single(const char *which);
void measure_memory(const char *which);
void measure_sleepers(long sleepers);
void measure_contend(int processes);
void measure_disjoint(void);
void measure_ping_pong(int same_cpu);
void measure_idle(void);
void measure_death(long deaths);
void measure_message_pair(long size);
void measure_message_typed(long others);
void measure_message_ping_pong(void);
void measure_message_stream(void);
void measure_start(const char *library, long starts);

#endif
