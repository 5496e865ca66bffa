/* tiles.c - see tiles.h. */
#include "gpu/tiles.h"

#include "base/size.h"

#include <math.h>
#include <string.h>

enum { ROWS_LOADER = 0, F32 = 0, NONE = 0, QUAD_BYTES = 16, MOST_INVOCATIONS = 1024 };

/* What fits 48 KiB of shared memory and 255 registers; names of orders as in the shader. 192 columns: all channels of Swin-L
 * are multiples of it. Few columns: the decoder's 64. Small ones: software devices, odd shapes. */
enum { ONE_BY_ONE = 0, ALL_FIRST = 1, AHEAD = 2 };
const bn_gpu_tile bn_gpu_tiles[] = {
    /* rows columns depth subgroups buffers order prefetch worth */
    {128, 128, 32, 2, 2, 2, ONE_BY_ONE, 1, 90}, {128, 128, 32, 2, 2, 2, ALL_FIRST, 1, 92},
    {128, 128, 32, 2, 2, 1, ONE_BY_ONE, 0, 85}, {128, 128, 32, 2, 2, 1, ALL_FIRST, 1, 85},
    {128, 128, 32, 2, 4, 2, ONE_BY_ONE, 1, 85}, {128, 128, 32, 2, 4, 2, AHEAD, 1, 85},
    {128, 128, 32, 2, 4, 2, ALL_FIRST, 0, 85},  {128, 128, 64, 2, 4, 1, AHEAD, 1, 85},
    {128, 128, 64, 2, 2, 1, ONE_BY_ONE, 0, 85}, {128, 256, 32, 2, 4, 1, ONE_BY_ONE, 1, 100},
    {128, 256, 32, 2, 4, 1, ALL_FIRST, 1, 85},  {128, 256, 32, 2, 4, 1, ONE_BY_ONE, 0, 85},
    {128, 256, 16, 2, 4, 2, ONE_BY_ONE, 1, 85}, {128, 256, 16, 2, 4, 2, ALL_FIRST, 1, 85},
    {256, 128, 32, 4, 2, 1, ONE_BY_ONE, 1, 95}, {256, 128, 16, 4, 2, 2, ALL_FIRST, 1, 85},
    {128, 192, 32, 2, 3, 1, ONE_BY_ONE, 1, 95}, {128, 192, 16, 2, 3, 2, ALL_FIRST, 1, 85},
    {128, 192, 32, 2, 2, 1, ONE_BY_ONE, 0, 85}, {128, 192, 32, 2, 2, 1, ONE_BY_ONE, 1, 85},
    {64, 256, 32, 1, 4, 1, ALL_FIRST, 1, 85},   {64, 192, 32, 2, 3, 2, ALL_FIRST, 1, 75},
    {128, 96, 32, 2, 2, 2, ALL_FIRST, 1, 75},   {64, 128, 32, 2, 2, 2, ALL_FIRST, 1, 75},
    {64, 128, 32, 1, 2, 2, ALL_FIRST, 1, 75},   {128, 64, 32, 2, 1, 2, ALL_FIRST, 1, 75},
    {128, 64, 32, 4, 1, 2, ALL_FIRST, 1, 75},   {128, 64, 32, 2, 2, 2, AHEAD, 1, 75},
    {256, 64, 32, 4, 1, 1, ALL_FIRST, 1, 85},   {256, 64, 16, 4, 1, 2, ALL_FIRST, 1, 85},
    {64, 64, 32, 2, 2, 2, AHEAD, 1, 55},        {64, 64, 64, 2, 2, 1, ALL_FIRST, 1, 55},
    {64, 32, 32, 2, 1, 2, ALL_FIRST, 1, 30},    {32, 32, 32, 2, 2, 2, ALL_FIRST, 1, 30},
    {128, 128, 32, 2, 2, 2, AHEAD, 1, 85},      {128, 256, 32, 2, 4, 1, AHEAD, 1, 85},
    {256, 128, 32, 4, 2, 1, AHEAD, 1, 85},      {128, 192, 32, 2, 3, 1, AHEAD, 1, 85},
    {192, 128, 32, 2, 2, 1, ONE_BY_ONE, 0, 85}, {256, 64, 32, 4, 2, 1, AHEAD, 1, 75},
    {64, 256, 32, 2, 4, 1, ALL_FIRST, 1, 80},   {128, 128, 32, 2, 4, 2, ALL_FIRST, 1, 80},
    {64, 128, 32, 2, 4, 2, ALL_FIRST, 1, 70},
};
const int bn_gpu_tile_count = (int)BN_COUNT(bn_gpu_tiles);
_Static_assert(BN_COUNT(bn_gpu_tiles) <= BN_GPU_TILES, "bn_gpu_tile_speeds has room");

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

uint32_t bn_gpu_tile_result(const bn_gpu_shape *shape)
{
    return (uint32_t)shape->activation | (uint32_t)shape->dst_type << 8 | (uint32_t)shape->add << 16 |
           (uint32_t)shape->aligned << 17;
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
        constant[5] = bn_gpu_tile_result(shape);
    constant[7] = (uint32_t)invocations_of(tile, facts);
}

void bn_gpu_tile_groups(const bn_gpu_tile *tile, const bn_gpu_shape *shape, int pieces, uint32_t groups[2])
{
    groups[0] = (uint32_t)((shape->columns + tile->columns - 1) / tile->columns);
    groups[1] = (uint32_t)((shape->rows + tile->rows - 1) / tile->rows * pieces);
}

/* ---- choosing ------------------------------------------------------------------------------------------------------ */

enum {
    UNITS = 132,       /* of an H100, each of which does a group or two at a time; others have fewer */
    LEAST_DEPTH = 256, /* of a piece */
    MOST_PIECES = 32,
    ENDING = 64, /* steps along the depth that a tile's beginning and end take as long as */
    SMALL = 16   /* largest part of a tile that software compiles soon */
};

int bn_gpu_tile_pieces(const bn_gpu_shape *shape)
{
    const int columns = shape->columns <= 64 ? 64 : 128;
    const long groups = (long)((shape->columns + columns - 1) / columns) * ((shape->rows + 127) / 128);
    int pieces = 1;
    while (pieces < MOST_PIECES && 2 * pieces * groups <= 2 * UNITS &&
           shape->depth >= 2 * pieces * LEAST_DEPTH)
        pieces *= 2;
    return pieces;
}

/* As if each unit did its groups one after the other. */
static double cost_of(const bn_gpu_tile *tile, float worth, const bn_gpu_shape *shape, int pieces)
{
    uint32_t groups[2];
    bn_gpu_tile_groups(tile, shape, pieces, groups);
    const double rounds = (double)(((uint64_t)groups[0] * groups[1] + UNITS - 1) / UNITS);
    return rounds * tile->rows * tile->columns * ((double)shape->depth / pieces + ENDING) / (double)worth;
}

static bool is_small(const bn_gpu_tile *tile)
{
    return tile->rows / tile->along_rows <= SMALL && tile->columns / tile->along_columns <= SMALL;
}

const bn_gpu_tile *bn_gpu_tile_choose(const bn_gpu_facts *facts, const bn_gpu_tile_speeds *speeds,
                                      const bn_gpu_shape *shape, int pieces)
{
    const bn_gpu_tile *best = NULL;
    double least = INFINITY;
    for (int i = 0; i < bn_gpu_tile_count; i++) {
        const bn_gpu_tile *tile = &bn_gpu_tiles[i];
        if (!bn_gpu_tile_fits(tile, facts) || (facts->kind == BN_GPU_SOFTWARE && !is_small(tile))) continue;
        const float worth = speeds->worth[shape->loader][i];
        const double cost = worth > 0 ? cost_of(tile, worth, shape, pieces) : INFINITY;
        if (cost < least) {
            best = tile;
            least = cost;
        }
    }
    return best;
}
