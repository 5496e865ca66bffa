/* product_matrix.c - see product_matrix.h: calls of the kernel MATRIX_PRODUCT, and which tile of tiles.h they work in. */
#include "nn/gpu/product_matrix.h"

#include "gpu/tiles.h"
#include "nn/gpu/steps.h"

#include <stdlib.h>
#include <string.h>

#define QUAD 8  /* numbers that the kernel reads at once */
#define LINE 16 /* bytes at whose multiples it may read or write them */

bool bn_gpu_matrix_refused(const bn_graph *graph)
{
    const char *wish = getenv("BIREFNET_GPU_MATRIX");
    if (wish && strcmp(wish, "none") == 0) return true;
    const bn_gpu_tile_speeds *speeds = bn_gpu_packs_tiles(bn_gpu_graph_packs(graph));
    for (int i = 0; i < bn_gpu_tile_count; i++)
        if (speeds->worth[0][i] > 0) return false;
    return true;
}

static bool lies_well(bn_map map)
{
    return map.offset * bn_type_size(map.type) % LINE == 0 && map.stride % QUAD == 0;
}

static bool can_do(const bn_graph *graph, const bn_gpu_product_params *p)
{
    return bn_gpu_graph_facts(graph)->matrix && bn_graph_type(graph) == BN_F16 && p->a.c % QUAD == 0 &&
           lies_well(p->a) && !bn_gpu_matrix_refused(graph);
}

static bn_gpu_shape shape_of(const bn_gpu_product_params *p)
{
    const bool bias_lies_well = !p->bias_map || p->bias_map->offset * sizeof(float) % LINE == 0;
    return (bn_gpu_shape){.rows = bn_map_pixels(p->dst),
                          .columns = p->dst.c,
                          .depth = bn_gpu_product_depth(p),
                          .loader = (int)p->loader,
                          .activation = (int)p->activation,
                          .a_type = (int)p->a.type,
                          .dst_type = (int)p->dst.type,
                          .add = p->add,
                          .aligned = p->dst.c % QUAD == 0 && lies_well(p->dst) && bias_lies_well};
}

static bn_gpu_slot bias_slot(const bn_gpu_product_params *p)
{
    return p->bias_map ? bn_gpu_reads(*p->bias_map) : bn_gpu_packed(p->bias);
}

static bn_gpu_slot dst_slot(const bn_gpu_product_params *p)
{
    return p->add ? bn_gpu_changes(p->dst) : bn_gpu_writes(p->dst);
}

/* The whole in one piece; append cuts it. */
static bn_gpu_step make_step(const bn_gpu_product_params *p, const bn_gpu_shape *shape)
{
    const bool samples = p->loader == BN_GPU_SAMPLES;
    const int stride = samples ? 1 : p->stride, pad = samples ? p->kernel / 2 : p->pad;
    const bn_gpu_slot none = {.use = BN_GPU_UNUSED};
    return (bn_gpu_step){.kernel = BN_GPU_MATRIX_PRODUCT,
                         .slot = {bn_gpu_reads(p->a), bn_gpu_packed(p->weight), bias_slot(p), dst_slot(p),
                                  samples ? bn_gpu_reads(p->offsets) : none},
                         .number = {(uint32_t)shape->rows, (uint32_t)shape->columns, (uint32_t)shape->depth,
                                    (uint32_t)p->a.stride, (uint32_t)p->dst.stride, 1, (uint32_t)p->dst.w,
                                    (uint32_t)p->a.h, (uint32_t)p->a.w, (uint32_t)p->a.c,
                                    (uint32_t)(p->kernel | stride << 8 | pad << 16),
                                    (uint32_t)p->offsets.stride, (uint32_t)p->offset, (uint32_t)p->modulator},
                         .macs = p->macs > 0 ? p->macs : (double)shape->rows * shape->depth * shape->columns};
}

/* Adds up what the pieces gave. */
static void append_sums(bn_graph *graph, const bn_gpu_product_params *p, const bn_gpu_shape *shape,
                        int pieces, bn_map sums)
{
    bn_gpu_step step = {.kernel = BN_GPU_SUMS,
                        .groups = {bn_gpu_groups((size_t)shape->rows * (size_t)shape->columns, 256), 1},
                        .slot = {bn_gpu_reads(sums), {.use = BN_GPU_UNUSED}, bias_slot(p), dst_slot(p)},
                        .number = {(uint32_t)shape->rows, (uint32_t)shape->columns, 0, 0,
                                   (uint32_t)p->dst.stride, (uint32_t)pieces}};
    step.constant[5] = bn_gpu_tile_result(shape);
    bn_gpu_step_append(graph, &step);
}

static void append(bn_graph *graph, const bn_gpu_product_params *p, const bn_gpu_shape *shape,
                   const bn_gpu_tile *tile, int pieces)
{
    bn_gpu_step step = make_step(p, shape);
    bn_gpu_tile_constants(tile, bn_gpu_graph_facts(graph), shape, pieces, step.constant);
    bn_gpu_tile_groups(tile, shape, pieces, step.groups);
    if (pieces == 1) {
        bn_gpu_step_append(graph, &step);
        return;
    }
    const bn_map sums = bn_graph_map(graph, pieces, shape->rows, shape->columns, BN_F32);
    step.slot[2] = (bn_gpu_slot){.use = BN_GPU_UNUSED};
    step.slot[3] = bn_gpu_writes(sums);
    step.number[4] = (uint32_t)shape->columns;
    step.number[5] = (uint32_t)pieces;
    bn_gpu_step_append(graph, &step);
    append_sums(graph, p, shape, pieces, sums);
}

bool bn_gpu_product_matrix(bn_graph *graph, const bn_gpu_product_params *params)
{
    if (!can_do(graph, params)) return false;
    const bn_gpu_shape shape = shape_of(params);
    const int pieces = bn_gpu_tile_pieces(&shape);
    const bn_gpu_tile *tile = bn_gpu_tile_choose(
        bn_gpu_graph_facts(graph), bn_gpu_packs_tiles(bn_gpu_graph_packs(graph)), &shape, pieces);
    if (!tile) return false;
    append(graph, params, &shape, tile, pieces);
    return true;
}
