// What the inspection of a namespace asks about its directory.
#ifndef OMEGA_INSPECTION_H
#define OMEGA_INSPECTION_H

#include <stdint.h>

// Only results that are never null say so.
#pragma clang diagnostic ignored "-Wnullability-completeness"

struct omega_space {
  uint64_t type, block_size, blocks, available, files, free_files;
};

// statfs(2); 0 or a negative errno.
int omega_read_space(const char *_Nonnull path, struct omega_space *_Nonnull out)
    __attribute__((visibility("hidden")));

// Device and inode of a file, which together tell it from all others; 0 or a negative errno. A
// symbolic link at the end of the path is followed only if `follow` is not 0.
int omega_file_identity(const char *_Nonnull path, int follow, uint64_t *_Nonnull device,
                        uint64_t *_Nonnull inode) __attribute__((visibility("hidden")));

#endif
