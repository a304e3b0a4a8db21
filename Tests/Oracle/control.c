// The controller's hands: starts workers, gives commands, and knows when a step has settled.
//
// A step has settled when every call that is out is counted as a sleeper (GETNCNT + GETZCNT over
// all sets; where an object does not tell, see count_asleep): results are taken first and the count
// is read afterwards, twice, so that neither an effect in progress nor a result on its way can be
// missed. No time is involved but in giving up.
#include "oracle.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct actor *actor_at(int slot, int actor) { return &world.workers[slot].actors[actor]; }

static int channel(int slot, int actor) { return CONTROLLER_FD + slot * ACTORS + actor; }

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

_Noreturn void give_up(const char *why) {
  say("GIVEN UP in step %u: %s\n", world.step, why);
  for (int s = 0; s < WORKERS; s++)
    if (world.workers[s].alive) kill(world.workers[s].pid, SIGKILL);
  _exit(0);
}

// Both ends keep fixed numbers, so that a worker finds its own after exec.
void channels_open(void) {
  for (int i = 0; i < WORKERS * ACTORS; i++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0 ||
        dup2(pair[0], CONTROLLER_FD + i) < 0 || dup2(pair[1], WORKER_FD + i) < 0)
      give_up("cannot make the channels");
    close(pair[0]);
    close(pair[1]);
    fcntl(CONTROLLER_FD + i, F_SETFD, FD_CLOEXEC);
    fcntl(CONTROLLER_FD + i, F_SETFL, O_NONBLOCK);
  }
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_TIMERSLACK, 1UL);
  prctl(PR_SET_CHILD_SUBREAPER, 1UL); // children of dead workers come here
}

static bool thread_file(pid_t pid, pid_t tid, const char *name, char *text, size_t size) {
  char path[64];
  text[0] = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t got = read(fd, text, size - 1);
  close(fd);
  if (got <= 0) return false;
  text[got] = 0;
  text[strcspn(text, "\n")] = 0;
  return true;
}

// Takes a result if one is there.
static bool take(int slot, int actor) {
  struct actor *a = actor_at(slot, actor);
  struct reply reply;
  ssize_t got = read(channel(slot, actor), &reply, sizeof reply);
  if (got != sizeof reply) return false;
  a->reply = reply;
  if (reply.hello) {
    a->exists = true;
    a->tid = reply.tid;
  }
  a->busy = false;
  a->returned = !reply.hello;
  return true;
}

static void take_all(void) {
  for (int s = 0; s < WORKERS; s++)
    for (int i = 0; i < ACTORS; i++)
      if (actor_at(s, i)->busy) take(s, i);
}

static void pause_for(int slot, int actor, long nanoseconds) {
  struct pollfd fds[WORKERS * ACTORS];
  nfds_t count = 0;
  for (int s = 0; s < WORKERS; s++)
    for (int i = 0; i < ACTORS; i++)
      if (slot >= 0 ? s == slot && i == actor : actor_at(s, i)->busy)
        fds[count++] = (struct pollfd){channel(s, i), POLLIN, 0};
  struct timespec timeout = {0, nanoseconds};
  ppoll(fds, count, &timeout, NULL);
}

void send_command(int slot, int actor, const struct command *command) {
  struct actor *a = actor_at(slot, actor);
  a->command = *command;
  a->busy = true;
  a->returned = false;
  if (write(channel(slot, actor), command, sizeof *command) != sizeof *command)
    give_up("cannot send a command");
}

// For calls that cannot sleep for long: the result (or the first message) of one actor.
void await_reply(int slot, int actor) {
  long long end = now_ms() + world.region->patience_ms;
  while (!take(slot, actor)) {
    pause_for(slot, actor, 20 * 1000 * 1000);
    siginfo_t info = {0};
    if (now_ms() > end) {
      char why[512], state[400];
      thread_file(world.workers[slot].pid, actor_at(slot, actor)->tid, "syscall", state,
                  sizeof state);
      snprintf(why, sizeof why, "no result from w%d/%d; its system call: %s", slot, actor, state);
      give_up(why);
    }
    // A worker that died of the call itself must not look like one that is slow.
    if (world.workers[slot].own_child && world.workers[slot].pid > 0 &&
        waitid(P_PID, (id_t)world.workers[slot].pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid != 0 && !take(slot, actor)) {
      char why[80];
      snprintf(why, sizeof why, "w%d died in its call (code %d status %d)", slot, info.si_code,
               info.si_status);
      give_up(why);
    }
  }
}

void adopt_worker(int slot, pid_t pid, bool own_child) {
  struct worker *w = &world.workers[slot];
  w->pid = pid;
  w->own_child = own_child;
  w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (w->pidfd < 0) give_up("pidfd_open failed (Linux 5.3 or later is needed)");
  w->alive = true;
  name_pid(pid, "w%d.%d", slot, w->incarnation);
  await_reply(slot, 0);
}

void start_worker(int slot) {
  pid_t pid = fork();
  if (pid < 0) give_up("fork failed");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    worker_main(slot, 0, false);
    exit(0);
  }
  adopt_worker(slot, pid, true);
}

// Returns when the process is dead to everybody (a zombie or gone), as waitpid would.
void await_death(int slot) {
  struct worker *w = &world.workers[slot];
  struct pollfd fd = {w->pidfd, POLLIN, 0};
  if (poll(&fd, 1, (int)world.region->patience_ms) != 1) give_up("a worker does not die");
  if (w->own_child) waitpid(w->pid, NULL, 0);
  close(w->pidfd);
  w->alive = false;
  w->dropped = w->borrowed = false;
  memset(&w->user, 0, sizeof w->user);
  memset(w->attachments, 0, sizeof w->attachments);
  w->incarnation++;
  for (int i = 0; i < ACTORS; i++) {
    char left[sizeof(struct command) + sizeof(struct reply)];
    while (read(channel(slot, i), left, sizeof left) > 0) {}
    while (recv(WORKER_FD + slot * ACTORS + i, left, sizeof left, MSG_DONTWAIT) > 0) {}
    w->actors[i] = (struct actor){0};
  }
}

static char thread_state(pid_t pid, pid_t tid) {
  char text[512];
  if (!thread_file(pid, tid, "stat", text, sizeof text)) return '-';
  char *end = strrchr(text, ')');
  return end != NULL && end[1] == ' ' ? end[2] : '?';
}

// A sleeper is counted a moment before it sleeps. In the kernel a signal cannot fall between;
// in userspace it can (as it can before the system call in any program), so signals wait for it.
void await_asleep(int slot, int actor) { await_state(slot, actor, 'S'); }

void await_state(int slot, int actor, char state) {
  long long end = now_ms() + world.region->patience_ms;
  while (thread_state(world.workers[slot].pid, actor_at(slot, actor)->tid) != state) {
    if (now_ms() > end)
      give_up(state == 'S' ? "a sleeper does not sleep (it uses the processor)"
                           : "a process does not stop");
    pause_for(slot, actor, 20 * 1000);
  }
}

// Where no object counts its sleepers: calls whose thread has taken its command and sleeps. (It may
// also sleep because it has replied: then the result is there when results are next taken.)
long count_asleep(void) {
  long count = 0;
  for (int s = 0; s < WORKERS; s++)
    for (int i = 0; i < ACTORS; i++) {
      const struct actor *a = actor_at(s, i);
      int unread = 0;
      if (!a->busy || ioctl(channel(s, i), SIOCOUTQ, &unread) != 0 || unread != 0) continue;
      count += thread_state(world.workers[s].pid, a->tid) == 'S';
    }
  return count;
}

void await_thread_end(int slot, int actor) {
  struct actor *a = actor_at(slot, actor);
  long long end = now_ms() + world.region->patience_ms;
  for (;;) {
    char state = thread_state(world.workers[slot].pid, a->tid);
    if (state == '-' || state == 'Z' || state == 'X') break;
    if (now_ms() > end) give_up("a thread does not end");
    pause_for(slot, actor, 20 * 1000);
  }
  *a = (struct actor){0};
}

static void busy_and_returned(unsigned *busy, unsigned *returned) {
  *busy = *returned = 0;
  for (int s = 0; s < WORKERS; s++)
    for (int i = 0; i < ACTORS; i++) {
      *busy += actor_at(s, i)->busy;
      *returned += actor_at(s, i)->returned;
    }
}

void settle(void) {
  unsigned busy, returned, before = 0, confirmed = 0;
  long long end = now_ms() + world.region->patience_ms;
  // The reference says how many calls come back in this step: wait for them without looking,
  // since looking at a set could itself be what sends a sleeper on its way after a death.
  unsigned expected = world.reference != NULL && world.step < world.reference->steps
                          ? world.reference->returned[world.step] : 0;
  for (;;) {
    take_all();
    busy_and_returned(&busy, &returned);
    if (returned >= expected) break;
    if (now_ms() > end) {
      say("  LATE: %u of %u calls came back by themselves\n", returned, expected);
      break;
    }
    pause_for(-1, 0, 1000 * 1000);
  }
  end = now_ms() + world.region->patience_ms;
  while (confirmed < 2) {
    take_all();
    busy_and_returned(&busy, &returned);
    if (busy != before) confirmed = 0;
    before = busy;
    long sleepers = kind->count_sleepers();
    if (sleepers == busy) {
      confirmed = busy == 0 ? 2 : confirmed + 1;
      continue;
    }
    confirmed = 0;
    if (now_ms() > end) {
      char why[96];
      snprintf(why, sizeof why, "%u calls are out, but %ld sleepers are counted", busy, sleepers);
      report_returned();
      give_up(why);
    }
    pause_for(-1, 0, 20 * 1000);
  }
  if (world.step < MAX_STEPS) world.region->returned[world.step] = (uint8_t)returned;
}
