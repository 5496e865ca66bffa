/* orientation.h - the EXIF orientation tag: finding it, and turning pixels by it. */
#ifndef BN_IMAGE_ORIENTATION_H
#define BN_IMAGE_ORIENTATION_H

#include "image/image.h"

/* Orientation 1 to 8 in an EXIF block, with or without "Exif\0\0" in front of its TIFF header; 1 where there
 * is none or the block makes no sense. */
int bn_exif_get_orientation(const uint8_t *exif, size_t size);

/* True for the four orientations that swap width and height. */
bool bn_orientation_swaps_sides(int orientation);

/* Turn the pixels so that an image stored with this orientation stands upright. */
bn_status bn_image_orient(bn_image *image, int orientation, bn_error *err);

#endif
