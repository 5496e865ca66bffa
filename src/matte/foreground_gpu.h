/* foreground_gpu.h - the foreground's own colours (foreground.h), estimated on a graphics card. */
#ifndef BN_MATTE_FOREGROUND_GPU_H
#define BN_MATTE_FOREGROUND_GPU_H

#include "gpu/gpu.h"

#include <stddef.h>
#include <stdint.h>

/* As bn_foreground_estimate, whose bytes these are, but for a few perhaps that are off by 1 (devices need not divide exactly;
 * the kernels make up for it). foreground may be rgb. Takes 7 bytes a pixel of the device's memory, and room_bytes for
 * estimates of 12 bytes a pixel: bands of as many rows as fit are done one after the other. */
#define BN_FOREGROUND_GPU_BYTES ((size_t)128 << 20) /* usual room_bytes */

bn_status bn_foreground_estimate_gpu(bn_gpu *gpu, const uint8_t *rgb, const uint8_t *matte, int width,
                                     int height, ptrdiff_t stride_bytes, ptrdiff_t matte_stride_bytes,
                                     uint8_t *foreground, size_t room_bytes, bn_error *err);

#endif
