/* kernels.h - the kernels that run on a graphics card: one shader each. */
#ifndef BN_GPU_KERNELS_H
#define BN_GPU_KERNELS_H

/* KERNEL(enumerator, shader), a line each. shaders/SHADER.comp, compiled by every build. */
/* clang-format off */
#define BN_GPU_KERNELS(KERNEL) \
    KERNEL(ATTEND, attend) \
    KERNEL(COPY, copy) \
    KERNEL(DEPTHWISE, depthwise) \
    KERNEL(GATE, gate) \
    KERNEL(HALVE, halve) \
    KERNEL(LOGITS, logits) \
    KERNEL(MASK, mask) \
    KERNEL(NORM, norm) \
    KERNEL(PHOTO, photo) \
    KERNEL(POOL_BIAS, pool_bias) \
    KERNEL(POOL_SUM, pool_sum) \
    KERNEL(PRODUCT, product) \
    KERNEL(REARRANGE, rearrange) \
    KERNEL(RESIZE, resize) \
    KERNEL(SAMPLE, sample) \
    KERNEL(SUMS, sums) \
    KERNEL(WINDOW, window) \

/* shaders/matrix/SHADER.comp, which few compilers take yet: its SPIR-V lies beside it, shaders/matrix/SHADER.spv. Only for
 * devices with facts.matrix. */
#define BN_GPU_MATRIX_KERNELS(KERNEL) \
    KERNEL(MATRIX_ATTEND, matrix_attend) \
    KERNEL(MATRIX_PRODUCT, matrix_product) \
    KERNEL(MATRIX_WINDOW, matrix_window)

/* clang-format on */

typedef enum bn_gpu_kernel {
#define KERNEL(enumerator, shader) BN_GPU_##enumerator,
    BN_GPU_KERNELS(KERNEL) BN_GPU_MATRIX_KERNELS(KERNEL)
#undef KERNEL
        BN_GPU_KERNEL_COUNT
} bn_gpu_kernel;

#endif
