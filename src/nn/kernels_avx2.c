/* kernels_avx2.c - the vector kernels for AVX2 and FMA. */
#define LANES          8
#define ATTEND_ROWS    4
#define ATTEND_COLUMNS 2
#include "nn/kernels_vector.h"

const bn_kernels bn_kernels_avx2 = {
    .name = "avx2",
    .layer_norm = layer_norm,
    .gather = gather,
    .deform_taps = deform_taps,
    .attend_f32 = attend_f32,
    .attend_bf16 = NULL,
    .depthwise_gelu = depthwise_gelu,
    .gate = gate,
    .convert = convert,
    .conv5_row = conv5_row,
};
