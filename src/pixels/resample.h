/* resample.h - antialiased resizing, byte for byte as Pillow's Image.resize does it for 8-bit images. */
#ifndef BN_PIXELS_RESAMPLE_H
#define BN_PIXELS_RESAMPLE_H

#include "base/cpu.h"
#include "base/error.h"

typedef enum bn_filter {
    BN_FILTER_BILINEAR, /* triangle, support 1 */
    BN_FILTER_BICUBIC,  /* a = -0.5, support 2 */
} bn_filter;

/*   src  uint8 [src_height][src_width][channels], rows src_stride bytes apart
 *   dst  uint8 [dst_height][dst_width][channels], rows dst_stride bytes apart; must not overlap src
 * channels is 1, 3 or 4 (4: each channel by itself, no premultiplying). isa is
 * the highest level of instructions to use. The result depends neither on threads (>= 1) nor on isa. */
bn_status bn_resize_u8(const uint8_t *src, int src_width, int src_height, int channels, ptrdiff_t src_stride,
                       uint8_t *dst, int dst_width, int dst_height, ptrdiff_t dst_stride, bn_filter filter,
                       int threads, bn_isa isa, bn_error *err);

#endif
