/* layer_deform.c - the deformable branches of ASPP and the 1x1 convolution that joins them, tile by tile.
 *
 * For a tile of pixels, each branch samples its taps into rows of kernel^2 * c numbers, one matrix product turns them
 * into the branch's channels, and another joins all branches. The branches' maps (four times 256 channels at a quarter
 * of the picture's size) never exist as a whole, and a thread does whole tiles by itself. Offsets and positions are
 * float32. */
#include "nn/cpu/layers.h"

#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/lanes.h"
#include "nn/cpu/products.h"

#include <string.h>

#define TILE_ROWS                                                                                            \
    128       /* pixels: their sampled rows for a 7x7 branch, 0.8 MB in bf16, lie in the core's own cache */
#define RUN 8 /* neighbouring pixels whose taps are worked out together */

typedef struct deform_op {
    bn_op op;
    bn_map x, dst, bias;
    int branches, width, tile; /* tile: pixels */
    bn_deform_branch branch[BN_DEFORM_MAX_BRANCHES];
    bn_products product[BN_DEFORM_MAX_BRANCHES], merge;
    bn_lane_memory rows, joined, scratch, taps;
    int largest; /* kernel^2 of the largest branch */
} deform_op;

/* Sample `count` neighbouring pixels from `pixel` on, all in one row of the map, to rows [count][kernel^2 * c]. */
static void sample_run(const deform_op *op, const bn_deform_branch *branch, const bn_graph *graph, int pixel,
                       int count, void *rows, void *scratch)
{
    const bn_map offsets = branch->offsets;
    const int taps = branch->kernel * branch->kernel;
    const ptrdiff_t plane = (ptrdiff_t)RUN * op->largest;
    const float *numbers = bn_map_at(graph, offsets, (size_t)pixel * (size_t)offsets.stride);
    const bn_deform_job where = {.offsets = numbers + branch->offset,
                                 .modulators = numbers + branch->modulator,
                                 .stride = offsets.stride,
                                 .kernel = branch->kernel,
                                 .y = pixel / op->x.w,
                                 .x = pixel % op->x.w,
                                 .h = op->x.h,
                                 .w = op->x.w,
                                 .count = count,
                                 .tap_pixels = scratch,
                                 .tap_weights = (float *)scratch + 4 * plane,
                                 .plane = plane};
    const bn_gather_job what = {.src = bn_graph_data(graph, op->x),
                                .src_stride = op->x.stride,
                                .src_type = op->x.type,
                                .c = op->x.c,
                                .taps = 4,
                                .count = (ptrdiff_t)count * taps,
                                .plane = plane,
                                .pixels = where.tap_pixels,
                                .weights = where.tap_weights,
                                .out = rows,
                                .out_stride = op->x.c,
                                .out_type = op->x.type};
    const bn_kernels *kernels = bn_graph_kernels(graph);
    kernels->deform_taps(&where);
    kernels->gather(&what);
}

static void sample_tile(const deform_op *op, const bn_deform_branch *branch, const bn_graph *graph, int first,
                        int pixels, int thread)
{
    char *rows = bn_lane_memory_of(graph, &op->rows, thread);
    void *scratch = bn_lane_memory_of(graph, &op->taps, thread);
    const size_t row_bytes = (size_t)(branch->kernel * branch->kernel * op->x.c) * bn_type_size(op->x.type);
    for (int i = 0; i < pixels;) {
        const int left_in_row = op->x.w - (first + i) % op->x.w,
                  count = BN_MIN(BN_MIN(RUN, left_in_row), pixels - i);
        sample_run(op, branch, graph, first + i, count, rows + (size_t)i * row_bytes, scratch);
        i += count;
    }
}

static bn_status run_tile(const void *self, const bn_graph *graph, size_t piece, int thread)
{
    const deform_op *op = self;
    const int first = (int)piece * op->tile, pixels = BN_MIN(op->tile, bn_map_pixels(op->x) - first);
    void *rows = bn_lane_memory_of(graph, &op->rows, thread),
         *scratch = bn_lane_memory_of(graph, &op->scratch, thread);
    char *joined = bn_lane_memory_of(graph, &op->joined, thread);
    for (int i = 0; i < op->branches; i++) {
        sample_tile(op, &op->branch[i], graph, first, pixels, thread);
        BN_TRY(bn_product_run_lane(bn_products_get(&op->product[i], pixels), thread, rows,
                                   joined + (size_t)(i * op->width) * bn_type_size(op->x.type), NULL, scratch,
                                   NULL));
    }
    return bn_product_run_lane(bn_products_get(&op->merge, pixels), thread, joined,
                               bn_map_at(graph, op->dst, (size_t)first * (size_t)op->dst.stride),
                               bn_graph_data(graph, op->bias), scratch, NULL);
}

static bn_status deform_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    const deform_op *self = (deform_op *)op;
    return bn_lanes_run(self, graph, (size_t)((bn_map_pixels(self->x) + self->tile - 1) / self->tile),
                        run_tile, err);
}

static void deform_destroy(bn_op *op)
{
    deform_op *self = (deform_op *)op;
    for (int i = 0; i < self->branches; i++) bn_products_destroy(&self->product[i]);
    bn_products_destroy(&self->merge);
}

static void make_products(bn_graph *graph, deform_op *op, const bn_deform_params *params)
{
    const bn_type type = op->x.type;
    const int joined = op->branches * op->width;
    for (int i = 0; i <= op->branches; i++) {
        const bool merge = i == op->branches;
        bn_products *products = merge ? &op->merge : &op->product[i];
        const int in = merge ? joined : params->branch[i].kernel * params->branch[i].kernel * op->x.c;
        products->shape = (bn_matmul_shape){.in = in,
                                            .out = merge ? params->out : op->width,
                                            .src_type = type,
                                            .dst_type = type,
                                            .src_stride = in,
                                            .dst_stride = merge ? op->dst.stride : joined,
                                            .activation = BN_RELU,
                                            .lanes = bn_graph_threads(graph)};
        products->source = merge ? params->merge : params->branch[i].source;
        bn_products_pieces(products, graph, bn_map_pixels(op->x), op->tile);
    }
}

bn_map bn_cpu_deform(bn_graph *graph, bn_map x, const bn_deform_params *params)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, params->out, x.type);
    deform_op *op = bn_graph_append(graph, sizeof *op, deform_run, deform_destroy);
    if (!op) return dst;
    op->x = x;
    op->dst = dst;
    op->bias = params->merge_bias;
    op->branches = params->branches;
    op->width = params->width;
    double macs = (double)params->branches * params->width * params->out;
    for (int i = 0; i < params->branches; i++) {
        op->branch[i] = params->branch[i];
        const int taps = params->branch[i].kernel * params->branch[i].kernel;
        op->largest = BN_MAX(op->largest, taps);
        macs += (double)taps * x.c * params->width;
        bn_graph_touch(graph, params->branch[i].offsets);
    }
    const size_t row = (size_t)op->largest * (size_t)x.c, size = bn_type_size(x.type);
    op->tile = bn_lane_rows(graph, bn_map_pixels(x), row * (size_t)params->width, 1, 0, TILE_ROWS);
    make_products(graph, op, params);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    bn_graph_touch(graph, op->bias);
    size_t scratch = op->merge.scratch_bytes;
    for (int i = 0; i < op->branches; i++) scratch = BN_MAX(scratch, op->product[i].scratch_bytes);
    op->rows = bn_lane_memory_make(graph, (size_t)op->tile * row * size);
    op->joined =
        bn_lane_memory_make(graph, (size_t)op->tile * (size_t)(params->branches * params->width) * size);
    op->scratch = bn_lane_memory_make(graph, scratch);
    op->taps =
        bn_lane_memory_make(graph, (size_t)RUN * (size_t)op->largest * 4 * (sizeof(int32_t) + sizeof(float)));
    bn_graph_work(graph, macs * bn_map_pixels(x), (size_t)bn_map_pixels(x), (size_t)op->tile);
    return dst;
}

/* ---- the pooled branch, which is the same for every pixel: a bias -------------------------------------------------- */

typedef struct pool_op {
    bn_op op;
    bn_map x, dst,
        sums; /* sums float32 [h][c]: one row of the map each, so that the order of sums is fixed */
    int width;
    const float *pool, *weight; /* [width][c] + [width], [out][width] + [out] */
} pool_op;

typedef struct pool_call {
    const pool_op *op;
    const bn_graph *graph;
} pool_call;

static void sum_rows(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const pool_call *call = context;
    const bn_map x = call->op->x;
    for (size_t y = begin; y < end; y++) {
        float *sum = bn_map_at(call->graph, call->op->sums, y * (size_t)x.c);
        memset(sum, 0, (size_t)x.c * sizeof *sum);
        for (int column = 0; column < x.w; column++) {
            const int32_t first = 0;
            const float one = 1;
            const bn_gather_job job = {
                .src = bn_map_at(call->graph, x, (y * (size_t)x.w + (size_t)column) * (size_t)x.stride),
                .src_type = x.type,
                .c = x.c,
                .taps = 1,
                .count = 1,
                .plane = 1,
                .pixels = &first,
                .weights = &one,
                .out = sum,
                .out_stride = x.c,
                .out_type = BN_F32,
                .add = 1};
            bn_graph_kernels(call->graph)->gather(&job);
        }
    }
}

static bn_status pool_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    const pool_op *self = (pool_op *)op;
    pool_call call = {self, graph};
    const int c = self->x.c, out = self->dst.c, width = self->width;
    bn_parallel_for(bn_graph_threads(graph), (size_t)self->x.h, sum_rows, &call);
    float *mean = bn_graph_data(graph, self->sums), *bias = bn_graph_data(graph, self->dst);
    for (int y = 1; y < self->x.h; y++)
        for (int i = 0; i < c; i++) mean[i] += mean[(ptrdiff_t)y * c + i];
    for (int i = 0; i < c; i++) mean[i] /= (float)bn_map_pixels(self->x);
    for (int o = 0; o < out; o++) bias[o] = self->weight[out * width + o];
    for (int i = 0; i < width; i++) {
        float value = self->pool[width * c + i];
        for (int k = 0; k < c; k++) value += self->pool[i * c + k] * mean[k];
        for (int o = 0; value > 0 && o < out; o++) bias[o] += self->weight[o * width + i] * value;
    }
    return BIREFNET_OK;
}

bn_map bn_cpu_pooled_bias(bn_graph *graph, bn_map x, int width, int out, const bn_source *pool,
                          const bn_source *weight)
{
    const bn_map dst = bn_graph_map(graph, 1, 1, out, BN_F32);
    pool_op *op = bn_graph_append(graph, sizeof *op, pool_run, NULL);
    if (!op) return dst;
    op->x = x;
    op->dst = dst;
    op->width = width;
    bn_numbers_load(graph, pool, (size_t)width * (size_t)x.c, (size_t)width, &op->pool);
    bn_numbers_load(graph, weight, (size_t)out * (size_t)width, (size_t)out, &op->weight);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    op->sums = bn_graph_map(graph, 1, x.h, x.c, BN_F32);
    bn_graph_touch(graph, op->sums);
    bn_graph_work(graph, (double)bn_map_pixels(x) * x.c, (size_t)x.h, 1);
    bn_graph_work(graph, (double)width * (x.c + out), 1, 1);
    return dst;
}
