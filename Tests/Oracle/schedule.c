// What happens next: a seeded walk over everything that a program, or a death, can do to an
// object. It may look at what has happened (who sleeps, which objects live), never at raw ids,
// pids or times.
#include "oracle.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

uint32_t roll(uint32_t sides) {
  world.random += 0x9e3779b97f4a7c15u; // splitmix64
  uint64_t z = world.random;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ z >> 31) >> 32) % sides;
}

bool chance(int percent) { return (int)roll(100) < percent; }

int live_objects(void) {
  int count = 0;
  for (int i = 0; i < world.object_count; i++) count += world.objects[i].live;
  return count;
}

struct object *any_live_object(void) {
  int left = live_objects();
  if (left == 0) return NULL;
  int chosen = (int)roll((uint32_t)left);
  for (int i = 0;; i++)
    if (world.objects[i].live && chosen-- == 0) return &world.objects[i];
}

// Mostly an object that exists; else one that is gone, one of a wrong generation, or none at all.
int any_id(void) {
  struct object *object = any_live_object();
  if (world.temper.deadly && world.objects[0].live && chance(60)) return world.objects[0].id;
  if (object == NULL || chance(4)) {
    if (world.object_count > 0 && chance(50))
      return world.objects[roll((uint32_t)world.object_count)].id;
    if (object != NULL && chance(30)) return object->id + 32768;
    return ONE_OF(-1, INT_MAX, INT_MIN, 31999, 32768 * 9 + 31998);
  }
  return object->id;
}

enum place any_place(void) {
  if (!chance(world.temper.wild)) return chance(3) ? AT_ODD : AT_GOOD;
  enum place place = (enum place)roll(PLACES);
  return world.region->features & FEATURE_FAULTS ? place : AT_GOOD;
}

unsigned any_mode(void) {
  unsigned mode = ONE_OF(0600u, 0600u, 0666u, 0666u, 0644u, 0u, 0200u, 0400u, 0060u, 0006u, 0640u,
                         0604u, 0020u);
  return world.region->privileged ? mode : mode | 0600; // else the controller could not look
}

// What IPC_SET gives. The owner's rights must stay with an unprivileged controller.
void any_set(struct command *c) {
  bool root = world.region->privileged;
  c->set.uid = root ? ONE_OF(0, 0, NOBODY, SOMEBODY) : (int)geteuid();
  c->set.gid = root ? ONE_OF(0, NOBODY, SOMEBODY) : (int)getegid();
  if (chance(world.temper.wild)) *ONE_OF(&c->set.uid, &c->set.gid) = -1;
  c->set.mode = any_mode() | (chance(20) ? ONE_OF(01000u, 07000u, 02000u) : 0);
  if (c->place > AT_ODD && !root) c->place = AT_GOOD;
  // Read-only memory is readable: owner 0:0 and mode 0.
}

// For the commands that take an index: a full id is as good.
void any_index(struct command *c) {
  struct object *object = any_live_object();
  if (object == NULL || chance(15)) c->id = ONE_OF(31999, -1, INT_MAX);
  else c->stat_id = object->id + 1, c->id = chance(50) ? object->id : object->id & 32767;
}

void any_key(struct command *c) {
  bool keys = world.region->features & FEATURE_KEYS;
  c->id = chance(25) || !keys ? IPC_PRIVATE : world.key_base + (key_t)roll(5);
}

void any_get_flags(struct command *c) {
  c->flags = (int)any_mode() | (chance(70) ? IPC_CREAT : 0) | (chance(25) ? IPC_EXCL : 0);
  if (live_objects() >= 4) { // enough of them: only calls that make none
    bool keys = world.region->features & FEATURE_KEYS;
    if (c->id == IPC_PRIVATE) c->id = keys ? world.key_base : world.key_base + 7;
    c->flags &= ~IPC_CREAT;
  }
}

static const char *actor_name(int slot, int actor) {
  static char text[32];
  if (slot == CONTROLLER) return "C";
  snprintf(text, sizeof text, "%s/%d", pid_name(world.workers[slot].pid), actor);
  return text;
}

// What the controller must know of a result before it looks at the objects.
static void note(int slot, const struct command *c, const struct reply *r) {
  if (c->action == ACT_GET && r->result >= 0 && find_object((int)r->result) < 0)
    register_object((int)r->result, c->size);
  if (c->action == ACT_SPAWN && r->pid > 0) name_pid(r->pid, "child.%u", world.step);
  if (kind->note != NULL) kind->note(slot, c, r);
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
      memset(w->attachments, 0, sizeof w->attachments);
      await_reply(slot, 0);
      return;
    case ACT_SEMOP: case ACT_SEND: case ACT_RECEIVE:
      if (kind->returns_soon != NULL && kind->returns_soon(c)) await_reply(slot, actor);
      return;
    default: await_reply(slot, actor);
  }
  note(slot, c, &w->actors[actor].reply);
  if (w->actors[actor].reply.result < 0) return;
  if (c->action == ACT_THREAD) {
    await_reply(slot, c->actor);
    name_pid(w->actors[c->actor].tid, "w%d.%d/%d", slot, w->incarnation, c->actor);
  }
  if (c->action == ACT_FORK) {
    struct worker *child = &world.workers[c->slot];
    child->dropped = w->dropped;
    child->borrowed = w->borrowed;
    child->user = w->user;
    memcpy(child->attachments, w->attachments, sizeof w->attachments);
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
bool has_no_rights(int slot, const struct ipc_perm *perm) {
  if (slot == CONTROLLER) return false;
  const struct worker *w = &world.workers[slot];
  int gid = w->user.gid, group = w->user.group;
  if (w->user.uid == 0) return false;
  unsigned mode = perm->mode;
  if ((int)perm->uid == w->user.uid || (int)perm->cuid == w->user.uid) mode >>= 6;
  else if ((int)perm->gid == gid || (int)perm->cgid == gid || (int)perm->gid == group ||
           (int)perm->cgid == group)
    mode >>= 3;
  return (mode & 6) == 0;
}

// An object that a process may not open: of it only what seldom changes is known to him.
bool hidden_from(int slot, int id) {
  struct ipc_perm perm;
  return kind->status(id, &perm) == 0 && has_no_rights(slot, &perm);
}

// Wanted differences, because only root can change a file's owner: who was given an object cannot
// give it away again, and who made it and gave it away cannot change it.
static void leave_out_gift(int slot, struct command *c) {
  struct ipc_perm perm;
  if (slot == CONTROLLER || c->action != ACT_CONTROL || c->cmd != IPC_SET) return;
  int uid = world.workers[slot].user.uid;
  if (uid == 0 || c->set.uid == -1 || kind->status(c->id, &perm) != 0) return;
  if ((int)perm.cuid == uid && (int)perm.uid != uid) c->cmd = IPC_STAT;
  else if (c->set.uid == uid || (int)perm.uid != uid || (int)perm.cuid == uid) return;
  c->set.uid = uid;
  world.region->left_out[0]++;
}

void step(int slot, int actor, struct command *c) {
  leave_out_gift(slot, c);
  kind->leave_out(slot, c);
  char text[1024];
  describe_command(text, sizeof text, c);
  say("%u. %s: %s\n", world.step, actor_name(slot, actor), text);
  if (slot == CONTROLLER) {
    struct reply reply;
    perform(c, &reply);
    note(slot, c, &reply);
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

// Between two steps every call that is out sleeps.
static bool somebody_sleeps(void) {
  for (int s = 0; s < WORKERS; s++)
    for (int i = 0; i < ACTORS; i++)
      if (actor_at(s, i)->busy) return true;
  return false;
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

static void stop_and_continue(int slot) {
  pid_t pid = world.workers[slot].pid;
  say("%u. %s: is stopped and continued\n", world.step, pid_name(pid));
  for (int i = 0; i < ACTORS; i++)
    if (actor_at(slot, i)->exists) await_asleep(slot, i);
  kill(pid, SIGSTOP);
  for (int i = 0; i < ACTORS; i++)
    if (actor_at(slot, i)->exists) await_state(slot, i, 'T');
  kill(pid, SIGCONT);
  end_step();
}

static void signal_sleeper(int slot, int actor) {
  if (kind->may_stop != NULL && world.region->features & FEATURE_STOP && chance(20) &&
      kind->may_stop(slot))
    return stop_and_continue(slot);
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
  int which = (int)roll(16);
  if (!kind->sleeps && chance(25)) which = 3; // children inherit what is attached
  if (which < 3) {
    c.action = ACT_EXIT;
    c.exit_kind = (enum exit_kind)roll(EXIT_KINDS);
  } else if (which < 6) {
    c.action = ACT_FORK;
    c.slot = any_slot(false);
    if (c.slot < 0) return;
  } else if (which < 8) {
    c.action = ACT_EXEC;
    // AT_SECURE: the loader would drop the library
    if (w->borrowed || !(world.region->features & FEATURE_EXEC)) return;
  } else if (which < 11) {
    c.action = ACT_THREAD;
    for (c.actor = 1; c.actor < ACTORS && w->actors[c.actor].exists; c.actor++) {}
    if (c.actor == ACTORS) return;
  } else if (which < 12) {
    c.action = ACT_LEAVE;
    if (!(world.region->features & FEATURE_LEAVE) && !alone(slot, false)) return;
  } else if (which < 14) {
    c.action = ACT_CREDENTIALS;
    // glibc tells the other threads by a signal, which would interrupt their calls.
    if (!world.region->privileged || !world.temper.foreign || w->dropped || !alone(slot, true))
      return;
    c.credentials.uid = ONE_OF(0, NOBODY, NOBODY, SOMEBODY);
    c.credentials.gid = ONE_OF(0, NOBODY, SOMEBODY);
    c.credentials.group = ONE_OF(-1, 0, NOBODY, SOMEBODY);
    c.credentials.for_good = chance(40);
  } else if (which < 15) {
    c.action = ACT_SPAWN;
    // posix_spawn blocks signals, and a blocked SIGCHLD is not ignored but interrupts a sibling.
    if (w->borrowed || !alone(slot, true)) return;
    c.id = any_id();
    kind->make_spawn(&c);
  } else if (chance(50) || !kind->undo) {
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
  int slot, actor, which = (int)roll(10);
  struct command c;
  if (world.temper.deadly && chance(40) && (slot = any_slot(true)) >= 0)
    return kill_worker(slot, SIGKILL);
  if (which < 3 && (slot = any_slot(false)) >= 0) return new_worker(slot);
  if (which < 5 && any_actor(true, &slot, &actor)) return signal_sleeper(slot, actor);
  if (which < 6 && (slot = any_slot(true)) >= 0) return kill_worker(slot, SIGKILL);
  if (which < 8) {
    kind->make_control(&c);
    if (kind == &semaphores && c.cmd != SETALL) c.cmd = SETVAL;
  } else {
    kind->make_release(&c);
  }
  step(CONTROLLER, 0, &c);
}

static void any_step(void) {
  struct command c;
  bool deadly = world.temper.deadly;
  int slot, actor, which = (int)roll(100);
  if (which < 5 && any_actor(true, &slot, &actor)) return signal_sleeper(slot, actor);
  // Deaths tell most where somebody waits for what the dead may have held.
  bool spared = !kind->sleeps && chance(60);
  if (which < (deadly ? 13 : 8) && !spared && any_actor(chance(deadly ? 30 : 50), &slot, &actor) &&
      (!deadly || !kind->sleeps || somebody_sleeps()))
    return kill_worker(slot, chance(70) ? SIGKILL : SIGTERM);
  bool calm = !kind->sleeps && chance(60); // leave some places to the children of workers
  if (which < (deadly ? 30 : 18) && !calm && (slot = any_slot(false)) >= 0)
    return new_worker(slot);
  // The controller takes part too, and keeps things going when everybody sleeps.
  bool all_asleep = !any_actor(false, &slot, &actor);
  if (all_asleep && chance(75)) return go_on();
  if (all_asleep || chance(12)) slot = CONTROLLER, actor = 0;
  if (which >= 16 && which < 30 && slot != CONTROLLER) return process_step(slot, actor);
  if (which < 32 || live_objects() == 0) {
    c = (struct command){.action = ACT_CONTROL, .cmd = IPC_RMID, .id = any_id(),
                         .num = ONE_OF(0, -1, 99), .raw = chance(8)};
    if (live_objects() == 0 || chance(deadly ? 90 : 40)) kind->make_get(&c);
    return step(slot, actor, &c);
  }
  if (which < 37) kind->make_get(&c);
  else if (which < 54) kind->make_control(&c);
  else kind->make_call(&c, slot, actor);
  step(slot, actor, &c);
}

// Times have whole seconds: with a new one before each step it shows which step sets which time.
static void await_next_second(void) {
  time_t last = 0;
  for (int i = 0; i < world.object_count; i++)
    for (int n = 0; n < 3; n++)
      if (world.objects[i].live && world.objects[i].times[n] > last)
        last = world.objects[i].times[n];
  struct timespec moment = {0, 5 * 1000 * 1000};
  while (time(NULL) <= last) nanosleep(&moment, NULL);
}

void run_schedule(uint64_t seed) {
  char text[256];
  world.random = seed * 0x2545f4914f6cdd1dU;
  world.key_base = 0x4f000000 | (getpid() & 0xfffff) << 3;
  kind->choose_temper(text, sizeof text);
  // Shared only where it must be: private and shared namespaces work differently.
  if (world.temper.foreign && chmod(getenv("OMEGA_IPC_NAMESPACE"), 01777) != 0) give_up("chmod");
  name_pid(getpid(), "C");
  worker_prepare_memory();
  if (kind->prepare != NULL) kind->prepare();
  channels_open();
  say("seed %lu: %s wild %d users %d deadly %d\n", (unsigned long)seed, text, world.temper.wild,
      world.temper.foreign, world.temper.deadly);
  unsigned steps = world.region->ticking ? 12 : 60 + roll(91);
  int objects = 1 + (int)roll(world.temper.deadly ? 2 : 3);
  int workers = 2 + (int)roll(3) + world.temper.deadly;
  for (int i = 0; i < objects; i++) kind->begin();
  for (int i = 0; i < workers; i++) new_worker(i);
  // A turn may have nothing to do (no free slot, say): those do not count.
  for (unsigned end = world.step + steps; world.step < end;) {
    if (world.region->ticking) await_next_second();
    any_step();
  }
  for (int s = 0; s < WORKERS; s++)
    if (world.workers[s].alive) kill_worker(s, SIGKILL);
  for (int i = 0; i < world.object_count; i++) {
    struct command c = {.action = ACT_CONTROL, .cmd = IPC_RMID, .id = world.objects[i].id};
    if (world.objects[i].live) step(CONTROLLER, 0, &c);
  }
  say("end of seed %lu\n", (unsigned long)seed);
  world.region->finished = true;
}
