/* xmp.h - XMP packets: choosing what of a photo's goes into a result. */
#ifndef BN_IMAGE_XMP_H
#define BN_IMAGE_XMP_H

#include "image/exif.h"

/* Packets made here fit into JPEG's segment. */
#define BN_XMP_MAX_BYTES 65000

/* Append to `out` a packet with what `level` lets through of `xmp`; nothing where that is nothing, or where it is no XMP. Longer
 * packets than a megabyte are not read; a property that does not fit any more is left out. */
bn_status bn_xmp_filter(const uint8_t *xmp, size_t size, bn_metadata level, bn_buffer *out, bn_error *err);

#endif
