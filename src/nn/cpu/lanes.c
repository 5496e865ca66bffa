/* lanes.c - pieces of work, one thread each. */
#include "nn/cpu/lanes.h"

#include "base/size.h"
#include "nn/cpu/running.h"

#include <stdint.h>

#define MANY_WEIGHTS  ((size_t)1 << 19) /* numbers: 2 MiB */
#define THREAD_PIECES 4 /* of a loop for each thread, so that one which is held up may fall behind */

bn_lane_memory bn_lane_memory_make(bn_graph *graph, size_t each_bytes)
{
    size_t each = 0, all = 0;
    if (!bn_size_add(each_bytes, 63, &each) ||
        !bn_size_mul(each / 64 * 64, (size_t)bn_graph_threads(graph), &all))
        all = SIZE_MAX; /* which the graph refuses */
    return (bn_lane_memory){bn_graph_scratch(graph, all), each / 64 * 64};
}

void *bn_lane_memory_of(const bn_graph *graph, const bn_lane_memory *memory, int thread)
{
    return (char *)bn_graph_data(graph, memory->map) + (size_t)thread * memory->each_bytes;
}

typedef struct lanes_call {
    const void *op;
    const bn_graph *graph;
    bn_lane_fn fn;
    bn_status status[BN_MAX_THREADS]; /* first failure of each thread */
} lanes_call;

static void run_pieces(void *context, size_t begin, size_t end, int thread)
{
    lanes_call *call = context;
    for (size_t piece = begin; piece < end && call->status[thread] == BIREFNET_OK; piece++)
        call->status[thread] = bn_cpu_stopped(call->graph, thread)
                                   ? BIREFNET_ERROR_CANCELLED
                                   : call->fn(call->op, call->graph, piece, thread);
}

bn_status bn_lanes_run(const void *op, const bn_graph *graph, size_t pieces, bn_lane_fn fn, bn_error *err)
{
    lanes_call call = {.op = op, .graph = graph, .fn = fn};
    bn_parallel_items(bn_graph_threads(graph), pieces, run_pieces, &call);
    for (int i = 0; i < BN_MAX_THREADS; i++)
        if (call.status[i] == BIREFNET_ERROR_CANCELLED)
            return bn_cpu_cancelled(graph, err);
        else if (call.status[i] != BIREFNET_OK)
            return bn_fail(err, call.status[i], "a matrix product failed");
    return BIREFNET_OK;
}

int bn_lane_share(const bn_graph *graph, int rows, size_t weights)
{
    const int least = BN_MAX(rows / BN_LANE_PIECES, BN_LANE_LEAST);
    if (!bn_graph_kernels(graph)->product_pays || bn_graph_type(graph) != BN_F32 || weights < MANY_WEIGHTS)
        return least;
    return BN_MAX(least, rows / (THREAD_PIECES * bn_graph_threads(graph)));
}

int bn_lane_rows(const bn_graph *graph, int rows, size_t weights, size_t row_bytes, size_t bytes, int least)
{
    const int most = BN_MAX(least, (int)BN_MIN(bytes / row_bytes, (size_t)rows));
    const int wanted = BN_MIN(most, bn_lane_share(graph, rows, weights));
    const int pieces = BN_MAX(1, (rows + wanted - 1) / wanted);
    return BN_MIN(rows, (int)bn_size_round_up((size_t)((rows + pieces - 1) / pieces), wanted < 64 ? 16 : 64));
}

void bn_lane_norm(const bn_graph *graph, const bn_norm_numbers *numbers, const float *in, ptrdiff_t in_stride,
                  void *out, bn_type type, int rows, int c)
{
    const bn_norm_job job = {in,           in_stride, out, c, type, numbers->gamma, numbers->gamma + c,
                             numbers->eps, rows,      c};
    bn_graph_kernels(graph)->layer_norm(&job);
}
