/* codec.h - bytes of an image file to pixels and back. One file a codec stands behind it (codec_table.h). */
#ifndef BN_IMAGE_CODEC_H
#define BN_IMAGE_CODEC_H

#include "base/buffer.h"
#include "image/image.h"

/* Pixels that are decoded at most where the caller names no limit. */
#define BN_DECODE_MAX_PIXELS 100000000ull

typedef struct bn_decode_limits {
    uint64_t
        max_pixels;   /* width * height; checked before anything is allocated for pixels. Bounds memory, too:
                           * at most 32 bytes for each of them, the file's size and 64 MiB, whatever the file says */
    uint32_t refused; /* formats not to be read, a set of 1u << BN_FORMAT_...; default 0: none */
    bool allow_truncated; /* a cut-off JPEG gives what there is, the rest grey; default false: an error */
} bn_decode_limits;

void bn_decode_limits_default(bn_decode_limits *limits);

/* NULL, or what is not read here because its library is not installed: "JPEG XL (apt-get install ...)". */
const char *bn_format_missing(bn_format format);

/* Look at the header only. width and height are those of the upright image (but for a PNG that says behind its
 * pixels how it is turned). Each out-pointer may be NULL. */
bn_status bn_image_probe(const void *bytes, size_t size, bn_format *format, int *width, int *height,
                         bn_error *err);

/* Look at the header only: the most memory that bn_image_decode could take for the file, and whether it would refuse it
 * by its limits (NULL: the defaults); *need is there where only the limits refuse. */
bn_status bn_image_decode_bytes(const void *bytes, size_t size, const bn_decode_limits *limits,
                                uint64_t *need, bn_error *err);

/* Decode a file held in memory; the format is told by its content. Animations give their first frame.
 *   FORMAT      not an image, broken, or cut off ("truncated JPEG: ...")
 *   LIMIT       more pixels, or more memory for them, than limits allow; a side beyond a million pixels
 *   UNSUPPORTED well formed, but not something that is read here ("this is Photoshop PSD, ..."), or a refused format
 * limits may be NULL: the defaults. The caller destroys *image. */
bn_status bn_image_decode(const void *bytes, size_t size, const bn_decode_limits *limits, bn_image **image,
                          bn_error *err);

typedef struct bn_encode_options {
    bn_format format;
    int quality;          /* JPEG and lossy WebP: 1 smallest to 100 best; default 90 */
    bool lossless;        /* WebP: default true; other formats are what they are */
    int compression;      /* PNG, TIFF, WebP: 1 fastest to 9 smallest; default 1 */
    bool dither;          /* GIF: Floyd-Steinberg error diffusion; default true */
    bn_metadata metadata; /* what of the image's EXIF goes into the file; default NONE */
    int threads;          /* default 1; the bytes written do not depend on it */
} bn_encode_options;

void bn_encode_options_default(bn_encode_options *options, bn_format format);

/* LIMIT where the format holds no image of this size: to be asked before the work that makes it. */
bn_status bn_encode_check_size(bn_format format, int width, int height, bn_error *err);

/* Append the file to out. Orientation is not written: images are upright. The profile is, where the format
 * has a place for one (not GIF), and so is the density (not GIF; WebP has it in EXIF). EXIF by options->metadata; TIFF takes
 * the texts that it has tags of its own for: camera, software, time, artist, copyright. Channels and depth:
 *   PNG, TIFF  1, 3, 4 channels, 8 or 16 bits, exactly
 *   WEBP       1 and 3 as RGB, 4 as RGBA; 16 bits are rounded to 8
 *   JPEG       1 grey, 3 RGB; 4 only where every pixel is opaque, else ARGUMENT; 16 bits are rounded to 8
 *   GIF        1 exactly, 3 and 4 with a palette of at most 256 colours; alpha below half becomes transparent
 * ARGUMENT where the format cannot hold the image, LIMIT where out is full or the format's own size limit is
 * hit. */
bn_status bn_image_encode(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                          bn_error *err);

#endif
