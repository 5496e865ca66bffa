/* gif_frames.c - animated GIF: frames in through giflib, frames out through cgif, each with its own palette. */
#include "image/animation_table.h"

#include "base/size.h"
#include "image/gif.h"
#include "image/quantise.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <cgif.h>

/* ---- what the blocks say ------------------------------------------------------------------------------- */

typedef struct gif_walk {
    const uint8_t *bytes;
    size_t size, at;
    uint32_t frames;
    uint32_t plays; /* 1 where nothing is said */
} gif_walk;

static size_t colour_table_bytes(uint8_t packed)
{
    return packed & 0x80 ? (size_t)3 << ((packed & 7) + 1) : 0;
}

static void skip_sub_blocks(gif_walk *walk)
{
    while (walk->at < walk->size) {
        const uint8_t length = walk->bytes[walk->at++];
        if (length == 0) return;
        walk->at += length;
    }
}

/* "NETSCAPE2.0" or "ANIMEXTS1.0", then a sub-block 1, repetitions after the first time as 16 bits; 0 for ever. */
static void read_extension(gif_walk *walk)
{
    const uint8_t *block = walk->bytes + walk->at + 1; /* behind the label */
    const size_t left = walk->size - walk->at;
    if (left >= 18 && walk->bytes[walk->at] == 0xff && block[0] == 11 &&
        (!memcmp(block + 1, "NETSCAPE2.0", 11) || !memcmp(block + 1, "ANIMEXTS1.0", 11)) && block[12] == 3 &&
        (block[13] & 7) == 1) {
        const uint32_t repeats = block[14] | (uint32_t)block[15] << 8;
        walk->plays = repeats ? repeats + 1 : 0;
    }
    walk->at++;
    skip_sub_blocks(walk);
}

/* A frame counts when it begins: one that is cut off is an error when its turn comes. */
static void walk_blocks(gif_walk *walk)
{
    enum { HEADER_BYTES = 13, AT_PACKED = 10, DESCRIPTOR_BYTES = 9 };
    walk->plays = 1;
    if (walk->size < HEADER_BYTES) return;
    walk->at = HEADER_BYTES + colour_table_bytes(walk->bytes[AT_PACKED]);
    while (walk->at < walk->size) {
        const uint8_t kind = walk->bytes[walk->at++];
        if (kind == 0x3b) return;
        if (kind == 0x21 && walk->at < walk->size) {
            read_extension(walk);
        } else if (kind == 0x2c && walk->size - walk->at >= DESCRIPTOR_BYTES) {
            walk->frames++;
            /* the table, then the width of codes */
            walk->at +=
                DESCRIPTOR_BYTES + colour_table_bytes(walk->bytes[walk->at + DESCRIPTOR_BYTES - 1]) + 1;
            skip_sub_blocks(walk);
        }
    }
}

static uint32_t gif_count(const uint8_t *bytes, size_t size)
{
    gif_walk walk = {.bytes = bytes, .size = size};
    walk_blocks(&walk);
    return walk.frames;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

typedef struct gif_frames {
    bn_gif_source source;
    bn_decode_limits limits;
    GifFileType *gif;
    bn_canvas canvas;
} gif_frames;

static bn_status gif_open(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                          bn_animation_info *info, uint64_t *extra_bytes, void **state, bn_error *err)
{
    (void)extra_bytes;
    gif_walk walk = {.bytes = bytes, .size = size};
    walk_blocks(&walk);
    info->frames = walk.frames;
    info->plays = walk.plays;
    gif_frames *self = calloc(1, sizeof *self);
    if (!self) return bn_fail_memory(err, sizeof *self, "a GIF");
    *state = self;
    self->source = (bn_gif_source){bytes, size, 0};
    self->limits = *limits;
    return bn_gif_open(&self->source, &self->gif, err);
}

static bn_disposal disposal_of(int mode)
{
    if (mode == DISPOSE_BACKGROUND)
        return BN_DISPOSAL_CLEAR; /* as players do, whatever the background's colour */
    return mode == DISPOSE_PREVIOUS ? BN_DISPOSAL_RESTORE : BN_DISPOSAL_KEEP;
}

/* giflib keeps each frame's description and palette. */
static void forget_frames(GifFileType *gif)
{
    GifFreeSavedImages(gif);
    gif->SavedImages = NULL;
    gif->ImageCount = 0;
}

static bn_status gif_next(void *state, bn_image **frame, bn_delay *delay, bn_error *err)
{
    gif_frames *self = state;
    GraphicsControlBlock control;
    if (!self->canvas.image)
        BN_TRY(bn_canvas_create(&self->canvas, self->gif->SWidth, self->gif->SHeight, err));
    forget_frames(self->gif);
    BN_TRY(bn_gif_find_frame(self->gif, &control, err));
    const GifImageDesc *image = &self->gif->Image;
    BN_TRY(bn_limits_check(&self->limits, (uint64_t)image->Width, (uint64_t)image->Height, err));
    const ColorMapObject *palette = bn_gif_get_palette(self->gif);
    if (!palette) return bn_fail(err, BIREFNET_ERROR_FORMAT, "no colours");
    const bn_box box = {image->Left, image->Top, image->Width, image->Height};
    BN_TRY(bn_canvas_begin(&self->canvas, box, disposal_of(control.DisposalMode), err));
    BN_TRY(bn_gif_draw_frame(self->gif, palette, control.TransparentColor, self->canvas.image, err));
    *delay = (bn_delay){(uint32_t)control.DelayTime, 100};
    return bn_canvas_copy(&self->canvas, frame, err);
}

static void gif_close(void *state)
{
    gif_frames *self = state;
    if (self->gif) DGifCloseFile(self->gif, NULL);
    bn_canvas_release(&self->canvas);
    free(self);
}

const bn_frames_reader bn_gif_frames = {
    .count = gif_count,
    .open = gif_open,
    .next = gif_next,
    .close = gif_close,
    .pixel_bytes = 12, /* the canvas, as it was before, and the frame that is given out; turned: none is */
};

/* ---- writing ------------------------------------------------------------------------------------------- */

typedef struct gif_writer {
    bn_part *part;
    CGIF *gif;
    bn_animation_info info;
    bool dither;
    bn_ticks ticks;
    bn_error *err; /* of the call that is under way */
    bn_status status;
} gif_writer;

static int write_part(void *context, const uint8_t *bytes, const size_t count)
{
    gif_writer *self = context;
    if (self->status == BIREFNET_OK) self->status = bn_part_append(self->part, bytes, count, self->err);
    return self->status == BIREFNET_OK ? 0 : -1;
}

static bn_status gif_writer_open(bn_part *part, const bn_animation_info *info,
                                 const bn_encode_options *options, void **state, bn_error *err)
{
    gif_writer *self = calloc(1, sizeof *self);
    if (!self) return bn_fail_memory(err, sizeof *self, "a GIF");
    *state = self;
    *self = (gif_writer){.part = part, .info = *info, .dither = options->dither, .err = err};
    CGIF_Config config = {
        .attrFlags =
            CGIF_ATTR_IS_ANIMATED | CGIF_ATTR_NO_GLOBAL_TABLE | (info->plays == 1 ? CGIF_ATTR_NO_LOOP : 0u),
        .width = (uint16_t)info->width,
        .height = (uint16_t)info->height,
        .numLoops = (uint16_t)(info->plays > 1 ? BN_MIN(info->plays - 1, (uint32_t)UINT16_MAX) : 0),
        .pWriteFn = write_part,
        .pContext = self,
    };
    self->gif = cgif_newgif(&config);
    if (self->gif) return BIREFNET_OK;
    return self->status != BIREFNET_OK ? self->status : bn_fail_memory(err, 0, "a GIF");
}

static uint32_t hundredths(gif_writer *self, bn_delay delay)
{
    const bool exact = delay.denominator == 100 || delay.numerator == 0;
    return bn_ticks_next(&self->ticks, delay, 100, exact ? 0 : 2, UINT16_MAX);
}

static bn_status gif_add(void *state, const bn_image *frame, bn_box changed, bn_delay delay, bn_error *err)
{
    (void)changed; /* what becomes transparent again can only be written whole */
    gif_writer *self = state;
    bn_quantised quantised = {0};
    BN_TRY(bn_quantise(frame, self->dither, &quantised, err));
    self->err = err;
    CGIF_FrameConfig config = {
        .pLocalPalette = quantised.palette[0],
        .pImageData = quantised.indices,
        .attrFlags =
            CGIF_FRAME_ATTR_USE_LOCAL_TABLE | (quantised.has_transparent ? CGIF_FRAME_ATTR_HAS_ALPHA : 0u),
        .delay = (uint16_t)hundredths(self, delay),
        .numLocalPaletteEntries = (uint16_t)quantised.colours,
        .transIndex = 0,
    };
    const int code = cgif_addframe(self->gif, &config);
    bn_quantised_free(&quantised);
    if (self->status != BIREFNET_OK) return self->status;
    return code == CGIF_OK ? BIREFNET_OK : bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot write the GIF");
}

static bn_status gif_finish(void *state, bn_error *err)
{
    gif_writer *self = state;
    self->err = err;
    CGIF *gif = self->gif;
    self->gif = NULL;
    const int code = cgif_close(gif);
    if (self->status != BIREFNET_OK) return self->status;
    return code == CGIF_OK ? BIREFNET_OK : bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot write the GIF");
}

static void gif_writer_close(void *state)
{
    gif_writer *self = state;
    self->err = NULL;
    if (self->status == BIREFNET_OK) self->status = BIREFNET_ERROR_CANCELLED; /* nothing more is written */
    if (self->gif) cgif_close(self->gif);
    free(self);
}

const bn_frames_writer bn_gif_frames_writer = {
    .open = gif_writer_open,
    .add = gif_add,
    .finish = gif_finish,
    .close = gif_writer_close,
};
