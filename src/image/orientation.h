/* orientation.h - turning pixels by the orientation that EXIF names (image/exif.h finds it). */
#ifndef BN_IMAGE_ORIENTATION_H
#define BN_IMAGE_ORIENTATION_H

#include "image/image.h"

/* True for the four orientations that swap width and height. */
bool bn_orientation_swaps_sides(int orientation);

/* Turn the pixels so that an image stored with this orientation stands upright. */
bn_status bn_image_orient(bn_image *image, int orientation, bn_error *err);

#endif
