/* cmyk.h - rows of CMYK ink to sRGB. */
#ifndef BN_IMAGE_CMYK_H
#define BN_IMAGE_CMYK_H

#include "base/error.h"

#include <stdbool.h>

typedef struct bn_cmyk bn_cmyk;

/* Through the profile where it is a usable CMYK profile (lcms2, perceptual), else red = (1 - C)(1 - K) and so
 * on. inverted: 0 means full ink, as Adobe's programs store it. */
bn_status bn_cmyk_create(const void *icc, size_t icc_bytes, bool inverted, bn_cmyk **cmyk, bn_error *err);
void bn_cmyk_destroy(bn_cmyk **cmyk);

/* ink: uint8 [pixels][4]; rgb: uint8 [pixels][3] */
void bn_cmyk_convert(const bn_cmyk *cmyk, const uint8_t *ink, uint8_t *rgb, size_t pixels);

#endif
