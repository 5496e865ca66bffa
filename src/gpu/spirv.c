/* spirv.c - see spirv.h. */
#include "gpu/spirv.h"

#include "spirv_words.h" /* made by the build: static const uint32_t spirv_SHADER[], one for each kernel */

#define KERNEL(enumerator, shader) [BN_GPU_##enumerator] = {#shader, spirv_##shader, sizeof spirv_##shader},
const bn_spirv bn_spirv_table[BN_GPU_KERNEL_COUNT] = {BN_GPU_KERNELS(KERNEL) BN_GPU_MATRIX_KERNELS(KERNEL)};
#undef KERNEL
