/* shadow.h - a shadow that the subject casts, made of its matte. */
#ifndef BN_IMAGE_SHADOW_H
#define BN_IMAGE_SHADOW_H

#include "base/cpu.h"
#include "base/error.h"

#include <stdint.h>

typedef enum bn_shadow_kind {
    BN_SHADOW_NONE = 0,
    BN_SHADOW_SOFT,    /* of a lamp above and in front: the outline, a little lower and far out of focus */
    BN_SHADOW_CONTACT, /* where the subject stands: dark and narrow along its lowest edge */
} bn_shadow_kind;

/*   matte   uint8 [height][width], rows tight
 *   shadow  uint8 [height][width], rows tight: how much of the light is taken, 0 to 255. It goes on under the subject.
 *           malloc'ed; NULL for NONE and where there is no subject */
bn_status bn_shadow_make(bn_shadow_kind kind, const uint8_t *matte, int width, int height, int threads,
                         bn_isa isa, uint8_t **shadow, bn_error *err);

#endif
