/* animation.h - moving pictures: the frames of a file one after the other, and frames to a file one after the other. One file
 * a format and direction stands behind it (animation_table.h). Memory does not grow with the number of frames. */
#ifndef BN_IMAGE_ANIMATION_H
#define BN_IMAGE_ANIMATION_H

#include "base/part.h"
#include "image/codec.h"

/* Files that say they have more frames are refused. */
#define BN_ANIMATION_MAX_FRAMES 100000u

/* How long a frame is shown: numerator / denominator seconds. */
typedef struct bn_delay {
    uint32_t numerator, denominator; /* denominator at least 1 */
} bn_delay;

typedef struct bn_animation_info {
    bn_format format;
    int width, height; /* of every frame, upright */
    uint32_t frames;   /* that the file holds, by its headers; writing does not ask */
    uint32_t plays;    /* how often all frames are shown; 0 = for ever */
} bn_animation_info;

/* Frames that a file holds, by its headers; 1 for a still, and for whatever is no animation that is read here. */
uint32_t bn_animation_count(const void *bytes, size_t size);

/* ---- reading ---- */

typedef struct bn_animation bn_animation;

/* bytes are borrowed until bn_animation_close. limits as in bn_image_decode: of the canvas, and the memory that goes with
 * it. LIMIT for too many frames; FORMAT, UNSUPPORTED as there. limits may be NULL: the defaults. */
bn_status bn_animation_open(const void *bytes, size_t size, const bn_decode_limits *limits,
                            bn_animation **animation, bn_error *err);
const bn_animation_info *bn_animation_get_info(const bn_animation *animation);

/* The whole canvas as it is to be seen, disposal and blending done: RGBA, 8 bits, upright, with the file's profile. *frame is
 * NULL behind the last one; the caller destroys it. */
bn_status bn_animation_next(bn_animation *animation, bn_image **frame, bn_delay *delay, bn_error *err);
void bn_animation_close(bn_animation **animation); /* accepts the address of NULL; sets it to NULL */

/* ---- writing ---- */

typedef struct bn_animation_writer bn_animation_writer;

/* Whether bn_animation_writer_open knows the format: GIF, WEBP, PNG. */
bool bn_animation_is_written(bn_format format);

/* To `part`, which is borrowed and stays the caller's to commit. quality, lossless and the like are those of stills. */
bn_status bn_animation_writer_open(bn_part *part, const bn_animation_info *info,
                                   const bn_encode_options *options, bn_animation_writer **writer,
                                   bn_error *err);

/* 1, 3 or 4 channels, the same for all frames; 16 bits are rounded to 8. The first frame's profile is kept where the format
 * has a place for one. Delays are kept exactly in PNG, to the millisecond in WebP, to the hundredth of a second in GIF,
 * without adding up to an error; in GIF they are at least 2 hundredths (players take less for ten) unless they are 0 or from a
 * GIF. */
bn_status bn_animation_writer_add(bn_animation_writer *writer, const bn_image *frame, bn_delay delay,
                                  bn_error *err);

/* Completes the file. */
bn_status bn_animation_writer_finish(bn_animation_writer *writer, bn_error *err);
void bn_animation_writer_close(bn_animation_writer **writer);

#endif
