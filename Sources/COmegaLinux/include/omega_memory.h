// What attached memory needs of the process: its own lock, its mappings, and a word about forks.
#ifndef OMEGA_MEMORY_H
#define OMEGA_MEMORY_H

// Only results that are never null say so.
#pragma clang diagnostic ignored "-Wnullability-completeness"

#include "omega_linux.h"

// OmegaLinux's list of attachments. Unlike the tables of handles a child inherits it.
extern void *omega_attachment_list __attribute__((visibility("hidden")));
static inline void *omega_attachments(void) {
  return __atomic_load_n(&omega_attachment_list, __ATOMIC_ACQUIRE);
}
static inline void omega_set_attachments(void *_Nonnull list) {
  __atomic_store_n(&omega_attachment_list, list, __ATOMIC_RELEASE);
}

// The lock of the list, held over the mapping and unmapping of memory and over a fork, so that a child
// finds what it has mapped in its list. Signals are blocked, except during the fork. Taken again by the
// thread that holds it over a fork it is `nested`.
struct omega_attachment_lock {
  uint64_t signals;
  uint32_t nested;
};
struct omega_attachment_lock omega_lock_attachments(uint32_t tid)
    __attribute__((visibility("hidden")));
void omega_unlock_attachments(struct omega_attachment_lock lock)
    __attribute__((visibility("hidden")));
// Over a fork: signals as they were. Begins only if the lock is not this thread's already.
int omega_begin_fork(uint32_t tid) __attribute__((visibility("hidden")));
void omega_end_fork(void) __attribute__((visibility("hidden")));
int omega_holds_attachments(uint32_t tid) __attribute__((visibility("hidden")));

// Tells this copy of the library in this program from others in the same process. Not 0.
uint64_t omega_program(void) __attribute__((visibility("hidden")));

// OmegaLinux's part in forks and at the process's end; nothing is called before it has attached memory.
struct omega_fork_calls {
  void (*before)(void);
  void (*in_parent)(void);
  void (*in_child)(void);
  void (*at_exit)(void);
};
void omega_follow_forks(struct omega_fork_calls calls) __attribute__((visibility("hidden")));
// What libc calls around a fork, for one that it does not call it for.
void omega_before_fork(void) __attribute__((visibility("hidden")));
void omega_after_fork_in_parent(void) __attribute__((visibility("hidden")));
void omega_after_fork_in_child(void) __attribute__((visibility("hidden")));

struct omega_mapping {
  uintptr_t start, end;
  uint64_t offset, device, inode;
};
// A walk through the mappings of a process, as long as any of its threads lives; pid 0 is the caller.
struct omega_mappings {
  long descriptor, length, at;
  char text[1024];
};
// 0 or a negative errno.
int omega_open_mappings(struct omega_mappings *_Nonnull walk, uint32_t pid)
    __attribute__((visibility("hidden")));
// 1, or 0 at the end.
int omega_next_mapping(struct omega_mappings *_Nonnull walk, struct omega_mapping *_Nonnull out)
    __attribute__((visibility("hidden")));
void omega_close_mappings(struct omega_mappings *_Nonnull walk)
    __attribute__((visibility("hidden")));
// The mapping of this process that holds an address; 0, or −1 when there is none or /proc is not there.
int omega_find_mapping(const void *_Nonnull address, struct omega_mapping *_Nonnull out)
    __attribute__((visibility("hidden")));

// Whether the range is one mapping, of the same file as the one page `page` from the same place on.
int omega_is_mapping_of(uintptr_t address, size_t length, const void *_Nonnull page)
    __attribute__((visibility("hidden")));

// Maps the shared memory that is mapped at `page` once more, where the kernel likes; an address or a
// negative errno.
long omega_map_again(const void *_Nonnull page, size_t length)
    __attribute__((visibility("hidden")));

static inline void omega_clear(void *_Nonnull memory, size_t length) {
  __builtin_memset(memory, 0, length);
}

// fchmodat(2); and bytes of memory and swap that could be had, −1 when nobody knows.
long omega_change_path_mode(const char *_Nonnull path, uint32_t mode)
    __attribute__((visibility("hidden")));
int64_t omega_available_memory(void) __attribute__((visibility("hidden")));
// Bytes in a huge page of 2^log bytes, of the machine's usual size for 0; 0 for a size that it does not
// know, −1 when it knows none at all.
int64_t omega_huge_page_size(uint32_t log) __attribute__((visibility("hidden")));
// Bytes that a file takes on its file system, or a negative errno.
int64_t omega_file_usage(const char *_Nonnull path) __attribute__((visibility("hidden")));

#endif
