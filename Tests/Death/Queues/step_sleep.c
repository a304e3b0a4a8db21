// The stepped process is the sleeper in msgrcv or msgsnd: killed on its way to sleep, asleep,
// woken; and served at any instruction of its way, after which it must not sleep for ever.
#include "queue_steps.h"

enum { BYTES = 64 };
static const struct note given = {5, 40, 11}, full = {3, 60, 12}, own = {4, 50, 13};
static struct agent partner;
static int queue = -1;
static bool sends;     // the stepped process sends, else it receives
static int served;     // how often the partner was told to serve it
static bool pending;   // its last reply has not come yet
static long taken, left;

static void set_up(void) {
  queue = new_queue(BYTES);
  taken = left = 0;
  pending = false;
  agent_start(&partner);
}
static void set_up_receiver(void) {
  sends = false;
  set_up();
}
static void set_up_sender(void) {
  sends = true;
  set_up();
}
static void tear_down(void) {
  agent_kill(&partner);
  remove_queue(queue);
}

static void prepare(void) {
  remove_queue(queue);
  queue = new_queue(BYTES);
  served = 0;
  if (sends && send_note(queue, full, IPC_NOWAIT)) give_up("msgsnd");
}

static void warm(void) {
  struct note note;
  receive_note(queue, 901, 8, IPC_NOWAIT, &note);
}

static int call(void) {
  struct note note;
  if (sends) return send_note(queue, own, 0);
  int error = receive_note(queue, 0, 100, 0, &note);
  return error ? error : same_notes(&note, 1, &given, 1) ? 0 : 250;
}

static const char *finish_service(void) {
  struct reply reply;
  if (!pending) return NULL;
  pending = false;
  if (!agent_reply(&partner, 3000, &reply)) return "the other side hangs";
  if (reply.error) return message("the other side failed: %s", error_name(reply.error));
  return sends && !same_notes(&reply.note, 1, &full, 1) ? "the other side got another message"
                                                         : NULL;
}

// Another process does it, once: the stopped one may hold the lock.
static void serve(void) {
  struct reply reply;
  struct message_call receive = {{0, 0, 0}, 3, 0, 100}, send = {given, 0, 0, 0};
  if (served++) return;
  agent_message(&partner, queue, sends ? &receive : &send);
  pending = true;
  if (agent_reply(&partner, 2, &reply)) {
    pending = false;
    if (reply.error) give_up("the other side failed");
  }
}

static const char *usable(void) {
  struct note notes[MAX_NOTES];
  int count;
  if (queue_sleepers(queue)) return "a dead sleeper is counted";
  const char *wrong = drain(queue, notes, &count);
  if (!wrong) wrong = fill_again(queue);
  return wrong ? wrong : audit(queue);
}

// What must be in the queue after the death: whether its message may be there, or be gone.
static const char *check_messages(bool may_be, bool may_be_gone) {
  struct note notes[MAX_NOTES];
  const struct note *message_of_it = sends ? &own : &given;
  int count;
  const char *wrong = peek_all(queue, notes, &count);
  if (wrong) return wrong;
  int first = sends && !served;
  if (first && (!count || !same_notes(notes, 1, &full, 1)))
    return message("the first message is not there: %s", notes_text(notes, count));
  bool is_there = count == first + 1 && same_notes(&notes[first], 1, message_of_it, 1);
  if (!is_there && count != first) return message("%s", notes_text(notes, count));
  if (is_there ? !may_be : !may_be_gone)
    return message("%s after %d services", notes_text(notes, count), served);
  if (is_there)
    left++;
  else
    taken++;
  wrong = audit(queue);
  return wrong ? wrong : usable();
}

static const char *check(const struct point *point) {
  struct msqid_ds status;
  const char *wrong = finish_service();
  if (wrong) return wrong;
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  if (point->ended && !served) return "the call returned, but nobody served it";
  int64_t begin = now_ns();
  if (!queue_status(queue, &status)) return message("IPC_STAT: %s", error_name(errno));
  times_add(&first_times, now_ns() - begin);
  if (sends) return check_messages(served, !point->ended);
  // Handed over or taken, it is lost with the process; else it is there.
  return check_messages(served && !point->ended, true);
}

// It slept when it was served: then it was served, even if it has died since.
static const char *check_asleep(const struct point *point) {
  struct msqid_ds status;
  const char *wrong = finish_service();
  if (wrong) return wrong;
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  if (!queue_status(queue, &status)) return message("IPC_STAT: %s", error_name(errno));
  return sends ? check_messages(served, !served) : check_messages(false, true);
}

// Served at the point, it went on to its end.
static const char *check_went_on(const struct point *point) {
  const char *wrong = finish_service();
  if (wrong) return wrong;
  if (point->result) return message("the call ended with %d", point->result);
  return check_messages(sends, !sends);
}

static const char *summary(void) {
  return message("%ld times the message was in the queue, %ld times not", left, taken);
}

#define SLEEPER(NAME, LABEL, SET_UP, BEFORE, CHECK, GOES_ON)                                     \
  static const struct scenario NAME = {                                                          \
      .name = LABEL, .set_up = SET_UP, .prepare = prepare, .warm = warm, .call = call,           \
      .asleep = serve, .before_kill = BEFORE, .check = CHECK, .tear_down = tear_down,            \
      .summary = summary, .goes_on = GOES_ON}

SLEEPER(receiver, "step-queue-sleeping-receiver", set_up_receiver, NULL, check_asleep, false);
SLEEPER(receiver_served, "step-queue-receiver-served", set_up_receiver, serve, check, false);
SLEEPER(receiver_on, "step-queue-receiver-goes-on", set_up_receiver, serve, check_went_on, true);
SLEEPER(sender, "step-queue-sleeping-sender", set_up_sender, NULL, check_asleep, false);
SLEEPER(sender_served, "step-queue-sender-served", set_up_sender, serve, check, false);
SLEEPER(sender_on, "step-queue-sender-goes-on", set_up_sender, serve, check_went_on, true);

const struct scenario *const queue_sleep_scenarios[] = {
    &receiver, &receiver_served, &receiver_on, &sender, &sender_served, &sender_on, NULL};
