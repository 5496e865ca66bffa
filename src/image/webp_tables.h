/* webp_tables.h - how much memory the prefix codes of a lossless WebP take in libwebp. */
#ifndef BN_IMAGE_WEBP_TABLES_H
#define BN_IMAGE_WEBP_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* fragment: the chunks of one frame ("VP8L", or "ALPH" and "VP8 ") of width x height pixels. Up to 65,536 groups of codes
 * may be named, one for every 16 pixels, at 12 to 20 KB each: more than the pixels take. Reads the header of the lossless
 * data up to where the groups are named. False where it is damaged before. *bytes is 0 for lossy data without alpha. */
bool bn_webp_tables_bytes(const uint8_t *fragment, size_t size, uint32_t width, uint32_t height,
                          uint64_t *bytes);

#endif
