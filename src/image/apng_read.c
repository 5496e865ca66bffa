/* apng_read.c - animated PNG in: each frame's chunks are wrapped as a PNG of its own, which the PNG codec reads; then it is
 * drawn onto the canvas. */
#include "image/animation_table.h"

#include "base/size.h"
#include "image/apng.h"
#include "image/png.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

/* ---- chunks -------------------------------------------------------------------------------------------- */

typedef struct png_chunk {
    const uint8_t *whole; /* length, type, data, CRC */
    const uint8_t *data;
    uint32_t size; /* of the data */
} png_chunk;

static bool is_type(const png_chunk *chunk, const char *type)
{
    return memcmp(chunk->whole + 4, type, 4) == 0;
}

/* The chunk at *at, and *at behind it; false at the end of the data, in a chunk or not. */
static bool next_chunk(const uint8_t *bytes, size_t size, size_t *at, png_chunk *chunk)
{
    if (*at > size || size - *at < BN_PNG_CHUNK_BYTES) return false;
    const uint32_t length = bn_png_load_u32(bytes + *at);
    if (length > size - *at - BN_PNG_CHUNK_BYTES) return false;
    *chunk = (png_chunk){bytes + *at, bytes + *at + 8, length};
    *at += BN_PNG_CHUNK_BYTES + (size_t)length;
    return true;
}

/* An acTL chunk before the picture makes a PNG an animation. */
static bool find_control(const uint8_t *bytes, size_t size, uint32_t *frames, uint32_t *plays)
{
    size_t at = BN_PNG_SIGNATURE_BYTES;
    png_chunk chunk;
    while (next_chunk(bytes, size, &at, &chunk) && !is_type(&chunk, "IDAT")) {
        if (!is_type(&chunk, "acTL") || chunk.size < BN_PNG_ACTL_BYTES) continue;
        *frames = bn_png_load_u32(chunk.data);
        *plays = bn_png_load_u32(chunk.data + 4);
        return true;
    }
    return false;
}

static uint32_t apng_count(const uint8_t *bytes, size_t size)
{
    uint32_t frames = 1, plays;
    find_control(bytes, size, &frames, &plays);
    return frames;
}

/* ---- frames -------------------------------------------------------------------------------------------- */

/* Chunks before the picture that bear on every frame's pixels; and those that only say what its colours are, once for all:
 * a profile is unpacked with the first frame alone. Both kinds stand before a palette. */
static const char *const pixel_types[] = {"PLTE", "tRNS", "cICP", "sBIT", NULL};
static const char *const colour_types[] = {"iCCP", "sRGB", "gAMA", "cHRM", NULL};

enum {
    IHDR_END = BN_PNG_SIGNATURE_BYTES + BN_PNG_CHUNK_BYTES + BN_PNG_IHDR_BYTES,
    MOST_PIXEL_HEAD_BYTES = 4096, /* a palette and its transparency take some 1050 */
};

typedef struct apng_frames {
    const uint8_t *bytes;
    size_t size;
    size_t at; /* the next chunk */
    bn_decode_limits limits;
    bn_canvas canvas;
    /* a frame as a PNG: signature, IHDR, colour_types for the first frame, pixel_types, the frame's data */
    bn_buffer file;
    size_t colour_bytes, head_bytes; /* of it: of colour_types; before the data */
    bool has_colours;                /* the first frame is read */
    void *icc;                       /* its profile, and so that of all; owned */
    size_t icc_bytes;
} apng_frames;

static bool is_one_of(const png_chunk *chunk, const char *const *types)
{
    for (; *types; types++)
        if (is_type(chunk, *types)) return true;
    return false;
}

/* Append the chunks of these types that stand before the picture. */
static bn_status collect(apng_frames *self, const char *const *types, bn_error *err)
{
    size_t at = IHDR_END;
    png_chunk chunk;
    while (next_chunk(self->bytes, self->size, &at, &chunk) && !is_type(&chunk, "IDAT"))
        if (is_one_of(&chunk, types))
            BN_TRY(bn_buffer_append(&self->file, chunk.whole, BN_PNG_CHUNK_BYTES + (size_t)chunk.size, err));
    return BIREFNET_OK;
}

static bn_status collect_head(apng_frames *self, bn_error *err)
{
    if (self->size < IHDR_END || bn_png_load_u32(self->bytes + BN_PNG_SIGNATURE_BYTES) != BN_PNG_IHDR_BYTES ||
        memcmp(self->bytes + BN_PNG_SIGNATURE_BYTES + 4, "IHDR", 4) != 0)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged PNG: no header");
    BN_TRY(bn_buffer_append(&self->file, self->bytes, IHDR_END, err));
    BN_TRY(collect(self, colour_types, err));
    self->colour_bytes = self->file.size - IHDR_END;
    BN_TRY(collect(self, pixel_types, err));
    self->head_bytes = self->file.size;
    if (self->head_bytes - IHDR_END - self->colour_bytes <= MOST_PIXEL_HEAD_BYTES) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged PNG: more than one palette");
}

static bn_status apng_open(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                           bn_animation_info *info, uint64_t *extra_bytes, void **state, bn_error *err)
{
    info->frames = info->plays = 1;
    find_control(bytes, size, &info->frames, &info->plays);
    *extra_bytes = size; /* a frame's chunks again */
    apng_frames *self = calloc(1, sizeof *self);
    if (!self) return bn_fail_memory(err, sizeof *self, "an animated PNG");
    *state = self;
    *self = (apng_frames){.bytes = bytes, .size = size, .at = BN_PNG_SIGNATURE_BYTES, .limits = *limits};
    bn_buffer_init(&self->file, size + 4096); /* chunks that lose four bytes each, and an end */
    return collect_head(self, err);
}

/* What the first frame says of its colours is known: the others go without. */
static bn_status keep_colours(apng_frames *self, const bn_image *frame, bn_error *err)
{
    if (self->has_colours) return BIREFNET_OK;
    self->has_colours = true;
    memmove(self->file.data + IHDR_END, self->file.data + IHDR_END + self->colour_bytes,
            self->head_bytes - IHDR_END - self->colour_bytes);
    self->head_bytes -= self->colour_bytes;
    self->colour_bytes = 0;
    if (frame->icc_bytes == 0) return BIREFNET_OK;
    self->icc = malloc(frame->icc_bytes);
    if (!self->icc) return bn_fail_memory(err, frame->icc_bytes, "a colour profile");
    memcpy(self->icc, frame->icc, frame->icc_bytes);
    self->icc_bytes = frame->icc_bytes;
    return BIREFNET_OK;
}

typedef struct frame_control {
    bn_box box;
    bn_delay delay;
    bn_disposal disposal;
    bool blends;
} frame_control;

static bn_status read_control(const apng_frames *self, const png_chunk *chunk, frame_control *control,
                              bn_error *err)
{
    enum { KEEP, CLEAR, RESTORE };
    const uint8_t *data = chunk->data;
    if (chunk->size != BN_PNG_FCTL_BYTES) return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged PNG: fcTL");
    const uint64_t width = bn_png_load_u32(data + 4), height = bn_png_load_u32(data + 8);
    const uint64_t x = bn_png_load_u32(data + 12), y = bn_png_load_u32(data + 16);
    if (width == 0 || height == 0 || x + width > (uint64_t)self->canvas.image->width ||
        y + height > (uint64_t)self->canvas.image->height)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged PNG: a frame that does not fit");
    *control = (frame_control){
        .box = {(int)x, (int)y, (int)width, (int)height},
        .delay = {(uint32_t)data[20] << 8 | data[21], (uint32_t)data[22] << 8 | data[23]},
        .disposal = data[24] == CLEAR     ? BN_DISPOSAL_CLEAR
                    : data[24] == RESTORE ? BN_DISPOSAL_RESTORE
                                          : BN_DISPOSAL_KEEP,
        .blends = data[25] == 1,
    };
    if (control->delay.denominator == 0) control->delay.denominator = 100;
    return BIREFNET_OK;
}

/* Skip to the next fcTL; frames' data before it belongs to none (the picture for programs that know no animations). */
static bn_status find_control_of_frame(apng_frames *self, frame_control *control, bn_error *err)
{
    png_chunk chunk;
    while (next_chunk(self->bytes, self->size, &self->at, &chunk))
        if (is_type(&chunk, "fcTL")) return read_control(self, &chunk, control, err);
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated PNG: the data ends too early");
}

/* The header says how large this frame is. */
static void resize(apng_frames *self, const bn_box *box)
{
    uint8_t *chunk = self->file.data + BN_PNG_SIGNATURE_BYTES;
    bn_png_store_u32(chunk + 8, (uint32_t)box->width);
    bn_png_store_u32(chunk + 12, (uint32_t)box->height);
    bn_png_store_u32(chunk + 8 + BN_PNG_IHDR_BYTES, libdeflate_crc32(0, chunk + 4, 4 + BN_PNG_IHDR_BYTES));
}

/* The frame's data as a PNG of its box's size, in self->file. */
static bn_status wrap_frame(apng_frames *self, const frame_control *control, bn_error *err)
{
    resize(self, &control->box);
    self->file.size = self->head_bytes;
    png_chunk chunk;
    bool any = false;
    for (size_t at = self->at; next_chunk(self->bytes, self->size, &at, &chunk); self->at = at) {
        if (is_type(&chunk, "fcTL") || is_type(&chunk, "IEND")) break;
        const bool first = is_type(&chunk, "IDAT"), later = is_type(&chunk, "fdAT") && chunk.size >= 4;
        if (!first && !later) continue;
        const size_t skip = first ? 0 : 4; /* the sequence number */
        BN_TRY(bn_png_append_chunk(&self->file, "IDAT", chunk.data + skip, chunk.size - skip, err));
        any = true;
    }
    if (!any) return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated PNG: a frame without data");
    return bn_png_append_chunk(&self->file, "IEND", NULL, 0, err);
}

/* The formula of the PNG specification, on straight alpha. */
static void blend_pixel(uint8_t *under, const uint8_t *over)
{
    const unsigned a = over[3], b = under[3];
    if (a == 255 || b == 0) {
        memcpy(under, over, 4);
        return;
    }
    if (a == 0) return;
    const unsigned share = b * (255 - a), whole = 255 * a + share; /* of 255 * 255 */
    for (int c = 0; c < 3; c++)
        under[c] = (uint8_t)((255 * a * over[c] + share * under[c] + whole / 2) / whole);
    under[3] = (uint8_t)((whole + 127) / 255);
}

static bn_status draw(apng_frames *self, const bn_image *frame, const frame_control *control, bn_error *err)
{
    const size_t bytes = (size_t)frame->width * 4;
    uint8_t *line = malloc(bytes);
    if (!line) return bn_fail_memory(err, bytes, "a row of an animated PNG");
    for (int y = 0; y < frame->height; y++) {
        uint8_t *out = (uint8_t *)self->canvas.image->pixels +
                       (size_t)(control->box.y + y) * bn_image_row_bytes(self->canvas.image) +
                       (size_t)control->box.x * 4;
        bn_image_copy_row_8(frame, y, 4, line);
        if (!control->blends) memcpy(out, line, bytes);
        for (size_t i = 0; control->blends && i < bytes; i += 4) blend_pixel(out + i, line + i);
    }
    free(line);
    return BIREFNET_OK;
}

static bn_status apng_next(void *state, bn_image **frame, bn_delay *delay, bn_error *err)
{
    apng_frames *self = state;
    frame_control control = {0};
    bn_image *part = NULL;
    bn_status status;
    const uint8_t *header = self->bytes + BN_PNG_SIGNATURE_BYTES + 8;
    if (!self->canvas.image)
        BN_TRY(bn_canvas_create(&self->canvas, (int)bn_png_load_u32(header), (int)bn_png_load_u32(header + 4),
                                err));
    BN_TRY(find_control_of_frame(self, &control, err));
    BN_TRY(wrap_frame(self, &control, err));
    BN_TRY(bn_canvas_begin(&self->canvas, control.box, control.disposal, err));
    BN_TRY_DONE(bn_png_decode(self->file.data, self->file.size, &self->limits, &part, err));
    BN_TRY_DONE(keep_colours(self, part, err));
    BN_TRY_DONE(draw(self, part, &control, err));
    *delay = control.delay;
    BN_TRY_DONE(bn_canvas_copy(&self->canvas, frame, err));
    status = bn_image_set_icc(*frame, self->icc, self->icc_bytes, err);
done:
    bn_image_destroy(&part);
    return status;
}

static void apng_close(void *state)
{
    apng_frames *self = state;
    bn_canvas_release(&self->canvas);
    bn_buffer_free(&self->file);
    free(self->icc);
    free(self);
}

const bn_frames_reader bn_apng_frames = {
    .count = apng_count,
    .open = apng_open,
    .next = apng_next,
    .close = apng_close,
    .pixel_bytes = 28, /* two canvases, the frame that is given out, and a frame of RGBA 16 twice */
};
