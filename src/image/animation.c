/* animation.c - choosing by format, limits, turning; what writers need to know of the frame before. */
#include "image/animation.h"

#include "base/size.h"
#include "image/animation_table.h"
#include "image/orientation.h"

#include <stdlib.h>
#include <string.h>

static const bn_frames_reader *const readers[BN_FORMATS] = {
    [BN_FORMAT_GIF] = &bn_gif_frames,
    [BN_FORMAT_WEBP] = &bn_webp_frames,
    [BN_FORMAT_PNG] = &bn_apng_frames,
    [BN_FORMAT_AVIF] = &bn_avif_frames,
};

static const bn_frames_writer *const writers[BN_FORMATS] = {
    [BN_FORMAT_GIF] = &bn_gif_frames_writer,
    [BN_FORMAT_WEBP] = &bn_webp_frames_writer,
    [BN_FORMAT_PNG] = &bn_apng_frames_writer,
};

uint32_t bn_animation_count(const void *bytes, size_t size)
{
    const bn_frames_reader *reader = readers[bn_format_from_bytes(bytes, size)];
    return reader ? BN_MAX(reader->count(bytes, size), 1u) : 1;
}

/* ---- reading ---- */

struct bn_animation {
    const bn_frames_reader *reader;
    void *state;
    bn_animation_info info;
    int orientation;
    uint32_t given; /* frames */
};

/* As for stills (codec.c): the limits allow so much memory for each pixel that they allow. */
static bn_status check_memory(const bn_animation *self, uint64_t extra_bytes, size_t file_bytes,
                              const bn_decode_limits *limits, bn_error *err)
{
    uint64_t most = 0, need = 0;
    if (!bn_size_mul(limits->max_pixels, BN_DECODE_PIXEL_BYTES, &most) ||
        !bn_size_add(most, file_bytes + BN_DECODE_FIXED_BYTES, &most))
        most = UINT64_MAX;
    const uint64_t pixels = (uint64_t)self->info.width * (uint64_t)self->info.height;
    if (!bn_size_mul(pixels, self->reader->pixel_bytes, &need) || !bn_size_add(need, extra_bytes, &need) ||
        !bn_size_add(need, file_bytes + BN_DECODE_FIXED_BYTES, &need))
        need = UINT64_MAX;
    if (need <= most) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_LIMIT,
                   "decoding the animation could take %.4g MB, the limit is %.4g MB", (double)need / 1e6,
                   (double)most / 1e6);
}

static bn_status open_frames(bn_animation *self, const uint8_t *bytes, size_t size,
                             const bn_decode_limits *limits, bn_error *err)
{
    uint64_t extra_bytes = 0;
    BN_TRY(self->reader->open(bytes, size, limits, &self->info, &extra_bytes, &self->state, err));
    if (self->info.frames > BN_ANIMATION_MAX_FRAMES)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "an animation of %u frames, the limit is %u",
                       self->info.frames, BN_ANIMATION_MAX_FRAMES);
    return check_memory(self, extra_bytes, size, limits, err);
}

bn_status bn_animation_open(const void *bytes, size_t size, const bn_decode_limits *limits,
                            bn_animation **animation, bn_error *err)
{
    bn_decode_limits defaults;
    bn_decode_limits_default(&defaults);
    if (!limits) limits = &defaults;
    uint64_t need = 0;
    BN_TRY(bn_image_decode_bytes(bytes, size, limits, &need, err));
    bn_format format;
    bn_image_header header;
    BN_TRY(bn_image_read_header(bytes, size, &format, &header, err));
    if (!readers[format])
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "animations in %s are not read",
                       bn_format_get_facts(format)->name);
    bn_animation *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "an animation");
    made->reader = readers[format];
    made->orientation = header.orientation;
    made->info = (bn_animation_info){.format = format, .width = header.width, .height = header.height};
    const bn_status status = open_frames(made, bytes, size, limits, err);
    if (bn_orientation_swaps_sides(header.orientation)) {
        made->info.width = header.height;
        made->info.height = header.width;
    }
    if (status == BIREFNET_OK)
        *animation = made;
    else
        bn_animation_close(&made);
    return status;
}

const bn_animation_info *bn_animation_get_info(const bn_animation *animation)
{
    return &animation->info;
}

bn_status bn_animation_next(bn_animation *self, bn_image **frame, bn_delay *delay, bn_error *err)
{
    *frame = NULL;
    if (self->given >= self->info.frames) return BIREFNET_OK;
    *delay = (bn_delay){0, 1};
    bn_image *made = NULL;
    bn_status status = self->reader->next(self->state, &made, delay, err);
    if (status == BIREFNET_OK) {
        made->source_format = self->info.format;
        made->source_depth = 8;
        made->source_orientation = self->orientation;
        status = bn_image_orient(made, self->orientation, err);
    }
    if (status != BIREFNET_OK) {
        bn_image_destroy(&made);
        return bn_error_prefix(err, status, "frame %u of %u", self->given + 1, self->info.frames);
    }
    delay->denominator = BN_MAX(delay->denominator, 1u);
    self->given++;
    *frame = made;
    return BIREFNET_OK;
}

void bn_animation_close(bn_animation **animation)
{
    bn_animation *self = *animation;
    if (!self) return;
    if (self->state) self->reader->close(self->state);
    free(self);
    *animation = NULL;
}

/* ---- writing ---- */

struct bn_animation_writer {
    const bn_frames_writer *writer;
    void *state;
    bn_animation_info info;
    bn_image *before; /* the last frame, as it was given */
    uint32_t added;
};

bool bn_animation_is_written(bn_format format)
{
    return writers[format] != NULL;
}

bn_status bn_animation_writer_open(bn_part *part, const bn_animation_info *info,
                                   const bn_encode_options *options, bn_animation_writer **writer,
                                   bn_error *err)
{
    const bn_frames_writer *found = writers[info->format];
    const char *name = bn_format_get_facts(info->format)->name;
    if (!found) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "animations cannot be written as %s", name);
    BN_TRY(bn_encode_check_size(info->format, info->width, info->height, err));
    bn_animation_writer *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "an animation");
    made->writer = found;
    made->info = *info;
    const bn_status status = found->open(part, info, options, &made->state, err);
    if (status == BIREFNET_OK)
        *writer = made;
    else
        bn_animation_writer_close(&made);
    return status;
}

static bn_status to_8_bits(const bn_image *frame, bn_image **copy, bn_error *err)
{
    BN_TRY(bn_image_create(frame->width, frame->height, frame->channels, 8, copy, err));
    for (int y = 0; y < frame->height; y++)
        bn_image_copy_row_8(frame, y, frame->channels,
                            (uint8_t *)(*copy)->pixels + (size_t)y * bn_image_row_bytes(*copy));
    return bn_image_set_icc(*copy, frame->icc, frame->icc_bytes, err);
}

/* The bytes [*first, *last) in which two rows differ; false where they are the same. */
static bool differ(const uint8_t *a, const uint8_t *b, size_t bytes, size_t *first, size_t *last)
{
    if (memcmp(a, b, bytes) == 0) return false;
    size_t from = 0, to = bytes;
    while (a[from] == b[from]) from++;
    while (a[to - 1] == b[to - 1]) to--;
    *first = from;
    *last = to;
    return true;
}

/* At least a pixel, so that every format can write it. */
static bn_box find_changes(const bn_image *before, const bn_image *now)
{
    const size_t row = bn_image_row_bytes(now), pixel = (size_t)now->channels;
    size_t left = row, right = 0;
    int top = now->height, bottom = 0;
    for (int y = 0; y < now->height; y++) {
        size_t first, last;
        const size_t at = (size_t)y * row;
        if (!differ((const uint8_t *)before->pixels + at, (const uint8_t *)now->pixels + at, row, &first,
                    &last))
            continue;
        left = BN_MIN(left, first);
        right = BN_MAX(right, last);
        top = BN_MIN(top, y);
        bottom = y + 1;
    }
    if (bottom == 0) return (bn_box){0, 0, 1, 1};
    const int x = (int)(left / pixel) & ~1, y = top & ~1;
    return (bn_box){x, y, (int)((right + pixel - 1) / pixel) - x, bottom - y};
}

bn_status bn_animation_writer_add(bn_animation_writer *self, const bn_image *frame, bn_delay delay,
                                  bn_error *err)
{
    if (frame->width != self->info.width || frame->height != self->info.height ||
        (self->before && self->before->channels != frame->channels))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "frame %u is %dx%d with %d channels: not what was begun",
                       self->added + 1, frame->width, frame->height, frame->channels);
    bn_image *now = NULL;
    bn_status status = to_8_bits(frame, &now, err);
    if (status == BIREFNET_OK) {
        const bn_box all = {0, 0, frame->width, frame->height};
        const bn_box changed = self->before ? find_changes(self->before, now) : all;
        status = self->writer->add(self->state, now, changed, delay, err);
        self->added++;
    }
    if (status == BIREFNET_OK) {
        bn_image_destroy(&self->before);
        self->before = now;
        now = NULL;
    }
    bn_image_destroy(&now);
    return status;
}

bn_status bn_animation_writer_finish(bn_animation_writer *self, bn_error *err)
{
    if (self->added == 0) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "an animation without a frame");
    return self->writer->finish(self->state, err);
}

void bn_animation_writer_close(bn_animation_writer **writer)
{
    bn_animation_writer *self = *writer;
    if (!self) return;
    if (self->state) self->writer->close(self->state);
    bn_image_destroy(&self->before);
    free(self);
    *writer = NULL;
}
