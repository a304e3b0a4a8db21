// Segments in readable form; and the table of what the oracle needs to know of them.
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const char *control_name(int cmd) {
  static char other[24];
  switch (cmd) {
#define NAME(command) case command: return #command;
    NAME(IPC_RMID) NAME(IPC_SET) NAME(IPC_STAT) NAME(IPC_INFO) NAME(SHM_STAT) NAME(SHM_STAT_ANY)
    NAME(SHM_INFO) NAME(SHM_LOCK) NAME(SHM_UNLOCK)
#undef NAME
  }
  snprintf(other, sizeof other, "cmd %d", cmd);
  return other;
}

static void append_address(char *text, size_t size, const struct command *c) {
  switch (c->memory.address) {
    case ADDRESS_NULL: append(text, size, " null"); break;
    case ADDRESS_ARENA: append(text, size, " arena"); break;
    case ADDRESS_OF_ATTACHMENT: append(text, size, " @%d", c->memory.handle); break;
    case ADDRESS_STACK: append(text, size, " stack"); break;
    case ADDRESS_LOW: append(text, size, " low"); break;
    case ADDRESS_HIGH: append(text, size, " high"); break;
  }
  if (c->memory.offset != 0)
    append(text, size, "%c%#lx", c->memory.offset < 0 ? '-' : '+', labs(c->memory.offset));
}

static void append_flags(char *text, size_t size, int flags) {
  static const struct { int flag; const char *name; } known[] = {
    {SHM_RDONLY, " RDONLY"}, {SHM_EXEC, " EXEC"}, {SHM_RND, " RND"}, {SHM_REMAP, " REMAP"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (flags & known[i].flag) append(text, size, "%s", known[i].name);
    flags &= ~known[i].flag;
  }
  if (flags != 0) append(text, size, " and %#o", (unsigned)flags);
}

static void describe_call(char *text, size_t size, const struct command *c) {
  static const char *const accesses[] = {"reads", "writes", "lets the kernel read",
                                         "lets the kernel write", "reads all of"};
  switch (c->action) {
    case ACT_GET:
      append(text, size, "shmget %s size %zu%s%s%s%s mode %o", key_name(c->id), c->size,
             c->flags & IPC_CREAT ? " CREAT" : "", c->flags & IPC_EXCL ? " EXCL" : "",
             c->flags & SHM_NORESERVE ? " NORESERVE" : "", c->flags & SHM_HUGETLB ? " HUGETLB" : "",
             c->flags & 0777);
      if (c->flags & SHM_HUGETLB) append(text, size, " (%d)", c->flags >> MAP_HUGE_SHIFT);
      break;
    case ACT_CONTROL:
      append(text, size, "shmctl %s %s of %s", control_name(c->cmd), place_name(c->place),
             object_name(c->stat_id ? c->stat_id - 1 : c->id));
      if (c->cmd == IPC_SET)
        append(text, size, " uid %d gid %d mode %o", c->set.uid, c->set.gid, c->set.mode);
      break;
    case ACT_ATTACH:
      append(text, size, "shmat %s", object_name(c->id));
      append_address(text, size, c);
      append_flags(text, size, c->flags);
      append(text, size, " (as @%d)", c->value);
      break;
    case ACT_DETACH:
      append(text, size, "shmdt");
      append_address(text, size, c);
      break;
    case ACT_ACCESS:
      append(text, size, "%s", accesses[c->memory.access]);
      append_address(text, size, c);
      if (c->memory.access == ACCESS_WRITE || c->memory.access == ACCESS_WRITE_BY_KERNEL)
        append(text, size, " := %u", c->memory.byte);
      break;
    default:
      append(text, size, "spawns a program: attaches %s%s, %s%s", object_name(c->id),
             c->once[1] ? " RDONLY" : "", c->once[2] < 0 ? "reads" : "writes",
             c->once[0] ? ", detaches" : "");
  }
}

static void describe_control(char *text, size_t size, const struct command *c,
                             const struct reply *r) {
  const struct shminfo *limits = &r->segment_limits;
  const struct shm_info *info = &r->segment_info;
  bool exact = world.region->exact;
  switch (c->cmd) {
    case IPC_STAT: case SHM_STAT: case SHM_STAT_ANY:
      append(text, size, "%s size %zu nattch %lu mode %o owner %d:%d",
             c->cmd == IPC_STAT ? (r->result == 0 ? "0" : "NOT 0") : object_name((int)r->result),
             r->segment.shm_segsz, r->segment.shm_nattch, r->segment.shm_perm.mode,
             (int)r->segment.shm_perm.uid, (int)r->segment.shm_perm.gid);
      break;
    case IPC_INFO:
      append(text, size, "%ld max %lu min %lu mni %lu seg %lu all %lu", exact ? r->result : 0,
             limits->shmmax, limits->shmmin, limits->shmmni, limits->shmseg, limits->shmall);
      break;
    case SHM_INFO: // elsewhere the counts are of the whole machine
      if (exact)
        append(text, size, "%ld ids %d total %lu", r->result, info->used_ids, info->shm_tot);
      break;
    default: append(text, size, "%ld", r->result);
  }
}

static void describe_result(char *text, size_t size, const struct command *c,
                            const struct reply *r) {
  uintptr_t address = r->attachment.address;
  if (c->action == ACT_CONTROL) {
    describe_control(text, size, c, r);
  } else if (c->action == ACT_ATTACH) {
    if (address >= ARENA && address < ARENA + ARENA_PAGES * PAGE)
      append(text, size, "arena+%#lx", address - ARENA);
    else append(text, size, "%s", address % PAGE == 0 ? "somewhere" : "UNALIGNED");
    append(text, size, " %s", r->attachment.rights);
  } else {
    append(text, size, "%ld", r->result);
  }
}

static bool observe_segment(int index, char *line, size_t size) {
  struct object *object = &world.objects[index];
  struct shmid_ds status;
  if (shmctl(object->id, IPC_STAT, &status) != 0) {
    if (errno == EINVAL || errno == EIDRM) return false;
    append(line, size, "IPC_STAT %s", strerrorname_np(errno));
    return true;
  }
  append(line, size, "size %zu nattch %lu cpid %s lpid %s ", status.shm_segsz, status.shm_nattch,
         pid_name(status.shm_cpid), pid_name(status.shm_lpid));
  describe_perm(line, size, &status.shm_perm, object->id);
  append(line, size, " atime %s dtime %s ctime %s", time_state(status.shm_atime, &object->times[0]),
         time_state(status.shm_dtime, &object->times[1]),
         time_state(status.shm_ctime, &object->times[2]));
  return true;
}

static const char *const calls[] = {"shmget", "shmat", "shmdt", "shmctl", NULL};

const struct kind memory = {
  .name = "shm", .letter = 'm', .plural = "segments", .calls = calls,
  .left_out = {"%u changes of a gift", "%u SHM_REMAP over a part of an attachment",
               "%u looks at what the caller may not open"},
  .choose_temper = memory_choose_temper, .begin = memory_begin, .make_get = memory_make_get,
  .make_control = memory_make_control, .make_call = memory_make_call,
  .make_release = memory_make_release, .make_spawn = memory_make_spawn,
  .leave_out = memory_leave_out, .note = memory_note, .count_sleepers = count_asleep,
  .prepare = memory_prepare, .perform = memory_perform, .churn = memory_churn,
  .once = memory_once, .status = memory_status, .remove = memory_remove, .entry = memory_entry,
  .describe_call = describe_call, .describe_result = describe_result, .observe = observe_segment,
};
