/* format.h - the image formats, their names, suffixes and MIME types, in one table. */
#ifndef BN_IMAGE_FORMAT_H
#define BN_IMAGE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum bn_format {
    BN_FORMAT_NONE = 0, /* not decided, or not an image */
    BN_FORMAT_JPEG,
    BN_FORMAT_PNG,
    BN_FORMAT_WEBP,
    BN_FORMAT_GIF,
    BN_FORMAT_AVIF, /* read only */
    BN_FORMAT_TIFF,
    BN_FORMAT_HEIF, /* read only */
    BN_FORMAT_BMP,  /* read only */
    BN_FORMAT_PNM,  /* read only: PBM, PGM, PPM, PAM */
    BN_FORMAT_JXL,  /* read only */
    BN_FORMATS,     /* how many there are, NONE included */
} bn_format;

typedef struct bn_format_facts {
    const char *name;        /* "jpeg", "png", ... : what users type */
    const char *suffixes[6]; /* without the dot, the usual one first; NULL behind the last */
    const char *mime;        /* "image/jpeg", ... */
    bool writes;             /* bn_image_encode can write it */
    bool has_alpha;          /* it can carry transparency */
    int max_side_px;         /* of what is written; 0: more than images have here */
} bn_format_facts;

/* Never NULL for a format between BN_FORMAT_NONE and BN_FORMATS - 1. */
const bn_format_facts *bn_format_get_facts(bn_format format);

/* Each gives BN_FORMAT_NONE where nothing fits; letter case does not matter. */
bn_format bn_format_from_name(const char *name); /* a name or a suffix: "jpg", "jpeg", "tif" */
bn_format bn_format_from_path(const char *path); /* by the file's suffix */
bn_format bn_format_from_mime(const char *mime); /* "image/png" or "image/png; charset=..." */
bn_format bn_format_from_bytes(const uint8_t *bytes, size_t size); /* by the first bytes of the content */

#endif
