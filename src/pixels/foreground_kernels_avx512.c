/* foreground_kernels_avx512.c - foreground_kernels_avx2.c for x86-64-v4: what the compiler makes of the plain loops with
 * vectors of twice the width is slower. */
#define KERNELS bn_foreground_kernels_avx512
#include "pixels/foreground_kernels_avx2.c"
