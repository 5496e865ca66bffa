/* part.h - a file that is written piece by piece and appears whole or not at all. */
#ifndef BN_BASE_PART_H
#define BN_BASE_PART_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

typedef struct bn_part {
    int fd;         /* -1: none */
    uint64_t bytes; /* written so far */
    bool copies;    /* the target is no regular file (standard output, a device): copied into it at the end */
    char target[PATH_MAX];
    char path[PATH_MAX]; /* of the file beside the target; "" where it has no name */
} bn_part;

/* target as in bn_file_write, or "-" for standard output. bn_part_discard in any case, after a failure, too. */
bn_status bn_part_open(bn_part *part, const char *target, bn_error *err);
bn_status bn_part_append(bn_part *part, const void *bytes, size_t count, bn_error *err);
/* Write over bytes that are there. */
bn_status bn_part_patch(bn_part *part, uint64_t at, const void *bytes, size_t count, bn_error *err);
/* Flush it to the disk and let it take the target's place. */
bn_status bn_part_commit(bn_part *part, bn_error *err);
/* Away with it, unless it was committed. Accepts what is all zero but for fd -1. */
void bn_part_discard(bn_part *part);

#endif
