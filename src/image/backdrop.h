/* backdrop.h - the photo's own background without the subject: what lies behind it is filled in from around it, so that
 * nothing of its colours shows beside it when the whole is blurred, or when the subject stands somewhere else. */
#ifndef BN_IMAGE_BACKDROP_H
#define BN_IMAGE_BACKDROP_H

#include "base/cpu.h"
#include "image/image.h"

/*   photo         RGB or RGBA, 8 or 16 bits
 *   matte         uint8 [height][width], rows matte_stride_bytes apart: the subject
 *   blur_percent  radius in percent of the photo's longer side, 0 (sharp) to 100
 *   backdrop      RGB of 8 bits in the photo's colours and profile, of the photo's shape; it
 *                 is small where there is much blur; the caller destroys it */
bn_status bn_backdrop_make(const bn_image *photo, const uint8_t *matte, ptrdiff_t matte_stride_bytes,
                           double blur_percent, int threads, bn_isa isa, bn_image **backdrop, bn_error *err);

#endif
