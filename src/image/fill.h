/* fill.h - filling holes of a small picture from around them. */
#ifndef BN_IMAGE_FILL_H
#define BN_IMAGE_FILL_H

#include "base/error.h"

/* Push and pull over a pyramid: each level holds the means of what is known in 2 x 2 pixels of the level below; on the way
 * back down a pixel takes from the level above what it lacks.
 *   rgbw  float [height][width][4], in place: three colours times how much of the pixel is known, and that, 0 to 1. Comes
 *         back as colours, with 1. Where nothing is known at all it stays as it is. */
bn_status bn_fill_holes(float *rgbw, int width, int height, bn_error *err);

#endif
