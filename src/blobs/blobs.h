/* blobs.h - the bytes of stored files: each appears whole under its id or not at all.
 *
 *     DATA/files/ab/abcd...   files, by the first two digits of the id
 *     DATA/parts/ID.NUMBER    parts of uploads
 *     DATA/incoming/          being written; emptied at the start
 * What the store knows about them is the caller's business. */
#ifndef BN_BLOBS_BLOBS_H
#define BN_BLOBS_BLOBS_H

#include "base/error.h"
#include "store/facts.h"

#include <stdbool.h>
#include <stddef.h>

#include <stdatomic.h>

typedef struct bn_files {
    char folder[3072], incoming[3200];
    uint64_t max_file_bytes, max_total_bytes;
    uint64_t max_upload_bytes;     /* of all, uploads are refused beyond it: what is left is for results */
    _Atomic(uint64_t) total_bytes; /* of files and parts */
    _Atomic(bool) failing;         /* the last that was written did not reach the disk */
} bn_files;

bn_status bn_files_open(bn_files *files, const char *data_folder, bn_error *err);

typedef struct bn_blob {
    uint64_t size;
    char etag[33]; /* 128 bits of BLAKE2b in hexadecimal digits */
} bn_blob;

/* Whether so many more bytes of results may be stored. */
bool bn_files_has_room(const bn_files *files, uint64_t bytes);

/* A result. LIMIT where the file or all of them together would be too large. */
bn_status bn_files_write(bn_files *files, const char *id, const void *bytes, size_t size, bn_blob *blob,
                         bn_error *err);
/* All of fd; linked where it is a file without a name in the incoming folder, else copied. */
bn_status bn_files_adopt(bn_files *files, const char *id, int fd, bn_blob *blob, bn_error *err);
bn_status bn_files_adopt_part(bn_files *files, const char *upload_id, int number, int fd, bn_blob *blob,
                              bn_error *err);
/* Put parts together, in the order given. */
bn_status bn_files_join(bn_files *files, const char *id, const char *upload_id, const int *numbers,
                        size_t count, bn_blob *blob, bn_error *err);
/* Size and etag of what fd holds, without keeping it. */
bn_status bn_files_digest(int fd, bn_blob *blob, bn_error *err);

/* Write and remove a little: is it failing still? */
void bn_files_probe(bn_files *files);

bn_status bn_files_open_read(const bn_files *files, const char *id, int *fd, bn_error *err);
void bn_files_remove(bn_files *files, const char *id);
void bn_files_remove_part(bn_files *files, const char *upload_id, int number);
void bn_files_remove_parts(bn_files *files, const char *upload_id);

/* Remove what `known` does not know: left over by a crash between the file and the database. upload: id is the upload's
 * whose part was found. */
typedef bool (*bn_files_known_fn)(void *user, const char *id, bool upload);
void bn_files_remove_orphans(bn_files *files, bn_files_known_fn known, void *user);

#endif
