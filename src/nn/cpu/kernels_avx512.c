/* kernels_avx512.c - the vector kernels for AVX-512. */
#define LANES          16
#define ATTEND_ROWS    6
#define ATTEND_COLUMNS 4
#include "nn/cpu/kernels_vector.h"

const bn_kernels bn_kernels_avx512 = VECTOR_TABLE("avx512", NULL);
