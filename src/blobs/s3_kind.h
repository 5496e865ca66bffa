/* s3_kind.h - what the files of a bucket's kind share, inside this room: see kind.h for what the calls promise. */
#ifndef BN_BLOBS_S3_KIND_H
#define BN_BLOBS_S3_KIND_H

#include "blobs/kind.h"
#include "blobs/s3_http.h"

#define BN_S3_CHECK_MS 5000 /* for one call of a check, and of removing: nobody waits a minute for those */

bn_s3 *bn_s3_of(const bn_blobs *blobs);
/* One call. Once the bucket was checked, what an operator has to put right is a fault that passes: IO, never ARGUMENT. */
bn_status bn_s3_ask(bn_blobs *blobs, bn_s3_call *call, bn_error *err);
/* IO, with the bucket's name and what is wrong with an answer. */
bn_status bn_s3_fail(bn_blobs *blobs, bn_error *err, const char *what);

/* s3_write.c */
bn_status bn_s3_create(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err);
bn_status bn_s3_append(bn_blobs *blobs, intptr_t handle, const void *bytes, size_t count, bn_error *err);
bn_status bn_s3_seal(bn_blobs *blobs, const char *object, intptr_t handle, bn_error *err);
void bn_s3_abandon(bn_blobs *blobs, const char *object, intptr_t handle);
bn_status bn_s3_join(bn_blobs *blobs, const char *object, const bn_blob_part *parts, size_t count,
                     bool *joined, bn_error *err);

/* s3_read.c */
bn_status bn_s3_open_object(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err);
bn_status bn_s3_read_object(bn_blobs *blobs, intptr_t handle, uint64_t offset, void *bytes, size_t count,
                            size_t *got, bn_error *err);
void bn_s3_close_object(bn_blobs *blobs, intptr_t handle);

#endif
