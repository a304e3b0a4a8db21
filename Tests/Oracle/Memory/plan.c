// What happens next to segments of shared memory; and what is kept out:
//   - pieces of an attachment made by munmap, mprotect or mremap, which no library sees;
//   - the addresses 0 and below mmap_min_addr, and SHM_REMAP over memory not the schedule's;
//   - SHM_HUGETLB where the machine has huge pages, and with SHM_NORESERVE: Linux then makes a
//     segment that cannot be touched; and by others than root, of whose locked memory Linux keeps an
//     account over all namespaces; huge sizes where the machine never refuses memory;
//   - the resident pages in SHM_INFO: our segments have all of theirs from the start.
#include "memory.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct { int hints, remap, pages; } temper;

void memory_choose_temper(char *text, size_t size) {
  world.temper.deadly = ONE_OF(0, 0, 1);
  temper.hints = ONE_OF(10, 40, 70);
  temper.remap = ONE_OF(0, 10, 30);
  temper.pages = ONE_OF(1, 4, 12);
  world.temper.wild = ONE_OF(0, 2, 2, 6);
  world.temper.foreign = ONE_OF(0, 1) && world.region->features & FEATURE_USERS;
  snprintf(text, size, "hints %d remap %d pages %d", temper.hints, temper.remap, temper.pages);
}

static long number_in(const char *path) {
  char text[32] = "";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  return got > 0 ? atol(text) : 0;
}

static size_t any_size(void) {
  size_t pages = 1 + roll((uint32_t)temper.pages), odd = ONE_OF((size_t)0, 0, 1, PAGE - 1, 100);
  if (chance(world.temper.wild)) {
    size_t huge = number_in("/proc/sys/vm/overcommit_memory") == 1 ? SIZE_MAX : (size_t)1 << 46;
    return ONE_OF(SIZE_MAX, SIZE_MAX - (1 << 24), SIZE_MAX - (1 << 24) + 1, (size_t)1 << 63,
                  (size_t)1 << 62, huge, (size_t)1 << 20, ((size_t)1 << 22) + 1);
  }
  return chance(10) ? 1 : chance(5) ? 0 : pages * PAGE - odd;
}

void memory_begin(void) {
  struct command c = {.action = ACT_GET, .id = world.key_base + world.object_count,
                      .size = 1 + roll((uint32_t)temper.pages * PAGE),
                      .flags = IPC_CREAT | IPC_EXCL | (chance(50) ? 0666 : 0600)};
  step(CONTROLLER, 0, &c);
}

void memory_make_get(struct command *c) {
  *c = (struct command){.action = ACT_GET, .raw = chance(8)};
  any_key(c);
  c->size = any_size();
  any_get_flags(c);
  if (chance(5)) c->flags |= SHM_NORESERVE;
  if (chance(10)) c->flags |= ONE_OF(0777, 0100, 0711);
  bool huge_pages = number_in("/proc/sys/vm/nr_hugepages") != 0 ||
                    number_in("/proc/sys/vm/nr_overcommit_hugepages") != 0;
  if (chance(2 * world.temper.wild) && !huge_pages)
    c->flags = (c->flags & ~SHM_NORESERVE) | SHM_HUGETLB |
               ONE_OF(0, 21 << MAP_HUGE_SHIFT, 3 << MAP_HUGE_SHIFT);
}

void memory_make_control(struct command *c) {
  *c = (struct command){.action = ACT_CONTROL, .id = any_id(), .raw = chance(8)};
  c->cmd = ONE_OF(IPC_SET, IPC_SET, IPC_SET, IPC_SET, IPC_RMID, SHM_LOCK, SHM_LOCK, SHM_UNLOCK,
                  SHM_UNLOCK, IPC_STAT, IPC_STAT, SHM_STAT, SHM_STAT_ANY, IPC_INFO, SHM_INFO);
  if (chance(world.temper.wild)) c->cmd = ONE_OF(-1, 4, 10, 16, 99, INT_MAX, INT_MIN);
  bool listing = c->cmd == SHM_STAT || c->cmd == SHM_STAT_ANY || c->cmd == IPC_INFO ||
                 c->cmd == SHM_INFO;
  if (listing && !(world.region->features & FEATURE_LISTS)) c->cmd = IPC_STAT;
  c->place = any_place();
  if (c->cmd == IPC_SET) {
    any_set(c);
    if (chance(60)) c->set.mode |= 0666, c->set.uid = (int)geteuid(), c->set.gid = (int)getegid();
  }
  if (c->cmd == SHM_STAT || c->cmd == SHM_STAT_ANY) any_index(c);
}

static int any_handle(int slot, bool live) {
  int found[ATTACHMENTS], count = 0;
  for (int i = 0; i < ATTACHMENTS; i++)
    if (world.workers[slot].attachments[i].live == live) found[count++] = i;
  return count == 0 ? -1 : found[roll((uint32_t)count)];
}

static long pages_of(int id) {
  int found = find_object(id);
  size_t size = found < 0 ? 1 : world.objects[found].size;
  return (long)((size + PAGE - 1) / PAGE);
}

static long any_arena_offset(void) {
  long page = (long)roll(chance(70) ? 24 : ARENA_PAGES - 8);
  return page * PAGE + (chance(15) ? ONE_OF(1L, 8L, 4095L, 2048L) : 0);
}

static void make_attach(struct command *c, int slot) {
  *c = (struct command){.action = ACT_ATTACH, .id = any_id(), .raw = chance(8)};
  c->value = any_handle(slot, false);
  c->memory.pages = pages_of(c->id);
  c->flags = (chance(25) ? SHM_RDONLY : 0) | (chance(5) ? SHM_EXEC : 0) |
             (chance(30) ? SHM_RND : 0) | (chance(temper.remap) ? SHM_REMAP : 0);
  if (chance(temper.hints)) {
    c->memory.address = ADDRESS_ARENA;
    c->memory.offset = any_arena_offset();
  } else if (chance(8) && any_handle(slot, true) >= 0) {
    c->memory.address = ADDRESS_OF_ATTACHMENT;
    c->memory.handle = any_handle(slot, true);
    c->memory.offset = chance(20) ? 1 : 0;
  } else if (chance(world.temper.wild)) {
    c->memory.address = ONE_OF(ADDRESS_STACK, ADDRESS_LOW, ADDRESS_HIGH);
    c->flags &= ~(SHM_REMAP | SHM_RND);
  }
  if (chance(world.temper.wild)) c->flags |= ONE_OF(IPC_CREAT, 1 << 20, INT_MIN);
}

static void make_detach(struct command *c, int slot) {
  *c = (struct command){.action = ACT_DETACH, .raw = chance(8)};
  c->memory.handle = any_handle(slot, true);
  const struct attachment *a = &world.workers[slot].attachments[c->memory.handle];
  c->memory.address = ADDRESS_OF_ATTACHMENT;
  // Beside an attachment whose place the kernel chose may be anything; within it is known.
  if (chance(12)) c->memory.offset = ONE_OF(1L, 8L, 4095L, a->pages > 1 ? PAGE : 2L,
                                            a->arena ? -PAGE : 1L, a->arena ? a->pages * PAGE : 4L);
  if (chance(8)) c->memory.address = ADDRESS_ARENA, c->memory.offset = any_arena_offset();
  if (chance(world.temper.wild))
    c->memory.address = ONE_OF(ADDRESS_NULL, ADDRESS_STACK, ADDRESS_LOW, ADDRESS_HIGH);
}

static void make_access(struct command *c, int slot) {
  *c = (struct command){.action = ACT_ACCESS};
  c->memory.handle = any_handle(slot, true);
  const struct attachment *a = &world.workers[slot].attachments[c->memory.handle];
  c->memory.address = ADDRESS_OF_ATTACHMENT;
  c->memory.access = ONE_OF(ACCESS_READ, ACCESS_WRITE, ACCESS_WRITE, ACCESS_READ_BY_KERNEL,
                            ACCESS_WRITE_BY_KERNEL, ACCESS_ALL);
  c->memory.byte = (uint8_t)roll(256);
  long size = (long)world.objects[a->object].size, last = a->pages * PAGE - 1;
  c->memory.offset = ONE_OF(0L, 0L, 1L, size - 1, last, (long)roll((uint32_t)size));
  if (a->arena && chance(8)) c->memory.offset = ONE_OF(last + 1, -1L);
  if (chance(5)) c->memory.address = ADDRESS_ARENA, c->memory.offset = any_arena_offset();
  if (c->memory.access == ACCESS_ALL) {
    c->memory.pages = a->pages < 16 ? a->pages : 16;
    if (c->memory.address == ADDRESS_OF_ATTACHMENT) c->memory.offset = 0;
    else c->memory.offset &= ~(long)(PAGE - 1), c->memory.pages = 1;
  }
}

void memory_make_call(struct command *c, int slot, int actor) {
  (void)actor;
  // What the controller had attached its children would inherit.
  if (slot == CONTROLLER) return memory_make_control(c);
  bool some = any_handle(slot, true) >= 0, room = any_handle(slot, false) >= 0;
  if (!some || (room && chance(30))) make_attach(c, slot);
  else if (chance(22)) make_detach(c, slot);
  else make_access(c, slot);
}

void memory_make_release(struct command *c) { memory_make_control(c); }

void memory_make_spawn(struct command *c) {
  c->once[0] = ONE_OF(0L, 1L);
  c->once[1] = ONE_OF(0L, 0L, SHM_RDONLY);
  c->once[2] = c->once[1] ? -1 : ONE_OF(-1L, 1L, 77L);
}

// Calls f for each attachment of a process that lies in a stretch of the arena.
static bool overlaps(const struct attachment *a, long offset, long pages, bool whole) {
  if (!a->live || !a->arena) return false;
  long end = offset + pages * PAGE, own_end = a->offset + a->pages * PAGE;
  if (whole) return offset <= a->offset && own_end <= end;
  return offset < own_end && a->offset < end;
}

// SHM_REMAP goes only over what the schedule made; over a part of an attachment if asked for.
void memory_leave_out(int slot, struct command *c) {
  // A wanted difference: attachments and marks of a segment knows only who may open it.
  if (c->action == ACT_CONTROL && c->cmd == SHM_STAT_ANY && c->stat_id != 0 &&
      hidden_from(slot, c->stat_id - 1)) {
    c->cmd = SHM_STAT;
    world.region->left_out[2]++;
  }
  if (slot != CONTROLLER && c->action == ACT_GET && world.workers[slot].user.uid != 0)
    c->flags &= ~SHM_HUGETLB;
  if (slot == CONTROLLER || c->action != ACT_ATTACH || !(c->flags & SHM_REMAP)) return;
  const struct worker *w = &world.workers[slot];
  bool parts = world.region->features & FEATURE_PARTS, good = true;
  if (c->memory.address == ADDRESS_OF_ATTACHMENT) {
    long pages = w->attachments[c->memory.handle].pages;
    good = c->memory.pages == pages || (parts && c->memory.pages < pages);
  }
  if (c->memory.address == ADDRESS_ARENA && !parts) {
    long offset = c->memory.offset & ~(long)(PAGE - 1);
    for (int i = 0; i < ATTACHMENTS; i++)
      if (overlaps(&w->attachments[i], offset, c->memory.pages, false) &&
          !overlaps(&w->attachments[i], offset, c->memory.pages, true))
        good = false;
  }
  if (good) return;
  c->flags &= ~SHM_REMAP;
  world.region->left_out[1]++;
}

void memory_note(int slot, const struct command *c, const struct reply *r) {
  if (slot == CONTROLLER || r->result != 0) return;
  struct attachment *list = world.workers[slot].attachments;
  const struct attachment *meant = &list[c->memory.handle];
  bool arena = c->memory.address == ADDRESS_ARENA ||
               (c->memory.address == ADDRESS_OF_ATTACHMENT && meant->arena);
  long offset = c->memory.offset + (c->memory.address == ADDRESS_ARENA ? 0 : meant->offset);
  if (c->action == ACT_ATTACH) {
    offset &= ~(long)(PAGE - 1);
    struct attachment made = {.live = true, .object = find_object(c->id), .arena = arena,
                              .offset = offset, .pages = c->memory.pages};
    if (c->memory.address == ADDRESS_OF_ATTACHMENT) list[c->memory.handle].live = false;
    for (int i = 0; i < ATTACHMENTS && arena; i++)
      if (overlaps(&list[i], offset, c->memory.pages, false)) list[i].live = false;
    list[c->value] = made;
  }
  if (c->action == ACT_DETACH) {
    if (c->memory.address == ADDRESS_OF_ATTACHMENT && c->memory.offset == 0)
      list[c->memory.handle].live = false;
    for (int i = 0; i < ATTACHMENTS && arena; i++)
      if (list[i].arena && list[i].offset == offset) list[i].live = false;
  }
}
