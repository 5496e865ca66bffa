/* stage.h - the subject moved onto a canvas: where it stands there, and the pixels. */
#ifndef BN_IMAGE_STAGE_H
#define BN_IMAGE_STAGE_H

#include "base/cpu.h"
#include "image/compose.h"

typedef enum bn_align {
    BN_ALIGN_CENTER = 0,
    BN_ALIGN_BOTTOM, /* as low as the margin allows, in the middle from left to right */
} bn_align;

/* Where on a canvas of width x height a subject of this size stands: as large as it may be in its own shape within
 * fit_percent (1 to 100) of the canvas's width and of its height. */
bn_box bn_stage_place(int subject_width, int subject_height, int width, int height, double fit_percent,
                      bn_align align);

/*   photo       RGB or RGBA; where it has alpha, the matte is multiplied by it
 *   matte       uint8 [height][width] of the photo, rows tight
 *   foreground  uint8 [height][width][3], rows tight; NULL = the photo's colours
 *   subject     part of the photo that is moved; it may reach beyond the photo, where nothing is
 *   place       where it comes to lie on the canvas, in other pixels perhaps
 *   staged      RGB of 8 bits, canvas_width x canvas_height, the photo's profile; the caller destroys it
 *   staged_matte  uint8 [canvas_height][canvas_width], malloc'ed. What is fainter than 5 % in the photo's matte is gone, so
 *               that the background is the background and nothing else */
bn_status bn_stage_make(const bn_image *photo, const uint8_t *matte, const uint8_t *foreground,
                        bn_box subject, bn_box place, int canvas_width, int canvas_height, int threads,
                        bn_isa isa, bn_image **staged, uint8_t **staged_matte, bn_error *err);

#endif
