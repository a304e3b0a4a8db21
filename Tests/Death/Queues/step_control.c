// Creation and removal of a queue, and recoveries of an earlier death, killed at every instruction.
#include "queue_steps.h"

#include <dirent.h>

enum { KEY = 0x51000043, BYTES = 64 };
static const struct note full = {3, 60, 1}, second = {4, 50, 2};
static struct agent receiver, sender;
static bool receiver_sleeps, sender_sleeps;
static int queue = -1, files_at_start;
static long befores, afters, helped;

static const char *summary(void) {
  return message("%ld before, %ld after, %ld helped", befores, afters, helped);
}

static const char *count_side(const struct point *point, bool after) {
  if (after) {
    afters++;
    return NULL;
  }
  if (point->ended) return "the call returned, but nothing happened";
  befores++;
  return NULL;
}

static int count_files(void) {
  DIR *directory = opendir(getenv("OMEGA_IPC_NAMESPACE"));
  if (!directory) give_up("namespace");
  int count = 0;
  struct dirent *entry;
  while ((entry = readdir(directory))) count += !strncmp(entry->d_name, "msg.", 4);
  closedir(directory);
  return count;
}

static void nothing(void) {}
static void know_oneself(void) {
  struct note note;
  receive_note(queue, 901, 8, IPC_NOWAIT, &note);
}

// --- creation

static void set_up_create(void) {
  befores = afters = helped = 0;
  files_at_start = count_files();
  queue = new_queue(0);
}
static int call_create(void) {
  return omega_msgget(KEY, IPC_CREAT | IPC_EXCL | 0640) < 0 ? errno : 0;
}

static const char *check_create(const struct point *point) {
  struct msqid_ds status;
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  int id = omega_msgget(KEY, 0);
  bool after = id >= 0;
  if (!after && errno != ENOENT) return message("msgget: %s", error_name(errno));
  const char *wrong = count_side(point, after);
  if (wrong) return wrong;
  if (!after) id = omega_msgget(KEY, IPC_CREAT | IPC_EXCL | 0640);
  if (id < 0) return message("the key cannot be created again: %s", error_name(errno));
  if (!queue_status(id, &status)) return message("IPC_STAT: %s", error_name(errno));
  if (status.msg_qnum || status.__msg_cbytes || status.msg_qbytes != 16384 ||
      (status.msg_perm.mode & 0777) != 0640 || !status.msg_ctime || status.msg_stime ||
      status.msg_rtime || status.msg_lspid || status.msg_lrpid || status.msg_perm.__key != KEY)
    return "IPC_STAT of the new queue is wrong";
  wrong = fill_again(id);
  if (wrong) return wrong;
  remove_queue(id);
  return omega_msgget(KEY, 0) >= 0 || errno != ENOENT ? "the key is still there" : NULL;
}

// Once all indices have come round, nothing of the dead may be left.
static const char *summary_create(void) {
  int made = count_files() - files_at_start - 1;
  for (int i = 0; i < 300; i++) remove_queue(new_queue(0));
  int still = count_files() - files_at_start - 1;
  if (still > 0) not_ok("step-queue-create", "%d files are left over", still);
  return message("%s; %d files more by then, %d after the indices came round", summary(), made,
                 still);
}
static void tear_down_create(void) {
  int id = omega_msgget(KEY, 0);
  if (id >= 0) remove_queue(id);
  remove_queue(queue);
}

static const struct scenario create = {
    .name = "step-queue-create", .set_up = set_up_create, .prepare = nothing,
    .warm = know_oneself, .call = call_create, .check = check_create,
    .tear_down = tear_down_create, .summary = summary_create};

// --- removal, while a receiver and a sender sleep

static void set_up_remove(void) {
  befores = afters = helped = 0;
  receiver_sleeps = sender_sleeps = false;
  files_at_start = count_files();
  agent_start(&receiver);
  agent_start(&sender);
}
static void prepare_remove(void) {
  queue = omega_msgget(KEY, IPC_CREAT | IPC_EXCL | 0600);
  struct msqid_ds status;
  if (queue < 0 || !queue_status(queue, &status)) give_up("msgget of the key");
  status.msg_qbytes = BYTES;
  if (omega_msgctl(queue, IPC_SET, &status) || send_note(queue, full, IPC_NOWAIT))
    give_up("a full queue");
  agent_message(&receiver, queue, &(struct message_call){{0, 0, 0}, 9, 0, 100});
  wait_sleepers(queue, 1, 10000);
  agent_message(&sender, queue, &(struct message_call){second, 0, 0, 0});
  wait_sleepers(queue, 2, 10000);
  receiver_sleeps = sender_sleeps = true;
}
static int call_remove(void) { return omega_msgctl(queue, IPC_RMID, NULL) < 0 ? errno : 0; }

static bool returns(struct agent *agent, bool *sleeps, int ms, const struct point *point,
                    struct reply *reply) {
  if (!*sleeps) return true;
  if (!agent_reply(agent, ms, reply)) return false;
  *sleeps = false;
  times_add(&sleeper_times, reply->ns > point->killed ? reply->ns - point->killed : 0);
  return true;
}

static const char *check_still_there(void) {
  struct note note;
  struct reply reply;
  if (!receiver_sleeps || !sender_sleeps) return "a sleeper returned from a queue that exists";
  if (omega_msgget(KEY, 0) != queue) return "the key does not name the queue any more";
  if (receive_note(queue, 3, 100, IPC_NOWAIT, &note) || !same_notes(&note, 1, &full, 1))
    return "the message is not there";
  sender_sleeps = false;
  if (!agent_reply(&sender, 3000, &reply) || reply.error) return "the sender does not go on";
  remove_queue(queue);
  receiver_sleeps = false;
  if (!agent_reply(&receiver, 3000, &reply) || reply.error != EIDRM)
    return "the receiver of a removed queue does not return with EIDRM";
  return NULL;
}

static const char *check_remove(const struct point *point) {
  struct reply first = {.error = EIDRM}, other = {.error = EIDRM};
  struct msqid_ds status;
  if (point->ended && point->result) return message("the call failed: %d", point->result);
  bool alone = returns(&receiver, &receiver_sleeps, point->quiet_ms, point, &first);
  alone = returns(&sender, &sender_sleeps, point->quiet_ms, point, &other) && alone;
  bool gone = !queue_status(queue, &status);
  if (gone && errno != EINVAL && errno != EIDRM) return message("IPC_STAT: %s", error_name(errno));
  const char *wrong = count_side(point, gone);
  if (!wrong && !gone) wrong = check_still_there();
  if (wrong) return wrong;
  if (!returns(&receiver, &receiver_sleeps, 3000, point, &first) ||
      !returns(&sender, &sender_sleeps, 3000, point, &other))
    return "a sleeper does not return";
  if (gone && (first.error != EIDRM || other.error != EIDRM))
    return message("the sleepers got %s and %s", error_name(first.error), error_name(other.error));
  if (gone && !alone && point->quiet_ms >= 60 && !point->ended) {
    helped++;
    return needs_help;
  }
  if (omega_msgget(KEY, 0) >= 0 || errno != ENOENT) return "the key is still there";
  int left = count_files() - files_at_start;
  return left ? message("%d names are left over", left) : NULL;
}

static void tear_down_remove(void) {
  agent_kill(&receiver);
  agent_kill(&sender);
  int id = omega_msgget(KEY, 0);
  if (id >= 0) remove_queue(id);
}

static const struct scenario removal = {
    .name = "step-queue-remove", .set_up = set_up_remove, .prepare = prepare_remove,
    .warm = nothing, .call = call_remove, .check = check_remove, .tear_down = tear_down_remove,
    .summary = summary};

const struct scenario *const queue_control_scenarios[] = {&create, &removal, NULL};

// --- one process is killed in its call, the next one in the repair of that

static const struct scenario *base;
static long first_change;
static bool stops_sleepers;

static void base_set_up(void) { base->set_up(); }
static void base_tear_down(void) { base->tear_down(); }
static void prepare_recovery(void) {
  base->prepare();
  // A sleeper would repair the queue before the stepped process can.
  if (stops_sleepers) signal_queue_sleepers(SIGSTOP);
  kill_at_change(base, first_change);
}

// The stepped process must not repair the queue before that: it learns who it is elsewhere.
static int call_any(void) {
  struct msqid_ds status;
  return queue_status(stepped_queue(), &status) ? 0 : errno;
}

static const char *check_recovery(const struct point *point) {
  struct point first = *point;
  first.ended = false;  // the first call never ended
  if (stops_sleepers) signal_queue_sleepers(SIGCONT);
  return base->check(&first);
}

static void recover_from(const struct scenario *scenario, const char *only, bool stops) {
  char name[80];
  snprintf(name, sizeof name, "step-recovery-of-%s", scenario->name + strlen("step-"));
  if (only && strncmp(name, only, strlen(only))) return;
  base = scenario;
  stops_sleepers = stops;
  queue = new_queue(0);
  base->set_up();
  long changes = count_changes(base);
  base->tear_down();
  long stride = is_long_run() ? 1 : changes / 4 ? changes / 4 : 1;
  for (first_change = stride; first_change < changes - 1; first_change += stride) {
    char label[160];
    snprintf(label, sizeof label, "%s-%ld/%ld", name, first_change, changes);
    struct scenario recovery = {
        .name = label, .set_up = base_set_up, .prepare = prepare_recovery, .warm = know_oneself,
        .call = call_any, .check = check_recovery, .tear_down = base_tear_down,
        .summary = base->summary, .only_changes = true};
    run_scenario(&recovery);
  }
  remove_queue(queue);
}

void run_queue_recoveries(const char *only) {
  recover_from(queue_send_scenario, only, false);
  recover_from(queue_receive_scenario, only, false);
  recover_from(queue_first_scenario, only, false);
  recover_from(queue_to_receiver_scenario, only, true);
  recover_from(queue_to_sender_scenario, only, true);
  recover_from(queue_set_scenario, only, true);
}
