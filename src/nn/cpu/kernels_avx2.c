/* kernels_avx2.c - the vector kernels for AVX2 and FMA. */
#define LANES        8
#define TILE_ROWS    6
#define PRODUCT_PAYS true
#include "nn/cpu/kernels_vector.h"
#include "nn/cpu/peak_vector.h"
#include "nn/cpu/product_vector.h"

#include "nn/cpu/attend_vector.h" /* behind the product's tiles */

const bn_kernels bn_kernels_avx2 = VECTOR_TABLE("avx2", NULL);
