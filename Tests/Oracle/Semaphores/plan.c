// What happens next to semaphores.
#include "semaphores.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static struct { int undo, several, nowait, timed; } temper;

void semaphores_choose_temper(char *text, size_t size) {
  world.temper.deadly = ONE_OF(0, 1);
  temper.undo = ONE_OF(0, 25, 25, 60);
  temper.several = ONE_OF(0, 15, 40, 80);
  temper.nowait = ONE_OF(3, 10, 25);
  temper.timed = ONE_OF(4, 15);
  world.temper.wild = ONE_OF(0, 2, 2, 6);
  world.temper.foreign = ONE_OF(0, 1) && world.region->features & FEATURE_USERS;
  snprintf(text, size, "undo %d several %d nowait %d timed %d", temper.undo, temper.several,
           temper.nowait, temper.timed);
}

void semaphores_begin(void) {
  struct command c = {.action = ACT_GET, .id = world.key_base + world.object_count,
                      .size = chance(8) ? MAX_SEMS : 1 + roll(6),
                      .flags = IPC_CREAT | IPC_EXCL | (chance(50) ? 0666 : 0600)};
  int index = world.object_count;
  step(CONTROLLER, 0, &c);
  if (!world.temper.deadly) return;
  struct command fill = {.action = ACT_CONTROL, .cmd = SETALL, .id = world.objects[index].id,
                         .size = c.size};
  for (size_t n = 0; n < c.size; n++) fill.values[n] = (uint16_t)(1 + roll(2));
  step(CONTROLLER, 0, &fill);
}

static int size_of(int id) {
  int found = find_object(id);
  return found >= 0 && world.objects[found].live ? (int)world.objects[found].size : 1;
}

static unsigned short any_semaphore(int count) {
  if (chance(world.temper.wild))
    return ONE_OF((unsigned short)count, (unsigned short)(count + 63), 65535);
  if (world.temper.deadly && chance(60)) return 0; // many who want the same
  if (count > 66 && chance(70)) return ONE_OF((unsigned short)0, 1, 64, 65);
  return (unsigned short)roll((uint32_t)(count > 3 && chance(60) ? 3 : count));
}

static void make_semop(struct command *c, bool may_sleep) {
  *c = (struct command){.action = ACT_SEMOP, .id = any_id(), .raw = chance(8)};
  int size = size_of(c->id), wild = world.temper.wild;
  c->base = chance(temper.several) ? 2 + (int)roll(MAX_OPS - 1) : 1;
  int same = chance(30) ? any_semaphore(size) : -1; // several operations on one semaphore
  for (int i = 0; i < c->base; i++) {
    struct sembuf *op = &c->sops[i];
    op->sem_num = same >= 0 ? (unsigned short)same : any_semaphore(size);
    op->sem_op = (short)(chance(22) ? 0 : ONE_OF(1, 1, 1, 2, 3, -1, -1, -1, -1, -2, -3));
    if (chance(wild)) op->sem_op = ONE_OF((short)32767, -32767, -32768, 20000, -20000);
    op->sem_flg = (short)((chance(temper.nowait) || !may_sleep ? IPC_NOWAIT : 0) |
                          (chance(temper.undo) ? SEM_UNDO : 0));
  }
  if (world.temper.deadly && chance(60)) { // a lock taken or given back, as most programs do
    c->base = 1;
    c->sops[0].sem_op = may_sleep && chance(75) ? -1 : 1;
    c->sops[0].sem_flg = (short)(SEM_UNDO | (may_sleep && chance(90) ? 0 : IPC_NOWAIT));
  }
  c->nsops = (size_t)c->base;
  c->timeout = chance(50) ? T_SEMOP : T_NULL;
  if (!may_sleep) return;
  if (chance(wild)) c->nsops = ONE_OF((size_t)0, 500, 501, 1000, SIZE_MAX, ((size_t)1 << 32) + 1);
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

void semaphores_make_call(struct command *c, int slot, int actor) {
  (void)actor;
  make_semop(c, slot != CONTROLLER);
}

void semaphores_make_release(struct command *c) {
  make_semop(c, false);
  for (int i = 0; i < c->base; i++) c->sops[i].sem_op = (short)(1 + roll(4));
}

void semaphores_make_spawn(struct command *c) {
  c->once[0] = any_semaphore(size_of(c->id));
  c->once[1] = ONE_OF((short)1, -1, 2, 0);
  c->once[2] = IPC_NOWAIT | (chance(60) ? SEM_UNDO : 0);
}

// (The read-only page holds zeros.)
bool semaphores_returns_soon(const struct command *c) {
  return (c->timeout == T_GIVEN && c->time.tv_sec == 0) ||
         (c->timeout == T_BAD_POINTER && c->timeout_place == AT_READONLY);
}

void semaphores_make_get(struct command *c) {
  *c = (struct command){.action = ACT_GET, .raw = chance(8)};
  any_key(c);
  int nsems = ONE_OF(1, 2, 3, 4, 5, 6, 0, 1, 2, 3);
  if (chance(6)) nsems = MAX_SEMS;
  if (chance(world.temper.wild * 2)) nsems = ONE_OF(-1, 0, 32001, INT_MAX, INT_MIN);
  c->size = (size_t)nsems;
  any_get_flags(c);
}

void semaphores_make_control(struct command *c) {
  int wild = world.temper.wild;
  *c = (struct command){.action = ACT_CONTROL, .id = any_id(), .raw = chance(8)};
  c->cmd = ONE_OF(SETVAL, SETVAL, SETVAL, SETVAL, SETVAL, SETALL, SETALL, SETALL, GETALL, GETALL,
                  GETVAL, GETVAL, GETPID, GETNCNT, GETZCNT, IPC_STAT, IPC_SET, IPC_SET, SEM_STAT,
                  SEM_STAT_ANY, IPC_INFO, SEM_INFO);
  if (chance(wild)) c->cmd = ONE_OF(-1, 4, 10, 11, 21, 99, INT_MAX, INT_MIN);
  if (world.temper.deadly && (c->cmd == SETVAL || c->cmd == SETALL) && chance(70))
    c->cmd = GETALL; // these clear all adjustments
  bool listing = c->cmd == SEM_STAT || c->cmd == SEM_STAT_ANY || c->cmd == IPC_INFO ||
                 c->cmd == SEM_INFO;
  if (listing && !(world.region->features & FEATURE_LISTS)) c->cmd = IPC_STAT;
  int count = size_of(c->id);
  c->size = (size_t)count;
  c->num = any_semaphore(count);
  if (chance(wild)) c->num = ONE_OF(-1, INT_MAX, INT_MIN, 65536);
  c->value = (int)roll(4);
  if (chance(wild)) c->value = ONE_OF(-1, 32767, 32768, 65536, INT_MIN, 32766);
  for (int i = 0; i < count; i++) c->values[i] = (uint16_t)roll(3);
  if (chance(wild)) c->values[roll((uint32_t)count)] = ONE_OF(32767, 32768, 65535);
  c->place = any_place();
  if (c->cmd == IPC_SET) any_set(c);
  if (c->cmd == SEM_STAT || c->cmd == SEM_STAT_ANY) any_index(c);
}

// A wanted difference: a call with SEM_UNDO that is refused for want of rights makes an undo record
// in the kernel, so the process's end sets the set's otime; nobody may write into a set that he may
// not map. Such calls are made without SEM_UNDO.
void semaphores_leave_out(int slot, struct command *c) {
  struct semid_ds status;
  bool asks = c->action == ACT_SPAWN && c->once[2] & SEM_UNDO;
  if (slot == CONTROLLER || (c->action != ACT_SEMOP && c->action != ACT_SPAWN)) return;
  for (int i = 0; i < MAX_OPS; i++) asks = asks || (c->sops[i].sem_flg & SEM_UNDO);
  if (!asks || semctl(c->id, 0, IPC_STAT, &status) != 0 ||
      !has_no_rights(slot, &status.sem_perm))
    return;
  for (int i = 0; i < MAX_OPS; i++) c->sops[i].sem_flg &= (short)~SEM_UNDO;
  c->once[2] &= ~SEM_UNDO;
  world.region->left_out[1]++;
}

// Before anybody counts sleepers.
void semaphores_note(int slot, const struct command *c, const struct reply *r) {
  (void)slot;
  if (c->action == ACT_CONTROL && c->cmd == IPC_RMID && r->result == 0 && find_object(c->id) >= 0)
    world.objects[find_object(c->id)].live = false;
}

// All sleepers of all sets. Linux counts a sleeping call on exactly one semaphore (since 3.16).
long semaphores_count_sleepers(void) {
  long total = 0;
  for (int i = 0; i < world.object_count; i++) {
    const struct object *set = &world.objects[i];
    if (!set->live) continue;
    for (int n = 0; n < (int)set->size; n++) {
      int negative = semctl(set->id, n, GETNCNT), zero = semctl(set->id, n, GETZCNT);
      if (negative > 0) total += negative;
      if (zero > 0) total += zero;
    }
  }
  return total;
}
