/* width.h - kernels that do a few neighbouring elements an invocation (shaders/width.glsl). Private to nn/gpu. */
#ifndef BN_NN_GPU_WIDTH_H
#define BN_NN_GPU_WIDTH_H

#include "nn/gpu/call.h"

#include <stdbool.h>

/* Whether every pixel of the map begins on a multiple of 4 elements, and ends there. */
static inline bool bn_gpu_by_fours(bn_map map)
{
    return map.c % 4 == 0 && map.stride % 4 == 0 && map.offset % 4 == 0;
}

/* WIDTH for a kernel that goes over the channels of both. */
static inline uint32_t bn_gpu_width(bn_map a, bn_map b)
{
    return bn_gpu_by_fours(a) && bn_gpu_by_fours(b) ? 4 : 1;
}

#define BN_GPU_GROUP      256   /* invocations */
#define BN_GPU_GROUPS_MAX 32768 /* in one dimension: devices take 65535 at least */

/* Groups for so many invocations, which the kernel counts over both dimensions. */
static inline void bn_gpu_spread(bn_gpu_step *step, size_t invocations)
{
    const uint32_t groups = bn_gpu_groups(invocations ? invocations : 1, BN_GPU_GROUP);
    step->groups[0] = groups < BN_GPU_GROUPS_MAX ? groups : BN_GPU_GROUPS_MAX;
    step->groups[1] = bn_gpu_groups(groups, step->groups[0]);
}

#endif
