/* kernels_avx512_bf16.c - the vector kernels for AVX512-BF16: rounding and attention in bf16 by instructions. */
#define LANES        16
#define TILE_ROWS    12
#define PRODUCT_PAYS false
#include "nn/cpu/kernels_vector.h"
#include "nn/cpu/peak_vector.h"
#include "nn/cpu/product_vector.h"

#include "nn/cpu/attend_vector.h" /* behind the product's tiles */

const bn_kernels bn_kernels_avx512_bf16 = VECTOR_TABLE("avx512_bf16", bn_attend_bf16_avx512);
