/* tiff.h - the halves of the TIFF codec, and the memory that libtiff reads from and writes to. */
#ifndef BN_IMAGE_TIFF_H
#define BN_IMAGE_TIFF_H

#include "image/codec_table.h"
#include "image/tiff_api.h"

typedef struct bn_tiff_memory {
    const uint8_t *bytes; /* reading: the file */
    size_t size;
    bn_buffer *out; /* writing: the file begins at out->data + first */
    size_t first;
    uint64_t at; /* where libtiff reads or writes next */
    TIFF *tiff;
    bn_tiff_api api;   /* from bn_tiff_open on */
    char message[300]; /* the first error that libtiff told, if any */
} bn_tiff_memory;

/* mode "r" or "w". UNSUPPORTED where libtiff is not installed. No global handler of libtiff is touched; max_bytes caps each of its allocations. */
bn_status bn_tiff_open(bn_tiff_memory *memory, const char *mode, uint64_t max_bytes, bn_error *err);
void bn_tiff_close(bn_tiff_memory *memory);

/* The memory that the tags of the first folder take in libtiff; 0 where there is no folder. */
uint64_t bn_tiff_tags_bytes(const uint8_t *bytes, size_t size);

bn_status bn_tiff_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err);
bn_status bn_tiff_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits, bn_image **image,
                         bn_error *err);
bn_status bn_tiff_encode(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                         bn_error *err);

#endif
