/* exif.h - what a camera or a program wrote about a photo: reading orientation and density, and choosing what of it goes
 * into a result. A block is TIFF's structure, with or without "Exif\0\0" in front of it. */
#ifndef BN_IMAGE_EXIF_H
#define BN_IMAGE_EXIF_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum bn_metadata {
    BN_METADATA_NONE = 0,
    BN_METADATA_SAFE, /* camera, lens, exposure, time, author, copyright */
    BN_METADATA_ALL, /* and place, descriptions, software, owners, serial numbers. Never the maker's note, which cannot be
                       * moved whole, nor the thumbnail, which shows the photo with its background */
} bn_metadata;

/* Blocks made here fit into JPEG's segment; longer values of a photo are left out. */
#define BN_EXIF_MAX_BYTES 65000

/* Dots per inch across and down; 0 where they are not known. */
typedef struct bn_density {
    double x, y;
} bn_density;

/* Orientation 1 to 8; 1 where there is none or the block makes no sense. */
int bn_exif_get_orientation(const uint8_t *exif, size_t size);

/* What the block says; zeros where it says nothing, or nothing of a sane size. */
bn_density bn_exif_get_density(const uint8_t *exif, size_t size);

/* The bytes of a tag of the first folder, as they lie in the block; false where it has none, or more than 56 KB. */
bool bn_exif_find_bytes(const uint8_t *exif, size_t size, unsigned tag, const uint8_t **bytes, size_t *count);

/* Append to `out` a block with what `level` lets through of `exif` (size 0: of none), in its byte order, and with the
 * density; orientation 1. Nothing is appended where there is nothing to say. Bounded whatever the block says. */
bn_status bn_exif_filter(const uint8_t *exif, size_t size, bn_metadata level, bn_density density,
                         bn_buffer *out, bn_error *err);

/* Called for each text of the first folder: its tag (TIFF's own, too) and its bytes, which end with a zero. */
typedef void (*bn_exif_text_fn)(void *user, unsigned tag, const char *text);
void bn_exif_each_text(const uint8_t *exif, size_t size, bn_metadata level, bn_exif_text_fn found,
                       void *user);

#endif
