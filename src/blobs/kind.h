/* kind.h - what a place for objects does; blobs.c does the rest. A kind's own struct begins with a bn_blobs. */
#ifndef BN_BLOBS_KIND_H
#define BN_BLOBS_KIND_H

#include "blobs/blobs.h"

#include <stdatomic.h>

typedef struct bn_blobs_kind {
    const char *scheme; /* of addresses, "folder" */
    bn_status (*open)(const char *address, bn_blobs **blobs,
                      bn_error *err); /* what stands behind "SCHEME:" */
    void (*close)(bn_blobs *blobs);
    bn_status (*create)(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err);
    bn_status (*append)(bn_blobs *blobs, intptr_t handle, const void *bytes, size_t count, bn_error *err);
    /* Both end the handle; after a failure, as after abandon, nothing is left. */
    bn_status (*seal)(bn_blobs *blobs, const char *object, intptr_t handle, bn_error *err);
    void (*abandon)(bn_blobs *blobs, const char *object, intptr_t handle);
    /* *taken false: it has to be copied. */
    bn_status (*adopt)(bn_blobs *blobs, const char *object, int fd, bool *taken, bn_error *err);
    bn_status (*open_object)(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err);
    bn_status (*read)(bn_blobs *blobs, intptr_t handle, uint64_t offset, void *bytes, size_t count,
                      size_t *got, bn_error *err);
    int (*take_fd)(bn_blobs *blobs, intptr_t handle);
    void (*close_object)(bn_blobs *blobs, intptr_t handle);
    uint64_t (*remove)(bn_blobs *blobs, const char *object); /* bytes that lay there */
    void (*each)(bn_blobs *blobs, void (*look)(void *user, const char *object), void *user);
    const char *(*spool)(const bn_blobs *blobs);
} bn_blobs_kind;

struct bn_blobs {
    const bn_blobs_kind *kind;
    bn_blobs_options options;
    _Atomic(uint64_t) total_bytes;
    _Atomic(bool) failing;
};

extern const bn_blobs_kind bn_blobs_folder;

#endif
