/* layer_attention.c - attention over all keys: calls of attend.comp. */
#include "nn/gpu/layers.h"

#include "nn/gpu/attention.h"
#include "nn/gpu/width.h"
#include "nn/op.h"

#include <math.h>

#define TILE_BYTES  16384 /* of shared memory for keys and values */
#define MOST_TILE   64    /* keys */
#define INVOCATIONS 128

bn_map bn_gpu_layer_attention(bn_graph *graph, bn_map q, bn_map kv, int heads)
{
    const bn_map dst = bn_graph_map(graph, q.h, q.w, q.c, q.type);
    const size_t queries = (size_t)bn_map_pixels(q), keys = (size_t)bn_map_pixels(kv),
                 dim = (size_t)(q.c / heads);
    const uint32_t tile = bn_gpu_attend_tile(MOST_TILE, dim, 0, TILE_BYTES);
    if (tile == 0)
        bn_graph_fail(graph, BIREFNET_ERROR_UNSUPPORTED, "attention heads of %zu numbers on a graphics card",
                      dim);
    const bn_gpu_step step = {
        .kernel = BN_GPU_ATTEND,
        .groups = {bn_gpu_groups(queries, INVOCATIONS) * (uint32_t)heads, 1},
        .slot = {bn_gpu_reads(q), bn_gpu_writes(dst), bn_gpu_reads(kv)},
        .number = {(uint32_t)queries, (uint32_t)keys, (uint32_t)q.stride, (uint32_t)dst.stride,
                   (uint32_t)kv.stride, (uint32_t)heads, bn_gpu_bits(1.0f / sqrtf((float)dim))},
        .constant = {q.type, (uint32_t)dim, tile, INVOCATIONS,
                     dim % 4 == 0 && bn_gpu_by_fours(q) && bn_gpu_by_fours(kv) && bn_gpu_by_fours(dst),
                     bn_gpu_attend_chunk(graph)},
        .macs = 2.0 * (double)queries * (double)keys * q.c};
    bn_gpu_step_append(graph, &step);
    return dst;
}
