/* s3.c - objects in a bucket of S3: PUT for small ones, multipart uploads of 8 MiB pieces for others, reading by ranges,
 * parts joined where they lie. A name is written once, so a call that is sent again does no harm. */
#include "blobs/kind.h"
#include "blobs/s3_answer.h"
#include "blobs/s3_http.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES     ((size_t)8 << 20)
#define WINDOW_BYTES    ((size_t)1 << 20)   /* read at once, as small reads are many */
#define PART_MIN_BYTES  ((uint64_t)5 << 20) /* S3's, of all parts but the last */
#define PARTS_MAX       10000
#define UPLOAD_ID_CHARS 1100
#define CHECK_MS        5000 /* for one call of a check, and of removing: nobody waits a minute for those */
#define PROBE_OBJECT    "probe"

typedef struct s3_blobs {
    bn_blobs base;
    bn_s3 *s3;
    char spool[3072];
} s3_blobs;

static bn_s3 *s3_of(const bn_blobs *blobs)
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
    bn_s3_stop(s3_of(blobs));
}

/* One object is written, read and removed again; always the same, so that nothing more than it is ever left behind. */
static bn_status check(bn_blobs *blobs, bn_error *err)
{
    char read[8];
    bn_s3_call put = {
        .method = "PUT", .object = PROBE_OBJECT, .body = "probe", .body_bytes = 5, .deadline_ms = CHECK_MS};
    bn_s3_call get = {
        .method = "GET", .object = PROBE_OBJECT, .into = read, .room = sizeof read, .deadline_ms = CHECK_MS};
    bn_s3_call drop = {.method = "DELETE", .object = PROBE_OBJECT, .deadline_ms = CHECK_MS};
    BN_TRY(bn_s3_do(s3_of(blobs), &put, err));
    const bn_status status = bn_s3_do(s3_of(blobs), &get, err);
    if (status != BIREFNET_OK && status != BIREFNET_ERROR_NOT_FOUND)
        return status; /* another's check is over */
    return bn_s3_do(s3_of(blobs), &drop, err);
}

/* Once it was checked, what an operator has to put right is a fault that passes, like others: callers have done nothing
 * wrong, and what they are told must not name the bucket. */
static bn_status ask(bn_blobs *blobs, bn_s3_call *call, bn_error *err)
{
    const bn_status status = bn_s3_do(s3_of(blobs), call, err);
    if (status != BIREFNET_ERROR_ARGUMENT) return status;
    if (err) err->status = BIREFNET_ERROR_IO;
    return BIREFNET_ERROR_IO;
}

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

static bn_status fail_answer(bn_blobs *blobs, bn_error *err, const char *what)
{
    return bn_fail(err, BIREFNET_ERROR_IO, "S3, bucket %s: %s", bn_s3_get_place(s3_of(blobs))->bucket, what);
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
    BN_TRY(ask(blobs, &call, err));
    if (bn_s3_text_of(answer, call.got, "UploadId", self->id, sizeof self->id)) return BIREFNET_OK;
    return fail_answer(blobs, err, "it began an upload and did not name it");
}

/* Parts are named by the answer's ETag; of that, only what may stand in XML. */
static bn_status note_part(bn_blobs *blobs, upload *self, const char *etag, bn_error *err)
{
    if (!etag[0] || strpbrk(etag, "<>&")) return fail_answer(blobs, err, "a part came back without an ETag");
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
    BN_TRY(ask(blobs, &call, err));
    self->piece.size = 0;
    return note_part(blobs, self, call.etag, err);
}

/* Whether all of it lies there: an answer that was lost leaves that open. */
static bool is_complete(bn_blobs *blobs, const upload *self)
{
    bn_s3_call call = {.method = "HEAD", .object = self->object};
    return ask(blobs, &call, NULL) == BIREFNET_OK && call.size == self->size;
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
    if (status == BIREFNET_OK) status = ask(blobs, &call, err);
    bn_buffer_free(&body);
    const bool said = status == BIREFNET_OK && !bn_s3_text_of(answer, call.got, "Code", fault, sizeof fault);
    if (said || (status != BIREFNET_ERROR_MEMORY && is_complete(blobs, self))) return BIREFNET_OK;
    return status == BIREFNET_OK || status == BIREFNET_ERROR_NOT_FOUND
               ? fail_answer(blobs, err, "it did not put an upload's parts together")
               : status;
}

static void abort_multipart(bn_blobs *blobs, const upload *self)
{
    bn_s3_call call = {.method = "DELETE",
                       .object = self->object,
                       .query = {{"uploadId", self->id}},
                       .query_count = 1,
                       .deadline_ms = CHECK_MS};
    if (self->id[0]) ask(blobs, &call, NULL); /* else the bucket's lifecycle rule does it */
}

/* ---- writing ---- */

static bn_status create(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err)
{
    (void)blobs;
    upload *made = upload_make(object);
    *handle = (intptr_t)made;
    return made ? BIREFNET_OK : bn_fail_memory(err, sizeof *made, "an upload");
}

static bn_status append(bn_blobs *blobs, intptr_t handle, const void *bytes, size_t count, bn_error *err)
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

static void abandon(bn_blobs *blobs, const char *object, intptr_t handle)
{
    (void)object;
    abort_multipart(blobs, (upload *)handle);
    upload_free((upload *)handle);
}

static bn_status seal(bn_blobs *blobs, const char *object, intptr_t handle, bn_error *err)
{
    upload *self = (upload *)handle;
    bn_status status;
    if (!self->id[0]) {
        bn_s3_call call = {
            .method = "PUT", .object = object, .body = self->piece.data, .body_bytes = self->piece.size};
        status = ask(blobs, &call, err);
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
    const bn_s3_place *place = bn_s3_get_place(s3_of(blobs));
    snprintf(from, sizeof from, "/%s/%s%s", place->bucket, place->prefix, source);
    bn_s3_call call = {.method = "PUT",
                       .object = self->object,
                       .headers = {{"x-amz-copy-source", from}},
                       .header_count = 1,
                       .into = answer,
                       .room = sizeof answer};
    name_part(&call, self, number);
    BN_TRY(ask(blobs, &call, err));
    if (!bn_s3_text_of(answer, call.got, "ETag", etag, sizeof etag))
        return fail_answer(blobs, err, "it did not copy a part");
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

static bn_status join_in_place(bn_blobs *blobs, const char *object, const bn_blob_part *parts, size_t count,
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

/* ---- reading and removing ---- */

/* The last piece that was read is kept: whoever reads in small steps asks S3 once in many. */
typedef struct reader {
    char object[BN_OBJECT_CHARS];
    uint64_t size, window_at;
    size_t window_bytes;
    uint8_t *window;
} reader;

/* *got is less than count at the object's end only. */
static bn_status get_range(bn_blobs *blobs, reader *self, uint64_t offset, void *bytes, size_t count,
                           size_t *got, bn_error *err)
{
    char range[64];
    snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, offset, offset + count - 1);
    bn_s3_call call = {.method = "GET",
                       .object = self->object,
                       .headers = {{"range", range}},
                       .header_count = 1,
                       .into = bytes,
                       .room = count};
    const bn_status status = ask(blobs, &call, err);
    *got = 0;
    if (call.code == 416) { /* nothing lies behind it: an empty object, too */
        self->size = call.size;
        return BIREFNET_OK;
    }
    if (status != BIREFNET_OK) return status;
    if (call.code != 206 && offset > 0) return fail_answer(blobs, err, "it does not know ranges");
    self->size = call.size;
    *got = call.got;
    if (offset + call.got < BN_MIN(self->size, offset + count))
        return fail_answer(blobs, err, "it sent less than it said");
    return BIREFNET_OK;
}

static void close_object(bn_blobs *blobs, intptr_t handle)
{
    (void)blobs;
    reader *self = (reader *)handle;
    free(self->window);
    free(self);
}

static bn_status open_object(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err)
{
    reader *self = calloc(1, sizeof *self);
    if (self) self->window = malloc(WINDOW_BYTES);
    if (!self || !self->window) {
        free(self);
        return bn_fail_memory(err, WINDOW_BYTES, "a stored file");
    }
    snprintf(self->object, sizeof self->object, "%s", object);
    const bn_status status = get_range(blobs, self, 0, self->window, WINDOW_BYTES, &self->window_bytes, err);
    *handle = (intptr_t)self;
    if (status != BIREFNET_OK) close_object(blobs, *handle);
    return status;
}

static size_t take_from_window(const reader *self, uint64_t offset, void *bytes, size_t count)
{
    if (offset < self->window_at || offset - self->window_at >= self->window_bytes) return 0;
    const size_t skipped = (size_t)(offset - self->window_at);
    const size_t taken = BN_MIN(count, self->window_bytes - skipped);
    memcpy(bytes, self->window + skipped, taken);
    return taken;
}

static bn_status read_object(bn_blobs *blobs, intptr_t handle, uint64_t offset, void *bytes, size_t count,
                             size_t *got, bn_error *err)
{
    reader *self = (reader *)handle;
    for (*got = 0; *got < count && offset + *got < self->size;) {
        const uint64_t at = offset + *got;
        uint8_t *to = (uint8_t *)bytes + *got;
        size_t more = take_from_window(self, at, to, count - *got);
        if (more == 0 && count - *got >= WINDOW_BYTES) {
            BN_TRY(get_range(blobs, self, at, to, count - *got, &more, err));
            if (more == 0) break;
        } else if (more == 0) {
            self->window_bytes = 0;
            BN_TRY(get_range(blobs, self, at, self->window, WINDOW_BYTES, &self->window_bytes, err));
            self->window_at = at;
            if (self->window_bytes == 0) break;
        }
        *got += more;
    }
    return BIREFNET_OK;
}

static int take_fd(bn_blobs *blobs, intptr_t handle)
{
    (void)blobs;
    (void)handle;
    return -1;
}

static bool remove_object(bn_blobs *blobs, const char *object, uint64_t *bytes)
{
    bn_s3_call head = {.method = "HEAD", .object = object, .deadline_ms = CHECK_MS};
    bn_s3_call drop = {.method = "DELETE", .object = object, .deadline_ms = CHECK_MS};
    *bytes = 0;
    if (ask(blobs, &head, NULL) == BIREFNET_ERROR_NOT_FOUND) return true;
    const bn_status status = ask(blobs, &drop, NULL);
    if (status == BIREFNET_OK) *bytes = head.size;
    return status == BIREFNET_OK || status == BIREFNET_ERROR_NOT_FOUND;
}

static bn_status look(bn_blobs *blobs, const char *object, uint64_t *size,
                      char version[BN_BLOB_VERSION_CHARS], bn_error *err)
{
    bn_s3_call head = {.method = "HEAD", .object = object, .deadline_ms = CHECK_MS};
    BN_TRY(ask(blobs, &head, err));
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
    return bn_s3_link(s3_of(blobs), &request, object, link->seconds, url, size, err);
}

const bn_blobs_kind bn_blobs_s3 = {
    .scheme = "s3",
    .is_remote = true,
    .open = open_s3,
    .close = close_s3,
    .stop = stop,
    .check = check,
    .create = create,
    .append = append,
    .seal = seal,
    .abandon = abandon,
    .join = join_in_place,
    .open_object = open_object,
    .read = read_object,
    .take_fd = take_fd,
    .close_object = close_object,
    .remove = remove_object,
    .look = look,
    .link = link_object,
    .spool = spool,
};
