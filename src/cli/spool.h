/* spool.h - mattes that wait on the disk for a second look at their frames: packed, in a file without a name. */
#ifndef BN_CLI_SPOOL_H
#define BN_CLI_SPOOL_H

#include "base/buffer.h"

typedef struct bn_spool {
    int fd;             /* -1: none */
    uint64_t end, next; /* bytes written; where the next matte is read */
    bn_buffer packed;   /* one matte */
} bn_spool;

/* On the disk of `target`, or where temporary files are if that is "-". bn_spool_close in any case, after a failure, too. */
bn_status bn_spool_open(bn_spool *spool, const char *target, bn_error *err);

/* matte is uint8 [height][width]. */
bn_status bn_spool_add(bn_spool *spool, const uint8_t *matte, int width, int height, bn_error *err);

/* They come in the order in which they went; the caller frees *matte. */
bn_status bn_spool_take(bn_spool *spool, int width, int height, uint8_t **matte, bn_error *err);
void bn_spool_close(bn_spool *spool); /* accepts what is all zero but for fd -1 */

#endif
