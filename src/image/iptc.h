/* iptc.h - IPTC's datasets (IIM 4.2), as JPEG has them among Photoshop's resources and TIFF in a tag: finding them, and choosing
 * what of a photo's goes into a result. */
#ifndef BN_IMAGE_IPTC_H
#define BN_IMAGE_IPTC_H

#include "image/exif.h"

#define BN_IPTC_MAX_BYTES 65000

/* Append to `out` those datasets of `iptc` that `level` lets through; nothing where none but a version and a charset would be left. */
bn_status bn_iptc_filter(const uint8_t *iptc, size_t size, bn_metadata level, bn_buffer *out, bn_error *err);

/* The datasets among Photoshop's resources ("8BIM" ...); false where there are none. */
bool bn_iptc_find(const uint8_t *resources, size_t size, const uint8_t **iptc, size_t *iptc_bytes);

/* Append datasets as one such resource. */
bn_status bn_iptc_wrap(const bn_buffer *iptc, bn_buffer *out, bn_error *err);

#endif
