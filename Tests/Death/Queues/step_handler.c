// A signal handler that interrupts msgsnd or msgrcv after any instruction and calls both on the
// same queue, or leaves the call by siglongjmp: nothing is lost, doubled or stuck.
#include "queue_steps.h"

#include <setjmp.h>
#include <sys/mman.h>

static const struct note start[] = {{3, 10, 1}, {7, 20, 2}, {5, 4, 3}, {7, 18, 4}, {3, 9, 5}};
enum { START = sizeof start / sizeof *start };
static const struct note sent = {7, 20, 6}, sent_in_handler = {8, 30, 7};

static struct {
  bool ran;
  int error;             // of a call in the handler
  struct note received;  // by the handler; type 0 for none
  bool call_ended;
  struct note call_received;
} *seen;  // by the stepped process
static sigjmp_buf out;
static volatile sig_atomic_t may_jump;
static int queue = -1;
static bool sends, jumps;
static long type;  // that main and handler ask for
static long ran, kept;

static void handle(int signal) {
  (void)signal;
  int saved = errno;
  struct note note;
  seen->ran = true;
  if (jumps) {
    if (may_jump) siglongjmp(out, 1);
    return;
  }
  in_queue_handler = 1;
  int error = send_note(queue, sent_in_handler, IPC_NOWAIT);
  if (!error) error = receive_note(queue, type, 100, IPC_NOWAIT, &seen->received);
  if (!error && receive_note(queue, 999, 100, IPC_NOWAIT, &note) != ENOMSG) error = EEXIST;
  seen->error = error;
  in_queue_handler = 0;
  errno = saved;
}

static void set_up(void) {
  if (!seen) {
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED) give_up("mmap");
  }
  queue = new_queue(0);
  ran = kept = 0;
}
static void tear_down(void) { remove_queue(queue); }

static void prepare(void) {
  struct note notes[MAX_NOTES];
  int count;
  drain(queue, notes, &count);
  memset(seen, 0, sizeof *seen);
  for (int i = 0; i < START; i++)
    if (send_note(queue, start[i], IPC_NOWAIT)) give_up("msgsnd");
}

static void warm(void) {
  struct note note = {7, 20, 0};
  // Messages of the type that is sent are there, so no node is needed: a fast call.
  for (int i = 0; i < 3; i++) {
    struct note own = {902, 20, 0};
    if (send_note(queue, own, IPC_NOWAIT) || receive_note(queue, 902, 100, IPC_NOWAIT, &note))
      _exit(254);
  }
  signal(SIGUSR1, handle);
}

static int call(void) {
  if (sigsetjmp(out, 1) == 0) {
    may_jump = 1;
    int error = sends ? send_note(queue, sent, IPC_NOWAIT)
                      : receive_note(queue, type, 100, IPC_NOWAIT, &seen->call_received);
    may_jump = 0;
    if (error) return error;
    seen->call_ended = true;
  }
  may_jump = 0;
  return 0;
}

// After the call was left: the same process must be able to go on.
static int call_and_go_on(void) {
  struct note note;
  int error = call();
  for (int i = 0; i < 2 && !error && seen->ran; i++) {
    error = send_note(queue, (struct note){950, 33, 9}, IPC_NOWAIT);
    if (!error) error = receive_note(queue, 950, 100, IPC_NOWAIT, &note);
  }
  return error;
}

// Takes one note out of a list; false when it is not there.
static bool take(struct note *notes, int *count, const struct note *note) {
  for (int i = 0; i < *count; i++) {
    if (!same_notes(&notes[i], 1, note, 1)) continue;
    memmove(&notes[i], &notes[i + 1], sizeof *notes * (size_t)(*count - i - 1));
    --*count;
    return true;
  }
  return false;
}

// Every message that was sent is in the queue or was received, once; `lost` may be missing.
static const char *check_sum(void) {
  struct note notes[MAX_NOTES];
  int count;
  const char *wrong = drain(queue, notes, &count);
  if (wrong) return wrong;
  const char *all = notes_text(notes, count);
  if (seen->received.type) notes[count++] = seen->received;
  if (seen->call_ended && !sends) notes[count++] = seen->call_received;
  int missing = 0;
  for (int i = 0; i < START; i++) missing += !take(notes, &count, &start[i]);
  bool is_sent = take(notes, &count, &sent);
  if (seen->ran && !jumps && !take(notes, &count, &sent_in_handler))
    return message("what the handler sent is lost: %s", all);
  if (count) return message("something is there twice, or out of nowhere: %s", all);
  // A call that was left may have happened or not.
  if (missing > (jumps && !sends && !seen->call_ended)) return message("lost: %s", all);
  if (sends && seen->call_ended && !is_sent) return message("what was sent is lost: %s", all);
  if (!sends && is_sent) return "a message out of nowhere";
  kept += is_sent || missing;
  return NULL;
}

static const char *check(const struct point *point) {
  struct msqid_ds status;
  if (point->result) return message("the call ended with %d", point->result);
  if (seen->error) return message("the handler's calls: %s", error_name(seen->error));
  if (seen->ran) ran++;
  if (!point->ended && !seen->ran) return "the handler did not run";
  if (!queue_status(queue, &status)) return message("IPC_STAT: %s", error_name(errno));
  const char *wrong = audit(queue);
  if (!wrong) wrong = check_sum();
  if (!wrong) wrong = fill_again(queue);
  return wrong ? wrong : audit(queue);
}

static const char *summary(void) {
  return message("%ld handlers; the call had happened %ld times", ran, kept);
}

#define HANDLER(NAME, LABEL, SENDS, TYPE, JUMPS, CALL)                                          \
  static void NAME##_set_up(void) {                                                             \
    sends = SENDS;                                                                              \
    type = TYPE;                                                                                \
    jumps = JUMPS;                                                                              \
    set_up();                                                                                   \
  }                                                                                             \
  static const struct scenario NAME = {                                                         \
      .name = LABEL, .set_up = NAME##_set_up, .prepare = prepare, .warm = warm, .call = CALL,   \
      .check = check, .tear_down = tear_down, .summary = summary, .goes_on = true,              \
      .inject = SIGUSR1, .every = true}

HANDLER(send, "step-queue-handler-in-send", true, 3, false, call);
HANDLER(receive, "step-queue-handler-in-receive", false, 7, false, call);
HANDLER(receive_any, "step-queue-handler-in-receive-any", false, 0, false, call);
HANDLER(send_left, "step-queue-send-left", true, 3, true, call_and_go_on);
HANDLER(receive_left, "step-queue-receive-left", false, 7, true, call_and_go_on);

const struct scenario *const queue_handler_scenarios[] = {&send, &receive, &receive_any,
                                                          &send_left, &receive_left, NULL};
