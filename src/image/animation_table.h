/* animation_table.h - what every animated format offers to animation.c, and the canvas and clock they share. */
#ifndef BN_IMAGE_ANIMATION_TABLE_H
#define BN_IMAGE_ANIMATION_TABLE_H

#include "image/animation.h"
#include "image/codec_table.h"
#include "image/compose.h"

/* ---- reading ---- */

typedef struct bn_frames_reader {
    /* By the headers only; 1 where they do not say more. */
    uint32_t (*count)(const uint8_t *bytes, size_t size);
    /* info holds width and height as stored, within the limits. Fills in frames and plays, and extra_bytes where frames
     * take more than pixel_bytes says; takes no memory for pixels. *state is closed by the caller, after a failure, too. */
    bn_status (*open)(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                      bn_animation_info *info, uint64_t *extra_bytes, void **state, bn_error *err);
    /* The next canvas, as stored; a new image. Called info.frames times at most. */
    bn_status (*next)(void *state, bn_image **frame, bn_delay *delay, bn_error *err);
    void (*close)(void *state);
    unsigned pixel_bytes; /* the most that a pixel of the canvas takes, as in bn_codec */
} bn_frames_reader;

extern const bn_frames_reader bn_gif_frames, bn_webp_frames, bn_apng_frames, bn_avif_frames;

/* What becomes of a frame before the next one is drawn. */
typedef enum bn_disposal {
    BN_DISPOSAL_KEEP = 0,
    BN_DISPOSAL_CLEAR,   /* its box becomes transparent */
    BN_DISPOSAL_RESTORE, /* its box becomes what it was before */
} bn_disposal;

/* Where frames are drawn upon one another. All zero before the first use. */
typedef struct bn_canvas {
    bn_image *image;  /* RGBA 8 */
    bn_image *before; /* as it was before a frame that will be taken back; NULL until one comes */
    bn_box box;       /* of the last frame, inside the canvas */
    bn_disposal disposal;
} bn_canvas;

bn_status bn_canvas_create(bn_canvas *canvas, int width, int height, bn_error *err);
void bn_canvas_release(bn_canvas *canvas);

/* Dispose of the last frame and make ready for one at `box` (which is cut to the canvas). */
bn_status bn_canvas_begin(bn_canvas *canvas, bn_box box, bn_disposal disposal, bn_error *err);
bn_status bn_canvas_copy(const bn_canvas *canvas, bn_image **frame, bn_error *err);

/* ---- writing ---- */

typedef struct bn_frames_writer {
    bn_status (*open)(bn_part *part, const bn_animation_info *info, const bn_encode_options *options,
                      void **state, bn_error *err);
    /* Frames are 8 bits and of info's size; `changed` is the box of what differs from the frame before, with even x and y;
     * all of the first one. */
    bn_status (*add)(void *state, const bn_image *frame, bn_box changed, bn_delay delay, bn_error *err);
    bn_status (*finish)(void *state, bn_error *err);
    void (*close)(void *state);
} bn_frames_writer;

extern const bn_frames_writer bn_gif_frames_writer, bn_webp_frames_writer, bn_apng_frames_writer;

/* Delays in whole ticks whose sum is never further from the true one than half a tick. All zero at first. */
typedef struct bn_ticks {
    double end_s;
    double end_ticks;
} bn_ticks;

uint32_t bn_ticks_next(bn_ticks *ticks, bn_delay delay, unsigned per_second, uint32_t least, uint32_t most);

/* A copy of the pixels of `box`, without the profile. */
bn_status bn_image_cut(const bn_image *image, bn_box box, bn_image **cut, bn_error *err);

#endif
