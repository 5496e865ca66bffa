/* kernels.h - the kernels that run on a graphics card: one shader each, shaders/NAME.comp. */
#ifndef BN_GPU_KERNELS_H
#define BN_GPU_KERNELS_H

/* KERNEL(enumerator, shader) */
#define BN_GPU_KERNELS(KERNEL) KERNEL(COPY, copy)

typedef enum bn_gpu_kernel {
#define KERNEL(enumerator, shader) BN_GPU_##enumerator,
    BN_GPU_KERNELS(KERNEL)
#undef KERNEL
        BN_GPU_KERNEL_COUNT
} bn_gpu_kernel;

#endif
