/* codec_table.h - what every codec offers to codec.c, and the checks they share. */
#ifndef BN_IMAGE_CODEC_TABLE_H
#define BN_IMAGE_CODEC_TABLE_H

#include "image/codec.h"

/* What a header says; width and height as stored, before turning by orientation. */
typedef struct bn_image_header {
    int width, height;
    int orientation;      /* 1 to 8 */
    uint64_t extra_bytes; /* what decoding takes beyond the codec's bounds below: strips, tiles, tables */
} bn_image_header;

/* Memory of decoding is bounded before it is taken, by what the codec declares here: pixel_bytes for each pixel,
 * header.extra_bytes, the file's size, and BN_DECODE_FIXED_BYTES. codec.c refuses a file whose sum exceeds what
 * the caller's limits allow; tests/image/test_memory.c feeds each codec its worst files and measures. */
typedef struct bn_codec {
    /* Takes little memory itself, whatever the file says. */
    bn_status (*probe)(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err);
    /* Called after probe and within the limits. Leaves the pixels as stored and sets source_orientation; codec.c
     * turns them. Sizes that the probe did not see pass bn_limits_check before anything is allocated. */
    bn_status (*decode)(const uint8_t *bytes, size_t size, const bn_decode_limits *limits, bn_image **image,
                        bn_error *err);
    bn_status (*encode)(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                        bn_error *err);
    /* Of a library that is opened when it is needed: what is not read where it is not installed, and what to install; NULL
     * where it is read. NULL for codecs that are always there. */
    const char *(*missing)(void);
    unsigned
        pixel_bytes; /* the most that a pixel takes while decoding, or while it is turned, image included */
} bn_codec;

/* The most that any codec may declare for a pixel; limits on pixels are limits on memory by it. */
#define BN_DECODE_PIXEL_BYTES 32
/* Library state, rows of the longest side, colour profiles and what else does not grow with the picture. */
#define BN_DECODE_FIXED_BYTES (64ull << 20)
/* Longer sides are refused: rows are held several times over. */
#define BN_DECODE_MAX_SIDE 1000000

extern const bn_codec bn_jpeg_codec, bn_png_codec, bn_webp_codec, bn_gif_codec, bn_avif_codec, bn_tiff_codec,
    bn_heif_codec, bn_bmp_codec, bn_pnm_codec, bn_jxl_codec;

/* What the header of a file says, whatever the limits. */
bn_status bn_image_read_header(const void *bytes, size_t size, bn_format *format, bn_image_header *header,
                               bn_error *err);

/* FORMAT for empty images, LIMIT for too many pixels or too long a side. */
bn_status bn_limits_check(const bn_decode_limits *limits, uint64_t width, uint64_t height, bn_error *err);

/* An embedded profile becomes the image's own if it is an RGB profile of a sane size, or, where the pixels are grey, an RGB
 * profile made of its grey one; else it is left out. */
bn_status bn_image_adopt_icc(bn_image *image, const void *bytes, size_t size, bn_error *err);

/* Append what the options let through of the image's EXIF, as a block without "Exif\0\0"; nothing where that is nothing.
 * needs_density: the block is the only place for it in this format. */
bn_status bn_image_write_exif(const bn_image *image, const bn_encode_options *options, bool needs_density,
                              bn_buffer *out, bn_error *err);

/* The same of its XMP, as a packet, and of its IPTC datasets. */
bn_status bn_image_write_xmp(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                             bn_error *err);
bn_status bn_image_write_iptc(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                              bn_error *err);

/* Colours that were multiplied by alpha, divided by it again. */
void bn_image_unpremultiply(bn_image *image);

/* 16-bit sample to 8 bits, rounded to nearest: v / 257. */
static inline uint8_t bn_sample_16_to_8(unsigned value)
{
    return (uint8_t)((value * 255u + 32895u) >> 16);
}

/* Copy `count` pixels of an image's row at 8 bits a sample, as `channels` 3 or 4 (or 1 from a grey image);
 * missing alpha becomes 255. */
void bn_image_copy_row_8(const bn_image *image, int y, int channels, uint8_t *out);

#endif
