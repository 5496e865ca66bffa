/* box_blur.h - blurring 8-bit pictures by running sums: three boxes come close to a Gaussian. Time does not depend on the
 * radius. */
#ifndef BN_IMAGE_BOX_BLUR_H
#define BN_IMAGE_BOX_BLUR_H

#include "base/error.h"

#include <stdint.h>

/* pixels uint8 [height][width][channels], rows tight, in place; channels 1 or 3; a radius of 0 leaves that direction as it
 * is; edges repeat. */
bn_status bn_box_blur(uint8_t *pixels, int width, int height, int channels, int radius_x, int radius_y,
                      bn_error *err);

#endif
