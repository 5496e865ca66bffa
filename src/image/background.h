/* background.h - the picture that is put behind a cut-out. */
#ifndef BN_IMAGE_BACKGROUND_H
#define BN_IMAGE_BACKGROUND_H

#include "base/cpu.h"
#include "image/compose.h"

/* The part of `picture` (its middle) that has the photo's shape, resized to the photo's size and converted to
 * the photo's profile. *rgb: uint8 [photo height][photo width][3], malloc'ed. */
bn_status bn_background_cover(const bn_image *picture, const bn_image *photo, int threads, bn_isa isa,
                              uint8_t **rgb, bn_error *err);

#endif
