/* matte.h - the steps around the network: a photo to its input, its logits to a matte. */
#ifndef BN_MATTE_MATTE_H
#define BN_MATTE_MATTE_H

#include "base/cpu.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The network's own size, pixels, and the threads and highest level of instructions to use. */
typedef struct bn_matte_size {
    int width, height, threads;
    bn_isa isa;
} bn_matte_size;

/* planes float32 [3][size.height][size.width]: the photo (uint8 [height][width][3], sRGB) resized and normalised. */
bn_status bn_matte_prepare(const uint8_t *rgb, int width, int height, ptrdiff_t stride_bytes,
                           bn_matte_size size, float *planes, bn_error *err);

/* matte uint8 [height][width]: sigmoid of logits float32 [size.height][size.width], at the photo's size. FORMAT where a
 * logit is not a number. */
bn_status bn_matte_finish(const float *logits, bn_matte_size size, uint8_t *matte, int width, int height,
                          ptrdiff_t matte_stride_bytes, bn_error *err);

#endif
