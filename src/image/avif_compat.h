/* avif_compat.h - libavif 0.11 and 1.x by one name: the axis of a mirror box, `image->imir.BN_AVIF_MIRROR_AXIS`. */
#ifndef BN_IMAGE_AVIF_COMPAT_H
#define BN_IMAGE_AVIF_COMPAT_H

#include <avif/avif.h>

#if AVIF_VERSION >= 1000000
#    define BN_AVIF_MIRROR_AXIS axis
#else
#    define BN_AVIF_MIRROR_AXIS mode
#endif

#endif
