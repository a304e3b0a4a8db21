// What happens next to queues; and what is kept out, because Linux itself lets it race:
//   - several sleeping senders woken by one call: each would fit alone, and who is first is open.
//     Several may sleep, but a receive or an IPC_SET that would wake more than one is not made;
//   - IPC_SET while receivers sleep that could take the same message: all of them wake and queue
//     up again in any order; likewise while a sender wakes and a receiver queues up again.
#include "queues.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { OUT_SEND = 1, OUT_RECEIVE, OUT_SET, OUT_LOOK }; // as in region->left_out

static struct { int types, sizes, sending, nowait, room; } temper;
bool queues_looking;

void queues_choose_temper(char *text, size_t size) {
  world.temper.deadly = ONE_OF(0, 0, 1);
  temper.types = ONE_OF(1, 2, 4);
  temper.sizes = ONE_OF(0, 0, 1, 2);
  temper.sending = ONE_OF(35, 50, 65, 80);
  temper.nowait = ONE_OF(3, 10, 40);
  temper.room = ONE_OF(0, 1, 1, 2);
  queues_looking = ONE_OF(true, true, false) && world.region->features & FEATURE_COPY;
  world.temper.wild = ONE_OF(0, 2, 2, 6);
  world.temper.foreign = ONE_OF(0, 1) && world.region->features & FEATURE_USERS;
  snprintf(text, size, "types %d sizes %d sending %d nowait %d room %d looking %d", temper.types,
           temper.sizes, temper.sending, temper.nowait, temper.room, queues_looking);
}

static size_t any_size(void) {
  if (chance(world.temper.wild))
    return ONE_OF((size_t)8193, SIZE_MAX, (size_t)LONG_MAX, (size_t)LONG_MAX + 1,
                  (size_t)UINT32_MAX + 6, (size_t)INT_MAX, (size_t)8192);
  switch (temper.sizes) {
    case 0: return ONE_OF((size_t)0, 1, 2, 3, 5, 8, 20);
    case 1: return ONE_OF((size_t)0, 1, 7, 30, 100, 1000, 4100);
    default: return ONE_OF((size_t)1, 1000, 4000, 4048, 4049, 8000, 8192);
  }
}

static unsigned long any_limit(void) {
  bool wide = world.region->features & FEATURE_WIDE;
  if (chance(world.temper.wild) && wide) return ONE_OF(16385ul, 100000ul, ULONG_MAX, 1ul << 32);
  switch (temper.room) {
    case 0: return ONE_OF(16384ul, 16384ul, 12000ul, 3000ul);
    case 1: return temper.sizes == 0 ? ONE_OF(30ul, 10ul, 3ul, 100ul)
                                     : ONE_OF(9000ul, 1000ul, 200ul, 8192ul);
    default: return ONE_OF(0ul, 1ul, 2ul, 8ul, 16384ul);
  }
}

void queues_begin(void) {
  struct command c = {.action = ACT_GET, .id = world.key_base + world.object_count,
                      .flags = IPC_CREAT | IPC_EXCL | (chance(50) ? 0666 : 0600)};
  int index = world.object_count;
  step(CONTROLLER, 0, &c);
  if (chance(25)) return;
  struct command set = {.action = ACT_CONTROL, .cmd = IPC_SET, .id = world.objects[index].id,
                        .set = {.uid = (int)geteuid(), .gid = (int)getegid(),
                                .mode = (unsigned)c.flags & 0777, .bytes = any_limit()}};
  step(CONTROLLER, 0, &set);
}

void queues_make_get(struct command *c) {
  *c = (struct command){.action = ACT_GET, .raw = chance(8)};
  any_key(c);
  any_get_flags(c);
}

void queues_make_control(struct command *c) {
  *c = (struct command){.action = ACT_CONTROL, .id = any_id(), .raw = chance(8)};
  c->cmd = ONE_OF(IPC_SET, IPC_SET, IPC_SET, IPC_SET, IPC_SET, IPC_SET, IPC_STAT, IPC_STAT,
                  MSG_STAT, MSG_STAT_ANY, IPC_INFO, MSG_INFO);
  if (chance(world.temper.wild)) c->cmd = ONE_OF(-1, 4, 10, 14, 99, INT_MAX, INT_MIN);
  bool listing = c->cmd == MSG_STAT || c->cmd == MSG_STAT_ANY || c->cmd == IPC_INFO ||
                 c->cmd == MSG_INFO;
  if (listing && !(world.region->features & FEATURE_LISTS)) c->cmd = IPC_STAT;
  c->place = any_place();
  if (c->cmd == IPC_SET) {
    any_set(c);
    if (chance(60)) c->set.mode |= 0666, c->set.uid = (int)geteuid(), c->set.gid = (int)getegid();
    c->set.bytes = any_limit();
  }
  if (c->cmd == MSG_STAT || c->cmd == MSG_STAT_ANY) any_index(c);
}

static void make_send(struct command *c) {
  *c = (struct command){.action = ACT_SEND, .id = any_id(), .raw = chance(8)};
  c->message.type = 1 + (long)roll((uint32_t)temper.types);
  if (chance(world.temper.wild)) c->message.type = ONE_OF(0L, -1L, LONG_MAX, LONG_MIN, 1L << 32);
  c->message.size = any_size();
  int index = find_object(c->id); // mostly one that fits, once there is room
  if (index >= 0 && c->message.size <= MESSAGE_LIMIT && chance(85) &&
      c->message.size > queue_contents[index].limit)
    c->message.size = queue_contents[index].limit;
  c->message.fill = (uint8_t)roll(256);
  c->flags = chance(temper.nowait) ? IPC_NOWAIT : 0;
  if (chance(world.temper.wild)) c->flags |= ONE_OF(MSG_EXCEPT, MSG_NOERROR, MSG_COPY, ~IPC_NOWAIT);
  c->place = any_place();
}

static void make_receive(struct command *c) {
  *c = (struct command){.action = ACT_RECEIVE, .id = any_id(), .raw = chance(8)};
  long type = 1 + (long)roll((uint32_t)temper.types);
  c->message.type = ONE_OF(0L, 0L, type, type, -type, -1L - type);
  if (chance(world.temper.wild))
    c->message.type = ONE_OF(LONG_MAX, LONG_MIN, LONG_MIN + 1, -LONG_MAX, 1L << 32);
  c->message.size = chance(65) ? MESSAGE_LIMIT : any_size();
  c->flags = (chance(temper.nowait) ? IPC_NOWAIT : 0) | (chance(30) ? MSG_NOERROR : 0) |
             (chance(15) ? MSG_EXCEPT : 0);
  if (chance(6)) {
    c->flags |= MSG_COPY | (chance(85) ? IPC_NOWAIT : 0);
    if (chance(80)) c->flags &= ~MSG_EXCEPT;
    c->message.type = ONE_OF(0L, 0L, 1L, 2L, 7L, -1L, LONG_MAX);
  }
  if (chance(world.temper.wild)) c->flags |= ONE_OF(IPC_CREAT, 1 << 16, INT_MIN);
  if (!(world.region->features & FEATURE_COPY)) c->flags &= ~MSG_COPY;
  c->place = any_place();
}

void queues_make_call(struct command *c, int slot, int actor) {
  (void)actor;
  if (chance(temper.sending)) make_send(c);
  else make_receive(c);
  if (slot == CONTROLLER) c->flags |= IPC_NOWAIT;
}

void queues_make_release(struct command *c) {
  queues_make_call(c, CONTROLLER, 0);
  if (chance(50)) c->place = AT_GOOD;
}

void queues_make_spawn(struct command *c) {
  c->once[0] = ONE_OF(0L, 1L);
  c->once[1] = 1 + (long)roll((uint32_t)temper.types);
  c->once[2] = ONE_OF(0L, 1L, 100L);
}

// Who sleeps on a queue: every call that is out does, between two steps.
static int sleepers(int id, enum action action, const struct command **list) {
  int count = 0;
  for (int s = 0; s < WORKERS; s++)
    for (int i = 0; i < ACTORS; i++) {
      const struct actor *a = actor_at(s, i);
      if (a->busy && a->command.action == action && a->command.id == id)
        list[count++] = &a->command;
    }
  return count;
}

static bool takes(const struct command *c, long type) {
  long wanted = c->message.type;
  if (wanted == 0) return true;
  if (wanted < 0) return type <= (wanted == LONG_MIN ? LONG_MAX : -wanted);
  return (type == wanted) != ((c->flags & MSG_EXCEPT) != 0);
}

// Two receivers for whom it matters who is first.
static bool overlap(const struct command *a, const struct command *b) {
  bool single = a->message.type > 0 && b->message.type > 0 && !((a->flags | b->flags) & MSG_EXCEPT);
  return !single || a->message.type == b->message.type;
}

static int fitting(const struct command *const *senders, int count, unsigned long messages,
                   unsigned long bytes, unsigned long limit) {
  int fit = 0;
  for (int i = 0; i < count; i++)
    fit += senders[i]->message.size + bytes <= limit && messages + 1 <= limit;
  return fit;
}

// The message that a receive would take away, or -1. (Selection: msgrcv(2).)
static int selected(const struct contents *q, const struct command *c) {
  int found = -1;
  if (c->flags & MSG_COPY) return -1;
  for (int i = 0; i < q->count; i++) {
    if (!takes(c, q->messages[i].type)) continue;
    if (found < 0 || (c->message.type < 0 && q->messages[i].type < q->messages[found].type))
      found = i;
    if (c->message.type >= 0) break;
  }
  if (found >= 0 && q->messages[found].size > c->message.size && !(c->flags & MSG_NOERROR))
    return -1;
  return found;
}

static bool wakes_several(int index, const struct command *c) {
  const struct command *senders[WORKERS * ACTORS];
  const struct contents *q = &queue_contents[index];
  int count = sleepers(c->id, ACT_SEND, senders);
  if (count < 2) return false;
  if (!q->known) return true;
  int taken = selected(q, c);
  if (taken < 0) return false;
  return fitting(senders, count, q->number - 1,
                 q->bytes - q->messages[taken].size, q->limit) > 1;
}

static bool set_races(int index, const struct command *c) {
  const struct command *senders[WORKERS * ACTORS], *receivers[WORKERS * ACTORS];
  const struct contents *q = &queue_contents[index];
  int sending = sleepers(c->id, ACT_SEND, senders);
  int receiving = sleepers(c->id, ACT_RECEIVE, receivers);
  for (int a = 0; a < receiving; a++)
    for (int b = 0; b < a; b++)
      if (overlap(receivers[a], receivers[b])) return true;
  if (sending == 0 || (sending == 1 && receiving == 0)) return false;
  int fit = fitting(senders, sending, q->number, q->bytes, c->set.bytes);
  return fit > 1 || (fit == 1 && receiving > 0);
}

// A wanted difference: how many messages there are knows only who may open the queue.
static void leave_out_look(int slot, struct command *c) {
  bool hidden = false;
  if (c->action != ACT_CONTROL || (c->cmd != MSG_STAT_ANY && c->cmd != MSG_INFO)) return;
  for (int i = 0; i < world.object_count; i++)
    if (world.objects[i].live && (c->cmd == MSG_INFO || c->stat_id == world.objects[i].id + 1))
      hidden = hidden || hidden_from(slot, world.objects[i].id);
  if (!hidden) return;
  c->cmd = c->cmd == MSG_INFO ? IPC_INFO : MSG_STAT;
  world.region->left_out[OUT_LOOK]++;
}

void queues_leave_out(int slot, struct command *c) {
  const struct command *senders[WORKERS * ACTORS];
  leave_out_look(slot, c);
  int index = find_object(c->id);
  if (index < 0 || !world.objects[index].live) return;
  if (c->action == ACT_SEND && !(c->flags & IPC_NOWAIT) &&
      sleepers(c->id, ACT_SEND, senders) >= (queues_looking ? 3 : 1)) {
    c->flags |= IPC_NOWAIT;
    world.region->left_out[OUT_SEND]++;
  }
  if (c->action == ACT_RECEIVE && wakes_several(index, c)) {
    c->flags = IPC_NOWAIT | MSG_COPY;
    world.region->left_out[OUT_RECEIVE]++;
  }
  if (c->action == ACT_SPAWN && c->once[0] && sleepers(c->id, ACT_SEND, senders) > 1) {
    c->once[0] = 0;
    world.region->left_out[OUT_RECEIVE]++;
  }
  if (c->action == ACT_CONTROL && c->cmd == IPC_SET && set_races(index, c)) {
    c->cmd = IPC_STAT;
    world.region->left_out[OUT_SET]++;
  }
}

// In the kernel a stop sends a sleeper to the end of its line, when it continues.
bool queues_may_stop(int slot) {
  const struct command *list[WORKERS * ACTORS];
  for (int i = 0; i < ACTORS; i++) {
    const struct actor *a = actor_at(slot, i);
    if (!a->busy) continue;
    int count = sleepers(a->command.id, a->command.action, list);
    if (a->command.action == ACT_SEND && count > 1) return false;
    for (int n = 0; n < count; n++)
      if (list[n] != &a->command && overlap(list[n], &a->command)) return false;
  }
  return true;
}

void queues_note(int slot, const struct command *c, const struct reply *r) {
  (void)slot;
  if (c->action == ACT_CONTROL && c->cmd == IPC_RMID && r->result == 0 && find_object(c->id) >= 0)
    world.objects[find_object(c->id)].live = false;
}
