/* kernels_avx512.c - the vector kernels for AVX-512, and the table that adds bf16 products to them. */
#define LANES          16
#define ATTEND_ROWS    6
#define ATTEND_COLUMNS 4
#include "nn/kernels_vector.h"

#define TABLE(table_name, bf16_attention)                                                                    \
    {                                                                                                        \
        .name = table_name, .layer_norm = layer_norm, .gather = gather, .deform_taps = deform_taps,          \
        .attend_f32 = attend_f32, .attend_bf16 = bf16_attention, .depthwise_gelu = depthwise_gelu,           \
        .gate = gate, .convert = convert, .conv5_row = conv5_row,                                            \
    }

const bn_kernels bn_kernels_avx512 = TABLE("avx512", NULL);
const bn_kernels bn_kernels_avx512_bf16 = TABLE("avx512_bf16", bn_attend_bf16_avx512);
