/* layer_image.c - where the picture enters the network and where the logits leave it. */
#include "nn/cpu/layers.h"

#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/numbers.h"
#include "nn/cpu/resize.h"

#include <stdlib.h>
#include <string.h>

static const float *plane_row(const bn_graph *graph, bn_planes picture, int plane, int y)
{
    return (const float *)bn_graph_data(graph, picture.memory) +
           ((ptrdiff_t)plane * picture.h + y) * picture.w;
}

/* ---- half size ------------------------------------------------------------------------------------------------- */

typedef struct halve_op {
    bn_op op;
    bn_planes from, to;
    bn_resize_tap *rows, *columns;
} halve_op;

typedef struct halve_call {
    const halve_op *op;
    const bn_graph *graph;
} halve_call;

static void halve_rows(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const halve_call *call = context;
    const halve_op *op = call->op;
    for (size_t i = begin; i < end; i++) { /* rows of all three planes */
        const int plane = (int)i / op->to.h, y = (int)i % op->to.h;
        const bn_resize_tap *row = &op->rows[y];
        const float *upper = plane_row(call->graph, op->from, plane, row->index[0]);
        const float *lower = plane_row(call->graph, op->from, plane, row->index[1]);
        float *out = bn_map_at(call->graph, op->to.memory, i * (size_t)op->to.w);
        for (int x = 0; x < op->to.w; x++) {
            const bn_resize_tap *c = &op->columns[x];
            out[x] =
                row->weight[0] * (c->weight[0] * upper[c->index[0]] + c->weight[1] * upper[c->index[1]]) +
                row->weight[1] * (c->weight[0] * lower[c->index[0]] + c->weight[1] * lower[c->index[1]]);
        }
    }
}

static bn_status halve_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    halve_call call = {(const halve_op *)op, graph};
    bn_parallel_for(bn_graph_threads(graph), 3 * (size_t)call.op->to.h, halve_rows, &call);
    return BIREFNET_OK;
}

static void halve_destroy(bn_op *op)
{
    free(((halve_op *)op)->rows);
    free(((halve_op *)op)->columns);
}

/* Taps of an axis, or NULL and a failed graph. */
static bn_resize_tap *make_taps(bn_graph *graph, int from, int to)
{
    bn_resize_tap *taps = calloc((size_t)to, sizeof *taps);
    if (taps)
        bn_resize_taps(from, to, taps);
    else
        bn_graph_fail(graph, BIREFNET_ERROR_MEMORY, "cannot allocate the taps of a resize");
    return taps;
}

bn_planes bn_cpu_halve(bn_graph *graph, bn_planes picture)
{
    const bn_planes half = bn_planes_make(graph, picture.h / 2, picture.w / 2);
    halve_op *op = bn_graph_append(graph, sizeof *op, halve_run, halve_destroy);
    if (!op) return half;
    op->from = picture;
    op->to = half;
    op->rows = make_taps(graph, picture.h, half.h);
    op->columns = make_taps(graph, picture.w, half.w);
    bn_graph_touch(graph, picture.memory);
    bn_graph_touch(graph, half.memory);
    return half;
}

/* ---- picture to channels ---------------------------------------------------------------------------------------- */

typedef struct rearrange_op {
    bn_op op;
    bn_planes picture;
    bn_map dst, rows; /* rows: float32 [PIXELS_TOGETHER][dst.c] for each thread */
    bn_rearrangement what;
} rearrange_op;

typedef struct rearrange_call {
    const rearrange_op *op;
    const bn_graph *graph;
} rearrange_call;

#define PIXELS_TOGETHER 16 /* so that a cache line of the picture is used whole */

static void rearrange_pixels(const rearrange_call *call, int y, int x, int some, float *rows)
{
    const bn_rearrangement *what = &call->op->what;
    const int c = call->op->dst.c;
    for (int plane = 0; plane < 3; plane++)
        for (int i = 0; i < what->down; i++) {
            const float *from =
                plane_row(call->graph, call->op->picture, plane, y * what->row_step + i * what->row_tile);
            for (int j = 0; j < what->across; j++) {
                const int channel = what->grid_order ? (j * what->down + i) * 3 + plane
                                                     : (plane * what->down + i) * what->across + j;
                for (int k = 0; k < some; k++)
                    rows[k * c + channel] = from[(x + k) * what->column_step + j * what->column_tile];
            }
        }
}

static void rearrange_rows(void *context, size_t begin, size_t end, int thread)
{
    const rearrange_call *call = context;
    const bn_map dst = call->op->dst;
    float *rows = bn_map_at(call->graph, call->op->rows, (size_t)thread * PIXELS_TOGETHER * (size_t)dst.c);
    for (size_t y = begin; y < end; y++)
        for (int x = 0; x < dst.w; x += PIXELS_TOGETHER) {
            const int some = BN_MIN(PIXELS_TOGETHER, dst.w - x);
            rearrange_pixels(call, (int)y, x, some, rows);
            bn_graph_kernels(call->graph)
                ->convert(rows, bn_map_at(call->graph, dst, (y * (size_t)dst.w + (size_t)x) * (size_t)dst.c),
                          dst.type, (ptrdiff_t)some * dst.c);
        }
}

static bn_status rearrange_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    rearrange_call call = {(const rearrange_op *)op, graph};
    bn_parallel_for(bn_graph_threads(graph), (size_t)call.op->dst.h, rearrange_rows, &call);
    return BIREFNET_OK;
}

bn_map bn_cpu_rearrange(bn_graph *graph, bn_planes picture, int h, int w, bn_rearrangement what)
{
    const bn_map dst = bn_graph_map(graph, h, w, 3 * what.down * what.across, bn_graph_type(graph));
    if (dst.c > 3072) /* 3 * 32 * 32 */
        bn_graph_fail(graph, BIREFNET_ERROR_UNSUPPORTED, "tiles of %d channels (at most 3072)", dst.c);
    rearrange_op *op = bn_graph_append(graph, sizeof *op, rearrange_run, NULL);
    if (!op) return dst;
    op->picture = picture;
    op->dst = dst;
    op->what = what;
    bn_graph_touch(graph, picture.memory);
    bn_graph_touch(graph, dst);
    op->rows = bn_graph_scratch(graph, (size_t)bn_graph_threads(graph) * PIXELS_TOGETHER * (size_t)dst.c *
                                           sizeof(float));
    return dst;
}

/* ---- logits ------------------------------------------------------------------------------------------------------- */

typedef struct logits_op {
    bn_op op;
    bn_map map, dst, blended; /* blended: a row of the map's width for each thread */
    bn_planes picture;
    const bn_picture_filter *filter;
    bn_resize_tap *rows, *columns;
} logits_op;

typedef struct logits_call {
    const logits_op *op;
    const bn_graph *graph;
} logits_call;

/* A 3x3 filter of one plane around (y, x), zeros beyond the picture. */
static float filter_around(const logits_call *call, int plane, int y, int x, const float filter[9])
{
    const bn_planes picture = call->op->picture;
    float sum = 0;
    for (int i = 0; i < 9; i++) {
        const int sy = y + i / 3 - 1, sx = x + i % 3 - 1;
        if (sy < 0 || sx < 0 || sy >= picture.h || sx >= picture.w) continue;
        sum += filter[i] * plane_row(call->graph, picture, plane, sy)[sx];
    }
    return sum;
}

/* The picture's share of a pixel tap by tap of the outer convolution, which pads with zeros what the inner one would
 * not: exact on the border, where the 5x5 filter is not. */
static float picture_share(const logits_call *call, int y, int x)
{
    const bn_picture_filter *filter = call->op->filter;
    const bn_planes picture = call->op->picture;
    float sum = filter->bias;
    for (int tap = 0; tap < 9; tap++) {
        const int ty = y + tap / 3 - 1, tx = x + tap % 3 - 1;
        if (ty < 0 || tx < 0 || ty >= picture.h || tx >= picture.w) continue;
        sum += filter->tap_bias[tap];
        for (int plane = 0; plane < 3; plane++)
            sum += filter_around(call, plane, ty, tx, filter->tap[tap][plane]);
    }
    return sum;
}

static void filter_row(const logits_call *call, int y, float *out)
{
    const logits_op *op = call->op;
    const int h = op->picture.h, w = op->picture.w;
    const bool border = y == 0 || y == h - 1;
    for (int x = 0; x < w; x++) {
        if (!border && x == 2 && w > 4) { /* the middle is done below; go on with the last two */
            for (int i = 2; i < w - 2; i++) out[i] += op->filter->whole_bias;
            x = w - 2;
        }
        out[x] += picture_share(call, y, x);
    }
    if (border) return;
    for (int plane = 0; plane < 3; plane++) {
        const float *rows[5];
        for (int i = 0; i < 5; i++) {
            const int sy = y + i - 2;
            rows[i] = sy >= 0 && sy < h ? plane_row(call->graph, op->picture, plane, sy) : NULL;
        }
        bn_graph_kernels(call->graph)->conv5_row(rows, op->filter->whole[plane], out, w);
    }
}

static void logits_rows(void *context, size_t begin, size_t end, int thread)
{
    const logits_call *call = context;
    const logits_op *op = call->op;
    const float *map = bn_graph_data(call->graph, op->map);
    float *blended = bn_map_at(call->graph, op->blended, (size_t)thread * (size_t)op->map.w);
    for (size_t y = begin; y < end; y++) {
        float *out = bn_map_at(call->graph, op->dst, y * (size_t)op->dst.w);
        const bn_resize_tap *row = &op->rows[y];
        const float *upper = map + (ptrdiff_t)row->index[0] * op->map.w,
                    *lower = map + (ptrdiff_t)row->index[1] * op->map.w;
        for (int x = 0; x < op->map.w; x++)
            blended[x] = row->weight[0] * upper[x] + row->weight[1] * lower[x];
        for (int x = 0; x < op->dst.w; x++) {
            const bn_resize_tap *c = &op->columns[x];
            out[x] = c->weight[0] * blended[c->index[0]] + c->weight[1] * blended[c->index[1]];
        }
        filter_row(call, (int)y, out);
    }
}

static bn_status logits_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    (void)err;
    logits_call call = {(const logits_op *)op, graph};
    bn_parallel_for(bn_graph_threads(graph), (size_t)call.op->dst.h, logits_rows, &call);
    return BIREFNET_OK;
}

static void logits_destroy(bn_op *op)
{
    free(((logits_op *)op)->rows);
    free(((logits_op *)op)->columns);
}

bn_map bn_cpu_logits(bn_graph *graph, bn_map map, bn_planes picture, const bn_source *filter)
{
    const bn_map dst = bn_graph_map(graph, picture.h, picture.w, 1, BN_F32);
    logits_op *op = bn_graph_append(graph, sizeof *op, logits_run, logits_destroy);
    if (!op) return dst;
    op->map = map;
    op->dst = dst;
    op->picture = picture;
    const float *numbers = NULL;
    bn_numbers_load(graph, filter, sizeof(bn_picture_filter) / sizeof(float), 0, &numbers);
    op->filter = (const void *)numbers;
    op->rows = make_taps(graph, map.h, dst.h);
    op->columns = make_taps(graph, map.w, dst.w);
    bn_graph_touch(graph, map);
    bn_graph_touch(graph, picture.memory);
    bn_graph_touch(graph, dst);
    op->blended = bn_graph_scratch(graph, (size_t)bn_graph_threads(graph) * (size_t)map.w * sizeof(float));
    bn_graph_work(graph, (double)picture.h * picture.w * (75 + 4), (size_t)picture.h, 1);
    return dst;
}
