/* image.h - decoded pixels and the little that is known about them. */
#ifndef BN_IMAGE_IMAGE_H
#define BN_IMAGE_IMAGE_H

#include "base/error.h"
#include "image/exif.h"
#include "image/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Always upright: what EXIF and the like say about orientation has been applied by the decoder. */
/* Larger colour profiles are left aside. */
#define BN_PROFILE_MAX_BYTES (16u << 20)

/* What is written of a photo in one of the ways that there are for it; owned; NULL = nothing. */
typedef struct bn_image_block {
    uint8_t *data;
    size_t size;
} bn_image_block;

typedef struct bn_image {
    int width, height; /* pixels, at least 1 */
    int channels;      /* 3 RGB, 4 RGBA with straight alpha; 1 grey, for masks only: decoders expand grey */
    int depth;         /* bits a sample: 8 or 16 (uint16_t, native byte order) */
    void *pixels;      /* [height][width][channels], rows tight; owned, unless made by bn_image_view */
    uint8_t *icc;      /* the RGB colour profile of the photo; owned; NULL = none, take it as sRGB */
    size_t icc_bytes;
    bn_density density; /* as it stands upright; zeros where it is not known */
    bn_image_block exif, xmp,
        iptc;                /* each filtered at its widest: bn_exif_filter, bn_xmp_filter, bn_iptc_filter */
    bn_format source_format; /* what it was decoded from; NONE if it was not */
    int source_orientation;  /* EXIF orientation that was applied, 1 to 8 */
    int source_depth;        /* bits a sample in the file: 1 to 16; 0 if it was not decoded */
    bool source_was_cmyk;    /* the colours were converted to sRGB */
    uint32_t source_frames;  /* of the file, where this is the first of several that are not read; else 0 */
} bn_image;

/* Pixels are zero. LIMIT where the size in bytes overflows, MEMORY, ARGUMENT for shapes that are not
 * above. */
bn_status bn_image_create(int width, int height, int channels, int depth, bn_image **image, bn_error *err);
void bn_image_destroy(bn_image **image); /* accepts NULL and the address of NULL; sets it to NULL */

/* An image over pixels that somebody else owns (a matte, say), for encoding or reading; not to be
 * destroyed. */
bn_image bn_image_view(const void *pixels, int width, int height, int channels, int depth);

size_t bn_image_row_bytes(const bn_image *image);
size_t bn_image_bytes(const bn_image *image); /* of the pixels */

/* Replace the profile by a copy of bytes; size 0 takes it away. */
bn_status bn_image_set_icc(bn_image *image, const void *bytes, size_t size, bn_error *err);

/* Take over what may be kept of an EXIF block (of any size; what makes no sense is left out), and its density where the
 * image has none yet. The pixels' orientation is the decoder's business. */
bn_status bn_image_adopt_exif(bn_image *image, const void *bytes, size_t size, bn_error *err);
/* As an item of HEIF or a box of JPEG XL holds it: behind 4 bytes that say how far behind them it begins. */
bn_status bn_image_adopt_exif_item(bn_image *image, const uint8_t *bytes, size_t size, bn_error *err);
/* The same of an XMP packet, and of IPTC's datasets. */
bn_status bn_image_adopt_xmp(bn_image *image, const void *bytes, size_t size, bn_error *err);
bn_status bn_image_adopt_iptc(bn_image *image, const void *bytes, size_t size, bn_error *err);

/* Profile, density, EXIF, XMP and IPTC of `from`, which `image` was made of. */
bn_status bn_image_copy_facts(bn_image *image, const bn_image *from, bn_error *err);

#endif
