/* png.h - the two halves of the PNG codec. */
#ifndef BN_IMAGE_PNG_H
#define BN_IMAGE_PNG_H

#include "image/codec_table.h"

bn_status bn_png_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err);
bn_status bn_png_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits, bn_image **image,
                        bn_error *err);
bn_status bn_png_encode(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                        bn_error *err);

/* A chunk; data may be NULL where size is 0. */
bn_status bn_png_append_chunk(bn_buffer *out, const char *type, const void *data, size_t size, bn_error *err);

#endif
