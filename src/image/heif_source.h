/* heif_source.h - the bytes of a HEIC as libheif reads them, watched: what its decoders would hold is known before they run.
 */
#ifndef BN_IMAGE_HEIF_SOURCE_H
#define BN_IMAGE_HEIF_SOURCE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libheif/heif.h>

/* What the codec data in all of a file's boxes amount to. */
typedef struct bn_heif_facts {
    uint64_t picture_pixels; /* of the largest picture that a decoder is told of */
    unsigned bits;           /* the most of a sample; 8 to 16 */
    bool has_grid;           /* pictures are put together of tiles */
    bool has_pieces;         /* the data of an item lie in several places */
} bn_heif_facts;

/* UNSUPPORTED for pictures by other codecs than HEVC, for what is laid over one another, and for tiles in a file with items in
 * pieces: a piece can look like a grid. FORMAT. */
bn_status bn_heif_facts_read(const uint8_t *bytes, size_t size, bn_heif_facts *facts, bn_error *err);

typedef struct bn_heif_source {
    struct heif_reader reader;
    const uint8_t *bytes;
    size_t size, at;
    bool watches;        /* the container is parsed: what is read from now on is HEVC data */
    bool expects_grid;   /* or how tiles lie */
    unsigned head_bytes; /* of a NAL unit: its length and the first byte of its header, that have come */
    uint8_t head[5];
    uint64_t skip_bytes; /* of the unit, to come */
    bool refused;        /* what came is not to be decoded */
    bool cut_off;        /* something was asked for that is not there */
} bn_heif_source;

void bn_heif_source_init(bn_heif_source *source, const uint8_t *bytes, size_t size);

#endif
