/* described.h - colours that a file describes by numbers instead of a profile: PNG's cICP, gAMA and cHRM, the nclx box of AVIF
 * and HEIC. */
#ifndef BN_IMAGE_DESCRIBED_H
#define BN_IMAGE_DESCRIBED_H

#include "image/image.h"
#include "image/profile.h"

/* Code points of ITU-T H.273. sRGB and what is not known stay as they are; other primaries and curves become the image's
 * profile; PQ and HLG are tone-mapped to sRGB in place. A camera's curve (BT.709 and its like) counts as sRGB's, which is what
 * writers of stills mean by it. */
bn_status bn_image_adopt_cicp(bn_image *image, unsigned primaries, unsigned transfer, bn_error *err);

/* Samples are light to the power of `exponent` (0: sRGB's curve); primaries may be NULL: sRGB's. */
bn_status bn_image_adopt_gamma(bn_image *image, double exponent, const bn_primaries *primaries,
                               bn_error *err);

#endif
