/* foreground.h - estimate the foreground's own colours by blur fusion (Forte 2021; the authors'
 * refinement).
 *
 * The public function is birefnet_refine_foreground (matte/refine.c); this one can be held to a level of instructions. */
#ifndef BN_PIXELS_FOREGROUND_H
#define BN_PIXELS_FOREGROUND_H

#include "base/cpu.h"
#include "base/error.h"

/* Arguments as in birefnet.h; isa is the highest level of instructions to use. The result depends neither on
 * threads nor on isa. */
bn_status bn_foreground_estimate(const uint8_t *rgb, const uint8_t *matte, int width, int height,
                                 ptrdiff_t stride_bytes, ptrdiff_t matte_stride_bytes, uint8_t *foreground,
                                 int threads, bn_isa isa, bn_error *err);

#endif
