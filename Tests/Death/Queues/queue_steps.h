// A call on a queue, killed at every instruction: what survivors may see. See step_calls.c.
#ifndef QUEUE_STEPS_H
#define QUEUE_STEPS_H

#include "../stepper.h"
#include "queue.h"

enum { MAX_SLEEPERS = 3, MAX_START = 6 };

// What a sleeper returns with when it goes on.
struct outcome {
  int error;
  struct note note;
};
struct queue_case {
  unsigned long bytes;  // msg_qbytes, 0 for the default
  bool fresh;           // no cell of the call's size is free in the new queue
  struct note start[MAX_START];
  int start_count;
  struct message_call sleepers[MAX_SLEEPERS];
  int sleeper_count;
  struct message_call call;   // IPC_NOWAIT
  unsigned long set_bytes;    // or IPC_SET with this msg_qbytes
  int received;               // index in `start` of what the call receives
  struct note after[MAX_START];
  int after_count;
  unsigned goers;             // the sleepers that go on, by bit
  unsigned early;             // those that may go on though the call never is committed
  struct outcome outcomes[MAX_SLEEPERS];
};

// Makes the current case's functions those of a scenario.
extern const struct queue_case *queue_case;
void queue_set_up(void);
void queue_prepare(void);
void queue_warm(void);
int queue_call(void);
const char *queue_check(const struct point *);
void queue_tear_down(void);
const char *queue_summary(void);
int stepped_queue(void);  // its identifier
void signal_queue_sleepers(int signal);

#define QUEUE_SCENARIO(NAME, LABEL, WARM, ...)                                              \
  static const struct queue_case NAME##_case = __VA_ARGS__;                                 \
  static void NAME##_set_up(void) {                                                         \
    queue_case = &NAME##_case;                                                              \
    queue_set_up();                                                                         \
  }                                                                                         \
  static const struct scenario NAME = {                                                     \
      .name = LABEL, .set_up = NAME##_set_up, .prepare = queue_prepare, .warm = WARM,       \
      .call = queue_call, .check = queue_check, .tear_down = queue_tear_down,               \
      .summary = queue_summary}

extern const struct scenario *const queue_call_scenarios[];
extern const struct scenario *const queue_sleep_scenarios[];
extern const struct scenario *const queue_control_scenarios[];
extern const struct scenario *const queue_handler_scenarios[];
extern const struct scenario *const queue_send_scenario, *const queue_receive_scenario;
extern const struct scenario *const queue_to_receiver_scenario, *const queue_to_sender_scenario;
extern const struct scenario *const queue_first_scenario, *const queue_set_scenario;
void run_queue_recoveries(const char *only);

#endif
