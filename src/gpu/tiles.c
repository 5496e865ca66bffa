/* tiles.c - see tiles.h. */
#include "gpu/tiles.h"

#include "base/size.h"

#include <string.h>

enum { ROWS_LOADER = 0, F32 = 0, NONE = 0, QUAD_BYTES = 16, MOST_INVOCATIONS = 1024 };

/* What fits 48 KiB of shared memory and 255 registers; names of orders as in the shader. 192 columns: all channels of Swin-L
 * are multiples of it. Few columns: the decoder's 64. Small ones: software devices, odd shapes. */
enum { ONE_BY_ONE = 0, ALL_FIRST = 1, AHEAD = 2 };
const bn_gpu_tile bn_gpu_tiles[] = {
    /* rows columns depth subgroups buffers order prefetch */
    {128, 128, 32, 2, 2, 2, ONE_BY_ONE, 1}, {128, 128, 32, 2, 2, 2, ALL_FIRST, 1},
    {128, 128, 32, 2, 2, 1, ONE_BY_ONE, 0}, {128, 128, 32, 2, 2, 1, ALL_FIRST, 1},
    {128, 128, 32, 2, 4, 2, ONE_BY_ONE, 1}, {128, 128, 32, 2, 4, 2, AHEAD, 1},
    {128, 128, 32, 2, 4, 2, ALL_FIRST, 0},  {128, 128, 64, 2, 4, 1, AHEAD, 1},
    {128, 128, 64, 2, 2, 1, ONE_BY_ONE, 0}, {128, 256, 32, 2, 4, 1, ONE_BY_ONE, 1},
    {128, 256, 32, 2, 4, 1, ALL_FIRST, 1},  {128, 256, 32, 2, 4, 1, ONE_BY_ONE, 0},
    {128, 256, 16, 2, 4, 2, ONE_BY_ONE, 1}, {128, 256, 16, 2, 4, 2, ALL_FIRST, 1},
    {256, 128, 32, 4, 2, 1, ONE_BY_ONE, 1}, {256, 128, 16, 4, 2, 2, ALL_FIRST, 1},
    {128, 192, 32, 2, 3, 1, ONE_BY_ONE, 1}, {128, 192, 16, 2, 3, 2, ALL_FIRST, 1},
    {128, 192, 32, 2, 2, 1, ONE_BY_ONE, 0}, {128, 192, 32, 2, 2, 1, ONE_BY_ONE, 1},
    {64, 256, 32, 1, 4, 1, ALL_FIRST, 1},   {64, 192, 32, 2, 3, 2, ALL_FIRST, 1},
    {128, 96, 32, 2, 2, 2, ALL_FIRST, 1},   {64, 128, 32, 2, 2, 2, ALL_FIRST, 1},
    {64, 128, 32, 1, 2, 2, ALL_FIRST, 1},   {128, 64, 32, 2, 1, 2, ALL_FIRST, 1},
    {128, 64, 32, 4, 1, 2, ALL_FIRST, 1},   {128, 64, 32, 2, 2, 2, AHEAD, 1},
    {256, 64, 32, 4, 1, 1, ALL_FIRST, 1},   {256, 64, 16, 4, 1, 2, ALL_FIRST, 1},
    {64, 64, 32, 2, 2, 2, AHEAD, 1},        {64, 64, 64, 2, 2, 1, ALL_FIRST, 1},
    {64, 32, 32, 2, 1, 2, ALL_FIRST, 1},    {32, 32, 32, 2, 2, 2, ALL_FIRST, 1},
};
const int bn_gpu_tile_count = (int)BN_COUNT(bn_gpu_tiles);

static int subgroups_of(const bn_gpu_tile *tile)
{
    return tile->along_rows * tile->along_columns;
}

static int invocations_of(const bn_gpu_tile *tile, const bn_gpu_facts *facts)
{
    return subgroups_of(tile) * facts->subgroup;
}

/* As the shader has it: rows of a step's operands with a quad more; at the end fragments' rows with two more. */
int bn_gpu_tile_shared_bytes(const bn_gpu_tile *tile, const bn_gpu_facts *facts)
{
    const int operands = tile->buffers * (tile->rows + tile->columns) * (tile->depth / 8 + 1),
              sums = subgroups_of(tile) * facts->matrix_m * (tile->columns / tile->along_columns / 4 + 2);
    return QUAD_BYTES * BN_MAX(operands, sums);
}

bool bn_gpu_tile_fits(const bn_gpu_tile *tile, const bn_gpu_facts *facts)
{
    if (!facts->matrix || facts->matrix_k % 8 || facts->matrix_n % 8) return false;
    const int part_rows = tile->rows / tile->along_rows, part_columns = tile->columns / tile->along_columns,
              invocations = invocations_of(tile, facts);
    return part_rows % facts->matrix_m == 0 && part_columns % facts->matrix_n == 0 &&
           tile->depth % facts->matrix_k == 0 && invocations <= MOST_INVOCATIONS &&
           invocations % tile->depth == 0 && /* eight rows of quads at a time */
           bn_gpu_tile_shared_bytes(tile, facts) <= facts->shared_bytes;
}

void bn_gpu_tile_constants(const bn_gpu_tile *tile, const bn_gpu_facts *facts, const bn_gpu_shape *shape,
                           int pieces, uint32_t constant[BN_GPU_CONSTANTS])
{
    memset(constant, 0, BN_GPU_CONSTANTS * sizeof *constant);
    constant[0] = tile->rows | (uint32_t)tile->columns << 16;
    constant[1] = tile->depth | (uint32_t)tile->buffers << 8 | (uint32_t)tile->order << 12 |
                  (uint32_t)tile->prefetch << 16;
    constant[2] = tile->along_rows | (uint32_t)tile->along_columns << 8;
    constant[3] = (uint32_t)facts->matrix_m | (uint32_t)facts->matrix_n << 8 |
                  (uint32_t)facts->matrix_k << 16 | (uint32_t)facts->subgroup << 24;
    constant[4] = (uint32_t)shape->loader | (uint32_t)shape->a_type << 8 |
                  (uint32_t)(shape->depth % tile->depth == 0) << 16;
    if (pieces > 1)
        constant[5] = NONE | F32 << 8 | (uint32_t)(shape->columns % 8 == 0) << 17;
    else
        constant[5] = (uint32_t)shape->activation | (uint32_t)shape->dst_type << 8 |
                      (uint32_t)shape->add << 16 | (uint32_t)shape->aligned << 17;
    constant[7] = (uint32_t)invocations_of(tile, facts);
}

void bn_gpu_tile_groups(const bn_gpu_tile *tile, const bn_gpu_shape *shape, int pieces, uint32_t groups[2])
{
    groups[0] = (uint32_t)((shape->columns + tile->columns - 1) / tile->columns);
    groups[1] = (uint32_t)((shape->rows + tile->rows - 1) / tile->rows * pieces);
}
