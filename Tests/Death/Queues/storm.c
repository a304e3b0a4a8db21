// Processes send and receive on shared queues, with threads and asleep, while they are killed and
// replaced thousands of times. No message comes twice or torn; none is lost but with a receiver.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "queue.h"

enum { WORKERS = 8, QUEUES = 3, THREADS = 3, MAX_SERIAL = 1 << 26 };
// What is known of the message with a serial number.
enum { ANNOUNCED = 1, SENT = 2, RECEIVED = 4 };

static struct shared {
  int queues[QUEUES];
  unsigned serial;             // the next one
  int receiving[WORKERS];      // threads between the begin of msgrcv and the note of its result
  long sends, receives, sleeps, crowds;
  char wrong[200];
} *shared;
static unsigned char *known;  // by serial number

static int below(uint64_t *state, int limit) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return (int)((*state >> 33) % (uint64_t)limit);
}

static void complain(const char *what, int error, unsigned serial) {
  if (!shared->wrong[0])
    snprintf(shared->wrong, sizeof shared->wrong, "%s: %s, message %u", what, error_name(error),
             serial);
}

static struct note note_of(unsigned serial) {
  static const int sizes[] = {4, 16, 17, 60, 300, 700, 2000};
  return (struct note){1 + serial % 5, sizes[serial % 7], serial};
}

static bool is_over(int error) { return error == EAGAIN || error == ENOMSG || error == EINTR; }

static void send_one(int queue, int flags) {
  unsigned serial = __atomic_fetch_add(&shared->serial, 1, __ATOMIC_RELAXED);
  if (serial >= MAX_SERIAL) _exit(0);
  __atomic_fetch_or(&known[serial], ANNOUNCED, __ATOMIC_RELAXED);
  int error = send_note(queue, note_of(serial), flags);
  if (error && !is_over(error)) complain("msgsnd", error, serial);
  if (error) return;
  __atomic_fetch_or(&known[serial], SENT, __ATOMIC_RELAXED);
  __atomic_fetch_add(&shared->sends, 1, __ATOMIC_RELAXED);
}

static void note_received(const struct note *note) {
  struct note expected = note_of(note->serial);
  if (note->serial >= MAX_SERIAL || !same_notes(note, 1, &expected, 1) ||
      !(known[note->serial] & ANNOUNCED)) {
    complain("a message that nobody sent", 0, note->serial);
  } else if (__atomic_fetch_or(&known[note->serial], RECEIVED, __ATOMIC_RELAXED) & RECEIVED) {
    complain("a message came twice", 0, note->serial);
  }
}

static void receive_one(int slot, int queue, long type, int flags) {
  struct note note;
  __atomic_fetch_add(&shared->receiving[slot], 1, __ATOMIC_SEQ_CST);
  int error = receive_note(queue, type, LARGEST, flags, &note);
  if (!error) note_received(&note);
  __atomic_fetch_sub(&shared->receiving[slot], 1, __ATOMIC_SEQ_CST);
  if (error && !is_over(error)) complain("msgrcv", error, note.serial);
  if (!error) __atomic_fetch_add(&shared->receives, 1, __ATOMIC_RELAXED);
}

static void do_one(int slot, uint64_t *random) {
  int queue = shared->queues[below(random, QUEUES)], flags = below(random, 3) ? IPC_NOWAIT : 0;
  if (!flags) __atomic_fetch_add(&shared->sleeps, 1, __ATOMIC_RELAXED);
  if (below(random, 2)) {
    send_one(queue, flags);
    return;
  }
  long type = below(random, 3) ? 0 : below(random, 11) - 5;
  if (type > 0 && !below(random, 4)) flags |= MSG_EXCEPT;
  receive_one(slot, queue, type, flags);
}

struct hand {
  int slot;
  uint64_t random;
};
static void *work_in_thread(void *argument) {
  struct hand hand = *(struct hand *)argument;
  for (int i = 0; i < 60; i++) do_one(hand.slot, &hand.random);
  return NULL;
}

static void work(int slot, uint64_t random) {
  while (true) {
    for (int i = 0; i < 20; i++) do_one(slot, &random);
    if (below(&random, 8)) continue;
    pthread_t threads[THREADS];
    struct hand hands[THREADS];
    __atomic_fetch_add(&shared->crowds, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++) {
      hands[i] = (struct hand){slot, random * 31 + (uint64_t)i * 977 + 1};
      if (pthread_create(&threads[i], NULL, work_in_thread, &hands[i])) _exit(4);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  }
}

// --- the killer

static pid_t workers[WORKERS];
static long killed_receivers;

static void start_worker(int slot, uint64_t *random) {
  uint64_t seed = (uint64_t)below(random, 1 << 30) * 0x9E3779B97F4A7C15ull | 1;
  pid_t parent = getpid();
  workers[slot] = fork();
  if (workers[slot] < 0) give_up("fork");
  if (workers[slot]) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  alarm(0);
  work(slot, seed);
}

static void end_worker(int slot) {
  int status;
  kill(workers[slot], SIGKILL);
  if (waitpid(workers[slot], &status, 0) < 0) give_up("waitpid");
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    complain("a worker ended by itself", 0, (unsigned)status);
  // What each of its threads was receiving may be lost with it.
  killed_receivers += shared->receiving[slot];
  shared->receiving[slot] = 0;
}

// Everybody is dead: what is in the queues and what was received is all that was sent.
static const char *settle(unsigned *from, long *lost) {
  for (int i = 0; i < QUEUES; i++) {
    struct msqid_ds status;
    struct note note;
    if (!queue_status(shared->queues[i], &status)) return "IPC_STAT fails";
    if (queue_sleepers(shared->queues[i])) return "the dead are counted as sleepers";
    const char *wrong = audit(shared->queues[i]);
    if (wrong) return wrong;
    int error;
    unsigned long count = 0;
    for (; !(error = receive_note(shared->queues[i], 0, LARGEST, IPC_NOWAIT, &note)); count++)
      note_received(&note);
    if (error != ENOMSG) return message("draining: %s", error_name(error));
    if (count != status.msg_qnum) return message("%lu messages, qnum %lu", count, status.msg_qnum);
    wrong = fill_again(shared->queues[i]);
    if (wrong) return wrong;
  }
  unsigned end = shared->serial < MAX_SERIAL ? shared->serial : MAX_SERIAL;
  for (; *from < end; ++*from) *lost += (known[*from] & (SENT | RECEIVED)) == SENT;
  if (*lost > killed_receivers)
    return message("%ld messages lost, but only %ld receivers killed", *lost, killed_receivers);
  return shared->wrong[0] ? shared->wrong : NULL;
}

int run_queue_storm(long kills, unsigned seed) {
  const int map = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, map, -1, 0);
  known = mmap(NULL, MAX_SERIAL, PROT_READ | PROT_WRITE, map, -1, 0);
  if (shared == MAP_FAILED || known == MAP_FAILED) give_up("mmap");
  static const unsigned long sizes[QUEUES] = {0, 2500, 4000};
  for (int i = 0; i < QUEUES; i++) shared->queues[i] = new_queue(sizes[i]);
  uint64_t random = seed * 0x9E3779B97F4A7C15ull + 1;
  int64_t begin = now_ns();
  long done = 0, lost = 0;
  unsigned from = 0;
  const char *wrong = NULL;
  while (done < kills && !wrong && !shared->wrong[0]) {
    for (int i = 0; i < WORKERS; i++) start_worker(i, &random);
    do {
      watch(message("queue storm, kill %ld", done), 60);
      usleep((unsigned)below(&random, 4000));
      int slot = below(&random, WORKERS);
      end_worker(slot);
      start_worker(slot, &random);
    } while (++done % 500 && done < kills && !shared->wrong[0]);
    for (int i = 0; i < WORKERS; i++) end_worker(i);
    wrong = settle(&from, &lost);
  }
  if (!wrong && shared->wrong[0]) wrong = shared->wrong;
  if (!wrong && !shared->receives) wrong = "nothing was received";
  if (wrong)
    not_ok("queue-storm", "seed %u, %ld kills: %s", seed, done, wrong);
  else
    ok("queue-storm",
       "seed %u, %ld kills, %ld sends, %ld receives, %ld calls that may sleep, %ld crowds of "
       "threads; %ld lost with %ld killed receivers; none twice, none torn; %.0f s",
       seed, done, shared->sends, shared->receives, shared->sleeps, shared->crowds, lost,
       killed_receivers, 1e-9 * (double)(now_ns() - begin));
  for (int i = 0; i < QUEUES; i++) remove_queue(shared->queues[i]);
  return failures != 0;
}
