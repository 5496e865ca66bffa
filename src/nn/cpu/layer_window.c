/* layer_window.c - attention in (shifted) windows, done in place band by band.
 *
 * Neither windows nor the roll are ever laid out in memory: a band of whole window rows is normed and projected in
 * picture order, and each window reads its tokens where they are. Bands touch different tokens only, so the residual
 * stream is updated in place. */
#include "nn/cpu/layers.h"

#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/bf16.h"
#include "nn/cpu/lanes.h"
#include "nn/cpu/products.h"
#include "nn/cpu/running.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_WINDOW 32
#define MIN_BAND   1536 /* tokens of a band: enough work for several threads between two meetings */
#define MAX_PIECE  128  /* tokens of a band that one thread norms and projects at a time */

/* ---- geometry ---------------------------------------------------------------------------------------- */

/* Picture rows y .. y + rows - 1 stand in the band from band row `at` on. */
typedef struct segment {
    int y, rows, at;
} segment;

typedef struct band {
    int first, windows; /* window rows */
    int rows;           /* picture rows in it: padding left out */
    segment segments[2];
    int segment_count;
} band;

typedef struct window_op {
    bn_op op;
    bn_map x;
    int window, shift, heads;
    int piece;              /* tokens of a band that one thread norms and projects at a time */
    int padded_h, padded_w; /* whole windows */
    int keys_stride;        /* of the expanded bias: window^2 rounded up to 16 */
    bn_norm_numbers norm;
    const float *bias;   /* [heads][window^2][keys_stride] */
    const void *padding; /* what qkv makes of a zero token: [3c] of the graph's type */
    bn_products qkv, proj;
    band *bands;
    int band_count;
    bn_map mixed, projected; /* of a band: what attention makes, and queries, keys and values */
    bn_lane_memory normed, scratch, attend_scratch;
} window_op;

/* Picture row that stands at row r of the rolled, padded map; -1 for padding. */
static int picture_row(const window_op *op, int r)
{
    const int y = (r + op->shift) % op->padded_h;
    return y < op->x.h ? y : -1;
}

static void lay_out_band(const window_op *op, band *b)
{
    for (int r = b->first * op->window; r < (b->first + b->windows) * op->window; r++) {
        const int y = picture_row(op, r);
        if (y < 0) continue;
        segment *last = &b->segments[BN_MAX(b->segment_count, 1) - 1];
        if (b->segment_count > 0 && last->y + last->rows == y)
            last->rows++;
        else
            b->segments[b->segment_count++] = (segment){y, 1, b->rows};
        b->rows++;
    }
}

/* Row of the band where picture row y stands. */
static int band_row(const band *b, int y)
{
    for (int i = 0; i < b->segment_count; i++)
        if (y >= b->segments[i].y && y < b->segments[i].y + b->segments[i].rows)
            return b->segments[i].at + y - b->segments[i].y;
    return -1;
}

/* ---- running ------------------------------------------------------------------------------------------ */

typedef struct window_call {
    const window_op *op;
    const bn_graph *graph;
    const band *band;
} window_call;

/* 0, 1 or 2: which of the parts that the roll brought together row or column r belongs to. */
static int part_of(int r, int padded, int window, int shift)
{
    return r < padded - window ? 0 : r < padded - shift ? 1 : 2;
}

/* Which token of the band each of the window's tokens is (-1: padding), and its region. */
static void find_tokens(const window_call *call, int wy, int wx, int32_t *rows, uint8_t *regions)
{
    const window_op *op = call->op;
    for (int i = 0; i < op->window; i++) {
        const int r = wy * op->window + i, y = picture_row(op, r);
        const int row = y < 0 ? -1 : band_row(call->band, y);
        for (int j = 0; j < op->window; j++) {
            const int q = wx * op->window + j, x = (q + op->shift) % op->padded_w;
            rows[i * op->window + j] = row < 0 || x >= op->x.w ? -1 : row * op->x.w + x;
            regions[i * op->window + j] = (uint8_t)(3 * part_of(r, op->padded_h, op->window, op->shift) +
                                                    part_of(q, op->padded_w, op->window, op->shift));
        }
    }
}

/* Items are (window of the band, head), head fastest. */
static void attend_windows(void *context, size_t begin, size_t end, int thread)
{
    const window_call *call = context;
    const window_op *op = call->op;
    const int c = op->x.c, dim = c / op->heads, keys = op->window * op->window,
              across = op->padded_w / op->window;
    const bn_map projected = op->projected;
    const bn_kernels *kernels = bn_graph_kernels(call->graph);
    int32_t rows[MAX_WINDOW * MAX_WINDOW];
    uint8_t regions[MAX_WINDOW * MAX_WINDOW];
    int known = -1;
    for (size_t item = begin; item < end && !bn_cpu_stopped(call->graph, thread); item++) {
        const int window = (int)(item / (size_t)op->heads), head = (int)(item % (size_t)op->heads);
        const int wy = call->band->first + window / across, wx = window % across;
        if (window != known) find_tokens(call, wy, wx, rows, regions);
        known = window;
        const bool mixed = op->shift > 0 && (wy == op->padded_h / op->window - 1 || wx == across - 1);
        const size_t size = bn_type_size(projected.type), at = (size_t)(head * dim);
        const bn_attend_job job = {.q = bn_map_at(call->graph, projected, at),
                                   .k = bn_map_at(call->graph, projected, (size_t)c + at),
                                   .v = bn_map_at(call->graph, projected, 2 * (size_t)c + at),
                                   .out = bn_map_at(call->graph, op->mixed, at),
                                   .q_stride = 3 * (ptrdiff_t)c,
                                   .kv_stride = 3 * (ptrdiff_t)c,
                                   .out_stride = c,
                                   .type = projected.type,
                                   .queries = keys,
                                   .keys = keys,
                                   .dim = dim,
                                   .rows = rows,
                                   .pad_k = (const char *)op->padding + ((size_t)c + at) * size,
                                   .pad_v = (const char *)op->padding + (2 * (size_t)c + at) * size,
                                   .bias = op->bias + (ptrdiff_t)head * keys * op->keys_stride,
                                   .bias_stride = op->keys_stride,
                                   .regions = mixed ? regions : NULL,
                                   .scale = 1.0f / sqrtf((float)dim),
                                   .scratch = bn_lane_memory_of(call->graph, &op->attend_scratch, thread)};
        (projected.type == BN_BF16 ? kernels->attend_bf16 : kernels->attend_f32)(&job);
    }
}

/* Norm and project tokens of the band: pieces may lie across its segments. */
static bn_status project_piece(const void *self, const bn_graph *graph, size_t piece, int thread)
{
    const window_call *call = self;
    const window_op *op = call->op;
    const bn_map x = op->x;
    const int first = (int)piece * op->piece, some = BN_MIN(op->piece, call->band->rows * x.w - first);
    char *normed = bn_lane_memory_of(graph, &op->normed, thread);
    for (int i = 0; i < call->band->segment_count; i++) {
        const segment *s = &call->band->segments[i];
        const int begin = BN_MAX(first, s->at * x.w), end = BN_MIN(first + some, (s->at + s->rows) * x.w);
        const int token = s->y * x.w + begin - s->at * x.w; /* in the picture */
        if (begin < end)
            bn_lane_norm(graph, &op->norm, bn_map_at(graph, x, (size_t)token * (size_t)x.stride), x.stride,
                         normed + (size_t)(begin - first) * (size_t)x.c * bn_type_size(op->mixed.type),
                         op->mixed.type, end - begin, x.c);
    }
    return bn_product_run_lane(bn_products_get(&op->qkv, some), thread, normed,
                               bn_map_at(graph, op->projected, (size_t)first * 3 * (size_t)x.c), NULL,
                               bn_lane_memory_of(graph, &op->scratch, thread), NULL);
}

typedef struct segment_call {
    const window_op *op;
    const segment *segment;
} segment_call;

/* Add what attention made of a segment's tokens to the residual stream. */
static bn_status add_piece(const void *self, const bn_graph *graph, size_t piece, int thread)
{
    const segment_call *call = self;
    const window_op *op = call->op;
    const bn_map x = op->x;
    const int first = (int)piece * op->piece, some = BN_MIN(op->piece, call->segment->rows * x.w - first);
    return bn_product_run_lane(
        bn_products_get(&op->proj, some), thread,
        bn_map_at(graph, op->mixed, (size_t)(call->segment->at * x.w + first) * (size_t)x.c),
        bn_map_at(graph, x, (size_t)(call->segment->y * x.w + first) * (size_t)x.stride), NULL,
        bn_lane_memory_of(graph, &op->scratch, thread), NULL);
}

static size_t pieces_of(const window_op *op, int tokens)
{
    return (size_t)((tokens + op->piece - 1) / op->piece);
}

static bn_status run_band(const window_op *op, const band *b, const bn_graph *graph, bn_error *err)
{
    window_call call = {op, graph, b};
    if (b->rows == 0) return BIREFNET_OK;
    BN_TRY(bn_lanes_run(&call, graph, pieces_of(op, b->rows * op->x.w), project_piece, err));
    const size_t windows = (size_t)b->windows * (size_t)(op->padded_w / op->window);
    bn_parallel_for(bn_graph_threads(graph), windows * (size_t)op->heads, attend_windows, &call);
    for (int i = 0; i < b->segment_count; i++) {
        const segment_call part = {op, &b->segments[i]};
        BN_TRY(bn_lanes_run(&part, graph, pieces_of(op, b->segments[i].rows * op->x.w), add_piece, err));
    }
    return BIREFNET_OK;
}

static bn_status window_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    const window_op *self = (window_op *)op;
    for (int i = 0; i < self->band_count; i++) BN_TRY(run_band(self, &self->bands[i], graph, err));
    return BIREFNET_OK;
}

static void window_destroy(bn_op *op)
{
    window_op *self = (window_op *)op;
    bn_products_destroy(&self->qkv);
    bn_products_destroy(&self->proj);
    free(self->bands);
}

/* ---- building ------------------------------------------------------------------------------------------ */

typedef struct table_fill {
    const float *table; /* [(2w-1)^2][heads] */
    int window, heads, stride;
} table_fill;

/* bias[head][query][key] = table[(query - key) + window - 1 in y and x][head] */
static bn_status expand_table(const void *context, float *numbers, bn_error *err)
{
    (void)err;
    const table_fill *fill = context;
    const int w = fill->window, n = w * w, span = 2 * w - 1;
    for (int head = 0; head < fill->heads; head++)
        for (int i = 0; i < n; i++) {
            float *row = numbers + ((ptrdiff_t)head * n + i) * fill->stride;
            for (int j = 0; j < fill->stride; j++) {
                const int index = (i / w - j / w + w - 1) * span + i % w - j % w + w - 1;
                row[j] = j < n ? fill->table[(ptrdiff_t)index * fill->heads + head] : 0;
            }
        }
    return BIREFNET_OK;
}

static bn_status load_table(const void *context, float *numbers, bn_error *err)
{
    const bn_source *source = context;
    return source->load(source, numbers, NULL, err);
}

static void load_bias(bn_graph *graph, window_op *op, const bn_source *source)
{
    const size_t n = (size_t)op->window * (size_t)op->window, span = 2 * (size_t)op->window - 1;
    op->keys_stride = (int)bn_size_round_up(n, 16);
    table_fill fill = {.window = op->window, .heads = op->heads, .stride = op->keys_stride};
    bn_numbers_derive(graph, source, ".floats", span * span * (size_t)op->heads, load_table, source,
                      &fill.table);
    bn_numbers_derive(graph, source, ".expanded", (size_t)op->heads * n * (size_t)op->keys_stride,
                      expand_table, &fill, &op->bias);
}

/* The projection of a token that is zero is the bias. */
static bn_status load_only_bias(const void *context, float *numbers, bn_error *err)
{
    const bn_source *source = context;
    return source->load(source, NULL, numbers, err);
}

static void load_padding(bn_graph *graph, window_op *op, const bn_source *qkv)
{
    const size_t count = 3 * (size_t)op->x.c;
    const float *bias = NULL;
    bn_numbers_derive(graph, qkv, ".bias", count, load_only_bias, qkv, &bias);
    op->padding = bias;
    if (bn_graph_failed(graph) || bn_graph_type(graph) == BN_F32) return;
    char key[224];
    snprintf(key, sizeof key, "%s.bias16", qkv->key);
    const uint16_t *rounded = NULL;
    const bn_status status =
        bn_pack_bf16(bn_graph_packs(graph), key, bias, count, &rounded, bn_graph_error(graph));
    if (status != BIREFNET_OK) bn_graph_set_failed(graph, status);
    op->padding = rounded;
}

/* Returns the largest number of tokens of a band. */
static int lay_out_bands(bn_graph *graph, window_op *op)
{
    const int down = op->padded_h / op->window;
    const int each = BN_MAX(1, BN_MIN(down, (MIN_BAND + op->window * op->x.w - 1) / (op->window * op->x.w)));
    op->bands = calloc((size_t)((down + each - 1) / each), sizeof *op->bands);
    if (!op->bands) {
        bn_graph_fail(graph, BIREFNET_ERROR_MEMORY, "cannot allocate the bands of a layer");
        return 0;
    }
    int most = 0;
    for (int first = 0; first < down; first += each) {
        band *b = &op->bands[op->band_count++];
        b->first = first;
        b->windows = BN_MIN(each, down - first);
        lay_out_band(op, b);
        most = BN_MAX(most, b->rows * op->x.w);
    }
    return most;
}

static void make_products(bn_graph *graph, window_op *op, const bn_window_attention_params *params)
{
    const int c = op->x.c, lanes = bn_graph_threads(graph);
    const bn_type type = bn_graph_type(graph);
    op->qkv.shape = (bn_matmul_shape){.in = c,
                                      .out = 3 * c,
                                      .src_type = type,
                                      .dst_type = type,
                                      .src_stride = c,
                                      .dst_stride = 3 * c,
                                      .lanes = lanes};
    op->qkv.source = params->qkv;
    op->proj.shape = (bn_matmul_shape){.in = c,
                                       .out = c,
                                       .src_type = type,
                                       .dst_type = BN_F32,
                                       .src_stride = c,
                                       .dst_stride = op->x.stride,
                                       .add = true,
                                       .lanes = lanes};
    op->proj.source = params->proj;
    for (int i = 0; i < op->band_count; i++) {
        const band *b = &op->bands[i];
        bn_products_pieces(&op->qkv, graph, b->rows * op->x.w, op->piece);
        for (int s = 0; s < b->segment_count; s++)
            bn_products_pieces(&op->proj, graph, b->segments[s].rows * op->x.w, op->piece);
    }
}

/* One loop projects, one attends, one for each segment adds. */
static void count_work(bn_graph *graph, const window_op *op, const band *b)
{
    const double c = op->x.c, keys = op->window * op->window;
    const size_t across = (size_t)(op->padded_w / op->window), tokens = (size_t)(b->rows * op->x.w);
    bn_graph_work(graph, 3 * c * c * (double)tokens, tokens, (size_t)op->piece);
    bn_graph_work(graph, 2 * keys * c * (double)tokens, (size_t)b->windows * across * (size_t)op->heads, 1);
    for (int i = 0; i < b->segment_count; i++) {
        const size_t some = (size_t)(b->segments[i].rows * op->x.w);
        bn_graph_work(graph, c * c * (double)some, some, (size_t)op->piece);
    }
}

void bn_cpu_window_attention(bn_graph *graph, bn_map x, bn_window_attention_params params)
{
    if (params.window < 1 || params.window > MAX_WINDOW)
        bn_graph_fail(graph, BIREFNET_ERROR_UNSUPPORTED, "attention windows of %d x %d tokens (at most %d)",
                      params.window, params.window, MAX_WINDOW);
    window_op *op = bn_graph_append(graph, sizeof *op, window_run, window_destroy);
    if (!op) return;
    op->x = x;
    op->window = params.window;
    op->shift = params.shift;
    op->heads = params.heads;
    op->padded_h = (int)bn_size_round_up((size_t)x.h, (size_t)params.window);
    op->padded_w = (int)bn_size_round_up((size_t)x.w, (size_t)params.window);
    bn_norm_load(graph, params.norm, x.c, params.eps, &op->norm);
    load_bias(graph, op, params.table);
    const int most = lay_out_bands(graph, op);
    op->piece = bn_lane_rows(graph, BN_MAX(most, 1), 3 * (size_t)x.c * (size_t)x.c, 1, 0, MAX_PIECE);
    make_products(graph, op, &params);
    load_padding(graph, op, params.qkv);
    bn_graph_touch(graph, x);
    const bn_type type = bn_graph_type(graph);
    op->mixed = bn_graph_map(graph, 1, BN_MAX(most, 1), x.c, type);
    op->projected = bn_graph_map(graph, 1, BN_MAX(most, 1), 3 * x.c, type);
    bn_graph_touch(graph, op->mixed);
    bn_graph_touch(graph, op->projected);
    const int keys = params.window * params.window;
    op->normed = bn_lane_memory_make(graph, (size_t)op->piece * (size_t)x.c * bn_type_size(type));
    op->scratch = bn_lane_memory_make(graph, BN_MAX(op->qkv.scratch_bytes, op->proj.scratch_bytes));
    op->attend_scratch = bn_lane_memory_make(graph, bn_attend_scratch_bytes(keys, x.c / params.heads));
    for (int i = 0; i < op->band_count; i++) count_work(graph, op, &op->bands[i]);
}
