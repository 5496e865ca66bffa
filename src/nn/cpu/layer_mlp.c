/* layer_mlp.c - the transformer's two-layer perceptron and Swin's patch merging, both in chunks of rows.
 *
 * Each thread does whole chunks by itself, norm and products, so that what lies between them stays in its cache and
 * threads meet only at the end. */
#include "nn/cpu/layers.h"

#include "base/size.h"
#include "nn/cpu/lanes.h"
#include "nn/cpu/products.h"

#include <string.h>

#define CHUNK_BYTES ((size_t)1 << 20) /* of the widest rows that are alive in a chunk */
#define CHUNK_ROWS  256               /* at least, so that streaming the weights pays */

/* ---- perceptron -------------------------------------------------------------------------------------------------- */

typedef struct mlp_op {
    bn_op op;
    bn_map x;
    int chunk; /* rows */
    bn_type type;
    bn_norm_numbers norm;
    bn_products fc1, fc2;
    bn_lane_memory normed, hidden, scratch;
} mlp_op;

static bn_status mlp_chunk(const void *self, const bn_graph *graph, size_t piece, int thread)
{
    const mlp_op *op = self;
    const bn_map x = op->x;
    const int first = (int)piece * op->chunk, some = BN_MIN(op->chunk, bn_map_pixels(x) - first);
    float *at = bn_map_at(graph, x, (size_t)first * (size_t)x.stride);
    void *normed = bn_lane_memory_of(graph, &op->normed, thread),
         *hidden = bn_lane_memory_of(graph, &op->hidden, thread);
    void *scratch = bn_lane_memory_of(graph, &op->scratch, thread);
    bn_lane_norm(graph, &op->norm, at, x.stride, normed, op->type, some, x.c);
    BN_TRY(bn_product_run_lane(bn_products_get(&op->fc1, some), thread, normed, hidden, NULL, scratch, NULL));
    return bn_product_run_lane(bn_products_get(&op->fc2, some), thread, hidden, at, NULL, scratch, NULL);
}

static size_t pieces_of(int rows, int chunk)
{
    return (size_t)((rows + chunk - 1) / chunk);
}

static bn_status mlp_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    const mlp_op *self = (mlp_op *)op;
    return bn_lanes_run(self, graph, pieces_of(bn_map_pixels(self->x), self->chunk), mlp_chunk, err);
}

static void mlp_destroy(bn_op *op)
{
    bn_products_destroy(&((mlp_op *)op)->fc1);
    bn_products_destroy(&((mlp_op *)op)->fc2);
}

void bn_cpu_mlp(bn_graph *graph, bn_map x, bn_mlp_params params)
{
    mlp_op *op = bn_graph_append(graph, sizeof *op, mlp_run, mlp_destroy);
    if (!op) return;
    const bn_type type = bn_graph_type(graph);
    const int rows = bn_map_pixels(x);
    op->x = x;
    op->type = type;
    op->chunk = bn_lane_rows(graph, rows, 2 * (size_t)x.c * (size_t)params.hidden,
                             (size_t)params.hidden * bn_type_size(type), CHUNK_BYTES, CHUNK_ROWS);
    bn_norm_load(graph, params.norm, x.c, params.eps, &op->norm);
    op->fc1.shape = (bn_matmul_shape){.in = x.c,
                                      .out = params.hidden,
                                      .src_type = type,
                                      .dst_type = type,
                                      .src_stride = x.c,
                                      .dst_stride = params.hidden,
                                      .activation = BN_GELU,
                                      .lanes = bn_graph_threads(graph)};
    op->fc1.source = params.fc1;
    op->fc2.shape = (bn_matmul_shape){.in = params.hidden,
                                      .out = x.c,
                                      .src_type = type,
                                      .dst_type = BN_F32,
                                      .src_stride = params.hidden,
                                      .dst_stride = x.stride,
                                      .add = true,
                                      .lanes = bn_graph_threads(graph)};
    op->fc2.source = params.fc2;
    bn_products_pieces(&op->fc1, graph, rows, op->chunk);
    bn_products_pieces(&op->fc2, graph, rows, op->chunk);
    bn_graph_touch(graph, x);
    op->normed = bn_lane_memory_make(graph, (size_t)op->chunk * (size_t)x.c * bn_type_size(type));
    op->hidden = bn_lane_memory_make(graph, (size_t)op->chunk * (size_t)params.hidden * bn_type_size(type));
    op->scratch = bn_lane_memory_make(graph, BN_MAX(op->fc1.scratch_bytes, op->fc2.scratch_bytes));
    bn_graph_work(graph, 2.0 * rows * x.c * params.hidden, (size_t)rows, (size_t)op->chunk);
}

/* ---- patch merging ------------------------------------------------------------------------------------------------- */

typedef struct merge_op {
    bn_op op;
    bn_map x, dst;
    int chunk; /* rows of dst */
    bn_type type;
    bn_norm_numbers norm;
    bn_products linear;
    bn_lane_memory squares, normed, scratch;
} merge_op;

/* Rows first .. first + some - 1 of dst, before the norm: float32 [some][4c]. */
static void gather_squares(const merge_op *op, const bn_graph *graph, int first, int some, float *squares)
{
    const bn_map x = op->x;
    const size_t c = (size_t)x.c;
    for (int i = first; i < first + some; i++) {
        const int y = i / op->dst.w * 2, column = i % op->dst.w * 2;
        float *row = squares + (size_t)(i - first) * 4 * c;
        for (int part = 0; part < 4; part++) { /* (0,0) (1,0) (0,1) (1,1): y fastest */
            const int sy = y + part % 2, sx = column + part / 2;
            if (sy < x.h && sx < x.w)
                memcpy(row + (size_t)part * c,
                       bn_map_at(graph, x, (size_t)(sy * x.w + sx) * (size_t)x.stride), c * sizeof(float));
            else
                memset(row + (size_t)part * c, 0, c * sizeof(float));
        }
    }
}

static bn_status merge_chunk(const void *self, const bn_graph *graph, size_t piece, int thread)
{
    const merge_op *op = self;
    const int first = (int)piece * op->chunk, some = BN_MIN(op->chunk, bn_map_pixels(op->dst) - first),
              c = 4 * op->x.c;
    float *squares = bn_lane_memory_of(graph, &op->squares, thread);
    void *normed = bn_lane_memory_of(graph, &op->normed, thread);
    gather_squares(op, graph, first, some, squares);
    bn_lane_norm(graph, &op->norm, squares, c, normed, op->type, some, c);
    return bn_product_run_lane(bn_products_get(&op->linear, some), thread, normed,
                               bn_map_at(graph, op->dst, (size_t)first * (size_t)op->dst.stride), NULL,
                               bn_lane_memory_of(graph, &op->scratch, thread), NULL);
}

static bn_status merge_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    const merge_op *self = (merge_op *)op;
    return bn_lanes_run(self, graph, pieces_of(bn_map_pixels(self->dst), self->chunk), merge_chunk, err);
}

static void merge_destroy(bn_op *op)
{
    bn_products_destroy(&((merge_op *)op)->linear);
}

bn_map bn_cpu_patch_merge(bn_graph *graph, bn_map x, int out, float eps, const bn_source *norm,
                          const bn_source *linear)
{
    const bn_map dst = bn_graph_map(graph, (x.h + 1) / 2, (x.w + 1) / 2, out, BN_F32);
    merge_op *op = bn_graph_append(graph, sizeof *op, merge_run, merge_destroy);
    if (!op) return dst;
    const bn_type type = bn_graph_type(graph);
    const int rows = bn_map_pixels(dst), c = 4 * x.c;
    op->x = x;
    op->dst = dst;
    op->type = type;
    op->chunk = bn_lane_rows(graph, rows, (size_t)c * (size_t)out, (size_t)c * sizeof(float), CHUNK_BYTES,
                             CHUNK_ROWS);
    bn_norm_load(graph, norm, c, eps, &op->norm);
    op->linear.shape = (bn_matmul_shape){.in = c,
                                         .out = out,
                                         .src_type = type,
                                         .dst_type = BN_F32,
                                         .src_stride = c,
                                         .dst_stride = dst.stride,
                                         .lanes = bn_graph_threads(graph)};
    op->linear.source = linear;
    bn_products_pieces(&op->linear, graph, rows, op->chunk);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    op->squares = bn_lane_memory_make(graph, (size_t)op->chunk * (size_t)c * sizeof(float));
    op->normed = bn_lane_memory_make(graph, (size_t)op->chunk * (size_t)c * bn_type_size(type));
    op->scratch = bn_lane_memory_make(graph, op->linear.scratch_bytes);
    bn_graph_work(graph, (double)rows * c * out, (size_t)rows, (size_t)op->chunk);
    return dst;
}
