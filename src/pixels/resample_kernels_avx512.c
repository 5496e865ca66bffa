/* resample_kernels_avx512.c - resample_kernels.c for x86-64-v4. */
#define KERNELS bn_resample_kernels_avx512
#include "pixels/resample_kernels.c"
