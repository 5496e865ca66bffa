/* layer_window.c - attention in (shifted) windows: norm, product, window.comp or matrix_window.comp, product onto the
 * residual stream.
 *
 * Neither windows nor the roll nor padding are ever laid out in memory: the kernels compute where their tokens stand. */
#include "nn/gpu/layers.h"
#include "nn/gpu/attention.h"
#include "nn/gpu/norm.h"
#include "nn/gpu/product_matrix.h"
#include "nn/gpu/width.h"
#include "nn/gpu/window_bias.h"

#include "nn/op.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_WINDOW  32
#define TILE_BYTES  15360 /* of shared memory; the table of a window of 32 takes as much again */
#define MARK_BYTES  8     /* of each key besides */
#define INVOCATIONS 256   /* at most */

#define MATRIX_TOKENS   256 /* of a window on matrix cores: a row of scores stays in registers */
#define SOFTWARE_TOKENS 16  /* the same where a driver compiles for the CPU, for minutes if there are more */
#define MOST_SUBGROUPS  9

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

/* One window attention: what it reads and writes, and what a padding token's queries, keys and values are. */
typedef struct window_job {
    bn_map projected, mixed;
    const bn_window_attention_params *params;
    int dim, down, across; /* elements of a head; windows */
} window_job;

static bn_gpu_span pack_padding(bn_graph *graph, const window_job *job)
{
    const size_t count = 3 * (size_t)job->mixed.c;
    return bn_gpu_pack_made(graph, job->params->qkv, ".padding", 0, count, count, job->projected.type, NULL,
                            NULL);
}

static float scale_of(const window_job *job)
{
    return 1.0f / sqrtf((float)job->dim);
}

static void append_step(bn_graph *graph, const window_job *job, bn_gpu_step *step, float scale)
{
    const uint32_t numbers[] = {(uint32_t)job->mixed.h,
                                (uint32_t)job->mixed.w,
                                (uint32_t)job->params->shift,
                                (uint32_t)job->projected.stride,
                                (uint32_t)job->mixed.stride,
                                (uint32_t)job->params->heads,
                                bn_gpu_bits(scale)};
    memcpy(step->number, numbers, sizeof numbers);
    step->slot[0] = bn_gpu_reads(job->projected);
    step->slot[1] = bn_gpu_writes(job->mixed);
    step->slot[2] = bn_gpu_packed(pack_padding(graph, job));
    const double keys = job->params->window * job->params->window;
    step->macs = 2.0 * keys * (double)job->mixed.c * bn_map_pixels(job->mixed);
    bn_gpu_step_append(graph, step);
}

/* ---- on any device ------------------------------------------------------------------------------------------- */

static void append_plain(bn_graph *graph, const window_job *job)
{
    const size_t keys = (size_t)(job->params->window * job->params->window), dim = (size_t)job->dim;
    const size_t blocks = (keys + INVOCATIONS - 1) / INVOCATIONS;
    const uint32_t tile = bn_gpu_attend_tile(keys, dim, MARK_BYTES, TILE_BYTES),
                   invocations = (uint32_t)bn_size_round_up((keys + blocks - 1) / blocks, 16);
    if (tile == 0) {
        bn_graph_fail(graph, BIREFNET_ERROR_UNSUPPORTED, "attention heads of %zu numbers on a graphics card",
                      dim);
        return;
    }
    bn_gpu_step step = {
        .kernel = BN_GPU_WINDOW,
        .groups = {(uint32_t)(job->across * job->params->heads), (uint32_t)job->down * (uint32_t)blocks},
        .constant = {job->projected.type, (uint32_t)dim, (uint32_t)job->params->window, invocations, tile,
                     dim % 4 == 0 && bn_gpu_by_fours(job->projected) && bn_gpu_by_fours(job->mixed),
                     bn_gpu_attend_chunk(graph)}};
    step.slot[3] = bn_gpu_packed(pack_table(graph, job->params));
    append_step(graph, job, &step, scale_of(job));
}

/* ---- on matrix cores ----------------------------------------------------------------------------------------- */

static bn_window_shape matrix_shape(const bn_gpu_facts *facts, const window_job *job)
{
    const bn_window_attention_params *params = job->params;
    return (bn_window_shape){.window = params->window,
                             .shift = params->shift,
                             .heads = params->heads,
                             .padded = bn_gpu_matrix_round_up(facts, params->window * params->window),
                             .m = facts->matrix_m,
                             .n = facts->matrix_n,
                             .scale = scale_of(job)};
}

/* Whether matrix_window.comp can do it. */
static bool fits_matrix(const bn_graph *graph, const window_job *job)
{
    const bn_gpu_facts *facts = bn_gpu_graph_facts(graph);
    if (!bn_gpu_matrix_heads(facts, job->dim) || !bn_gpu_by_eights(job->projected) ||
        !bn_gpu_by_eights(job->mixed) || bn_gpu_matrix_refused(graph))
        return false;
    const int padded = matrix_shape(facts, job).padded,
              most = facts->kind == BN_GPU_SOFTWARE ? SOFTWARE_TOKENS : MATRIX_TOKENS;
    return padded <= most && 3 * padded * job->dim * 2 <= facts->shared_bytes;
}

static bn_gpu_span pack_bias(bn_graph *graph, const window_job *job, const bn_window_shape *shape)
{
    const size_t span = 2 * (size_t)shape->window - 1, heads = (size_t)shape->heads;
    return bn_gpu_pack_made(graph, job->params->table, ".matrix", span * span * heads, 0,
                            heads * bn_window_bias_count(shape), BN_F16, bn_window_bias_fill, shape);
}

static bn_status load_nothing(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)source, (void)weight, (void)bias, (void)err;
    return BIREFNET_OK;
}

static bn_gpu_span pack_hidden(bn_graph *graph, const bn_window_shape *shape)
{
    bn_source none = {.load = load_nothing}; /* the same in all layers */
    snprintf(none.key, sizeof none.key, "windows of %d by %d", shape->window, shape->shift);
    return bn_gpu_pack_made(graph, &none, ".hidden", 0, 0, 4 * bn_window_bias_count(shape), BN_F16,
                            bn_window_hidden_fill, shape);
}

static void append_matrix(bn_graph *graph, const window_job *job)
{
    const bn_gpu_facts *facts = bn_gpu_graph_facts(graph);
    const bn_window_shape shape = matrix_shape(facts, job);
    const int blocks = shape.padded / shape.m;
    int subgroups = MOST_SUBGROUPS;
    while (blocks % subgroups != 0) subgroups--;
    bn_gpu_step step = {.kernel = BN_GPU_MATRIX_WINDOW,
                        .groups = {(uint32_t)(job->across * shape.heads), (uint32_t)job->down},
                        .constant = {(uint32_t)job->dim, (uint32_t)shape.window, (uint32_t)shape.padded,
                                     bn_gpu_matrix_fragment(facts), (uint32_t)subgroups,
                                     (uint32_t)bn_gpu_matrix_pitch(facts, job->dim, 3 * shape.padded), 0,
                                     (uint32_t)(subgroups * facts->subgroup)}};
    step.slot[3] = bn_gpu_packed(pack_bias(graph, job, &shape));
    step.slot[4] = bn_gpu_packed(pack_hidden(graph, &shape));
    append_step(graph, job, &step, shape.scale * BN_GPU_LOG2_E);
}

/* ---- the layer ----------------------------------------------------------------------------------------------- */

static void append_windows(bn_graph *graph, bn_map projected, bn_map mixed,
                           const bn_window_attention_params *params)
{
    const window_job job = {.projected = projected,
                            .mixed = mixed,
                            .params = params,
                            .dim = mixed.c / params->heads,
                            .down = (mixed.h + params->window - 1) / params->window,
                            .across = (mixed.w + params->window - 1) / params->window};
    if (fits_matrix(graph, &job))
        append_matrix(graph, &job);
    else
        append_plain(graph, &job);
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
