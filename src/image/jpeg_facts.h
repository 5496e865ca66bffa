/* jpeg_facts.h - what segments of a JPEG say of the photo: density, EXIF, XMP, IPTC. */
#ifndef BN_IMAGE_JPEG_FACTS_H
#define BN_IMAGE_JPEG_FACTS_H

#include "image/codec_table.h"

#include <stdio.h> /* before jpeglib.h, which needs it */

#include <jpeglib.h>

/* Have libjpeg keep those segments; before jpeg_read_header. */
void bn_jpeg_keep_segments(j_decompress_ptr info);

/* By EXIF; 1 where it says nothing. */
int bn_jpeg_find_orientation(const struct jpeg_decompress_struct *info);

/* Density, orientation and the rest become the image's. */
bn_status bn_jpeg_adopt_facts(const struct jpeg_decompress_struct *info, bn_image *image, bn_error *err);

/* Segments of a file to be written: without what has nothing to say. */
typedef struct bn_jpeg_segments {
    bn_buffer exif, xmp, iptc;
} bn_jpeg_segments;

/* The caller frees them, after a failure, too. */
bn_status bn_jpeg_segments_make(const bn_image *image, const bn_encode_options *options,
                                bn_jpeg_segments *segments, bn_error *err);
void bn_jpeg_segments_write(const bn_jpeg_segments *segments, j_compress_ptr info); /* may longjmp */
void bn_jpeg_segments_free(bn_jpeg_segments *segments);

#endif
