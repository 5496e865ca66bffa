/* hdr.h - pictures of more light than a screen's white, made to fit: PQ and HLG (ITU-R BT.2100) to sRGB. */
#ifndef BN_IMAGE_HDR_H
#define BN_IMAGE_HDR_H

#include "image/image.h"
#include "image/profile.h"

/* In place, at the image's own depth; alpha stays. With white = 203 cd/m2 (BT.2408) and L the light of a pixel by that white,
 * converted to sRGB's primaries, m the largest of its three parts, each part is multiplied by f(m) / m:
 *   f(m) = m                                                     up to k = 0.5
 *   f(m) = k + (1 - k) r (1 + r / p^2) / (1 + r)                 above, with r = (m - k) / (1 - k)
 * which goes on with slope 1 and reaches 1 where m is 1000 cd/m2 (p is r there). HLG is shown as on a screen of 1000 cd/m2
 * (system gamma 1.2). */
bn_status bn_image_tone_map(bn_image *image, const bn_primaries *primaries, bool is_hlg, bn_error *err);

#endif
