/* avif_source.h - the bytes of an AVIF as libavif reads them, watched: what decoders would hold is counted before it is
 * decoded. */
#ifndef BN_IMAGE_AVIF_SOURCE_H
#define BN_IMAGE_AVIF_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <avif/avif.h>

/* libavif tells of no tile and no frame before it has decoded it. A grid of tiny tiles takes half a megabyte for each
 * decoder, a sample of hidden frames a picture for each of them. Both come through `read` first, as AV1 data. */
typedef struct bn_avif_source {
    avifIO io;
    const uint8_t *bytes;
    size_t size;
    uint64_t read_bytes;                    /* all reads together: extents may lie over one another */
    uint64_t pixels;                        /* of the image; 0 until the container is parsed */
    uint64_t most_frame_pixels;             /* that may be decoded */
    uint64_t frame_pixels, sequence_pixels; /* of all frames so far; of the largest frame of a sequence */
    uint32_t samples;
    uint64_t skip_bytes; /* of an OBU that goes on in the next extent */
    bool refused;        /* a limit was hit, as opposed to damage */
} bn_avif_source;

void bn_avif_source_init(bn_avif_source *source, const uint8_t *bytes, size_t size);

/* The container is parsed, the image has so many pixels: all that is read from now on is AV1 data, of so many pictures at
 * most, its own, those of its alpha and hidden ones. Called again, it counts anew: before each frame of a sequence. */
void bn_avif_source_watch(bn_avif_source *source, uint64_t pixels, unsigned pictures);

#endif
