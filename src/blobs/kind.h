/* kind.h - what a place for objects does; blobs.c does the rest. A kind's own struct begins with a bn_blobs. */
#ifndef BN_BLOBS_KIND_H
#define BN_BLOBS_KIND_H

#include "blobs/blobs.h"

#include <stdatomic.h>

#define BN_BLOB_VERSION_CHARS 100
#define BN_BLOBS_PATH_BYTES   3300

typedef struct bn_blobs_kind {
    const char *scheme; /* of addresses, "folder" */
    bool is_remote;     /* bytes lie on other machines, which come and go */
    /* address: what stands behind "SCHEME:". */
    bn_status (*open)(const char *address, const bn_blobs_options *options, bn_blobs **blobs, bn_error *err);
    void (*close)(bn_blobs *blobs);
    void (*stop)(bn_blobs *blobs);                      /* NULL: nothing takes long */
    bn_status (*check)(bn_blobs *blobs, bn_error *err); /* NULL: opening was enough */
    bn_status (*create)(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err);
    bn_status (*append)(bn_blobs *blobs, intptr_t handle, const void *bytes, size_t count, bn_error *err);
    /* Both end the handle; after a failure, as after abandon, nothing is left. */
    bn_status (*seal)(bn_blobs *blobs, const char *object, intptr_t handle, bn_error *err);
    void (*abandon)(bn_blobs *blobs, const char *object, intptr_t handle);
    /* *taken false: it has to be copied. NULL: always. */
    bn_status (*adopt)(bn_blobs *blobs, const char *object, int fd, bool *taken, bn_error *err);
    /* *joined false: they have to be copied. NULL: always. */
    bn_status (*join)(bn_blobs *blobs, const char *object, const bn_blob_part *parts, size_t count,
                      bool *joined, bn_error *err);
    bn_status (*open_object)(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err);
    bn_status (*read)(bn_blobs *blobs, intptr_t handle, uint64_t offset, void *bytes, size_t count,
                      size_t *got, bn_error *err);
    int (*take_fd)(bn_blobs *blobs, intptr_t handle);
    void (*close_object)(bn_blobs *blobs, intptr_t handle);
    /* *bytes that lay there, -1: no object did; false: they may lie there still. */
    bool (*remove)(bn_blobs *blobs, const char *object, int64_t *bytes);
    /* NULL: objects cannot be listed, or are too many. */
    void (*each)(bn_blobs *blobs, void (*look)(void *user, const char *object), void *user);
    /* Path of a file that says whose they are; NULL where each is. */
    void (*owner_file)(const bn_blobs *blobs, char path[BN_BLOBS_PATH_BYTES]);
    /* The size of one that others wrote, and what it is called in this version; NULL: nobody but us writes there. */
    bn_status (*look)(bn_blobs *blobs, const char *object, uint64_t *size,
                      char version[BN_BLOB_VERSION_CHARS], bn_error *err);
    /* NULL: there are no such addresses. */
    bn_status (*link)(bn_blobs *blobs, const char *object, const bn_blob_link *link, char *url, size_t size,
                      bn_error *err);
    const char *(*spool)(const bn_blobs *blobs);
} bn_blobs_kind;

struct bn_blobs {
    const bn_blobs_kind *kind;
    bn_blobs_options options;
    _Atomic(uint64_t) total_bytes;
    _Atomic(bool) failing, stopped;
};

/* LIMIT where the object, or all together, would be too large. */
bn_status bn_blobs_check_room(const bn_blobs *blobs, uint64_t size, uint64_t max_total_bytes, bn_error *err);
/* Whether the place is failing, as the outcome of what wrote there says; returns it. */
bn_status bn_blobs_note(bn_blobs *blobs, bn_status status);

extern const bn_blobs_kind bn_blobs_folder, bn_blobs_s3;

#endif
