// The instant of death: when waitpid has returned, the values are undone, and a sleeper that the
// undo lets go on is on its way.
#include "death.h"

#include <pthread.h>
#include <sys/mman.h>

enum { TURNS = 300 };
static int set;

static const unsigned short start[4] = {1, 5, 5, 0};

// The holder dies by a signal, by _exit, by returning; with threads; by its last thread's end.
static void die_by_exit(void) { _exit(0); }
static void die_by_signal(void) { raise(SIGKILL); }
static void die_by_fault(void) {
  volatile int *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *nowhere = 0;
}
static void *wait_for_ever(void *unused) {
  while (true) pause();
  return unused;
}
static void die_with_threads(void) {
  pthread_t thread;
  for (int i = 0; i < 3; i++) pthread_create(&thread, NULL, wait_for_ever, NULL);
  raise(SIGKILL);
}
static void *end_process(void *unused) {
  (void)unused;
  pause_ms(2);
  _exit(0);
}
// The first thread is gone before the process is.
static void die_without_first(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, end_process, NULL);
  pthread_exit(NULL);
}
static void *take_from_thread(void *unused) {
  (void)unused;
  if (operate(set, 1, -1, SEM_UNDO)) _exit(9);
  return NULL;
}
// What armed the life word was a thread that ended long before.
static void die_after_thread(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, take_from_thread, NULL);
  pthread_join(thread, NULL);
  raise(SIGKILL);
}

static const struct {
  const char *name;
  void (*die)(void);
} deaths[] = {{"_exit", die_by_exit}, {"SIGKILL", die_by_signal}, {"SIGSEGV", die_by_fault},
              {"SIGKILL with threads", die_with_threads},
              {"_exit after the first thread's end", die_without_first},
              {"SIGKILL after the arming thread's end", die_after_thread}};
enum { DEATHS = sizeof deaths / sizeof *deaths };

static pid_t start_holder(int death, int first_from_thread) {
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid) return pid;
  signal(SIGSEGV, SIG_DFL);
  alarm(0);
  if (!first_from_thread && operate(set, 0, -1, SEM_UNDO)) _exit(9);
  struct sembuf several[] = {{1, -2, SEM_UNDO}, {2, 3, SEM_UNDO}, {3, 4, SEM_UNDO}};
  if (!first_from_thread && operate_many(set, several, 3)) _exit(9);
  deaths[death].die();
  _exit(8);
}

static void values_at_once(void) {
  long wrong = 0, tried = 0;
  for (int turn = 0; turn < TURNS; turn++) {
    int death = turn % DEATHS;
    set_values(set, start);
    pid_t pid = start_holder(death, deaths[death].die == die_after_thread);
    int status;
    waitpid(pid, &status, 0);
    unsigned short values[4];
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 8) give_up("the holder's operations");
    tried++;
    if (get_values(set, values) && same_values(values, start, 4)) continue;
    if (++wrong <= 3)
      printf("# after %s: %s, not %s\n", deaths[death].name, values_text(values, 4),
             values_text(start, 4));
  }
  if (wrong)
    not_ok("instant-values", "%ld of %ld deaths", wrong, tried);
  else
    ok("instant-values", "%ld deaths of %d kinds, undone when waitpid returned", tried, DEATHS);
}

// GETVAL, GETPID and IPC_STAT see it as well, without GETALL before.
static void reads_at_once(void) {
  for (int kind = 0; kind < 4; kind++) {
    set_values(set, start);
    pid_t pid = start_holder(1, 0);
    waitpid(pid, NULL, 0);
    struct semid_ds status = {0};
    union semun argument = {.buf = &status};
    time_t before = time(NULL);
    int seen = kind == 0   ? control(set, 0, GETVAL)
               : kind == 1 ? control(set, 0, GETPID)
               : kind == 2 ? operate(set, 0, -1, IPC_NOWAIT)
                           : omega_semctl(set, 0, IPC_STAT, argument);
    bool right = kind == 0   ? seen == 1
                 : kind == 1 ? seen == pid
                 : kind == 2 ? seen == 0
                             : seen == 0 && status.sem_otime >= before - 2;
    static const char *const names[] = {"GETVAL", "GETPID", "semop", "IPC_STAT"};
    if (right)
      ok("instant-read", "%s sees the undo", names[kind]);
    else
      not_ok("instant-read", "%s gives %d", names[kind], seen);
  }
}

static struct times latency;

// `holders` processes hold one token each; the sleeper wants them all; they are killed one by one.
static void sleeper_goes_on(const char *name, int holders, int sleepers) {
  struct agent all[20], asleep[4];
  const int turns = is_long_run() ? 500 : 100;
  int late = 0;
  times_clear(&latency);
  for (int i = 0; i < sleepers; i++) agent_start(&asleep[i]);
  for (int turn = 0; turn < turns; turn++) {
    if (set_value(set, 0, holders)) give_up("SETVAL");
    for (int i = 0; i < holders; i++) {
      agent_start(&all[i]);
      if (agent_do(&all[i], set, 0, -1, SEM_UNDO)) give_up("holder");
    }
    struct sembuf operation = {0, (short)(-holders / sleepers), 0};
    for (int i = 0; i < sleepers; i++) agent_operate(&asleep[i], set, &operation, 1);
    wait_asleep(set, 0, sleepers);
    int64_t killed = now_ns();
    for (int i = 0; i < holders; i++) {
      if (i == holders - 1) killed = now_ns();
      kill(all[i].pid, SIGKILL);
    }
    for (int i = 0; i < sleepers; i++) {
      struct reply reply;
      if (!agent_reply(&asleep[i], 3000, &reply)) {
        late++;
        control(set, 0, GETVAL);  // help, and see
        while (!agent_reply(&asleep[i], 1000, &reply)) continue;
      }
      if (reply.error) not_ok(name, "the sleeper got %s", error_name(reply.error));
      times_add(&latency, reply.ns > killed ? reply.ns - killed : 0);
    }
    for (int i = 0; i < holders; i++) agent_kill(&all[i]);
    if (control(set, 0, GETVAL) != 0 || control(set, 0, GETNCNT) != 0) {
      not_ok(name, "value %d, %d sleepers", control(set, 0, GETVAL), control(set, 0, GETNCNT));
      break;
    }
  }
  for (int i = 0; i < sleepers; i++) agent_kill(&asleep[i]);
  if (late)
    not_ok(name, "%d sleepers slept for 3 s after the death", late);
  else
    ok(name, "SIGKILL to the sleeper's return: %s", times_text(&latency));
}

// A call makes its process a holder while two sleep; the older one does not wait for what it holds, or
// leaves before it dies. The younger must be told of the death all the same.
enum older { STAYS, SLEEPS_ELSEWHERE, IS_SERVED, IS_KILLED };
static void holder_comes_late(const char *name, enum older older) {
  struct agent first, second, holder, other;
  struct sembuf operation = {older == STAYS || older == IS_KILLED ? 0 : 1, -7, 0};
  struct reply reply;
  if (set_value(set, 0, 1) || set_value(set, 1, 0)) give_up("SETVAL");
  agent_start(&first);
  agent_start(&second);
  agent_start(&holder);
  agent_start(&other);
  agent_operate(&first, set, &operation, 1);
  wait_asleep(set, operation.sem_num, 1);
  agent_operate(&second, set, &(struct sembuf){0, -2, 0}, 1);
  wait_asleep(set, 0, operation.sem_num == 0 ? 2 : 1);
  if (agent_do(&holder, set, 0, -1, SEM_UNDO)) give_up("holder");
  if (older == IS_KILLED) agent_kill(&first);
  if (older == IS_SERVED && agent_do(&other, set, 1, 7, 0)) give_up("release");
  if (agent_do(&other, set, 0, 1, 0)) give_up("release");
  int64_t killed = now_ns();
  agent_kill(&holder);
  if (!agent_reply(&second, 10000, &reply))
    not_ok(name, "the sleeper was not told of the death");
  else if (reply.error)
    not_ok(name, "the sleeper got %s", error_name(reply.error));
  else
    ok(name, "SIGKILL to the sleeper's return: %.2f ms", 1e-6 * (double)(reply.ns - killed));
  agent_kill(&other);
  agent_kill(&second);
  if (older != IS_KILLED) agent_kill(&first);
}

int run_instant(void) {
  watch("instant", 300);
  set = watched_set = new_set(4, start);
  values_at_once();
  reads_at_once();
  sleeper_goes_on("instant-sleeper", 1, 1);
  sleeper_goes_on("instant-sleepers-3", 3, 3);
  sleeper_goes_on("instant-holders-8", 8, 1);
  sleeper_goes_on("instant-holders-16-sleepers-4", 16, 4);
  holder_comes_late("instant-late-holder", STAYS);
  holder_comes_late("instant-late-holder-elsewhere", SLEEPS_ELSEWHERE);
  holder_comes_late("instant-late-holder-served", IS_SERVED);
  holder_comes_late("instant-late-holder-killed", IS_KILLED);
  remove_set(set);
  return failures != 0;
}
