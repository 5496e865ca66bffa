/* background.h - what lies behind the subject: its description in words, and its preparation for one photo. */
#ifndef BN_CUTOUT_BACKGROUND_H
#define BN_CUTOUT_BACKGROUND_H

#include "image/compose.h"

typedef struct bn_background {
    bn_background_kind kind;
    uint8_t colour[4];     /* COLOUR: sRGB and alpha */
    double blur_percent;   /* BLUR: radius in percent of the photo's longer side, 0 (sharp) to 100 */
    const bn_image *image; /* IMAGE: in sRGB (bn_image_make_srgb); borrowed */
} bn_background;

/* Understands "none", "transparent", "#rgb", "#rgba", "#rrggbb", "#rrggbbaa", the basic colour names of CSS, "blur"
 * and "blur:PERCENT" (0 to 100). False for anything else, which may then be the path of an image. */
bool bn_background_parse(const char *text, bn_background *background);

/* Fill in the background of `how` for this photo. *copy is NULL or an image that `how` points to, in the photo's
 * colours; the caller destroys it after composing. */
bn_status bn_background_prepare(const bn_background *background, const bn_image *photo, int threads,
                                bn_compose_options *how, bn_image **copy, bn_error *err);

#endif
