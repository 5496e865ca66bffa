/* resize.h - bilinear resizing with aligned corners on a graphics card. Private to nn/gpu. */
#ifndef BN_NN_GPU_RESIZE_H
#define BN_NN_GPU_RESIZE_H

#include "nn/gpu/call.h"

/* The bits of the distance of neighbouring samples (shaders/taps.glsl): of `from` values to `to`, corners aligned. */
static inline uint32_t bn_gpu_resize_step(int from, int to)
{
    return bn_gpu_bits(to > 1 ? (float)(from - 1) / (float)(to - 1) : 0);
}

#endif
