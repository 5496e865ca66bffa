/* resample_kernels_avx2.c - resample_kernels.c for x86-64-v3. */
#define KERNELS bn_resample_kernels_avx2
#include "pixels/resample_kernels.c"
