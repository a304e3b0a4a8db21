// msgsnd, msgrcv and IPC_SET, killed at every instruction: a message is in the queue exactly once
// or not at all, no cell is lost, no sleeper forgotten.
#include "queue_steps.h"

const struct queue_case *queue_case;
static struct agent agents[MAX_SLEEPERS];
static bool sleeping[MAX_SLEEPERS];
static int queue = -1;
static long befores, afters, helped;

static struct msqid_ds prepared;  // the queue's status before the child

int stepped_queue(void) { return queue; }

void queue_set_up(void) {
  queue = new_queue(queue_case->bytes);
  befores = afters = helped = 0;
  for (int i = 0; i < queue_case->sleeper_count; i++) {
    agent_start(&agents[i]);
    sleeping[i] = false;
  }
}

void queue_tear_down(void) {
  for (int i = 0; i < queue_case->sleeper_count; i++) agent_kill(&agents[i]);
  remove_queue(queue);
}

void signal_queue_sleepers(int signal) {
  for (int i = 0; i < queue_case->sleeper_count; i++) kill(agents[i].pid, signal);
}

// Removing the old queue sends back who still sleeps in it.
void queue_prepare(void) {
  struct reply reply;
  remove_queue(queue);
  for (int i = 0; i < queue_case->sleeper_count; i++) {
    if (sleeping[i] && (!agent_reply(&agents[i], 5000, &reply) || reply.error != EIDRM)) {
      not_ok("step-queue", "sleeper %d of a removed queue does not return with EIDRM", i);
      agent_kill(&agents[i]);
      agent_start(&agents[i]);
    }
    sleeping[i] = false;
  }
  queue = new_queue(queue_case->bytes);
  if (!queue_case->fresh && queue_case->call.note.type > 0) {
    // Free cells of that size are there: else the call makes a page of them, which is long.
    struct note once = queue_case->call.note, note;
    once.type = 902;
    if (send_note(queue, once, IPC_NOWAIT) || receive_note(queue, 902, LARGEST, 0, &note))
      give_up("msgsnd");
  }
  for (int i = 0; i < queue_case->start_count; i++)
    if (send_note(queue, queue_case->start[i], IPC_NOWAIT)) give_up("msgsnd");
  for (int i = 0; i < queue_case->sleeper_count; i++) {
    agent_message(&agents[i], queue, &queue_case->sleepers[i]);
    sleeping[i] = true;
    wait_sleepers(queue, i + 1, 10000);
  }
  if (!queue_status(queue, &prepared)) give_up("IPC_STAT");
}

// The process becomes a member and is known to itself: what it does next can go the fast way.
void queue_warm(void) {
  static const struct note own = {900, 1, 0};
  struct note note;
  int other = new_queue(0);
  for (int i = 0; i < 3; i++)
    if (send_note(other, own, IPC_NOWAIT) || receive_note(other, 900, 8, IPC_NOWAIT, &note))
      _exit(254);
  remove_queue(other);
  if (queue_case->sleeper_count) {
    receive_note(queue, 901, 8, IPC_NOWAIT, &note);
    return;
  }
  // Once there and back, so that it also has a stock.
  if (queue_case->call.note.type > 0) {
    struct note once = queue_case->call.note;
    once.type = 902;
    for (int i = 0; i < 2; i++)
      if (send_note(queue, once, IPC_NOWAIT) || receive_note(queue, 902, LARGEST, 0, &note))
        _exit(254);
  } else {
    receive_note(queue, 901, 8, IPC_NOWAIT, &note);
  }
}

int queue_call(void) {
  struct note note = {0, 0, 0};
  struct msqid_ds status;
  if (queue_case->set_bytes) {
    if (!queue_status(queue, &status)) return errno;
    status.msg_qbytes = queue_case->set_bytes;
    return omega_msgctl(queue, IPC_SET, &status) < 0 ? errno : 0;
  }
  int error = call_queue(queue, &queue_case->call, &note);
  if (error || queue_case->call.note.type > 0) return error;
  return same_notes(&note, 1, &queue_case->start[queue_case->received], 1) ? 0 : 250;
}

static unsigned returned;
static const char *wrong_reply;
// Collects the replies of those sleepers, until all are there or the time is over.
static bool collect(unsigned wanted, int ms, int64_t killed) {
  int64_t end = now_ns() + ms * 1000000LL;
  for (int i = 0; i < queue_case->sleeper_count; i++) {
    struct reply reply;
    if (!(wanted & 1u << i) || !sleeping[i]) continue;
    int64_t left = (end - now_ns()) / 1000000;
    if (!agent_reply(&agents[i], left > 0 ? (int)left : 0, &reply)) continue;
    sleeping[i] = false;
    returned |= 1u << i;
    if (killed) times_add(&sleeper_times, reply.ns > killed ? reply.ns - killed : 0);
    const struct outcome *outcome = &queue_case->outcomes[i];
    if (reply.error != outcome->error)
      wrong_reply = message("sleeper %d returned %s", i, error_name(reply.error));
    else if (!reply.error && !same_notes(&reply.note, 1, &outcome->note, 1))
      wrong_reply = message("sleeper %d received %s", i, notes_text(&reply.note, 1));
  }
  return (returned & wanted) == wanted;
}

static const char *expect(const struct note *expected, int expected_count) {
  struct note notes[MAX_NOTES];
  struct msqid_ds status;
  int count;
  unsigned long bytes = 0;
  const char *wrong = peek_all(queue, notes, &count);
  if (wrong) return wrong;
  if (!same_notes(notes, count, expected, expected_count))
    return message("%s instead of %s", notes_text(notes, count),
                   notes_text(expected, expected_count));
  if (!queue_status(queue, &status)) return message("IPC_STAT: %s", error_name(errno));
  for (int i = 0; i < count; i++) bytes += (unsigned long)notes[i].size;
  if (status.msg_qnum != (unsigned long)count || status.__msg_cbytes != bytes)
    return message("qnum %lu, cbytes %lu of %d messages", status.msg_qnum, status.__msg_cbytes,
                   count);
  return audit(queue);
}

// Wholly usable once nobody sleeps in it, and nothing lost.
static const char *usable(int asleep) {
  struct note notes[MAX_NOTES];
  int count;
  if (!asleep) {
    const char *wrong = drain(queue, notes, &count);
    if (!wrong) wrong = fill_again(queue);
    return wrong ? wrong : audit(queue);
  }
  if (send_note(queue, (struct note){777, 1, 7}, IPC_NOWAIT) == 0) {
    int error = receive_note(queue, 777, 8, IPC_NOWAIT, notes);
    return error ? message("a message cannot be received: %s", error_name(error)) : NULL;
  }
  return NULL;
}

// Whether the call has happened: by the messages, by msg_qbytes, or by who sleeps on.
static bool happened(const struct note *notes, int count) {
  struct msqid_ds status;
  if (queue_case->set_bytes)
    return queue_status(queue, &status) && status.msg_qbytes == queue_case->set_bytes;
  if (!same_notes(queue_case->start, queue_case->start_count, queue_case->after,
                  queue_case->after_count))
    return !same_notes(notes, count, queue_case->start, queue_case->start_count);
  const unsigned sure = queue_case->goers & ~queue_case->early;
  return queue_sleepers(queue) <= queue_case->sleeper_count - __builtin_popcount(sure) -
                                      __builtin_popcount(returned & queue_case->early);
}

static const char *check_before(void) {
  const unsigned rest = queue_case->goers & ~returned;
  befores++;
  const char *wrong = expect(queue_case->start, queue_case->start_count);
  if (wrong) return wrong;
  int error = queue_call();
  if (error) return message("the same call by a survivor: %s", error_name(error));
  if (!collect(rest, 3000, 0)) return "a second call wakes nobody";
  return wrong_reply;
}

// msg_lspid and msg_lrpid change with the messages. Before a send without sleepers the child itself has
// sent, in queue_warm: then the first tells nothing.
static const char *check_pids(const struct msqid_ds *status, bool after) {
  const bool sends = queue_case->call.note.type > 0;
  const bool has_sent = status->msg_lspid != prepared.msg_lspid;
  const bool has_received = status->msg_lrpid != prepared.msg_lrpid;
  if (queue_case->set_bytes) return NULL;
  if (sends ? queue_case->sleeper_count && has_sent != after : has_received != after)
    return message("the call has%s happened; lspid %d, was %d; lrpid %d, was %d",
                   after ? "" : " not", status->msg_lspid, prepared.msg_lspid,
                   status->msg_lrpid, prepared.msg_lrpid);
  if (queue_case->goers || (sends && !queue_case->sleeper_count)) return NULL;
  if (sends ? has_received : has_sent)
    return message("%s has changed", sends ? "lrpid" : "lspid");
  return NULL;
}

const char *queue_check(const struct point *point) {
  const int all = queue_case->sleeper_count, going = __builtin_popcount(queue_case->goers);
  struct note notes[MAX_NOTES];
  int count;
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  returned = 0;
  wrong_reply = NULL;
  // First without touching the queue: who is owed a wake-up must get it without anybody's help.
  bool quiet = collect(queue_case->goers, point->quiet_ms, point->killed);
  const unsigned alone = returned;
  int64_t begin = now_ns();
  struct msqid_ds status;
  if (!queue_status(queue, &status)) return message("IPC_STAT: %s", error_name(errno));
  times_add(&first_times, now_ns() - begin);
  const char *wrong = peek_all(queue, notes, &count);
  if (wrong) return wrong;
  const bool after = happened(notes, count);
  wrong = check_pids(&status, after);
  if (wrong) return wrong;
  if (!after) {
    if (point->ended) return "the call returned, but nothing happened";
    if (alone & ~queue_case->early) return message("sleepers %x went on before the call", alone);
    wrong = check_before();
  } else {
    afters++;
    if (!quiet && point->quiet_ms >= 60 && !point->ended) {
      helped++;
      collect(queue_case->goers, 3000, point->killed);
      return alone == returned ? "a sleeper does not return" : needs_help;
    }
    if (!collect(queue_case->goers, 3000, point->killed)) return "a sleeper does not return";
    wrong = wrong_reply;
  }
  if (wrong) return wrong;
  int asleep = wait_sleepers(queue, all - going, 3000);
  if (asleep != all - going) return message("%d calls sleep, not %d", asleep, all - going);
  wrong = expect(queue_case->after, queue_case->after_count);
  return wrong ? wrong : usable(asleep);
}

const char *queue_summary(void) {
  return message("%ld before, %ld after, %ld helped", befores, afters, helped);
}

// --- fast calls

#define NOW IPC_NOWAIT
QUEUE_SCENARIO(send, "step-queue-send", queue_warm,
               {.call = {{902, 40, 5}, 0, NOW, 0}, .after = {{902, 40, 5}}, .after_count = 1});
QUEUE_SCENARIO(send_behind, "step-queue-send-behind", queue_warm,
               {.start = {{3, 10, 1}, {7, 20, 2}, {5, 4, 3}},
                .start_count = 3,
                .call = {{7, 200, 4}, 0, NOW, 0},
                .after = {{3, 10, 1}, {7, 20, 2}, {5, 4, 3}, {7, 200, 4}},
                .after_count = 4});
QUEUE_SCENARIO(send_new, "step-queue-send-new-type", queue_warm,
               {.start = {{3, 10, 1}, {7, 20, 2}, {5, 4, 3}},
                .start_count = 3,
                .call = {{6, 0, 0}, 0, NOW, 0},
                .after = {{3, 10, 1}, {7, 20, 2}, {5, 4, 3}, {6, 0, 0}},
                .after_count = 4});
QUEUE_SCENARIO(receive, "step-queue-receive", queue_warm,
               {.start = {{3, 10, 1}},
                .start_count = 1,
                .call = {{0, 0, 0}, 0, NOW, 100},
                .received = 0,
                .after_count = 0});
QUEUE_SCENARIO(receive_middle, "step-queue-receive-middle", queue_warm,
               {.start = {{3, 10, 1}, {7, 20, 2}, {5, 4, 3}, {7, 100, 4}},
                .start_count = 4,
                .call = {{0, 0, 0}, 7, NOW, 100},
                .received = 1,
                .after = {{3, 10, 1}, {5, 4, 3}, {7, 100, 4}},
                .after_count = 3});
QUEUE_SCENARIO(receive_last, "step-queue-receive-last-of-types", queue_warm,
               {.start = {{3, 10, 1}, {900, 1, 9}, {7, 20, 2}, {5, 4, 3}, {7, 100, 4}},
                .start_count = 5,
                .call = {{0, 0, 0}, -4, NOW, 100},
                .received = 0,
                .after = {{900, 1, 9}, {7, 20, 2}, {5, 4, 3}, {7, 100, 4}},
                .after_count = 4});
QUEUE_SCENARIO(receive_except, "step-queue-receive-except", queue_warm,
               {.start = {{3, 10, 1}, {3, 20, 2}, {5, 4, 3}},
                .start_count = 3,
                .call = {{0, 0, 0}, 3, NOW | MSG_EXCEPT, 100},
                .received = 2,
                .after = {{3, 10, 1}, {3, 20, 2}},
                .after_count = 2});
// Nothing of the library has run in that process before.
static void cold(void) {}
QUEUE_SCENARIO(first_send, "step-queue-first-send", cold,
               {.fresh = true,
                .start = {{3, 10, 1}},
                .start_count = 1,
                .call = {{7, 600, 5}, 0, NOW, 0},
                .after = {{3, 10, 1}, {7, 600, 5}},
                .after_count = 2});
QUEUE_SCENARIO(first_receive, "step-queue-first-receive", cold,
               {.start = {{3, 10, 1}, {4, 3000, 2}},
                .start_count = 2,
                .call = {{0, 0, 0}, 3, NOW, 100},
                .received = 0,
                .after = {{4, 3000, 2}},
                .after_count = 1});

// --- hand-overs

#define WAIT(TYPE, CAPACITY) {{0, 0, 0}, TYPE, 0, CAPACITY}
QUEUE_SCENARIO(to_receiver, "step-queue-to-receiver", queue_warm,
               {.fresh = true,
                .sleepers = {WAIT(7, 100)},
                .sleeper_count = 1,
                .call = {{7, 40, 5}, 0, NOW, 0},
                .goers = 1,
                .outcomes = {{0, {7, 40, 5}}}});
QUEUE_SCENARIO(to_second, "step-queue-to-the-one-that-asks", queue_warm,
               {.sleepers = {WAIT(3, 100), WAIT(-9, 100), WAIT(8, 100)},
                .sleeper_count = 3,
                .call = {{8, 40, 5}, 0, NOW, 0},
                .goers = 2,
                .outcomes = {{0, {0, 0, 0}}, {0, {8, 40, 5}}, {0, {0, 0, 0}}}});
QUEUE_SCENARIO(to_nobody, "step-queue-to-nobody", queue_warm,
               {.sleepers = {WAIT(3, 100), WAIT(-4, 100)},
                .sleeper_count = 2,
                .call = {{8, 40, 5}, 0, NOW, 0},
                .after = {{8, 40, 5}},
                .after_count = 1});
// The first is told that its buffer is too small, which a survivor may see without the message.
QUEUE_SCENARIO(too_small, "step-queue-too-small", queue_warm,
               {.sleepers = {WAIT(0, 10), WAIT(0, 100)},
                .sleeper_count = 2,
                .call = {{8, 40, 5}, 0, NOW, 0},
                .goers = 3,
                .early = 1,
                .outcomes = {{E2BIG, {0, 0, 0}}, {0, {8, 40, 5}}}});
QUEUE_SCENARIO(to_sender, "step-queue-lets-a-sender-go-on", queue_warm,
               {.bytes = 64,
                .start = {{3, 50, 1}},
                .start_count = 1,
                .sleepers = {{{4, 40, 2}, 0, 0, 0}},
                .sleeper_count = 1,
                .call = {{0, 0, 0}, 0, NOW, 100},
                .after = {{4, 40, 2}},
                .after_count = 1,
                .goers = 1});
// The second does not fit, those around it do; the last type is there already.
QUEUE_SCENARIO(to_senders, "step-queue-lets-two-of-three-go-on", queue_warm,
               {.bytes = 100,
                .start = {{9, 10, 3}, {3, 80, 1}},
                .start_count = 2,
                .sleepers = {{{4, 40, 2}, 0, 0, 0}, {{5, 60, 4}, 0, 0, 0}, {{9, 20, 5}, 0, 0, 0}},
                .sleeper_count = 3,
                .call = {{0, 0, 0}, 3, NOW, 100},
                .received = 1,
                .after = {{9, 10, 3}, {4, 40, 2}, {9, 20, 5}},
                .after_count = 3,
                .goers = 5});
// The sender's message goes straight to a receiver of its type.
QUEUE_SCENARIO(chain, "step-queue-chain", queue_warm,
               {.bytes = 64,
                .start = {{3, 60, 1}},
                .start_count = 1,
                .sleepers = {WAIT(5, 100), {{5, 50, 2}, 0, 0, 0}},
                .sleeper_count = 2,
                .call = {{0, 0, 0}, 3, NOW, 100},
                .goers = 3,
                .outcomes = {{0, {5, 50, 2}}, {0, {0, 0, 0}}}});
// IPC_SET gives room: the sender goes on, the receiver asks again and sleeps on.
QUEUE_SCENARIO(set, "step-queue-set", queue_warm,
               {.bytes = 64,
                .start = {{3, 60, 1}},
                .start_count = 1,
                .sleepers = {WAIT(5, 100), {{6, 50, 2}, 0, 0, 0}},
                .sleeper_count = 2,
                .set_bytes = 128,
                .after = {{3, 60, 1}, {6, 50, 2}},
                .after_count = 2,
                .goers = 2});

const struct scenario *const queue_send_scenario = &send_new;
const struct scenario *const queue_receive_scenario = &receive_last;
const struct scenario *const queue_to_receiver_scenario = &to_receiver;
const struct scenario *const queue_to_sender_scenario = &to_senders;
const struct scenario *const queue_first_scenario = &first_send;
const struct scenario *const queue_set_scenario = &set;
const struct scenario *const queue_call_scenarios[] = {
    &send, &send_behind, &send_new, &receive, &receive_middle, &receive_last, &receive_except,
    &first_send, &first_receive, &to_receiver, &to_second, &to_nobody, &too_small, &to_sender,
    &to_senders, &chain, &set, NULL};
