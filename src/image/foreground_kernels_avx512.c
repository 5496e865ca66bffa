/* foreground_kernels_avx512.c - foreground_kernels.c for x86-64-v4. */
#define KERNELS bn_foreground_kernels_avx512
#include "image/foreground_kernels.c"
