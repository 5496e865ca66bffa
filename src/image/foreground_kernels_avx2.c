/* foreground_kernels_avx2.c - foreground_kernels.c for x86-64-v3. */
#define KERNELS bn_foreground_kernels_avx2
#include "image/foreground_kernels.c"
