/* layer_basic.c - products, norms and small per-pixel layers. */
#include "nn/layers.h"

#include "base/parallel.h"
#include "base/size.h"
#include "nn/numbers.h"
#include "nn/op.h"

#include <string.h>

/* ---- linear and convolution: one product of oneDNN --------------------------------------------------------- */

typedef struct product_op {
    bn_op op;
    bn_product *product;
    bn_map x, dst, scratch;
} product_op;

static bn_status product_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    product_op *self = (product_op *)op;
    return bn_product_run(self->product, bn_graph_data(graph, self->x), bn_graph_data(graph, self->dst), NULL,
                          bn_graph_data(graph, self->scratch), err);
}

static void product_destroy(bn_op *op)
{
    bn_product_destroy(&((product_op *)op)->product);
}

/* Append an op around the product that was (or was not) made with this status. */
static void append_product(bn_graph *graph, bn_status status, bn_product *product, bn_map x, bn_map dst,
                           double macs)
{
    product_op *op = NULL;
    if (status != BIREFNET_OK)
        bn_graph_set_failed(graph, status);
    else
        op = bn_graph_append(graph, sizeof *op, product_run, product_destroy);
    if (!op) {
        bn_product_destroy(&product);
        return;
    }
    op->product = product;
    op->x = x;
    op->dst = dst;
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    op->scratch = bn_graph_scratch(graph, bn_product_scratch_bytes(product));
    bn_graph_macs(graph, macs);
}

void bn_layer_linear_into(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                          bn_activation activation, bool add)
{
    if (bn_graph_failed(graph)) return;
    const bn_matmul_shape shape = {.rows = bn_map_pixels(x),
                                   .in = x.c,
                                   .out = dst.c,
                                   .src_type = x.type,
                                   .dst_type = dst.type,
                                   .src_stride = x.stride,
                                   .dst_stride = dst.stride,
                                   .activation = activation,
                                   .add = add};
    bn_product *product = NULL;
    const bn_status status =
        bn_matmul_create(bn_graph_packs(graph), &shape, source, &product, bn_graph_error(graph));
    append_product(graph, status, product, x, dst, (double)shape.rows * shape.in * shape.out);
}

bn_map bn_layer_linear(bn_graph *graph, bn_map x, int out, const bn_source *source, bn_activation activation,
                       bn_type type)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, out, type);
    bn_layer_linear_into(graph, x, dst, source, activation, false);
    return dst;
}

bn_map bn_layer_conv(bn_graph *graph, bn_map x, bn_conv_params params, const bn_source *source)
{
    const int k = params.kernel, s = params.stride, p = params.pad;
    const bn_map dst =
        bn_graph_map(graph, (x.h + 2 * p - k) / s + 1, (x.w + 2 * p - k) / s + 1, params.out, params.type);
    if (bn_graph_failed(graph)) return dst;
    const bn_conv_shape shape = {.h = x.h,
                                 .w = x.w,
                                 .in = x.c,
                                 .out = params.out,
                                 .kernel = k,
                                 .stride = s,
                                 .pad = p,
                                 .src_type = x.type,
                                 .dst_type = params.type,
                                 .activation = params.activation};
    bn_product *product = NULL;
    const bn_status status =
        bn_conv_create(bn_graph_packs(graph), &shape, source, &product, bn_graph_error(graph));
    const double filters = params.useful ? params.useful : params.out;
    append_product(graph, status, product, x, dst, filters * bn_map_pixels(dst) * x.c * k * k);
    return dst;
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

void bn_norm_run(const bn_graph *graph, const bn_norm_numbers *numbers, const float *in, ptrdiff_t in_stride,
                 void *out, ptrdiff_t out_stride, bn_type out_type, int rows, int c)
{
    norm_call call = {.kernels = bn_graph_kernels(graph),
                      .job = {.in = in,
                              .in_stride = in_stride,
                              .out = out,
                              .out_stride = out_stride,
                              .out_type = out_type,
                              .gamma = numbers->gamma,
                              .beta = numbers->gamma + c,
                              .eps = numbers->eps,
                              .c = c}};
    bn_parallel_for(bn_graph_threads(graph), (size_t)rows, norm_rows, &call);
}

static bn_status norm_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    const norm_op *self = (norm_op *)op;
    bn_norm_run(graph, &self->numbers, bn_graph_data(graph, self->x), self->x.stride,
                bn_graph_data(graph, self->dst), self->dst.stride, self->dst.type, bn_map_pixels(self->x),
                self->x.c);
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

bn_map bn_layer_norm(bn_graph *graph, bn_map x, float eps, const bn_source *source, bn_type type)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, x.c, type);
    norm_into(graph, x, dst, eps, source);
    return dst;
}

void bn_layer_norm_inplace(bn_graph *graph, bn_map x, float eps, const bn_source *source)
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

void bn_layer_copy_into(bn_graph *graph, bn_map x, bn_map dst)
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

bn_map bn_layer_gate(bn_graph *graph, bn_map x, const bn_source *source)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, 1, BN_F32);
    gate_op *op = bn_graph_append(graph, sizeof *op, gate_run, NULL);
    if (!op) return dst;
    op->x = x;
    op->dst = dst;
    bn_numbers_load(graph, source, (size_t)x.c, 1, &op->numbers);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    bn_graph_macs(graph, (double)bn_map_pixels(x) * x.c);
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

bn_map bn_layer_depthwise_gelu(bn_graph *graph, bn_map x, const bn_source *source)
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
    bn_graph_macs(graph, (double)bn_map_pixels(x) * x.c * 9);
    return dst;
}
