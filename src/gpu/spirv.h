/* spirv.h - the kernels' code as the device's driver takes it, made from shaders/ by the build. */
#ifndef BN_GPU_SPIRV_H
#define BN_GPU_SPIRV_H

#include "gpu/kernels.h"

#include <stddef.h>
#include <stdint.h>

typedef struct bn_spirv {
    const char *name; /* of the shader */
    const uint32_t *words;
    size_t bytes;
} bn_spirv;

/* By bn_gpu_kernel. */
extern const bn_spirv bn_spirv_table[BN_GPU_KERNEL_COUNT];

#endif
