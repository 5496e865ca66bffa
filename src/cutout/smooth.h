/* smooth.h - mattes of successive frames evened over time, where the picture holds still. */
#ifndef BN_CUTOUT_SMOOTH_H
#define BN_CUTOUT_SMOOTH_H

#include "image/image.h"

/* A difference of samples (of 255) from which on the old matte counts nothing. */
#define BN_SMOOTH_RANGE 32

typedef struct bn_smooth {
    double strength; /* S, 0 (nothing is done) to below 1: the share of the old matte where nothing moves */
    bn_image *frame; /* the last one; owned */
    uint8_t *matte;  /* as it came out for it; owned */
} bn_smooth;

/* matte uint8 [height][width] of frame (8 bits), changed in place. With d the largest difference of a pixel's samples to the
 * frame before, and M the result for that frame:
 *     w = S * max(0, 1 - d / BN_SMOOTH_RANGE)
 *     matte = matte + w * (M - matte), rounded
 * The first frame, and one of another size, stays as it is. */
bn_status bn_smooth_apply(bn_smooth *smooth, const bn_image *frame, uint8_t *matte, bn_error *err);
void bn_smooth_release(bn_smooth *smooth);

#endif
