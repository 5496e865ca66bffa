/* blobs.h - the bytes of stored files: objects under names that nobody can guess and that are never written twice. One is
 * there whole or not at all. What they are stands in the store, whose row comes before the bytes.
 *
 * Any thread. */
#ifndef BN_BLOBS_BLOBS_H
#define BN_BLOBS_BLOBS_H

#include "base/error.h"
#include "store/facts.h"

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct bn_blobs bn_blobs;

typedef struct bn_blobs_options {
    uint64_t max_file_bytes, max_total_bytes;
    uint64_t max_upload_bytes; /* of all, uploads are refused beyond it: what is left is for results */
    const char *spool; /* folder for files that arrive; NULL: one beside the objects, if they are files */
    bool others;       /* other processes use them, too: what arrives for them is left alone */
    /* Of those on other machines: */
    const char *credentials_file; /* NULL: what the environment says */
    int deadline_ms, slow_s;      /* 0 = usual: 60 s for one step with all its tries; 10 s below 1 KB/s */
} bn_blobs_options;

/* At an address: "folder:PATH", or "s3://BUCKET/PREFIX?endpoint=URL&region=NAME&style=path|host". */
bn_status bn_blobs_open(const char *address, const bn_blobs_options *options, bn_blobs **blobs,
                        bn_error *err);
void bn_blobs_close(bn_blobs **blobs);
void bn_blobs_stop(bn_blobs *blobs); /* calls that wait for another machine end with IO, now and later */
/* Write, read and remove a little. ARGUMENT: what an operator has to put right; IO: no answer. */
bn_status bn_blobs_check(bn_blobs *blobs, bn_error *err);
bool bn_blobs_are_remote(const bn_blobs *blobs); /* on other machines, which come and go */
bool bn_blobs_stopped(const bn_blobs *blobs);

typedef struct bn_blob {
    uint64_t size;
    char etag[33]; /* 128 bits of BLAKE2b in hexadecimal digits */
} bn_blob;

typedef enum bn_blob_use { BN_BLOB_RESULT = 0, BN_BLOB_UPLOAD } bn_blob_use;

/* ---- writing. LIMIT where the object, or all of them together, would be too large. */

typedef struct bn_blob_writer {
    bn_blobs *blobs;
    char object[BN_OBJECT_CHARS];
    uint64_t size, max_total_bytes;
    intptr_t handle; /* the kind's */
    crypto_generichash_state hash;
} bn_blob_writer;

bn_status bn_blob_create(bn_blobs *blobs, const char *object, bn_blob_use use, bn_blob_writer *writer,
                         bn_error *err);
bn_status bn_blob_append(bn_blob_writer *writer, const void *bytes, size_t count, bn_error *err);
/* Ends the writer in any case. The object is there whole where status, how far it went well, and the answer are OK. */
bn_status bn_blob_seal(bn_blob_writer *writer, bn_status status, bn_blob *blob, bn_error *err);

/* A result, in one. */
bn_status bn_blobs_write(bn_blobs *blobs, const char *object, const void *bytes, size_t size, bn_blob *blob,
                         bn_error *err);

/* All of a file of this machine that was uploaded; without copying where that can be. fd stays the caller's. */
bn_status bn_blobs_adopt(bn_blobs *blobs, const char *object, int fd, bn_blob *blob, bn_error *err);
/* Size and etag of what such a file holds, without keeping it. */
bn_status bn_blob_digest(int fd, bn_blob *blob, bn_error *err);
/* A folder for files that arrive, on a disk from where they are adopted without copying if made without a name. */
const char *bn_blobs_spool(const bn_blobs *blobs);

typedef struct bn_blob_part {
    const char *object;
    uint64_t size;
    const char *etag;
} bn_blob_part;
/* An upload of objects, one behind the other; without moving their bytes where that can be, and then its etag is of
 * theirs. They stay. */
bn_status bn_blobs_join(bn_blobs *blobs, const char *object, const bn_blob_part *parts, size_t count,
                        bn_blob *blob, bn_error *err);

/* ---- reading */

typedef struct bn_blob_reader {
    bn_blobs *blobs;
    intptr_t handle;
} bn_blob_reader;

bn_status bn_blob_open(bn_blobs *blobs, const char *object, bn_blob_reader *reader, bn_error *err);
/* *got is less than count at the end only. */
bn_status bn_blob_read(bn_blob_reader *reader, uint64_t offset, void *bytes, size_t count, size_t *got,
                       bn_error *err);
/* A descriptor of a file with the bytes, where they lie in one of this machine, and then the reader has ended; else -1. */
int bn_blob_take_fd(bn_blob_reader *reader);
void bn_blob_close(bn_blob_reader *reader);

/* An address where anybody reads an object, or writes it, for so many seconds, without us. UNSUPPORTED where there are no
 * such addresses. */
typedef struct bn_blob_link {
    bool put;
    int seconds;
    const char *type, *disposition, *cache; /* of the answer's fields; or NULL */
} bn_blob_link;
bn_status bn_blobs_link(bn_blobs *blobs, const char *object, const bn_blob_link *link, char *url, size_t size,
                        bn_error *err);

/* Size and etag of an object that was written by such an address. NOT_FOUND, or LIMIT as for uploads. It counts among the
 * bytes of all after bn_blobs_add_object. */
bn_status bn_blobs_look(bn_blobs *blobs, const char *object, bn_blob *blob, bn_error *err);

/* False: the bytes may lie there still, and the row must not be forgotten. */
bool bn_blobs_remove(bn_blobs *blobs, const char *object);
/* Remove what `known` does not know: left over where the power failed between the row and the bytes. owner: a name of the store that
 * is asked, the same always; where the objects are another store's they stay, and how many is returned. */
typedef enum bn_object_standing {
    BN_OBJECT_UNKNOWN,
    BN_OBJECT_KNOWN,
    BN_OBJECT_IN_DOUBT /* the store did not say: it stays, and whose the folder is, too */
} bn_object_standing;
typedef bn_object_standing (*bn_object_known_fn)(void *user, const char *object);
size_t bn_blobs_remove_unknown(bn_blobs *blobs, const char *owner, bn_object_known_fn known, void *user);

/* ---- room and faults */

uint64_t bn_blobs_bytes(const bn_blobs *blobs); /* of all objects and rows, as in bn_store_bytes */
void bn_blobs_set_bytes(bn_blobs *blobs, uint64_t bytes);
void bn_blobs_add_object(bn_blobs *blobs, uint64_t bytes);
/* A row of a file. LIMIT where uploads have no room for another, and it is not counted; those of results always are. */
bn_status bn_blobs_add_row(bn_blobs *blobs, bn_blob_use use, bn_error *err);
void bn_blobs_drop_row(bn_blobs *blobs);
/* Whether so many more bytes of results may be stored, or a hundredth of all. */
bool bn_blobs_has_room(const bn_blobs *blobs, uint64_t bytes);
bool bn_blobs_is_roomy(const bn_blobs *blobs);
/* Whether the last that was written did not reach the disk. */
bool bn_blobs_failing(const bn_blobs *blobs);
void bn_blobs_fail(bn_blobs *blobs);  /* somebody has seen it fail */
void bn_blobs_probe(bn_blobs *blobs); /* write and remove a little: is it failing still? */

#endif
