/* s3_read.c - objects from a bucket, by ranges. */
#include "blobs/s3_kind.h"

#include "base/size.h"
#include "blobs/s3_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES ((size_t)1 << 20) /* read at once, as small reads are many */

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
    const bn_status status = bn_s3_ask(blobs, &call, err);
    *got = 0;
    if (call.code == 416) { /* nothing lies behind it: an empty object, too */
        self->size = call.size;
        return BIREFNET_OK;
    }
    if (status != BIREFNET_OK) return status;
    if (call.code != 206 && offset > 0) return bn_s3_fail(blobs, err, "it does not know ranges");
    self->size = call.size;
    *got = call.got;
    if (offset + call.got < BN_MIN(self->size, offset + count))
        return bn_s3_fail(blobs, err, "it sent less than it said");
    return BIREFNET_OK;
}

void bn_s3_close_object(bn_blobs *blobs, intptr_t handle)
{
    (void)blobs;
    reader *self = (reader *)handle;
    free(self->window);
    free(self);
}

bn_status bn_s3_open_object(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err)
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
    if (status != BIREFNET_OK) bn_s3_close_object(blobs, *handle);
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

bn_status bn_s3_read_object(bn_blobs *blobs, intptr_t handle, uint64_t offset, void *bytes, size_t count,
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
