/* layer_attention.c - attention over all keys: calls of attend.comp or, on matrix cores, matrix_attend.comp. */
#include "nn/gpu/layers.h"

#include "nn/gpu/attention.h"
#include "nn/gpu/product_matrix.h"
#include "nn/gpu/width.h"
#include "nn/op.h"

#include <math.h>
#include <string.h>

#define TILE_BYTES  16384 /* of shared memory for keys and values */
#define MOST_TILE   64    /* keys */
#define INVOCATIONS 128
#define SUBGROUPS   4 /* on matrix cores */

typedef struct attend_job {
    bn_map q, kv, dst;
    int heads, dim;
} attend_job;

static void append_step(bn_graph *graph, const attend_job *job, bn_gpu_step *step, float scale)
{
    const size_t queries = (size_t)bn_map_pixels(job->q), keys = (size_t)bn_map_pixels(job->kv);
    const uint32_t numbers[] = {(uint32_t)queries,
                                (uint32_t)keys,
                                (uint32_t)job->q.stride,
                                (uint32_t)job->dst.stride,
                                (uint32_t)job->kv.stride,
                                (uint32_t)job->heads,
                                bn_gpu_bits(scale / sqrtf((float)job->dim))};
    memcpy(step->number, numbers, sizeof numbers);
    step->slot[0] = bn_gpu_reads(job->q);
    step->slot[1] = bn_gpu_writes(job->dst);
    step->slot[2] = bn_gpu_reads(job->kv);
    step->macs = 2.0 * (double)queries * (double)keys * job->q.c;
    bn_gpu_step_append(graph, step);
}

static void append_plain(bn_graph *graph, const attend_job *job)
{
    const uint32_t tile = bn_gpu_attend_tile(MOST_TILE, (size_t)job->dim, 0, TILE_BYTES);
    if (tile == 0)
        bn_graph_fail(graph, BIREFNET_ERROR_UNSUPPORTED, "attention heads of %d numbers on a graphics card",
                      job->dim);
    bn_gpu_step step = {
        .kernel = BN_GPU_ATTEND,
        .groups = {bn_gpu_groups((size_t)bn_map_pixels(job->q), INVOCATIONS) * (uint32_t)job->heads, 1},
        .constant = {job->q.type, (uint32_t)job->dim, tile, INVOCATIONS,
                     job->dim % 4 == 0 && bn_gpu_by_fours(job->q) && bn_gpu_by_fours(job->kv) &&
                         bn_gpu_by_fours(job->dst),
                     bn_gpu_attend_chunk(graph)}};
    append_step(graph, job, &step, 1.0f);
}

/* Keys of a tile on matrix cores, 0 where matrix_attend.comp cannot do it. Drivers that compile for the CPU get the shortest. */
static int matrix_tile(const bn_graph *graph, const attend_job *job)
{
    const bn_gpu_facts *facts = bn_gpu_graph_facts(graph);
    if (!bn_gpu_matrix_heads(facts, job->dim) || !bn_gpu_by_eights(job->q) || !bn_gpu_by_eights(job->kv) ||
        !bn_gpu_by_eights(job->dst) || bn_gpu_matrix_refused(graph))
        return 0;
    const int shortest = bn_gpu_matrix_round_up(facts, 1),
              tile = facts->kind == BN_GPU_SOFTWARE ? shortest : BN_MAX(shortest, MOST_TILE);
    return (SUBGROUPS * facts->matrix_m + 2 * tile) * job->dim * 2 <= facts->shared_bytes ? tile : 0;
}

static void append_matrix(bn_graph *graph, const attend_job *job, int tile)
{
    const bn_gpu_facts *facts = bn_gpu_graph_facts(graph);
    const int queries = SUBGROUPS * facts->matrix_m;
    bn_gpu_step step = {
        .kernel = BN_GPU_MATRIX_ATTEND,
        .groups = {bn_gpu_groups((size_t)bn_map_pixels(job->q), (size_t)queries) * (uint32_t)job->heads, 1},
        .constant = {(uint32_t)job->dim, (uint32_t)tile, bn_gpu_matrix_fragment(facts), SUBGROUPS,
                     (uint32_t)bn_gpu_matrix_pitch(facts, job->dim, queries + 2 * tile), 0, 0,
                     (uint32_t)(SUBGROUPS * facts->subgroup)}};
    append_step(graph, job, &step, BN_GPU_LOG2_E);
}

bn_map bn_gpu_layer_attention(bn_graph *graph, bn_map q, bn_map kv, int heads)
{
    const bn_map dst = bn_graph_map(graph, q.h, q.w, q.c, q.type);
    const attend_job job = {q, kv, dst, heads, q.c / heads};
    const int tile = matrix_tile(graph, &job);
    if (tile)
        append_matrix(graph, &job, tile);
    else
        append_plain(graph, &job);
    return dst;
}
