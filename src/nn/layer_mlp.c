/* layer_mlp.c - the transformer's two-layer perceptron and Swin's patch merging, both done in chunks of rows, so that
 * the wide rows between norm and product stay in the cache. */
#include "nn/layers.h"

#include "base/parallel.h"
#include "base/size.h"
#include "nn/numbers.h"
#include "nn/op.h"
#include "nn/products.h"

#include <string.h>

#define CHUNK_BYTES ((size_t)4 << 20) /* of hidden rows that are alive at a time */
#define CHUNK_ROWS  1024              /* at least, so that streaming the weights pays */

/* ---- perceptron -------------------------------------------------------------------------------------------------- */

typedef struct mlp_op {
    bn_op op;
    bn_map x, normed, hidden, scratch;
    int chunk; /* rows */
    bn_norm_numbers norm;
    bn_products fc1, fc2;
} mlp_op;

static bn_status mlp_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    const mlp_op *self = (mlp_op *)op;
    const bn_map x = self->x;
    const int rows = bn_map_pixels(x);
    void *normed = bn_graph_data(graph, self->normed), *hidden = bn_graph_data(graph, self->hidden);
    void *scratch = bn_graph_data(graph, self->scratch);
    for (int first = 0; first < rows; first += self->chunk) {
        const int some = BN_MIN(self->chunk, rows - first), which = some == self->chunk ? 0 : 1;
        float *at = bn_map_at(graph, x, (size_t)first * (size_t)x.stride);
        bn_norm_run(graph, &self->norm, at, x.stride, normed, x.c, self->normed.type, some, x.c);
        BN_TRY(bn_product_run(self->fc1.product[which], normed, hidden, NULL, scratch, err));
        BN_TRY(bn_product_run(self->fc2.product[which], hidden, at, NULL, scratch, err));
    }
    return BIREFNET_OK;
}

static void mlp_destroy(bn_op *op)
{
    bn_products_destroy(&((mlp_op *)op)->fc1);
    bn_products_destroy(&((mlp_op *)op)->fc2);
}

/* Rows of a chunk: all chunks are equal but the last, and whole register blocks for every thread. */
static int chunk_rows(int rows, size_t row_bytes)
{
    const int wanted = BN_MAX(CHUNK_ROWS, (int)BN_MIN(CHUNK_BYTES / row_bytes, (size_t)rows));
    const int chunks = BN_MAX(1, (rows + wanted - 1) / wanted);
    return BN_MIN(rows, (int)bn_size_round_up((size_t)((rows + chunks - 1) / chunks), 128));
}

/* Products for whole chunks (index 0) and for the rows left over (index 1). */
static void make_chunk_products(bn_graph *graph, bn_products *products, int rows, int chunk)
{
    bn_products_for(products, graph, chunk);
    if (rows % chunk) bn_products_for(products, graph, rows % chunk);
}

void bn_layer_mlp(bn_graph *graph, bn_map x, bn_mlp_params params)
{
    mlp_op *op = bn_graph_append(graph, sizeof *op, mlp_run, mlp_destroy);
    if (!op) return;
    const bn_type type = bn_graph_type(graph);
    const int rows = bn_map_pixels(x);
    op->x = x;
    op->chunk = chunk_rows(rows, (size_t)params.hidden * bn_type_size(type));
    bn_norm_load(graph, params.norm, x.c, params.eps, &op->norm);
    op->fc1.shape = (bn_matmul_shape){.in = x.c,
                                      .out = params.hidden,
                                      .src_type = type,
                                      .dst_type = type,
                                      .src_stride = x.c,
                                      .dst_stride = params.hidden,
                                      .activation = BN_GELU};
    op->fc1.source = params.fc1;
    op->fc2.shape = (bn_matmul_shape){.in = params.hidden,
                                      .out = x.c,
                                      .src_type = type,
                                      .dst_type = BN_F32,
                                      .src_stride = params.hidden,
                                      .dst_stride = x.stride,
                                      .add = true};
    op->fc2.source = params.fc2;
    make_chunk_products(graph, &op->fc1, rows, op->chunk);
    make_chunk_products(graph, &op->fc2, rows, op->chunk);
    bn_graph_touch(graph, x);
    op->normed = bn_graph_map(graph, 1, op->chunk, x.c, type);
    op->hidden = bn_graph_map(graph, 1, op->chunk, params.hidden, type);
    bn_graph_touch(graph, op->normed);
    bn_graph_touch(graph, op->hidden);
    op->scratch = bn_graph_scratch(graph, BN_MAX(op->fc1.scratch_bytes, op->fc2.scratch_bytes));
    bn_graph_macs(graph, 2.0 * rows * x.c * params.hidden);
}

/* ---- patch merging ------------------------------------------------------------------------------------------------- */

typedef struct merge_op {
    bn_op op;
    bn_map x, dst, squares, normed, scratch;
    int chunk; /* rows of dst */
    bn_norm_numbers norm;
    bn_products linear;
} merge_op;

typedef struct merge_call {
    const merge_op *op;
    const bn_graph *graph;
    size_t first;
} merge_call;

static void gather_squares(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const merge_call *call = context;
    const bn_map x = call->op->x, dst = call->op->dst;
    const size_t c = (size_t)x.c;
    for (size_t i = begin; i < end; i++) {
        const int y = (int)(call->first + i) / dst.w * 2, column = (int)(call->first + i) % dst.w * 2;
        float *row = bn_map_at(call->graph, call->op->squares, i * 4 * c);
        for (int part = 0; part < 4; part++) { /* (0,0) (1,0) (0,1) (1,1): y fastest */
            const int sy = y + part % 2, sx = column + part / 2;
            if (sy < x.h && sx < x.w)
                memcpy(row + (size_t)part * c,
                       bn_map_at(call->graph, x, (size_t)(sy * x.w + sx) * (size_t)x.stride),
                       c * sizeof(float));
            else
                memset(row + (size_t)part * c, 0, c * sizeof(float));
        }
    }
}

static bn_status merge_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    const merge_op *self = (merge_op *)op;
    const int rows = bn_map_pixels(self->dst), c = 4 * self->x.c;
    for (int first = 0; first < rows; first += self->chunk) {
        const int some = BN_MIN(self->chunk, rows - first);
        merge_call call = {self, graph, (size_t)first};
        bn_parallel_for(bn_graph_threads(graph), (size_t)some, gather_squares, &call);
        bn_norm_run(graph, &self->norm, bn_graph_data(graph, self->squares), c,
                    bn_graph_data(graph, self->normed), c, self->normed.type, some, c);
        BN_TRY(bn_product_run(self->linear.product[some == self->chunk ? 0 : 1],
                              bn_graph_data(graph, self->normed),
                              bn_map_at(graph, self->dst, (size_t)first * (size_t)self->dst.stride), NULL,
                              bn_graph_data(graph, self->scratch), err));
    }
    return BIREFNET_OK;
}

static void merge_destroy(bn_op *op)
{
    bn_products_destroy(&((merge_op *)op)->linear);
}

bn_map bn_layer_patch_merge(bn_graph *graph, bn_map x, int out, float eps, const bn_source *norm,
                            const bn_source *linear)
{
    const bn_map dst = bn_graph_map(graph, (x.h + 1) / 2, (x.w + 1) / 2, out, BN_F32);
    merge_op *op = bn_graph_append(graph, sizeof *op, merge_run, merge_destroy);
    if (!op) return dst;
    const bn_type type = bn_graph_type(graph);
    const int rows = bn_map_pixels(dst), c = 4 * x.c;
    op->x = x;
    op->dst = dst;
    op->chunk = chunk_rows(rows, (size_t)c * sizeof(float));
    bn_norm_load(graph, norm, c, eps, &op->norm);
    op->linear.shape = (bn_matmul_shape){
        .in = c, .out = out, .src_type = type, .dst_type = BN_F32, .src_stride = c, .dst_stride = dst.stride};
    op->linear.source = linear;
    make_chunk_products(graph, &op->linear, rows, op->chunk);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    op->squares = bn_graph_map(graph, 1, op->chunk, c, BN_F32);
    op->normed = bn_graph_map(graph, 1, op->chunk, c, type);
    bn_graph_touch(graph, op->squares);
    bn_graph_touch(graph, op->normed);
    op->scratch = bn_graph_scratch(graph, op->linear.scratch_bytes);
    bn_graph_macs(graph, (double)rows * c * out);
    return dst;
}
