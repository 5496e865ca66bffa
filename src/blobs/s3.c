/* s3.c - objects in a bucket of S3: opening, checking, looking, removing and links. Writing is in s3_write.c, reading in
 * s3_read.c. */
#include "blobs/s3_kind.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_OBJECT "probe"

typedef struct s3_blobs {
    bn_blobs base;
    bn_s3 *s3;
    char spool[3072];
} s3_blobs;

bn_s3 *bn_s3_of(const bn_blobs *blobs)
{
    return ((const s3_blobs *)blobs)->s3;
}

/* ---- opening ---- */

static void close_s3(bn_blobs *blobs)
{
    bn_s3_close(&((s3_blobs *)blobs)->s3);
    free(blobs);
}

static bn_status open_s3(const char *address, const bn_blobs_options *options, bn_blobs **blobs,
                         bn_error *err)
{
    bn_s3_place place;
    const bn_s3_options usual = {.credentials_file = options->credentials_file,
                                 .deadline_ms = options->deadline_ms > 0 ? options->deadline_ms : 60000,
                                 .connect_ms = 5000,
                                 .slow_s = options->slow_s > 0 ? options->slow_s : 10};
    BN_TRY(bn_s3_place_parse(address, &place, err));
    if (!options->spool || strlen(options->spool) >= sizeof((s3_blobs *)0)->spool)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "files in S3 need a folder for those that arrive (--spool)");
    BN_TRY(bn_folder_make(options->spool, err));
    s3_blobs *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "a bucket");
    snprintf(made->spool, sizeof made->spool, "%s", options->spool);
    const bn_status status = bn_s3_open(&place, &usual, &made->s3, err);
    if (status == BIREFNET_OK)
        *blobs = &made->base;
    else
        free(made);
    return status;
}

static const char *spool(const bn_blobs *blobs)
{
    return ((const s3_blobs *)blobs)->spool;
}

static void stop(bn_blobs *blobs)
{
    bn_s3_stop(bn_s3_of(blobs));
}

/* One object is written, read and removed again; always the same, so that nothing more than it is ever left behind. */
static bn_status check(bn_blobs *blobs, bn_error *err)
{
    char read[8];
    bn_s3_call put = {.method = "PUT",
                      .object = PROBE_OBJECT,
                      .body = "probe",
                      .body_bytes = 5,
                      .deadline_ms = BN_S3_CHECK_MS};
    bn_s3_call get = {.method = "GET",
                      .object = PROBE_OBJECT,
                      .into = read,
                      .room = sizeof read,
                      .deadline_ms = BN_S3_CHECK_MS};
    bn_s3_call drop = {.method = "DELETE", .object = PROBE_OBJECT, .deadline_ms = BN_S3_CHECK_MS};
    BN_TRY(bn_s3_do(bn_s3_of(blobs), &put, err));
    const bn_status status = bn_s3_do(bn_s3_of(blobs), &get, err);
    if (status != BIREFNET_OK && status != BIREFNET_ERROR_NOT_FOUND)
        return status; /* another's check is over */
    return bn_s3_do(bn_s3_of(blobs), &drop, err);
}

/* Once it was checked, what an operator has to put right is a fault that passes, like others: callers have done nothing
 * wrong, and what they are told must not name the bucket. */
bn_status bn_s3_ask(bn_blobs *blobs, bn_s3_call *call, bn_error *err)
{
    const bn_status status = bn_s3_do(bn_s3_of(blobs), call, err);
    if (status != BIREFNET_ERROR_ARGUMENT) return status;
    if (err) err->status = BIREFNET_ERROR_IO;
    return BIREFNET_ERROR_IO;
}

bn_status bn_s3_fail(bn_blobs *blobs, bn_error *err, const char *what)
{
    return bn_fail(err, BIREFNET_ERROR_IO, "S3, bucket %s: %s", bn_s3_get_place(bn_s3_of(blobs))->bucket,
                   what);
}

/* ---- objects ---- */

static int take_fd(bn_blobs *blobs, intptr_t handle)
{
    (void)blobs;
    (void)handle;
    return -1;
}

static bool remove_object(bn_blobs *blobs, const char *object, int64_t *bytes)
{
    bn_s3_call head = {.method = "HEAD", .object = object, .deadline_ms = BN_S3_CHECK_MS};
    bn_s3_call drop = {.method = "DELETE", .object = object, .deadline_ms = BN_S3_CHECK_MS};
    *bytes = -1;
    if (bn_s3_ask(blobs, &head, NULL) == BIREFNET_ERROR_NOT_FOUND) return true;
    const bn_status status = bn_s3_ask(blobs, &drop, NULL);
    if (status == BIREFNET_OK) *bytes = (int64_t)head.size;
    return status == BIREFNET_OK || status == BIREFNET_ERROR_NOT_FOUND;
}

static bn_status look(bn_blobs *blobs, const char *object, uint64_t *size,
                      char version[BN_BLOB_VERSION_CHARS], bn_error *err)
{
    bn_s3_call head = {.method = "HEAD", .object = object, .deadline_ms = BN_S3_CHECK_MS};
    BN_TRY(bn_s3_ask(blobs, &head, err));
    *size = head.size;
    snprintf(version, BN_BLOB_VERSION_CHARS, "%s", head.etag);
    return BIREFNET_OK;
}

static bn_status link_object(bn_blobs *blobs, const char *object, const bn_blob_link *link, char *url,
                             size_t size, bn_error *err)
{
    bn_s3_request request = {.method = link->put ? "PUT" : "GET"};
    if (link->type) request.query[request.query_count++] = (bn_s3_pair){"response-content-type", link->type};
    if (link->disposition)
        request.query[request.query_count++] =
            (bn_s3_pair){"response-content-disposition", link->disposition};
    if (link->cache)
        request.query[request.query_count++] = (bn_s3_pair){"response-cache-control", link->cache};
    return bn_s3_link(bn_s3_of(blobs), &request, object, link->seconds, url, size, err);
}

const bn_blobs_kind bn_blobs_s3 = {
    .scheme = "s3",
    .is_remote = true,
    .open = open_s3,
    .close = close_s3,
    .stop = stop,
    .check = check,
    .create = bn_s3_create,
    .append = bn_s3_append,
    .seal = bn_s3_seal,
    .abandon = bn_s3_abandon,
    .join = bn_s3_join,
    .open_object = bn_s3_open_object,
    .read = bn_s3_read_object,
    .take_fd = take_fd,
    .close_object = bn_s3_close_object,
    .remove = remove_object,
    .look = look,
    .link = link_object,
    .spool = spool,
};
