/* kernels_neon.c - the vector kernels for aarch64, whose every CPU has NEON. */
#define LANES        4
#define TILE_ROWS    12
#define PRODUCT_PAYS true
#include "nn/cpu/kernels_vector.h"
#include "nn/cpu/peak_vector.h"
#include "nn/cpu/product_vector.h"

#include "nn/cpu/attend_vector.h" /* behind the product's tiles */

const bn_kernels bn_kernels_neon = VECTOR_TABLE("neon", NULL);
