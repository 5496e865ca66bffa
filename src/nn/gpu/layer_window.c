/* layer_window.c - attention in (shifted) windows: norm, product, window.comp, product onto the residual stream.
 *
 * Neither windows nor the roll nor padding are ever laid out in memory: window.comp computes where its tokens stand. */
#include "nn/gpu/layers.h"
#include "nn/gpu/attention.h"
#include "nn/gpu/norm.h"
#include "nn/gpu/product.h"
#include "nn/gpu/width.h"

#include "nn/op.h"

#include <math.h>

#define MAX_WINDOW  32
#define TILE_BYTES  15360 /* of shared memory; the table of a window of 32 takes as much again */
#define MARK_BYTES  8     /* of each key besides */
#define INVOCATIONS 256   /* at most */

typedef struct table_shape {
    int span, heads;
} table_shape;

/* [heads][span^2] of [span^2][heads]. */
static void turn_table(const void *context, const float *weight, const float *bias, float *numbers)
{
    (void)bias;
    const table_shape *shape = context;
    const size_t places = (size_t)shape->span * (size_t)shape->span, heads = (size_t)shape->heads;
    for (size_t i = 0; i < places; i++)
        for (size_t head = 0; head < heads; head++) numbers[head * places + i] = weight[i * heads + head];
}

static bn_gpu_span pack_table(bn_graph *graph, const bn_window_attention_params *params)
{
    const table_shape shape = {2 * params->window - 1, params->heads};
    const size_t count = (size_t)shape.span * (size_t)shape.span * (size_t)shape.heads;
    return bn_gpu_pack_made(graph, params->table, ".heads", count, 0, count, BN_F32, turn_table, &shape);
}

static void append_windows(bn_graph *graph, bn_map projected, bn_map mixed,
                           const bn_window_attention_params *params)
{
    const size_t window = (size_t)params->window, keys = window * window, c = (size_t)mixed.c,
                 dim = c / (size_t)params->heads, blocks = (keys + INVOCATIONS - 1) / INVOCATIONS;
    const size_t down = ((size_t)mixed.h + window - 1) / window,
                 across = ((size_t)mixed.w + window - 1) / window;
    const uint32_t tile = bn_gpu_attend_tile(keys, dim, MARK_BYTES, TILE_BYTES);
    if (tile == 0) {
        bn_graph_fail(graph, BIREFNET_ERROR_UNSUPPORTED, "attention heads of %zu numbers on a graphics card",
                      dim);
        return;
    }
    const bn_gpu_span padding =
        bn_gpu_pack_made(graph, params->qkv, ".padding", 0, 3 * c, 3 * c, projected.type, NULL, NULL);
    const uint32_t invocations = (uint32_t)bn_size_round_up((keys + blocks - 1) / blocks, 16);
    const bn_gpu_step step = {
        .kernel = BN_GPU_WINDOW,
        .groups = {(uint32_t)(across * (size_t)params->heads), (uint32_t)(down * blocks)},
        .slot = {bn_gpu_reads(projected), bn_gpu_writes(mixed), bn_gpu_packed(padding),
                 bn_gpu_packed(pack_table(graph, params))},
        .number = {(uint32_t)mixed.h, (uint32_t)mixed.w, (uint32_t)params->shift, (uint32_t)projected.stride,
                   (uint32_t)mixed.stride, (uint32_t)params->heads, bn_gpu_bits(1.0f / sqrtf((float)dim))},
        .constant = {projected.type, (uint32_t)dim, (uint32_t)window, invocations, tile,
                     dim % 4 == 0 && bn_gpu_by_fours(projected) && bn_gpu_by_fours(mixed),
                     bn_gpu_attend_chunk(graph)},
        .macs = 2.0 * (double)keys * (double)c * bn_map_pixels(mixed)};
    bn_gpu_step_append(graph, &step);
}

void bn_gpu_layer_window_attention(bn_graph *graph, bn_map x, bn_window_attention_params params)
{
    if (params.window < 1 || params.window > MAX_WINDOW) {
        bn_graph_fail(graph, BIREFNET_ERROR_UNSUPPORTED, "attention windows of %d x %d tokens (at most %d)",
                      params.window, params.window, MAX_WINDOW);
        return;
    }
    const bn_type type = bn_graph_type(graph);
    const bn_map normed = bn_graph_map(graph, x.h, x.w, x.c, type),
                 projected = bn_graph_map(graph, x.h, x.w, 3 * x.c, type),
                 mixed = bn_graph_map(graph, x.h, x.w, x.c, type);
    bn_gpu_norm(graph, x, normed, params.eps, params.norm);
    bn_gpu_product_linear(graph, normed, projected, params.qkv, BN_LINEAR, false);
    append_windows(graph, projected, mixed, &params);
    bn_gpu_product_linear(graph, mixed, x, params.proj, BN_LINEAR, true);
}
