/* refine.c - birefnet_refine_foreground: the foreground's own colours on the CPU. */
#include "pixels/foreground.h"

birefnet_status birefnet_refine_foreground(const uint8_t *rgb, const uint8_t *matte, int width, int height,
                                           ptrdiff_t stride_bytes, ptrdiff_t matte_stride_bytes,
                                           uint8_t *foreground, int threads, birefnet_error *error)
{
    return bn_foreground_estimate(rgb, matte, width, height, stride_bytes, matte_stride_bytes, foreground,
                                  threads, bn_cpu_isa(), error);
}
