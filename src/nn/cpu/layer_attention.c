/* layer_attention.c - attention of all queries to all keys, some queries of one head at a time. */
#include "nn/cpu/layers.h"

#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/lanes.h"
#include "nn/cpu/running.h"

#include <math.h>

#define QUERIES_TOGETHER 1024 /* per item: enough to pay for laying out the keys */

typedef struct attention_op {
    bn_op op;
    bn_map q, kv, dst;
    int heads;
    bn_lane_memory scratch;
} attention_op;

typedef struct attention_call {
    const attention_op *op;
    const bn_graph *graph;
} attention_call;

/* Items are (block of queries, head), head fastest. */
static void attend_all(void *context, size_t begin, size_t end, int thread)
{
    const attention_call *call = context;
    const attention_op *op = call->op;
    const int dim = op->q.c / op->heads, queries = bn_map_pixels(op->q);
    const bn_kernels *kernels = bn_graph_kernels(call->graph);
    for (size_t item = begin; item < end && !bn_cpu_stopped(call->graph, thread); item++) {
        const int first = (int)(item / (size_t)op->heads) * QUERIES_TOGETHER;
        const size_t at = (item % (size_t)op->heads) * (size_t)dim;
        const bn_attend_job job = {
            .q = bn_map_at(call->graph, op->q, (size_t)first * (size_t)op->q.stride + at),
            .k = bn_map_at(call->graph, op->kv, at),
            .v = bn_map_at(call->graph, op->kv, (size_t)op->q.c + at),
            .out = bn_map_at(call->graph, op->dst, (size_t)first * (size_t)op->dst.stride + at),
            .q_stride = op->q.stride,
            .kv_stride = op->kv.stride,
            .out_stride = op->dst.stride,
            .type = op->q.type,
            .queries = BN_MIN(QUERIES_TOGETHER, queries - first),
            .keys = bn_map_pixels(op->kv),
            .dim = dim,
            .scale = 1.0f / sqrtf((float)dim),
            .scratch = bn_lane_memory_of(call->graph, &op->scratch, thread)};
        (op->q.type == BN_BF16 ? kernels->attend_bf16 : kernels->attend_f32)(&job);
    }
}

static bn_status attention_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    attention_call call = {(const attention_op *)op, graph};
    const size_t blocks = (size_t)(bn_map_pixels(call.op->q) + QUERIES_TOGETHER - 1) / QUERIES_TOGETHER;
    bn_parallel_items(bn_graph_threads(graph), blocks * (size_t)call.op->heads, attend_all, &call);
    return bn_cpu_stopped(graph, 0) ? bn_cpu_cancelled(graph, err) : BIREFNET_OK;
}

bn_map bn_cpu_attention(bn_graph *graph, bn_map q, bn_map kv, int heads)
{
    const bn_map dst = bn_graph_map(graph, q.h, q.w, q.c, q.type);
    attention_op *op = bn_graph_append(graph, sizeof *op, attention_run, NULL);
    if (!op) return dst;
    op->q = q;
    op->kv = kv;
    op->dst = dst;
    op->heads = heads;
    bn_graph_touch(graph, q);
    bn_graph_touch(graph, kv);
    bn_graph_touch(graph, dst);
    const int keys = bn_map_pixels(kv);
    op->scratch = bn_lane_memory_make(graph, bn_attend_scratch_bytes(keys, q.c / heads));
    const int queries = bn_map_pixels(q);
    bn_graph_work(graph, 2.0 * queries * keys * q.c, (size_t)queries * (size_t)heads,
                  (size_t)BN_MIN(QUERIES_TOGETHER, queries));
    return dst;
}
