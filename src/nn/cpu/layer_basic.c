/* layer_basic.c - products, norms and small per-pixel layers. */
#include "nn/cpu/layers.h"

#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/lanes.h"
#include "nn/cpu/products.h"

#include <string.h>

#define PIECE_BYTES ((size_t)1 << 20) /* of the wider of a piece's rows */
#define PIECE_ROWS  128               /* at least */

/* ---- linear layers ----------------------------------------------------------------------------------------- */

/* A linear layer is done in pieces of rows, see products.h. */
typedef struct linear_op {
    bn_op op;
    bn_products products;
    bn_map x, dst;
    int piece; /* rows */
    bn_lane_memory scratch;
} linear_op;

static bn_status linear_piece(const void *self, const bn_graph *graph, size_t piece, int thread)
{
    const linear_op *op = self;
    const int first = (int)piece * op->piece, some = BN_MIN(op->piece, bn_map_pixels(op->x) - first);
    return bn_product_run_lane(bn_products_get(&op->products, some), thread,
                               bn_map_at(graph, op->x, (size_t)first * (size_t)op->x.stride),
                               bn_map_at(graph, op->dst, (size_t)first * (size_t)op->dst.stride), NULL,
                               bn_lane_memory_of(graph, &op->scratch, thread), NULL);
}

static bn_status linear_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    const linear_op *self = (linear_op *)op;
    const int pieces = (bn_map_pixels(self->x) + self->piece - 1) / self->piece;
    return bn_lanes_run(self, graph, (size_t)pieces, linear_piece, err);
}

static void linear_destroy(bn_op *op)
{
    bn_products_destroy(&((linear_op *)op)->products);
}

void bn_cpu_linear_into(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                        bn_activation activation, bool add)
{
    linear_op *op = bn_graph_append(graph, sizeof *op, linear_run, linear_destroy);
    if (!op) return;
    const int rows = bn_map_pixels(x);
    op->x = x;
    op->dst = dst;
    op->products.shape = (bn_matmul_shape){.in = x.c,
                                           .out = dst.c,
                                           .src_type = x.type,
                                           .dst_type = dst.type,
                                           .src_stride = x.stride,
                                           .dst_stride = dst.stride,
                                           .activation = activation,
                                           .add = add,
                                           .lanes = bn_graph_threads(graph)};
    op->products.source = source;
    op->piece = bn_lane_rows(graph, rows, (size_t)x.c * (size_t)dst.c,
                             (size_t)BN_MAX(x.c, dst.c) * sizeof(float), PIECE_BYTES, PIECE_ROWS);
    bn_products_pieces(&op->products, graph, rows, op->piece);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    op->scratch = bn_lane_memory_make(graph, op->products.scratch_bytes);
    bn_graph_work(graph, (double)rows * x.c * dst.c, (size_t)rows, (size_t)op->piece);
}

/* ---- layer norm ---------------------------------------------------------------------------------------------- */

typedef struct norm_op {
    bn_op op;
    bn_map x, dst;
    bn_norm_numbers numbers;
} norm_op;

typedef struct norm_call {
    const bn_kernels *kernels;
    bn_norm_job job;
} norm_call;

static void norm_rows(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const norm_call *call = context;
    bn_norm_job job = call->job;
    job.in += (ptrdiff_t)begin * job.in_stride;
    job.out = (char *)job.out + (ptrdiff_t)begin * job.out_stride * (ptrdiff_t)bn_type_size(job.out_type);
    job.rows = (ptrdiff_t)(end - begin);
    call->kernels->layer_norm(&job);
}

static bn_status norm_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    const norm_op *self = (norm_op *)op;
    norm_call call = {.kernels = bn_graph_kernels(graph),
                      .job = {.in = bn_graph_data(graph, self->x),
                              .in_stride = self->x.stride,
                              .out = bn_graph_data(graph, self->dst),
                              .out_stride = self->dst.stride,
                              .out_type = self->dst.type,
                              .gamma = self->numbers.gamma,
                              .beta = self->numbers.gamma + self->x.c,
                              .eps = self->numbers.eps,
                              .c = self->x.c}};
    bn_parallel_for(bn_graph_threads(graph), (size_t)bn_map_pixels(self->x), norm_rows, &call);
    return BIREFNET_OK;
}

static void norm_into(bn_graph *graph, bn_map x, bn_map dst, float eps, const bn_source *source)
{
    norm_op *op = bn_graph_append(graph, sizeof *op, norm_run, NULL);
    if (!op) return;
    op->x = x;
    op->dst = dst;
    bn_norm_load(graph, source, x.c, eps, &op->numbers);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
}

bn_map bn_cpu_norm(bn_graph *graph, bn_map x, float eps, const bn_source *source, bn_type type)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, x.c, type);
    norm_into(graph, x, dst, eps, source);
    return dst;
}

void bn_cpu_norm_inplace(bn_graph *graph, bn_map x, float eps, const bn_source *source)
{
    norm_into(graph, x, x, eps, source);
}

/* ---- copy ---------------------------------------------------------------------------------------------------- */

typedef struct copy_op {
    bn_op op;
    bn_map x, dst;
} copy_op;

typedef struct copy_call {
    const char *from;
    char *to;
    size_t from_step, to_step, bytes;
} copy_call;

static void copy_pixels(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const copy_call *call = context;
    for (size_t i = begin; i < end; i++)
        memcpy(call->to + i * call->to_step, call->from + i * call->from_step, call->bytes);
}

static bn_status copy_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    const copy_op *self = (copy_op *)op;
    const size_t size = bn_type_size(self->x.type);
    copy_call call = {bn_graph_data(graph, self->x), bn_graph_data(graph, self->dst),
                      (size_t)self->x.stride * size, (size_t)self->dst.stride * size,
                      (size_t)self->x.c * size};
    bn_parallel_for(bn_graph_threads(graph), (size_t)bn_map_pixels(self->x), copy_pixels, &call);
    return BIREFNET_OK;
}

void bn_cpu_copy_into(bn_graph *graph, bn_map x, bn_map dst)
{
    copy_op *op = bn_graph_append(graph, sizeof *op, copy_run, NULL);
    if (!op) return;
    op->x = x;
    op->dst = dst;
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
}

/* ---- gate ---------------------------------------------------------------------------------------------------- */

typedef struct gate_op {
    bn_op op;
    bn_map x, dst;
    const float *numbers; /* weight [c], bias [1] */
} gate_op;

typedef struct gate_call {
    const gate_op *op;
    const bn_graph *graph;
} gate_call;

static void gate_pixels(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const gate_call *call = context;
    const bn_map x = call->op->x;
    bn_graph_kernels(call->graph)
        ->gate(bn_map_at(call->graph, x, begin * (size_t)x.stride), x.type, x.stride, x.c, call->op->numbers,
               call->op->numbers[x.c], bn_map_at(call->graph, call->op->dst, begin),
               (ptrdiff_t)(end - begin));
}

static bn_status gate_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    gate_call call = {(const gate_op *)op, graph};
    bn_parallel_for(bn_graph_threads(graph), (size_t)bn_map_pixels(call.op->x), gate_pixels, &call);
    return BIREFNET_OK;
}

bn_map bn_cpu_gate(bn_graph *graph, bn_map x, const bn_source *source)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, 1, BN_F32);
    gate_op *op = bn_graph_append(graph, sizeof *op, gate_run, NULL);
    if (!op) return dst;
    op->x = x;
    op->dst = dst;
    bn_numbers_load(graph, source, (size_t)x.c, 1, &op->numbers);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    bn_graph_work(graph, (double)bn_map_pixels(x) * x.c, (size_t)bn_map_pixels(x), 1);
    return dst;
}

/* ---- depthwise convolution ------------------------------------------------------------------------------------ */

typedef struct depthwise_op {
    bn_op op;
    bn_map x, dst;
    const float *weight, *bias; /* [9][c], [c] */
} depthwise_op;

typedef struct depthwise_call {
    const depthwise_op *op;
    const bn_graph *graph;
} depthwise_call;

static void depthwise_rows(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const depthwise_call *call = context;
    const depthwise_op *op = call->op;
    const bn_depthwise_job job = {.in = bn_graph_data(call->graph, op->x),
                                  .out = bn_graph_data(call->graph, op->dst),
                                  .type = op->x.type,
                                  .h = op->x.h,
                                  .w = op->x.w,
                                  .c = op->x.c,
                                  .y_begin = (int)begin,
                                  .y_end = (int)end,
                                  .weight = op->weight,
                                  .bias = op->bias};
    bn_graph_kernels(call->graph)->depthwise_gelu(&job);
}

static bn_status depthwise_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    depthwise_call call = {(const depthwise_op *)op, graph};
    bn_parallel_for(bn_graph_threads(graph), (size_t)call.op->x.h, depthwise_rows, &call);
    return BIREFNET_OK;
}

typedef struct depthwise_fill {
    const float *from; /* [c][9], then [c] */
    int c;
} depthwise_fill;

static bn_status transpose_depthwise(const void *context, float *numbers, bn_error *err)
{
    (void)err;
    const depthwise_fill *fill = context;
    for (int tap = 0; tap < 9; tap++)
        for (int c = 0; c < fill->c; c++) numbers[tap * fill->c + c] = fill->from[c * 9 + tap];
    return BIREFNET_OK;
}

bn_map bn_cpu_depthwise_gelu(bn_graph *graph, bn_map x, const bn_source *source)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, x.c, x.type);
    depthwise_op *op = bn_graph_append(graph, sizeof *op, depthwise_run, NULL);
    if (!op) return dst;
    op->x = x;
    op->dst = dst;
    depthwise_fill fill = {.c = x.c};
    bn_numbers_load(graph, source, (size_t)x.c * 9, (size_t)x.c, &fill.from);
    if (bn_graph_failed(graph)) return dst;
    op->bias = fill.from + (size_t)x.c * 9;
    bn_numbers_derive(graph, source, ".taps", (size_t)x.c * 9, transpose_depthwise, &fill, &op->weight);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    bn_graph_work(graph, (double)bn_map_pixels(x) * x.c * 9, (size_t)x.h, 1);
    return dst;
}
