// Queues: what users of a scribbled one do, the limits reached, a full file system, other users.
#include "damage.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>

// --- under a hostile peer

static void wake_up(int signal) { (void)signal; }

// A call that would sleep is interrupted: the time stands in for semtimedop's.
static int any_queue_call(int id, int kind) {
  static bool ticks;
  static struct {
    long type;
    char text[LARGEST];
  } wire;
  struct msqid_ds status;
  struct msginfo info;
  if (!ticks) {
    struct sigaction action = {.sa_handler = wake_up};
    sigaction(SIGALRM, &action, NULL);
    ticks = !setitimer(ITIMER_REAL, &(struct itimerval){{0, 4000}, {0, 4000}}, NULL);
  }
  static const int sizes[] = {0, 1, 16, 17, 80, 464, 465, 1000, 4000, LARGEST};
  size_t size = (size_t)sizes[below(sizeof sizes / sizeof *sizes)];
  int flags = below(8) ? IPC_NOWAIT : 0;
  long type = 1 + below(6);
  switch (kind) {
    case 0: return omega_msgctl(id, IPC_STAT, &status);
    case 1: return omega_msgctl(id & 0x7FFF, MSG_STAT_ANY, &status);
    case 2: return omega_msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&info);
    case 3:
      if (omega_msgctl(id, IPC_STAT, &status) < 0) return -1;
      status.msg_qbytes = (unsigned long)(below(2) ? 16384 : below(3000));
      return omega_msgctl(id, IPC_SET, &status);
    case 4: return (int)omega_msgrcv(id, &wire, LARGEST, below(20), IPC_NOWAIT | MSG_COPY);
    case 5: return (int)omega_msgrcv(id, &wire, LARGEST, type, flags | MSG_EXCEPT);
    case 6: return (int)omega_msgrcv(id, &wire, size, -type, flags | MSG_NOERROR);
    case 7: return (int)omega_msgrcv(id, &wire, size, 0, flags);
    case 8: return (int)omega_msgrcv(id, &wire, LARGEST, type, flags);
    case 9: return omega_msgctl(id & 0x7FFF, MSG_STAT, &status);
    default:
      if (kind % 2) return (int)omega_msgrcv(id, &wire, LARGEST, below(2) ? 0 : type, flags);
      wire.type = below(10) ? type : 1 + (long)(next_random() >> 1 & 0x3FFFFFFFFFFFFFFF);
      return omega_msgsnd(id, &wire, size, flags);
  }
}

static int create_queue(void) {
  int id = new_queue(0);
  for (int i = 0; i < 12; i++)
    if (send_note(id, (struct note){1 + i % 6, 17 * i, (unsigned)i}, IPC_NOWAIT))
      give_up("a fresh queue");
  return id;
}
static bool remove_any_queue(int id) { return omega_msgctl(id, IPC_RMID, NULL) == 0; }
const struct target queue_target = {"hostile-peer-of-a-queue", "-queues", create_queue, any_queue_call,
                                    remove_any_queue, path_of_queue};

// --- limits

static double microseconds_since(int64_t begin, long count) {
  return 1e-3 * (double)(now_ns() - begin) / (double)(count ? count : 1);
}

static void many_queues(void) {
  enum { QUEUES = 32000 };
  static int ids[QUEUES];
  struct statvfs status;
  if (statvfs(namespace_path(), &status)) give_up("statvfs");
  double megabytes = (double)status.f_bavail * (double)status.f_frsize / 1e6;
  if (megabytes < 6.0 * 8192 * QUEUES / 1e6) {
    skip("limit-queues", "the file system has only %.0f MB free", megabytes);
    return;
  }
  int count = 0;
  int64_t begin = now_ns();
  for (; count < QUEUES; count++) {
    ids[count] = omega_msgget(IPC_PRIVATE, 0600);
    if (ids[count] < 0) break;
    if (count % 4000 == 0) watch("many queues", 240);
  }
  int error = errno;
  double create = microseconds_since(begin, count);
  if (count < QUEUES) {
    not_ok("limit-queues", "queue %d: %s", count, error_name(error));
  } else {
    int more = omega_msgget(IPC_PRIVATE, 0600);
    error = errno;
    long wrong = 0, lost = 0;
    // With a message in every tenth: each takes pages of its own.
    for (int i = 0; i < count; i += 10)
      wrong += send_note(ids[i], (struct note){1, 8, (unsigned)i}, IPC_NOWAIT) != 0;
    for (int i = 0; i < count; i += 10) {
      struct note note;
      int failed = receive_note(ids[i], 0, 8, IPC_NOWAIT, &note);
      lost += failed || note.serial != (unsigned)i;
    }
    if (more >= 0 || error != ENOSPC || wrong || lost)
      not_ok("limit-queues", "one more: %s; %ld sends failed, %ld messages are not there",
             error_name(error), wrong, lost);
    else
      ok("limit-queues", "%d queues: create %.1f us; one more: ENOSPC", count, create);
  }
  for (int i = 0; i < count; i++) {
    if (i % 4000 == 0) watch("many queues, removal", 240);
    remove_queue(ids[i]);
  }
}

// As many messages as a queue of the default size takes: of one byte, or empty, each of its own
// type or all of one.
static void many_messages(int size, bool of_many_types) {
  enum { MESSAGES = 16384 };
  char name[60];
  snprintf(name, sizeof name, "limit-messages-%d-byte%s", size,
           of_many_types ? "-of-as-many-types" : "");
  watch(name, 240);
  int id = new_queue(0);
  struct note note;
  struct msqid_ds status;
  int error = 0;
  for (int round = 0; round < 3 && !error; round++) {
    int64_t begin = now_ns();
    // Types in an order that is not theirs.
    for (int i = 0; i < MESSAGES && !error; i++) {
      long type = of_many_types ? 1 + (i * 7919L & (MESSAGES - 1)) : 5;
      error = send_note(id, (struct note){type, size, (unsigned)i}, IPC_NOWAIT);
      if (error) printf("#   message %d\n", i);
    }
    double send = microseconds_since(begin, MESSAGES);
    int more = send_note(id, (struct note){1, size, 0}, IPC_NOWAIT);
    if (!error && more != EAGAIN) error = more ? more : EEXIST;
    if (!error && (!queue_status(id, &status) || status.msg_qnum != MESSAGES)) error = ERANGE;
    const char *wrong = error ? NULL : audit(id);
    if (wrong) not_ok(name, "%s", wrong), error = EBADMSG;
    begin = now_ns();
    long last = 0;
    for (int i = 0; i < MESSAGES && !error; i++) {
      error = receive_note(id, of_many_types && round == 0 ? -MESSAGES : 0, 8, IPC_NOWAIT, &note);
      if (!error && of_many_types && round == 0 && note.type != last + 1) error = EILSEQ;
      if (!error && !(of_many_types && round == 0) && size && (note.serial ^ (unsigned)i) & 0xFF)
        error = EILSEQ;
      last = note.type;
    }
    if (round == 0 && !error)
      printf("#   %s: send %.2f us, receive %.2f us, %ld units of 64 bytes\n", name, send,
             microseconds_since(begin, MESSAGES), units_used(id));
  }
  const char *wrong = audit(id);
  if (error || wrong)
    not_ok(name, "%s; %s", error_name(error), wrong ? wrong : "nothing lost");
  else
    ok(name, "16384 in it, one more: EAGAIN; three times");
  remove_queue(id);
}

static int crowd;
static void *sleep_in_queue(void *number) {
  struct note note;
  long type = (long)(intptr_t)number;
  int error = receive_note(crowd, type, 64, 0, &note);
  return (void *)(intptr_t)(error ? error : note.type == type ? 0 : EBADMSG);
}

static void many_receivers(void) {
  enum { PROCESSES = 20, THREADS = 100, SLEEPERS = PROCESSES * THREADS };
  pid_t pids[PROCESSES];
  watch("many receivers", 200);
  crowd = new_queue(0);
  for (int i = 0; i < PROCESSES; i++) {
    pids[i] = fork();
    if (pids[i] < 0) give_up("fork");
    if (pids[i]) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_t threads[THREADS];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 131072);
    for (int t = 0; t < THREADS; t++)
      if (pthread_create(&threads[t], &small, sleep_in_queue,
                         (void *)(intptr_t)(i * THREADS + t + 1)))
        _exit(200);
    int wrong = 0;
    for (int t = 0; t < THREADS; t++) {
      void *result;
      pthread_join(threads[t], &result);
      if (result) wrong = (int)(intptr_t)result;
    }
    _exit(wrong);
  }
  int asleep = wait_sleepers(crowd, SLEEPERS, 60000), error = 0;
  int64_t begin = now_ns();
  for (int i = 1; i <= SLEEPERS && !error; i++)
    error = send_note(crowd, (struct note){i * 7 % SLEEPERS + 1, 20, (unsigned)i}, 0);
  double one = microseconds_since(begin, SLEEPERS);
  int wrong = 0, status;
  for (int i = 0; i < PROCESSES; i++) {
    waitpid(pids[i], &status, 0);
    wrong += status != 0;
  }
  const char *damage = audit(crowd);
  if (asleep != SLEEPERS || error || wrong || damage)
    not_ok("limit-receivers", "%d sleep; %s; %d processes saw errors; %s", asleep,
           error_name(error), wrong, damage ? damage : "");
  else
    ok("limit-receivers", "2000, each waiting for its own type: a message to one %.1f us", one);
  remove_queue(crowd);
}

// Threads that end in their sleep, while the process lives, leave room for whoever comes next.
static void cancelled_receivers(void) {
  enum { THREADS = 500 };
  static pthread_t threads[THREADS];
  watch("cancelled receivers", 120);
  crowd = new_queue(0);
  for (int t = 0; t < THREADS; t++)
    if (pthread_create(&threads[t], NULL, sleep_in_queue, (void *)(intptr_t)1))
      give_up("pthread_create");
  int asleep = wait_sleepers(crowd, THREADS, 30000);
  for (int t = 0; t < THREADS; t++) pthread_cancel(threads[t]);
  int cancelled = 0;
  for (int t = 0; t < THREADS; t++) {
    void *result;
    pthread_join(threads[t], &result);
    cancelled += result == PTHREAD_CANCELED;
  }
  struct note note;
  int sent = send_note(crowd, (struct note){1, 20, 77}, IPC_NOWAIT);
  int received = receive_note(crowd, 1, 64, IPC_NOWAIT, &note);
  const char *wrong = audit(crowd);
  if (!wrong) wrong = fill_again(crowd);
  int left = queue_sleepers(crowd);
  if (asleep != THREADS || cancelled != THREADS || sent || received || note.serial != 77 || wrong ||
      left)
    not_ok("limit-cancelled-receivers", "%d slept, %d cancelled, %d left; send %s, receive %s; %s",
           asleep, cancelled, left, error_name(sent), error_name(received), wrong ? wrong : "");
  else
    ok("limit-cancelled-receivers", "500 threads; the message goes to the next one that asks");
  remove_queue(crowd);
}

int run_queue_limits(void) {
  cancelled_receivers();
  many_messages(1, false);
  many_messages(1, true);
  many_messages(0, true);
  many_receivers();
  many_queues();
  return failures != 0;
}

// --- a full file system

static int full_queue;
static void fill_disk(void) {
  static char page[4096];
  int file = open(path_of("filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  memset(page, 1, sizeof page);
  if (file < 0) return;
  while (write(file, page, sizeof page) > 0) continue;
  close(file);
}

static bool has_no_room(int error) { return error == ENOMEM || error == ENOSPC; }

// Sends what has room, of several sizes; all of it must be there, and nothing else.
static int use_full_queue(void) {
  static const int sizes[] = {1, 60, 300, 2000, LARGEST};
  struct note note;
  unsigned sent[64];
  int count = 0;
  for (unsigned i = 0; i < 40; i++) {
    int error = send_note(full_queue, (struct note){1 + i % 9, sizes[i % 5], i + 1}, IPC_NOWAIT);
    if (!error)
      sent[count++] = i;
    else if (error != EAGAIN && !has_no_room(error))
      return error;
  }
  for (int i = 0; i < count; i++) {
    int error = receive_note(full_queue, 0, LARGEST, IPC_NOWAIT, &note);
    // A first call needs memory of its own to receive, too.
    if (i == 0 && has_no_room(error)) return 0;
    if (error) return error;
    if (note.size != sizes[sent[i] % 5] || note.type != 1 + sent[i] % 9) return 120;
    if (note.size >= 4 && note.serial != sent[i] + 1) return 121;
  }
  int error = receive_note(full_queue, 0, LARGEST, IPC_NOWAIT, &note);
  return error == ENOMSG || has_no_room(error) ? 0 : error ? error : 122;
}

static int create_in_full(void) {
  int id = omega_msgget(IPC_PRIVATE, 0600);
  if (id < 0) return errno;
  int error = send_note(id, (struct note){1, 8, 1}, IPC_NOWAIT);
  remove_queue(id);
  return error;
}

int run_queue_disk(void) {
  watch("queues on a full disk", 200);
  int id = omega_msgget(IPC_PRIVATE, 0600);
  if (id < 0) {
    if (has_no_room(errno))
      ok("queue-disk-too-small", "%s", error_name(errno));
    else
      not_ok("queue-disk-too-small", "%s", error_name(errno));
    return failures != 0;
  }
  full_queue = id;
  int wrong = 0;
  // The last pages go one by one, so each claim of memory fails once.
  for (int pages = 0; pages < 40 && !wrong; pages++) {
    struct statvfs status;
    fill_disk();
    if (statvfs(namespace_path(), &status)) give_up("statvfs");
    struct stat filler;
    if (!stat(path_of("filler"), &filler) && filler.st_size > pages * 4096L &&
        truncate(path_of("filler"), filler.st_size - pages * 4096L))
      give_up("truncate");
    int used = in_child(use_full_queue, 20), created = in_child(create_in_full, 20);
    if (used || (created && !has_no_room(created))) {
      wrong++;
      not_ok("queue-disk-full", "%d pages free: use %s (%d)", pages, ending(used), used);
      printf("#   create: %s\n", ending(created));
    }
    unlink(path_of("filler"));
    const char *damage = audit(id);
    if (damage) {
      wrong++;
      not_ok("queue-disk-full", "%d pages free: %s", pages, damage);
    }
  }
  if (!wrong) ok("queue-disk-full", "tried with 0 to 39 pages free");
  struct note note;
  while (!receive_note(id, 0, LARGEST, IPC_NOWAIT, &note)) continue;
  struct statvfs status;
  if (statvfs(namespace_path(), &status)) give_up("statvfs");
  const bool tiny = status.f_blocks < 16;
  const char *damage = tiny ? audit(id) : fill_again(id);
  if (damage)
    not_ok("queue-disk-room-again", "%s", damage);
  else
    ok("queue-disk-room-again", "%s", tiny ? "too small to be filled" : "the queue takes all that it should");
  remove_queue(id);
  return failures != 0;
}

// --- other users

enum { OWNER = 54321, OTHER = 54322, GROUP = 54400, KEY = 0x5100009A };
enum attempt { SEND, RECEIVE, COPY, STAT, ANY_STAT, SET, LARGER, REMOVE, GET, GET_READ, GET_ALTER,
               ATTEMPTS };
static const char *const attempt_names[ATTEMPTS] = {
    "msgsnd", "msgrcv", "MSG_COPY", "IPC_STAT", "MSG_STAT", "IPC_SET", "IPC_SET with more bytes",
    "IPC_RMID", "msgget 0", "msgget 0444", "msgget 0666"};
static enum attempt attempt;
static int ours, kernels, mode;

#define ATTEMPT(NAME, PREFIX, ID)                                                            \
  static int NAME(void) {                                                                    \
    struct {                                                                                 \
      long type;                                                                             \
      char text[8];                                                                          \
    } wire = {1, "text"};                                                                    \
    struct msqid_ds status;                                                                  \
    memset(&status, 0, sizeof status);                                                       \
    status.msg_qbytes = attempt == LARGER ? 20000 : 100;                                     \
    status.msg_perm.uid = status.msg_perm.gid = OWNER;                                       \
    long result = 0;                                                                         \
    switch (attempt) {                                                                       \
      case SEND: result = PREFIX##msgsnd(ID, &wire, 4, IPC_NOWAIT); break;                   \
      case RECEIVE: result = PREFIX##msgrcv(ID, &wire, 8, 0, IPC_NOWAIT); break;             \
      case COPY: result = PREFIX##msgrcv(ID, &wire, 8, 0, IPC_NOWAIT | MSG_COPY); break;     \
      case STAT: result = PREFIX##msgctl(ID, IPC_STAT, &status); break;                      \
      case ANY_STAT: result = PREFIX##msgctl(ID & 0x7FFF, MSG_STAT, &status); break;         \
      case SET:                                                                              \
      case LARGER: result = PREFIX##msgctl(ID, IPC_SET, &status); break;                     \
      case REMOVE: result = PREFIX##msgctl(ID, IPC_RMID, NULL); break;                       \
      case GET: result = PREFIX##msgget(KEY, 0); break;                                      \
      case GET_READ: result = PREFIX##msgget(KEY, 0444); break;                              \
      default: result = PREFIX##msgget(KEY, 0666); break;                                    \
    }                                                                                        \
    return result < 0 ? errno : 0;                                                           \
  }                                                                                          \
  static int NAME##_create(void) {                                                           \
    struct {                                                                                 \
      long type;                                                                             \
      char text[8];                                                                          \
    } wire = {1, "text"};                                                                    \
    int id = PREFIX##msgget(KEY, IPC_CREAT | IPC_EXCL | 0600);                               \
    struct msqid_ds status;                                                                  \
    if (id < 0 || PREFIX##msgsnd(id, &wire, 4, 0) || PREFIX##msgctl(id, IPC_STAT, &status))  \
      return errno;                                                                          \
    status.msg_perm.mode = (unsigned short)mode;                                             \
    return PREFIX##msgctl(id, IPC_SET, &status) < 0 ? errno : 0;                             \
  }                                                                                          \
  static int NAME##_remove(void) { return PREFIX##msgctl(ID, IPC_RMID, NULL) < 0 ? errno : 0; }

ATTEMPT(attempt_ours, omega_, ours)
ATTEMPT(attempt_kernel, , kernels)

static int attempt_as(int who, int (*body)(void)) {
  // The owner too, without capabilities: more bytes than the limit are not for it.
  return as_user(who == 2 ? OWNER : OTHER, who ? GROUP : OTHER, body, 10);
}

int run_queue_users(void) {
  static const int modes[] = {0600, 0640, 0644, 0660, 0666, 0604, 0602, 0620, 0000, 0200, 0444};
  watch("users of queues", 300);
  if (geteuid() != 0 || access("/proc/sysvipc/msg", R_OK)) {
    skip("queue-users-errnos", "needs root to become other users, and a kernel to compare with");
    return 0;
  }
  chmod(namespace_path(), 01777);
  long compared = 0, wrong = 0;
  for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
    for (int who = 0; who < 3; who++) {
      for (attempt = 0; attempt < ATTEMPTS; attempt++, compared++) {
        mode = modes[m];
        if (as_user(OWNER, GROUP, attempt_ours_create, 10)) give_up("create");
        if (as_user(OWNER, GROUP, attempt_kernel_create, 10)) give_up("create on the kernel");
        ours = omega_msgget(KEY, 0);
        kernels = msgget(KEY, 0);
        int seen = attempt_as(who, attempt_ours), expected = attempt_as(who, attempt_kernel);
        as_user(OWNER, GROUP, attempt_ours_remove, 10);
        as_user(OWNER, GROUP, attempt_kernel_remove, 10);
        if (seen == expected && seen >= 0 && seen < 256) continue;
        wrong++;
        printf("# mode %04o, %s: %s", mode,
               who == 2 ? "the owner" : who ? "same group" : "another group",
               attempt_names[attempt]);
        printf(" here %s,", ending(seen));
        printf(" on the kernel %s\n", ending(expected));
      }
    }
  }
  if (wrong)
    not_ok("queue-users-errnos", "%ld of %ld differ from the kernel's", wrong, compared);
  else
    ok("queue-users-errnos", "%ld attempts: the kernel's errnos", compared);
  return failures != 0;
}
