/* avif.h - what stills and sequences of AVIF share: a file opened under watch, and pixels out of a decoded picture. */
#ifndef BN_IMAGE_AVIF_H
#define BN_IMAGE_AVIF_H

#include "image/avif_source.h"
#include "image/codec_table.h"

/* The container is parsed, nothing is decoded. The caller destroys *decoder, which borrows source, after a failure, too. */
bn_status bn_avif_open(bn_avif_source *source, const uint8_t *bytes, size_t size, avifDecoder **decoder,
                       bn_error *err);

/* Decode the next picture, of no more than most_pixels: RGB or RGBA of 8 or 16 bits, as stored, with what the file says of its
 * colours. */
bn_status bn_avif_next(const bn_avif_source *source, avifDecoder *decoder, uint64_t most_pixels,
                       bn_image **image, bn_error *err);

#endif
