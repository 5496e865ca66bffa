/* layer_resize.c - bilinear resizing with aligned corners, also of a map that was resized before, in one step.
 *
 * Resizing is linear and separable: a row of the result is a weighted sum of two source rows, or of four where the
 * map is resized twice. The second map is never made. */
#include "nn/cpu/layers.h"

#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/context.h"
#include "nn/cpu/resize.h"

#include <stdlib.h>

void bn_resize_taps(int from, int to, bn_resize_tap *taps)
{
    /* as PyTorch computes it: positions in float32 */
    const float step = to > 1 ? (float)(from - 1) / (float)(to - 1) : 0;
    for (int i = 0; i < to; i++) {
        const float position = step * (float)i;
        const int index = BN_MIN((int)position, from - 1);
        const float share = position - (float)index;
        taps[i] = (bn_resize_tap){{index, BN_MIN(index + 1, from - 1)}, {1 - share, share}};
    }
}

/* Where result row (or column) i takes its values: up to four source rows. */
typedef struct axis_tap {
    int count, index[4];
    float weight[4];
} axis_tap;

typedef struct resize_op {
    bn_op op;
    bn_map x, dst, gate, scratch;
    bool gated, add;
    axis_tap *rows, *columns; /* [dst.h], [dst.w] */
    int taps;                 /* of one pixel: most of rows times most of columns */
    size_t thread_bytes;
} resize_op;

typedef struct resize_call {
    const resize_op *op;
    const bn_graph *graph;
} resize_call;

/* Pixels and weights of all taps of one result row, as the gather kernel wants them. */
static void fill_row(const resize_call *call, const axis_tap *row, int32_t *pixels, float *weights)
{
    const resize_op *op = call->op;
    const float *gate = op->gated ? bn_graph_data(call->graph, op->gate) : NULL;
    const int w = op->dst.w;
    for (int t = 0; t < op->taps; t++)
        for (int x = 0; x < w; x++) {
            const axis_tap *column = &op->columns[x];
            const int i = t / column->count, j = t % column->count;
            const bool used = i < row->count;
            const int pixel = used ? row->index[i] * op->x.w + column->index[j] : 0;
            float weight = used ? row->weight[i] * column->weight[j] : 0;
            if (gate) weight *= gate[pixel];
            pixels[t * w + x] = pixel;
            weights[t * w + x] = weight;
        }
}

static void resize_rows(void *context, size_t begin, size_t end, int thread)
{
    const resize_call *call = context;
    const resize_op *op = call->op;
    const size_t numbers = (size_t)op->taps * (size_t)op->dst.w;
    int32_t *pixels =
        (int32_t *)((char *)bn_graph_data(call->graph, op->scratch) + (size_t)thread * op->thread_bytes);
    float *weights = (float *)pixels + numbers;
    for (size_t y = begin; y < end; y++) {
        fill_row(call, &op->rows[y], pixels, weights);
        const bn_gather_job job = {
            .src = bn_graph_data(call->graph, op->x),
            .src_stride = op->x.stride,
            .src_type = op->x.type,
            .c = op->x.c,
            .taps = op->taps,
            .count = op->dst.w,
            .plane = op->dst.w,
            .pixels = pixels,
            .weights = weights,
            .out = bn_map_at(call->graph, op->dst, y * (size_t)op->dst.w * (size_t)op->dst.stride),
            .out_stride = op->dst.stride,
            .out_type = op->dst.type,
            .add = op->add};
        bn_graph_kernels(call->graph)->gather(&job);
    }
}

static bn_status resize_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    resize_call call = {(const resize_op *)op, graph};
    bn_parallel_for(bn_graph_threads(graph), (size_t)call.op->dst.h, resize_rows, &call);
    return BIREFNET_OK;
}

static void resize_destroy(bn_op *op)
{
    free(((resize_op *)op)->rows);
    free(((resize_op *)op)->columns);
}

/* Taps of an axis from `from` to `to` by way of `via` (0: directly). NULL where memory is out. */
static axis_tap *make_axis(int from, int via, int to)
{
    const int between = via ? via : to;
    axis_tap *axis = calloc((size_t)to, sizeof *axis);
    bn_resize_tap *first = calloc((size_t)between, sizeof *first),
                  *second = calloc((size_t)to, sizeof *second);
    if (axis && first && second) {
        bn_resize_taps(from, between, first);
        bn_resize_taps(between, to, second);
        for (int i = 0; i < to; i++)
            for (int j = 0; j < 4; j++) {
                const int outer = via ? j / 2 : 0;
                if (!via && j > 1) continue;
                const bn_resize_tap *inner = &first[via ? second[i].index[outer] : i];
                axis[i].index[axis[i].count] = inner->index[j % 2];
                axis[i].weight[axis[i].count++] = inner->weight[j % 2] * (via ? second[i].weight[outer] : 1);
            }
    } else {
        free(axis);
        axis = NULL;
    }
    free(first);
    free(second);
    return axis;
}

void bn_cpu_resize_into(bn_graph *graph, bn_map x, bn_map dst, int via_h, int via_w, const bn_map *gate,
                        bool add)
{
    resize_op *op = bn_graph_append(graph, sizeof *op, resize_run, resize_destroy);
    if (!op) return;
    op->x = x;
    op->dst = dst;
    op->gated = gate != NULL;
    if (gate) op->gate = *gate;
    op->add = add;
    op->rows = make_axis(x.h, via_h, dst.h);
    op->columns = make_axis(x.w, via_w, dst.w);
    if (!op->rows || !op->columns) {
        bn_graph_fail(graph, BIREFNET_ERROR_MEMORY, "cannot allocate the taps of a resize");
        return;
    }
    op->taps = op->rows[0].count * op->columns[0].count;
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    if (gate) bn_graph_touch(graph, *gate);
    op->thread_bytes = bn_size_round_up((size_t)op->taps * (size_t)dst.w * 8, 64);
    op->scratch = bn_graph_scratch(graph, op->thread_bytes * (size_t)bn_graph_threads(graph));
}
