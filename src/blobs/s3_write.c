/* s3_write.c - objects into a bucket: PUT for small ones, multipart uploads of 8 MiB pieces for others, parts joined where
 * they lie. A name is written once, so a call that is sent again does no harm. */
#include "blobs/s3_kind.h"

#include "base/buffer.h"
#include "base/size.h"
#include "blobs/s3_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES     ((size_t)8 << 20)
#define PART_MIN_BYTES  ((uint64_t)5 << 20) /* S3's, of all parts but the last */
#define PARTS_MAX       10000
#define UPLOAD_ID_CHARS 1100

/* ---- multipart uploads ---- */

typedef struct upload {
    char object[BN_OBJECT_CHARS];
    char id[UPLOAD_ID_CHARS]; /* empty: there is no multipart upload (yet) */
    bn_buffer piece;          /* what is not sent yet */
    bn_buffer list;           /* XML of the parts that are */
    uint64_t size;
    int parts;
} upload;

static upload *upload_make(const char *object)
{
    upload *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    snprintf(made->object, sizeof made->object, "%s", object);
    bn_buffer_init(&made->piece, PIECE_BYTES);
    bn_buffer_init(&made->list, PARTS_MAX * (BN_S3_ETAG_CHARS + 80));
    return made;
}

static void upload_free(upload *self)
{
    bn_buffer_free(&self->piece);
    bn_buffer_free(&self->list);
    free(self);
}

static bn_status begin_multipart(bn_blobs *blobs, upload *self, bn_error *err)
{
    char answer[BN_S3_ANSWER_BYTES];
    bn_s3_call call = {.method = "POST",
                       .object = self->object,
                       .query = {{"uploads", ""}},
                       .query_count = 1,
                       .into = answer,
                       .room = sizeof answer};
    BN_TRY(bn_s3_ask(blobs, &call, err));
    if (bn_s3_text_of(answer, call.got, "UploadId", self->id, sizeof self->id)) return BIREFNET_OK;
    return bn_s3_fail(blobs, err, "it began an upload and did not name it");
}

/* Parts are named by the answer's ETag; of that, only what may stand in XML. */
static bn_status note_part(bn_blobs *blobs, upload *self, const char *etag, bn_error *err)
{
    if (!etag[0] || strpbrk(etag, "<>&")) return bn_s3_fail(blobs, err, "a part came back without an ETag");
    self->parts++;
    return bn_buffer_printf(&self->list, err, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>",
                            self->parts, etag);
}

/* The query of a part's call; number is the caller's memory. */
static void name_part(bn_s3_call *call, const upload *self, char number[16])
{
    snprintf(number, 16, "%d", self->parts + 1);
    call->query[0] = (bn_s3_pair){"partNumber", number};
    call->query[1] = (bn_s3_pair){"uploadId", self->id};
    call->query_count = 2;
}

static bn_status send_piece(bn_blobs *blobs, upload *self, bn_error *err)
{
    char number[16];
    bn_s3_call call = {
        .method = "PUT", .object = self->object, .body = self->piece.data, .body_bytes = self->piece.size};
    if (!self->id[0]) BN_TRY(begin_multipart(blobs, self, err));
    if (self->parts == PARTS_MAX)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "the file has too many parts for S3");
    name_part(&call, self, number);
    BN_TRY(bn_s3_ask(blobs, &call, err));
    self->piece.size = 0;
    return note_part(blobs, self, call.etag, err);
}

/* Whether all of it lies there: an answer that was lost leaves that open. */
static bool is_complete(bn_blobs *blobs, const upload *self)
{
    bn_s3_call call = {.method = "HEAD", .object = self->object};
    return bn_s3_ask(blobs, &call, NULL) == BIREFNET_OK && call.size == self->size;
}

/* S3 may answer 200 before it knows, and write in the body that it went wrong. */
static bn_status end_multipart(bn_blobs *blobs, upload *self, bn_error *err)
{
    bn_buffer body;
    char answer[BN_S3_ANSWER_BYTES], fault[64];
    bn_buffer_init(&body, self->list.max_bytes + 100);
    bn_status status = bn_buffer_printf(&body, err, "<CompleteMultipartUpload>%s</CompleteMultipartUpload>",
                                        (const char *)self->list.data);
    bn_s3_call call = {.method = "POST",
                       .object = self->object,
                       .query = {{"uploadId", self->id}},
                       .query_count = 1,
                       .body = body.data,
                       .body_bytes = body.size,
                       .into = answer,
                       .room = sizeof answer};
    if (status == BIREFNET_OK) status = bn_s3_ask(blobs, &call, err);
    bn_buffer_free(&body);
    const bool said = status == BIREFNET_OK && !bn_s3_text_of(answer, call.got, "Code", fault, sizeof fault);
    if (said || (status != BIREFNET_ERROR_MEMORY && is_complete(blobs, self))) return BIREFNET_OK;
    return status == BIREFNET_OK || status == BIREFNET_ERROR_NOT_FOUND
               ? bn_s3_fail(blobs, err, "it did not put an upload's parts together")
               : status;
}

static void abort_multipart(bn_blobs *blobs, const upload *self)
{
    bn_s3_call call = {.method = "DELETE",
                       .object = self->object,
                       .query = {{"uploadId", self->id}},
                       .query_count = 1,
                       .deadline_ms = BN_S3_CHECK_MS};
    if (self->id[0]) bn_s3_ask(blobs, &call, NULL); /* else the bucket's lifecycle rule does it */
}

/* ---- writing ---- */

bn_status bn_s3_create(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err)
{
    (void)blobs;
    upload *made = upload_make(object);
    *handle = (intptr_t)made;
    return made ? BIREFNET_OK : bn_fail_memory(err, sizeof *made, "an upload");
}

bn_status bn_s3_append(bn_blobs *blobs, intptr_t handle, const void *bytes, size_t count, bn_error *err)
{
    upload *self = (upload *)handle;
    const uint8_t *at = bytes;
    self->size += count;
    while (count > 0) {
        if (self->piece.size == PIECE_BYTES) BN_TRY(send_piece(blobs, self, err));
        const size_t taken = BN_MIN(count, PIECE_BYTES - self->piece.size);
        BN_TRY(bn_buffer_append(&self->piece, at, taken, err));
        at += taken;
        count -= taken;
    }
    return BIREFNET_OK;
}

void bn_s3_abandon(bn_blobs *blobs, const char *object, intptr_t handle)
{
    (void)object;
    abort_multipart(blobs, (upload *)handle);
    upload_free((upload *)handle);
}

bn_status bn_s3_seal(bn_blobs *blobs, const char *object, intptr_t handle, bn_error *err)
{
    upload *self = (upload *)handle;
    bn_status status;
    if (!self->id[0]) {
        bn_s3_call call = {
            .method = "PUT", .object = object, .body = self->piece.data, .body_bytes = self->piece.size};
        status = bn_s3_ask(blobs, &call, err);
    } else {
        status = self->piece.size > 0 ? send_piece(blobs, self, err) : BIREFNET_OK;
        if (status == BIREFNET_OK) status = end_multipart(blobs, self, err);
        if (status != BIREFNET_OK) abort_multipart(blobs, self);
    }
    upload_free(self);
    return status;
}

/* ---- joining ---- */

static bn_status copy_part(bn_blobs *blobs, upload *self, const char *source, bn_error *err)
{
    char number[16], from[600], answer[BN_S3_ANSWER_BYTES], etag[BN_S3_ETAG_CHARS];
    const bn_s3_place *place = bn_s3_get_place(bn_s3_of(blobs));
    snprintf(from, sizeof from, "/%s/%s%s", place->bucket, place->prefix, source);
    bn_s3_call call = {.method = "PUT",
                       .object = self->object,
                       .headers = {{"x-amz-copy-source", from}},
                       .header_count = 1,
                       .into = answer,
                       .room = sizeof answer};
    name_part(&call, self, number);
    BN_TRY(bn_s3_ask(blobs, &call, err));
    if (!bn_s3_text_of(answer, call.got, "ETag", etag, sizeof etag))
        return bn_s3_fail(blobs, err, "it did not copy a part");
    return note_part(blobs, self, etag, err);
}

static bool can_join(const bn_blob_part *parts, size_t count)
{
    size_t last = count;
    while (last > 0 && parts[last - 1].size == 0) last--;
    for (size_t i = 0; i + 1 < last; i++)
        if (parts[i].size < PART_MIN_BYTES && parts[i].size > 0) return false;
    return last > 0;
}

bn_status bn_s3_join(bn_blobs *blobs, const char *object, const bn_blob_part *parts, size_t count,
                     bool *joined, bn_error *err)
{
    *joined = false;
    if (!can_join(parts, count)) return BIREFNET_OK;
    upload *self = upload_make(object);
    if (!self) return bn_fail_memory(err, sizeof *self, "an upload");
    bn_status status = begin_multipart(blobs, self, err);
    for (size_t i = 0; status == BIREFNET_OK && i < count; i++) {
        self->size += parts[i].size;
        if (parts[i].size > 0) status = copy_part(blobs, self, parts[i].object, err);
    }
    if (status == BIREFNET_OK) status = end_multipart(blobs, self, err);
    if (status != BIREFNET_OK) abort_multipart(blobs, self);
    *joined = status == BIREFNET_OK;
    upload_free(self);
    return status;
}
