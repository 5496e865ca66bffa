/* colour.h - from an image's own colours to 8-bit RGB, with or without conversion to sRGB. */
#ifndef BN_IMAGE_COLOUR_H
#define BN_IMAGE_COLOUR_H

#include "image/image.h"

/* 8-bit RGB of an image: the image's own pixels where they already are that, else a copy. */
typedef struct bn_rgb8 {
    const uint8_t *pixels; /* [height][width][3], rows tight; valid while the image is */
    uint8_t *owned;        /* NULL where pixels points into the image */
    char note[200];        /* empty, or one line about a profile that could not be used */
} bn_rgb8;

/* The image's own samples; 16 bits rounded to 8, alpha dropped (colours under transparency stay, as Pillow's
 * convert("RGB") leaves them), grey repeated. What foreground colours are estimated from. */
bn_status bn_image_to_rgb8(const bn_image *image, int threads, bn_rgb8 *rgb, bn_error *err);

/* As above, and through the image's profile to sRGB: what the network sees. A profile that cannot be used is
 * no error: the samples are taken as sRGB and the note says why. */
bn_status bn_image_to_srgb(const bn_image *image, int threads, bn_rgb8 *rgb, bn_error *err);

void bn_rgb8_release(bn_rgb8 *rgb);

/* Convert the pixels in place to sRGB, at their own depth, and drop the profile; alpha stays. Nothing happens
 * to an image without a profile. note (at least 200 bytes, may be NULL) as in bn_rgb8. */
bn_status bn_image_make_srgb(bn_image *image, int threads, char *note, bn_error *err);

/* Convert the pixels in place to the profile of `like` (sRGB where it has none), and take that profile
 * over. */
bn_status bn_image_match_profile(bn_image *image, const bn_image *like, int threads, bn_error *err);

#endif
