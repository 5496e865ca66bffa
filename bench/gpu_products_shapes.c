/* gpu_products_shapes.c - which products bench_gpu_products runs. */
#include "bench/gpu_products.h"

/* Swin-L at 1024: T x C of four stages for the whole picture and half of it, then the decoder. */
const product full_products[] = {
    {"stage 3 fc1", ROWS, 4096, 768, 3072, 0, GELU, F16, false, 18},
    {"stage 3 fc2", ROWS, 4096, 3072, 768, 0, LINEAR, F32, true, 18},
    {"stage 3 qkv", ROWS, 4096, 768, 2304, 0, LINEAR, F16, false, 18},
    {"stage 3 proj", ROWS, 4096, 768, 768, 0, LINEAR, F32, true, 18},
    {"stage 1 qkv", ROWS, 65536, 192, 576, 0, LINEAR, F16, false, 2},
    {"stage 1 fc1", ROWS, 65536, 192, 768, 0, GELU, F16, false, 2},
    {"stage 1 fc2", ROWS, 65536, 768, 192, 0, LINEAR, F32, true, 2},
    {"stage 1 proj", ROWS, 65536, 192, 192, 0, LINEAR, F32, true, 2},
    {"stage 2 fc1", ROWS, 16384, 384, 1536, 0, GELU, F16, false, 4},
    {"stage 2 fc2", ROWS, 16384, 1536, 384, 0, LINEAR, F32, true, 4},
    {"stage 2 qkv", ROWS, 16384, 384, 1152, 0, LINEAR, F16, false, 4},
    {"stage 4 fc1", ROWS, 1024, 1536, 6144, 0, GELU, F16, false, 2},
    {"stage 4 fc2", ROWS, 1024, 6144, 1536, 0, LINEAR, F32, true, 2},
    {"stage 4 proj", ROWS, 1024, 1536, 1536, 0, LINEAR, F32, true, 2},
    {"half 3 fc1", ROWS, 1024, 768, 3072, 0, GELU, F16, false, 18},
    {"half 3 fc2", ROWS, 1024, 3072, 768, 0, LINEAR, F32, true, 18},
    {"half 4 fc1", ROWS, 256, 1536, 6144, 0, GELU, F16, false, 2},
    {"half 4 fc2", ROWS, 256, 6144, 1536, 0, LINEAR, F32, true, 2},
    {"deform join", ROWS, 65536, 1024, 64, 0, RELU, F16, false, 1},
    {"conv 480 at 256", TAPS, 256, 480, 64, 3, RELU, F16, false, 1},
    {"conv 960 at 128", TAPS, 128, 960, 64, 3, RELU, F16, false, 1},
    {"conv 1920 at 64", TAPS, 64, 1920, 64, 3, RELU, F16, false, 1},
    {"conv 5760 at 32", TAPS, 32, 5760, 64, 3, RELU, F16, false, 1},
    {"deform 7x7", SAMPLED, 256, 64, 256, 7, RELU, F16, false, 1},
    {"deform 3x3", SAMPLED, 256, 64, 256, 3, RELU, F16, false, 1},
    {"offsets 7x7", TAPS, 256, 64, 160, 7, LINEAR, F32, false, 1},
    {"conv 64 to 384", TAPS, 256, 64, 384, 3, LINEAR, F16, false, 1},
    {"conv 64 to 3072", TAPS, 32, 64, 3072, 3, LINEAR, F16, false, 1},
    {"4096^3", ROWS, 4096, 4096, 4096 - 1024, 0, LINEAR, F16, false, 0},
};

/* Odd sizes on purpose: edges of tiles, depths that are no multiple of a step, columns that are none of 8. */
const product tiny_products[] = {
    {"rows", ROWS, 100, 96, 80, 0, GELU, F16, false, 1},
    {"rows, added", ROWS, 65, 72, 132, 0, LINEAR, F32, true, 1},
    {"few columns", ROWS, 40, 64, 13, 0, RELU, F32, false, 1},
    {"deep", ROWS, 33, 520, 40, 0, LINEAR, F16, true, 1},
    {"taps", TAPS, 9, 40, 24, 3, RELU, F16, false, 1},
    {"sampled", SAMPLED, 9, 16, 24, 3, RELU, F16, false, 1},
};

/* What a software device compiles in seconds; ragged ones, too. */
const bn_gpu_tile tiny_tiles[] = {{32, 32, 32, 2, 2, 2, 2, 1, 1},
                                  {32, 32, 32, 2, 2, 1, 0, 1, 1},
                                  {48, 32, 16, 3, 2, 2, 1, 1, 1},
                                  {32, 16, 16, 2, 1, 1, 1, 0, 1},
                                  {16, 32, 16, 1, 2, 2, 2, 0, 1}};

const int full_count = (int)BN_COUNT(full_products), tiny_count = (int)BN_COUNT(tiny_products),
          tiny_tile_count = (int)BN_COUNT(tiny_tiles);
