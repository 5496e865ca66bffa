/* nearest.h - for every pixel the nearest pixel of a set, exactly. */
#ifndef BN_MEASURE_NEAREST_H
#define BN_MEASURE_NEAREST_H

#include "base/error.h"

#include <stdbool.h>

typedef struct bn_nearest bn_nearest;

/* The set is not empty: bytes other than 0 of is_set [height][width]. */
bn_status bn_nearest_create(const uint8_t *is_set, int width, int height, bn_nearest **nearest,
                            bn_error *err);
void bn_nearest_destroy(bn_nearest **nearest);

/* Of row y: pixels [width], the index y * width + x of the nearest pixel, and its distance squared. Rows in any order. */
void bn_nearest_row(bn_nearest *nearest, int y, int32_t *pixels, int64_t *distances_squared);

#endif
