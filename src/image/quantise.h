/* quantise.h - true colour to a palette of at most 256 colours, as GIF needs. */
#ifndef BN_IMAGE_QUANTISE_H
#define BN_IMAGE_QUANTISE_H

#include "image/image.h"

typedef struct bn_quantised {
    uint8_t palette[256][3];
    int colours;          /* entries of palette, the transparent one included */
    bool has_transparent; /* then it is index 0 */
    uint8_t *indices;     /* [height][width]; owned */
} bn_quantised;

/* Pixels with alpha below half become the transparent index, all others opaque. Up to 256 colours (255 beside
 * the transparent one) are kept exactly; more are reduced, with Floyd-Steinberg error diffusion where
 * `dither`. */
bn_status bn_quantise(const bn_image *image, bool dither, bn_quantised *result, bn_error *err);
void bn_quantised_free(bn_quantised *quantised);

#endif
