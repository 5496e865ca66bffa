/* apng_write.c - animated PNG out: the PNG codec writes each frame, whose data is wrapped anew. */
#include "image/animation_table.h"

#include "base/size.h"
#include "image/apng.h"
#include "image/png.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

enum { MAX_FRAME_BYTES = 1 << 30 };

typedef struct apng_writer {
    bn_part *part;
    bn_animation_info info;
    bn_encode_options options;
    bn_buffer frame;     /* one frame as a PNG */
    uint64_t control_at; /* where acTL lies */
    uint32_t frames, sequence;
    bn_ticks ticks; /* for delays whose fraction has no place */
} apng_writer;

static bn_status apng_writer_open(bn_part *part, const bn_animation_info *info,
                                  const bn_encode_options *options, void **state, bn_error *err)
{
    apng_writer *self = calloc(1, sizeof *self);
    if (!self) return bn_fail_memory(err, sizeof *self, "an animated PNG");
    *state = self;
    *self = (apng_writer){.part = part, .info = *info, .options = *options};
    bn_buffer_init(&self->frame, MAX_FRAME_BYTES);
    return BIREFNET_OK;
}

/* A chunk whose data is prefix and data; data may be NULL where it is empty. */
static bn_status append_chunk(bn_part *part, const char *type, const uint8_t *prefix, size_t prefix_size,
                              const uint8_t *data, size_t size, bn_error *err)
{
    uint8_t head[8], tail[4];
    bn_png_store_u32(head, (uint32_t)(prefix_size + size));
    memcpy(head + 4, type, 4);
    uint32_t crc = libdeflate_crc32(0, type, 4);
    if (prefix_size > 0) crc = libdeflate_crc32(crc, prefix, prefix_size);
    if (size > 0) crc = libdeflate_crc32(crc, data, size);
    bn_png_store_u32(tail, crc);
    BN_TRY(bn_part_append(part, head, sizeof head, err));
    if (prefix_size > 0) BN_TRY(bn_part_append(part, prefix, prefix_size, err));
    if (size > 0) BN_TRY(bn_part_append(part, data, size, err));
    return bn_part_append(part, tail, sizeof tail, err);
}

static void make_control(const apng_writer *self, uint8_t control[BN_PNG_ACTL_BYTES])
{
    bn_png_store_u32(control, self->frames);
    bn_png_store_u32(control + 4, BN_MIN(self->info.plays, (uint32_t)INT_MAX));
}

/* As it is where it fits; else in milliseconds, which are enough for anybody, or in seconds. */
static void store_delay(apng_writer *self, bn_delay delay, uint8_t out[4])
{
    uint32_t numerator = delay.numerator, denominator = delay.denominator;
    const uint32_t ms = bn_ticks_next(&self->ticks, delay, 1000, 0, UINT32_MAX);
    if (numerator > UINT16_MAX || denominator > UINT16_MAX) numerator = ms, denominator = 1000;
    if (numerator > UINT16_MAX) numerator = BN_MIN(ms / 1000, (uint32_t)UINT16_MAX), denominator = 1;
    out[0] = (uint8_t)(numerator >> 8), out[1] = (uint8_t)numerator;
    out[2] = (uint8_t)(denominator >> 8), out[3] = (uint8_t)denominator;
}

static bn_status append_frame_control(apng_writer *self, bn_box box, bn_delay delay, bn_error *err)
{
    uint8_t control[BN_PNG_FCTL_BYTES] = {0}; /* no disposal, no blending: the box replaces what was there */
    bn_png_store_u32(control, self->sequence++);
    bn_png_store_u32(control + 4, (uint32_t)box.width);
    bn_png_store_u32(control + 8, (uint32_t)box.height);
    bn_png_store_u32(control + 12, (uint32_t)box.x);
    bn_png_store_u32(control + 16, (uint32_t)box.y);
    store_delay(self, delay, control + 20);
    return append_chunk(self->part, "fcTL", control, sizeof control, NULL, 0, err);
}

/* The picture's data as it goes into the file: of the first frame as it is, of others behind a sequence number. */
static bn_status append_data(apng_writer *self, const uint8_t *data, size_t size, bn_error *err)
{
    if (self->frames == 0) return append_chunk(self->part, "IDAT", NULL, 0, data, size, err);
    uint8_t number[4];
    bn_png_store_u32(number, self->sequence++);
    return append_chunk(self->part, "fdAT", number, sizeof number, data, size, err);
}

/* Take apart the PNG in self->frame; of the first one the chunks before its picture are kept, too. */
static bn_status append_frame(apng_writer *self, bn_box box, bn_delay delay, bn_error *err)
{
    const uint8_t *bytes = self->frame.data;
    uint8_t control[BN_PNG_ACTL_BYTES];
    bool told = false;
    if (self->frames == 0) BN_TRY(bn_part_append(self->part, bytes, BN_PNG_SIGNATURE_BYTES, err));
    for (size_t at = BN_PNG_SIGNATURE_BYTES; at < self->frame.size;) {
        const uint8_t *chunk = bytes + at;
        const size_t size = bn_png_load_u32(chunk);
        at += BN_PNG_CHUNK_BYTES + size;
        if (!memcmp(chunk + 4, "IEND", 4)) break;
        if (!memcmp(chunk + 4, "IDAT", 4)) {
            if (!told) BN_TRY(append_frame_control(self, box, delay, err));
            told = true;
            BN_TRY(append_data(self, chunk + 8, size, err));
        } else if (self->frames == 0) {
            BN_TRY(bn_part_append(self->part, chunk, BN_PNG_CHUNK_BYTES + size, err));
            if (memcmp(chunk + 4, "IHDR", 4) != 0) continue;
            self->control_at = self->part->bytes;
            make_control(self, control);
            BN_TRY(append_chunk(self->part, "acTL", control, sizeof control, NULL, 0, err));
        }
    }
    self->frames++;
    return BIREFNET_OK;
}

static bn_status apng_add(void *state, const bn_image *frame, bn_box changed, bn_delay delay, bn_error *err)
{
    apng_writer *self = state;
    bn_image *cut = NULL;
    bn_status status = BIREFNET_OK;
    if (self->frames > 0) BN_TRY(bn_image_cut(frame, changed, &cut, err));
    self->frame.size = 0;
    BN_TRY_DONE(bn_png_encode(cut ? cut : frame, &self->options, &self->frame, err));
    status = append_frame(self, changed, delay, err);
done:
    bn_image_destroy(&cut);
    return status;
}

static bn_status apng_finish(void *state, bn_error *err)
{
    apng_writer *self = state;
    uint8_t control[4 + BN_PNG_ACTL_BYTES + 4] = {'a', 'c', 'T', 'L'};
    BN_TRY(append_chunk(self->part, "IEND", NULL, 0, NULL, 0, err));
    make_control(self, control + 4);
    bn_png_store_u32(control + 4 + BN_PNG_ACTL_BYTES, libdeflate_crc32(0, control, 4 + BN_PNG_ACTL_BYTES));
    return bn_part_patch(self->part, self->control_at + 4, control, sizeof control, err);
}

static void apng_writer_close(void *state)
{
    apng_writer *self = state;
    bn_buffer_free(&self->frame);
    free(self);
}

const bn_frames_writer bn_apng_frames_writer = {
    .open = apng_writer_open,
    .add = apng_add,
    .finish = apng_finish,
    .close = apng_writer_close,
};
