// What happens next: a seeded walk over everything that a program, or a death, can do to a set.
// It may look at what has happened (who sleeps, which sets live), never at raw ids, pids or times.
#include "oracle.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CONTROLLER = -1 };

// The temper of one seed.
static struct { int undo, several, nowait, timed, wild, foreign, deadly; } temper;

static uint32_t roll(uint32_t sides) {
  world.random += 0x9e3779b97f4a7c15u; // splitmix64
  uint64_t z = world.random;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ z >> 31) >> 32) % sides;
}
static bool chance(int percent) { return (int)roll(100) < percent; }
// One of the arguments; all have the type of the first.
#define FIRST(first, ...) first
#define LIST(...) ((__typeof__(FIRST(__VA_ARGS__, 0))[]){__VA_ARGS__})
#define ONE_OF(...) LIST(__VA_ARGS__)[roll(sizeof LIST(__VA_ARGS__) / sizeof *LIST(__VA_ARGS__))]

static int live_sets(void) {
  int count = 0;
  for (int i = 0; i < world.set_count; i++) count += world.sets[i].live;
  return count;
}

static struct set *any_live_set(void) {
  int left = live_sets();
  if (left == 0) return NULL;
  int chosen = (int)roll((uint32_t)left);
  for (int i = 0;; i++)
    if (world.sets[i].live && chosen-- == 0) return &world.sets[i];
}

// Mostly a set that exists; else one that is gone, one of a wrong generation, or none at all.
static int any_id(void) {
  struct set *set = any_live_set();
  if (temper.deadly && world.sets[0].live && chance(60)) return world.sets[0].id;
  if (set == NULL || chance(4)) {
    if (world.set_count > 0 && chance(50)) return world.sets[roll((uint32_t)world.set_count)].id;
    if (set != NULL && chance(30)) return set->id + 32768;
    return ONE_OF(-1, INT_MAX, INT_MIN, 31999, 32768 * 9 + 31998);
  }
  return set->id;
}

static int size_of(int id) {
  int found = find_set(id);
  return found >= 0 && world.sets[found].live ? world.sets[found].nsems : 1;
}

static unsigned short any_semaphore(int count) {
  if (chance(temper.wild))
    return ONE_OF((unsigned short)count, (unsigned short)(count + 63), 65535);
  if (temper.deadly && chance(60)) return 0; // many who want the same
  if (count > 66 && chance(70)) return ONE_OF((unsigned short)0, 1, 64, 65);
  return (unsigned short)roll((uint32_t)(count > 3 && chance(60) ? 3 : count));
}

static enum place any_place(void) {
  if (!chance(temper.wild)) return chance(3) ? AT_ODD : AT_GOOD;
  return (enum place)roll(PLACES);
}

static unsigned any_mode(void) {
  unsigned mode = ONE_OF(0600u, 0600u, 0666u, 0666u, 0644u, 0u, 0200u, 0400u, 0060u, 0006u, 0640u,
                         0604u, 0020u);
  return world.region->privileged ? mode : mode | 0600; // else the controller could not look
}

static void make_semop(struct command *c, bool may_sleep) {
  *c = (struct command){.action = ACT_SEMOP, .id = any_id(), .raw = chance(8)};
  int size = size_of(c->id);
  c->base = chance(temper.several) ? 2 + (int)roll(MAX_OPS - 1) : 1;
  int same = chance(30) ? any_semaphore(size) : -1; // several operations on one semaphore
  for (int i = 0; i < c->base; i++) {
    struct sembuf *op = &c->sops[i];
    op->sem_num = same >= 0 ? (unsigned short)same : any_semaphore(size);
    op->sem_op = (short)(chance(22) ? 0 : ONE_OF(1, 1, 1, 2, 3, -1, -1, -1, -1, -2, -3));
    if (chance(temper.wild)) op->sem_op = ONE_OF((short)32767, -32767, -32768, 20000, -20000);
    op->sem_flg = (short)((chance(temper.nowait) || !may_sleep ? IPC_NOWAIT : 0) |
                          (chance(temper.undo) ? SEM_UNDO : 0));
  }
  if (temper.deadly && chance(60)) { // a lock taken or given back, as most programs use them
    c->base = 1;
    c->sops[0].sem_op = may_sleep && chance(75) ? -1 : 1;
    c->sops[0].sem_flg = (short)(SEM_UNDO | (may_sleep && chance(90) ? 0 : IPC_NOWAIT));
  }
  c->nsops = (size_t)c->base;
  c->timeout = chance(50) ? T_SEMOP : T_NULL;
  if (!may_sleep) return;
  if (chance(temper.wild))
    c->nsops = ONE_OF((size_t)0, 500, 501, 1000, SIZE_MAX, ((size_t)1 << 32) + 1);
  c->place = any_place();
  if (!chance(temper.timed)) return;
  c->timeout = T_GIVEN;
  c->timeout_place = chance(5) ? AT_ODD : AT_GOOD;
  switch (roll(10)) {
    case 0: case 1: case 2: c->time.tv_nsec = 200 * 1000; break;
    case 3: break;
    case 4: c->time.tv_nsec = ONE_OF(1000000000L, -1L, LONG_MAX, LONG_MIN); break;
    case 5: c->time.tv_sec = ONE_OF(-1L, LONG_MIN); break;
    case 6: c->timeout = T_BAD_POINTER, c->timeout_place = (enum place)roll(PLACES);
      c->time.tv_sec = 1000;
      break;
    case 7: c->time.tv_sec = LONG_MAX, c->time.tv_nsec = 999999999; break;
    default: c->time.tv_sec = 1000;
  }
}

// Comes back by itself: the step ends when it has. (The read-only page holds zeros.)
static bool short_timeout(const struct command *c) {
  return c->action == ACT_SEMOP &&
         ((c->timeout == T_GIVEN && c->time.tv_sec == 0) ||
          (c->timeout == T_BAD_POINTER && c->timeout_place == AT_READONLY));
}

static void make_semget(struct command *c) {
  *c = (struct command){.action = ACT_SEMGET, .raw = chance(8)};
  bool keys = world.region->features & FEATURE_KEYS;
  c->id = chance(25) || !keys ? IPC_PRIVATE : world.key_base + (key_t)roll(5);
  c->nsems = ONE_OF(1, 2, 3, 4, 5, 6, 0, 1, 2, 3);
  if (chance(6)) c->nsems = MAX_SEMS;
  if (chance(temper.wild * 2)) c->nsems = ONE_OF(-1, 0, 32001, INT_MAX, INT_MIN);
  c->flags = (int)any_mode() | (chance(70) ? IPC_CREAT : 0) | (chance(25) ? IPC_EXCL : 0);
  if (live_sets() >= 4) { // enough of them: only calls that make none
    if (c->id == IPC_PRIVATE) c->id = keys ? world.key_base : world.key_base + 7;
    c->flags &= ~IPC_CREAT;
  }
}

static void make_semctl(struct command *c) {
  *c = (struct command){.action = ACT_SEMCTL, .id = any_id(), .raw = chance(8)};
  c->cmd = ONE_OF(SETVAL, SETVAL, SETVAL, SETVAL, SETVAL, SETALL, SETALL, SETALL, GETALL, GETALL,
                  GETVAL, GETVAL, GETPID, GETNCNT, GETZCNT, IPC_STAT, IPC_SET, IPC_SET, SEM_STAT,
                  SEM_STAT_ANY, IPC_INFO, SEM_INFO);
  if (chance(temper.wild)) c->cmd = ONE_OF(-1, 4, 10, 11, 21, 99, INT_MAX, INT_MIN);
  if (temper.deadly && (c->cmd == SETVAL || c->cmd == SETALL) && chance(70))
    c->cmd = GETALL; // these clear all adjustments
  bool listing = c->cmd == SEM_STAT || c->cmd == SEM_STAT_ANY || c->cmd == IPC_INFO ||
                 c->cmd == SEM_INFO;
  if (listing && !(world.region->features & FEATURE_LISTS)) c->cmd = IPC_STAT;
  c->nsems = size_of(c->id);
  c->num = any_semaphore(c->nsems);
  if (chance(temper.wild)) c->num = ONE_OF(-1, INT_MAX, INT_MIN, 65536);
  c->value = (int)roll(4);
  if (chance(temper.wild)) c->value = ONE_OF(-1, 32767, 32768, 65536, INT_MIN, 32766);
  for (int i = 0; i < c->nsems; i++) c->values[i] = (uint16_t)roll(3);
  if (chance(temper.wild)) c->values[roll((uint32_t)c->nsems)] = ONE_OF(32767, 32768, 65535);
  c->place = any_place();
  if (c->cmd == IPC_SET) {
    // The owner's rights must stay with an unprivileged controller.
    bool root = world.region->privileged;
    c->set.uid = root ? ONE_OF(0, 0, NOBODY, SOMEBODY) : (int)geteuid();
    c->set.gid = root ? ONE_OF(0, NOBODY, SOMEBODY) : (int)getegid();
    if (chance(temper.wild)) *ONE_OF(&c->set.uid, &c->set.gid) = -1;
    c->set.mode = any_mode() | (chance(20) ? ONE_OF(01000u, 07000u, 02000u) : 0);
    if (c->place > AT_ODD && !root) c->place = AT_GOOD;
    // Read-only memory is readable: owner 0:0 and mode 0.
  }
  if (c->cmd == SEM_STAT || c->cmd == SEM_STAT_ANY) {
    struct set *set = any_live_set();
    if (set == NULL || chance(15)) c->id = ONE_OF(31999, -1, INT_MAX);
    else c->flags = set->id + 1, c->id = chance(50) ? set->id : set->id & 32767;
  }
}

static const char *actor_name(int slot, int actor) {
  static char text[32];
  if (slot == CONTROLLER) return "C";
  snprintf(text, sizeof text, "%s/%d", pid_name(world.workers[slot].pid), actor);
  return text;
}

// What the controller must know of a result before it counts sleepers.
static void note(const struct command *c, const struct reply *r) {
  if (c->action == ACT_SEMGET && r->result >= 0 && find_set((int)r->result) < 0)
    register_set((int)r->result, c->nsems);
  if (c->action == ACT_SEMCTL && c->cmd == IPC_RMID && r->result == 0 && find_set(c->id) >= 0)
    world.sets[find_set(c->id)].live = false;
  if (c->action == ACT_SPAWN && r->pid > 0) name_pid(r->pid, "child.%u", world.step);
}

static void end_step(void) {
  settle();
  report_returned();
  observe();
  // From the first difference on the two runs have nothing to do with each other.
  const struct region *reference = world.reference;
  if (reference != NULL && (world.region->length > reference->length ||
      memcmp(world.region->trace, reference->trace, world.region->length) != 0)) {
    say("(stopped here: this differs)\n");
    give_up("difference");
  }
  world.region->steps = ++world.step;
}

static void after_command(int slot, int actor, const struct command *c) {
  struct worker *w = &world.workers[slot];
  switch (c->action) {
    case ACT_EXIT: await_death(slot); return;
    case ACT_LEAVE: {
      int threads = 0;
      for (int i = 0; i < ACTORS; i++) threads += w->actors[i].exists;
      if (threads == 1) await_death(slot);
      else await_thread_end(slot, actor);
      return;
    }
    case ACT_EXEC:
      for (int i = 0; i < ACTORS; i++) w->actors[i] = (struct actor){0};
      await_reply(slot, 0);
      return;
    case ACT_SEMOP:
      if (short_timeout(c)) await_reply(slot, actor);
      return;
    default: await_reply(slot, actor);
  }
  note(c, &w->actors[actor].reply);
  if (w->actors[actor].reply.result < 0) return;
  if (c->action == ACT_THREAD) await_reply(slot, c->actor);
  if (c->action == ACT_FORK) {
    world.workers[c->slot].dropped = w->dropped;
    world.workers[c->slot].borrowed = w->borrowed;
    world.workers[c->slot].user = w->user;
    adopt_worker(c->slot, w->actors[actor].reply.pid, false);
  }
  if (c->action == ACT_CREDENTIALS) {
    w->dropped = c->credentials.for_good;
    w->user.uid = c->credentials.uid;
    w->user.gid = c->credentials.gid;
    w->user.group = c->credentials.group;
    w->borrowed = !w->dropped && (c->credentials.uid != 0 || c->credentials.gid != 0);
  }
}

// ipcperms in ipc/util.c, for a process without capabilities. As root the workers have them all.
static bool has_no_rights(const struct worker *w, const struct ipc_perm *perm) {
  int gid = w->user.gid, group = w->user.group;
  if (w->user.uid == 0) return false;
  unsigned mode = perm->mode;
  if ((int)perm->uid == w->user.uid || (int)perm->cuid == w->user.uid) mode >>= 6;
  else if ((int)perm->gid == gid || (int)perm->cgid == gid || (int)perm->gid == group ||
           (int)perm->cgid == group)
    mode >>= 3;
  return (mode & 6) == 0;
}

// A wanted difference: a call with SEM_UNDO that is refused for want of rights makes an undo record
// in the kernel, so the process's end sets the set's otime; nobody may write into a set that he may
// not map. Such calls are made without SEM_UNDO.
static void leave_out_undo(int slot, struct command *c) {
  struct semid_ds status;
  bool asks = false;
  if (slot == CONTROLLER || (c->action != ACT_SEMOP && c->action != ACT_SPAWN)) return;
  for (int i = 0; i < MAX_OPS; i++) asks = asks || (c->sops[i].sem_flg & SEM_UNDO);
  if (!asks || semctl(c->id, 0, IPC_STAT, &status) != 0 ||
      !has_no_rights(&world.workers[slot], &status.sem_perm))
    return;
  for (int i = 0; i < MAX_OPS; i++) c->sops[i].sem_flg &= (short)~SEM_UNDO;
  world.region->without_undo++;
}

// The other one: who was given a set and may not change a file's owner cannot give it away again.
static void leave_out_gift(int slot, struct command *c) {
  struct semid_ds status;
  if (slot == CONTROLLER || c->action != ACT_SEMCTL || c->cmd != IPC_SET) return;
  int uid = world.workers[slot].user.uid;
  if (uid == 0 || c->set.uid == -1 || c->set.uid == uid ||
      semctl(c->id, 0, IPC_STAT, &status) != 0)
    return;
  if ((int)status.sem_perm.uid != uid || (int)status.sem_perm.cuid == uid) return;
  c->set.uid = uid;
  world.region->without_gift++;
}

static void step(int slot, int actor, struct command *c) {
  leave_out_undo(slot, c);
  leave_out_gift(slot, c);
  char text[1024];
  describe_command(text, sizeof text, c);
  say("%u. %s: %s\n", world.step, actor_name(slot, actor), text);
  if (slot == CONTROLLER) {
    struct reply reply;
    perform(c, &reply);
    note(c, &reply);
    describe_reply(text, sizeof text, c, &reply);
    say("  C %s\n", text);
  } else {
    send_command(slot, actor, c);
    after_command(slot, actor, c);
  }
  end_step();
}

// An actor that is (or is not) in a call, or false.
static bool any_actor(bool busy, int *slot, int *actor) {
  int found[WORKERS * ACTORS], count = 0;
  for (int s = 0; s < WORKERS; s++)
    for (int i = 0; i < ACTORS; i++) {
      struct actor *a = actor_at(s, i);
      if (world.workers[s].alive && a->exists && a->busy == busy) found[count++] = s * ACTORS + i;
    }
  if (count == 0) return false;
  int chosen = found[roll((uint32_t)count)];
  *slot = chosen / ACTORS, *actor = chosen % ACTORS;
  return true;
}

static int any_slot(bool alive) {
  int found[WORKERS], count = 0;
  for (int s = 0; s < WORKERS; s++)
    if (world.workers[s].alive == alive) found[count++] = s;
  return count == 0 ? -1 : found[roll((uint32_t)count)];
}

static bool alone(int slot, bool idle_is_enough) {
  for (int i = 0, others = 0; i < ACTORS; i++) {
    struct actor *a = actor_at(slot, i);
    if (a->exists && (idle_is_enough ? a->busy : ++others > 1)) return false;
  }
  return true;
}

static void signal_sleeper(int slot, int actor) {
  struct actor *a = actor_at(slot, actor);
  int number = ONE_OF(SIGUSR1, SIGUSR1, SIGUSR2, SIGWINCH);
  say("%u. %s: is interrupted by %s\n", world.step, actor_name(slot, actor),
      number == SIGUSR1 ? "a handler" : number == SIGUSR2 ? "a handler (SA_RESTART)"
      : "an ignored signal");
  await_asleep(slot, actor);
  syscall(SYS_tgkill, world.workers[slot].pid, a->tid, number);
  if (number != SIGWINCH) await_reply(slot, actor);
  end_step();
}

static void kill_worker(int slot, int number) {
  say("%u. %s: is killed by signal %d\n", world.step, pid_name(world.workers[slot].pid), number);
  kill(world.workers[slot].pid, number);
  await_death(slot);
  end_step();
}

static void new_worker(int slot) {
  say("%u. w%d: starts\n", world.step, slot);
  start_worker(slot);
  end_step();
}

static void process_step(int slot, int actor) {
  struct worker *w = &world.workers[slot];
  struct command c = {.slot = slot};
  int kind = (int)roll(16);
  if (kind < 3) {
    c.action = ACT_EXIT;
    c.exit_kind = (enum exit_kind)roll(EXIT_KINDS);
  } else if (kind < 6) {
    c.action = ACT_FORK;
    c.slot = any_slot(false);
    if (c.slot < 0) return;
  } else if (kind < 8) {
    c.action = ACT_EXEC;
    if (w->borrowed) return; // AT_SECURE: the loader would drop the library
  } else if (kind < 11) {
    c.action = ACT_THREAD;
    for (c.actor = 1; c.actor < ACTORS && w->actors[c.actor].exists; c.actor++) {}
    if (c.actor == ACTORS) return;
  } else if (kind < 12) {
    c.action = ACT_LEAVE;
  } else if (kind < 14) {
    c.action = ACT_CREDENTIALS;
    // glibc tells the other threads by a signal, which would interrupt their calls.
    if (!world.region->privileged || !temper.foreign || w->dropped || !alone(slot, true)) return;
    c.credentials.uid = ONE_OF(0, NOBODY, NOBODY, SOMEBODY);
    c.credentials.gid = ONE_OF(0, NOBODY, SOMEBODY);
    c.credentials.group = ONE_OF(-1, 0, NOBODY, SOMEBODY);
    c.credentials.for_good = chance(40);
  } else if (kind < 15) {
    c.action = ACT_SPAWN;
    // posix_spawn blocks signals, and a blocked SIGCHLD is not ignored but interrupts a sibling.
    if (w->borrowed || !alone(slot, true)) return;
    c.id = any_id();
    c.sops[0] = (struct sembuf){any_semaphore(size_of(c.id)), ONE_OF((short)1, -1, 2, 0),
                                (short)(IPC_NOWAIT | (chance(60) ? SEM_UNDO : 0))};
  } else if (chance(50)) {
    c.action = ACT_CHURN;
    c.value = ONE_OF(1, 2, 5, 70);
  } else {
    c.action = ACT_UNSHARE;
    if (!(world.region->features & FEATURE_UNSHARE) || !alone(slot, false)) return;
  }
  step(slot, actor, &c);
}

// When everybody sleeps: somebody new, an interruption, a death, or what they wait for.
static void go_on(void) {
  int slot, actor, kind = (int)roll(10);
  struct command c;
  if (temper.deadly && chance(40) && (slot = any_slot(true)) >= 0)
    return kill_worker(slot, SIGKILL);
  if (kind < 3 && (slot = any_slot(false)) >= 0) return new_worker(slot);
  if (kind < 5 && any_actor(true, &slot, &actor)) return signal_sleeper(slot, actor);
  if (kind < 6 && (slot = any_slot(true)) >= 0) return kill_worker(slot, SIGKILL);
  if (kind < 8) {
    make_semctl(&c);
    if (c.cmd != SETALL) c.cmd = SETVAL;
  } else {
    make_semop(&c, false);
    for (int i = 0; i < c.base; i++) c.sops[i].sem_op = (short)(1 + roll(4));
  }
  step(CONTROLLER, 0, &c);
}

static void any_step(void) {
  struct command c;
  int slot, actor, kind = (int)roll(100);
  if (kind < 5 && any_actor(true, &slot, &actor)) return signal_sleeper(slot, actor);
  // Deaths tell most where somebody waits for what the dead may have held.
  if (kind < (temper.deadly ? 13 : 8) &&
      any_actor(chance(temper.deadly ? 30 : 50), &slot, &actor) &&
      (!temper.deadly || count_sleepers() > 0))
    return kill_worker(slot, chance(70) ? SIGKILL : SIGTERM);
  if (kind < (temper.deadly ? 30 : 18) && (slot = any_slot(false)) >= 0) return new_worker(slot);
  // The controller takes part too, and keeps things going when everybody sleeps.
  bool all_asleep = !any_actor(false, &slot, &actor);
  if (all_asleep && chance(75)) return go_on();
  if (all_asleep || chance(12)) slot = CONTROLLER, actor = 0;
  if (kind >= 16 && kind < 30 && slot != CONTROLLER) return process_step(slot, actor);
  if (kind < 32 || live_sets() == 0) {
    c = (struct command){.action = ACT_SEMCTL, .cmd = IPC_RMID, .id = any_id(),
                         .num = ONE_OF(0, -1, 99), .raw = chance(8)};
    if (live_sets() == 0 || chance(temper.deadly ? 90 : 40)) make_semget(&c);
    return step(slot, actor, &c);
  }
  if (kind < 37) make_semget(&c);
  else if (kind < 54) make_semctl(&c);
  else make_semop(&c, slot != CONTROLLER);
  step(slot, actor, &c);
}

// Times have whole seconds: with a new one before each step it shows which step sets which time.
static void await_next_second(void) {
  time_t last = 0;
  for (int i = 0; i < world.set_count; i++) {
    const struct set *set = &world.sets[i];
    if (set->live && set->otime > last) last = set->otime;
    if (set->live && set->ctime > last) last = set->ctime;
  }
  struct timespec moment = {0, 5 * 1000 * 1000};
  while (time(NULL) <= last) nanosleep(&moment, NULL);
}

void run_schedule(uint64_t seed) {
  world.random = seed * 0x2545f4914f6cdd1dU;
  world.key_base = 0x4f000000 | (getpid() & 0xfffff) << 3;
  temper.deadly = ONE_OF(0, 1);
  temper.undo = ONE_OF(0, 25, 25, 60);
  temper.several = ONE_OF(0, 15, 40, 80);
  temper.nowait = ONE_OF(3, 10, 25);
  temper.timed = ONE_OF(4, 15);
  temper.wild = ONE_OF(0, 2, 2, 6);
  temper.foreign = ONE_OF(0, 1) && world.region->features & FEATURE_USERS;
  // Shared only where it must be: private and shared namespaces work differently.
  if (temper.foreign && chmod(getenv("OMEGA_IPC_NAMESPACE"), 01777) != 0) give_up("chmod");
  name_pid(getpid(), "C");
  worker_prepare_memory();
  channels_open();
  say("seed %lu: undo %d several %d nowait %d timed %d wild %d users %d deadly %d\n",
      (unsigned long)seed, temper.undo, temper.several, temper.nowait, temper.timed, temper.wild,
      temper.foreign, temper.deadly);
  unsigned steps = world.region->ticking ? 12 : 60 + roll(91);
  int sets = 1 + (int)roll(temper.deadly ? 2 : 3), workers = 2 + (int)roll(3) + temper.deadly;
  for (int i = 0; i < sets; i++) {
    struct command c = {.action = ACT_SEMGET, .id = world.key_base + i,
                        .nsems = chance(8) ? MAX_SEMS : 1 + (int)roll(6),
                        .flags = IPC_CREAT | IPC_EXCL | (chance(50) ? 0666 : 0600)};
    step(CONTROLLER, 0, &c);
    if (!temper.deadly) continue;
    struct command fill = {.action = ACT_SEMCTL, .cmd = SETALL, .id = world.sets[i].id,
                           .nsems = c.nsems};
    for (int n = 0; n < c.nsems; n++) fill.values[n] = (uint16_t)(1 + roll(2));
    step(CONTROLLER, 0, &fill);
  }
  for (int i = 0; i < workers; i++) new_worker(i);
  // A turn may have nothing to do (no free slot, say): those do not count.
  for (unsigned end = world.step + steps; world.step < end;) {
    if (world.region->ticking) await_next_second();
    any_step();
  }
  for (int s = 0; s < WORKERS; s++)
    if (world.workers[s].alive) kill_worker(s, SIGKILL);
  for (int i = 0; i < world.set_count; i++) {
    struct command c = {.action = ACT_SEMCTL, .cmd = IPC_RMID, .id = world.sets[i].id};
    if (world.sets[i].live) step(CONTROLLER, 0, &c);
  }
  say("end of seed %lu\n", (unsigned long)seed);
  world.region->finished = true;
}
