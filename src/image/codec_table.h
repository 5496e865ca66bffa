/* codec_table.h - what every codec offers to codec.c, and the checks they share. */
#ifndef BN_IMAGE_CODEC_TABLE_H
#define BN_IMAGE_CODEC_TABLE_H

#include "image/codec.h"

/* What a header says; width and height as stored, before turning by orientation. */
typedef struct bn_image_header {
    int width, height;
    int orientation; /* 1 to 8 */
} bn_image_header;

typedef struct bn_codec {
    bn_status (*probe)(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err);
    /* Leaves the pixels as stored and sets source_orientation; codec.c turns them. Calls bn_limits_check
     * before it allocates anything whose size the file decides. */
    bn_status (*decode)(const uint8_t *bytes, size_t size, const bn_decode_limits *limits, bn_image **image,
                        bn_error *err);
    bn_status (*encode)(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                        bn_error *err);
} bn_codec;

extern const bn_codec bn_jpeg_codec, bn_png_codec, bn_webp_codec, bn_gif_codec, bn_avif_codec, bn_tiff_codec;

/* FORMAT for empty images, LIMIT for too many pixels or a side beyond int. */
bn_status bn_limits_check(const bn_decode_limits *limits, uint64_t width, uint64_t height, bn_error *err);

/* An embedded profile becomes the image's own if it is an RGB profile of a sane size; else it is left out. */
bn_status bn_image_adopt_icc(bn_image *image, const void *bytes, size_t size, bn_error *err);

/* 16-bit sample to 8 bits, rounded to nearest: v / 257. */
static inline uint8_t bn_sample_16_to_8(unsigned value)
{
    return (uint8_t)((value * 255u + 32895u) >> 16);
}

/* Copy `count` pixels of an image's row at 8 bits a sample, as `channels` 3 or 4 (or 1 from a grey image);
 * missing alpha becomes 255. */
void bn_image_copy_row_8(const bn_image *image, int y, int channels, uint8_t *out);

#endif
