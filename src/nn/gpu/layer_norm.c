/* layer_norm.c - layer norm over channels, of pixels and of 2x2 squares: calls of norm.comp. */
#include "nn/gpu/layers.h"
#include "nn/gpu/norm.h"
#include "nn/gpu/width.h"

#include "base/size.h"

#define INVOCATIONS 128 /* of norm.comp */
#define MOST_EACH   48  /* numbers that an invocation holds, where a row may have more of them */

/* How many of a group's invocations share a row of c numbers: a power of two. */
static uint32_t threads_of(int c)
{
    uint32_t threads = 16;
    while (threads < INVOCATIONS && (size_t)threads * MOST_EACH < (size_t)c) threads *= 2;
    return threads;
}

static void append(bn_graph *graph, bn_map x, bn_map dst, float eps, const bn_source *source, bool squares)
{
    const int c = dst.c;
    const uint32_t threads = threads_of(c);
    const bn_gpu_span numbers =
        bn_gpu_pack_made(graph, source, ".norm", (size_t)c, (size_t)c, 2 * (size_t)c, BN_F32, NULL, NULL);
    const uint32_t rows = (uint32_t)bn_map_pixels(dst), groups = bn_gpu_groups(rows, INVOCATIONS / threads),
                   across = BN_MIN(groups, BN_GPU_GROUPS_MAX);
    const bn_gpu_step step = {
        .kernel = BN_GPU_NORM,
        .groups = {across, bn_gpu_groups(groups, across)},
        .slot = {bn_gpu_reads(x), bn_gpu_writes(dst), bn_gpu_packed(numbers)},
        .number = {rows, (uint32_t)x.stride, (uint32_t)dst.stride, bn_gpu_bits(eps), (uint32_t)x.h,
                   (uint32_t)x.w, (uint32_t)dst.w},
        .constant = {dst.type, (uint32_t)c, threads, bn_gpu_by_fours(x) && bn_gpu_by_fours(dst), squares}};
    bn_gpu_step_append(graph, &step);
}

void bn_gpu_norm(bn_graph *graph, bn_map x, bn_map dst, float eps, const bn_source *source)
{
    append(graph, x, dst, eps, source, false);
}

void bn_gpu_norm_squares(bn_graph *graph, bn_map x, bn_map dst, float eps, const bn_source *source)
{
    append(graph, x, dst, eps, source, true);
}

bn_map bn_gpu_layer_norm(bn_graph *graph, bn_map x, float eps, const bn_source *source, bn_type type)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, x.c, type);
    bn_gpu_norm(graph, x, dst, eps, source);
    return dst;
}

void bn_gpu_layer_norm_inplace(bn_graph *graph, bn_map x, float eps, const bn_source *source)
{
    bn_gpu_norm(graph, x, x, eps, source);
}
