/* backend.c - graphs on a CPU: their memory, and running operations one after the other. */
#include "nn/backend.h"

#include "base/clock.h"
#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/layers.h"
#include "nn/cpu/pack.h"

#include <stdint.h>
#include <sys/mman.h>

#define ALIGN_BYTES 64 /* a cache line and a vector register */

static bn_status cpu_finish(bn_graph *graph, bn_error *err)
{
    if (bn_pack_store_counts(bn_graph_options_of(graph)->packs)) return BIREFNET_OK;
    const size_t bytes = bn_graph_arena_bytes(graph);
    uint8_t *arena = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED) return bn_fail_memory(err, bytes, "activations");
    madvise(arena, bytes, MADV_HUGEPAGE); /* fewer page faults and TLB misses; fine where refused */
    bn_graph_set_own(graph, arena);
    for (int i = 0; i < (int)bn_graph_buffer_count(graph); i++)
        bn_graph_set_host(graph, i, arena + bn_graph_place_of(graph, i).offset);
    return BIREFNET_OK;
}

static void cpu_destroy(bn_graph *graph)
{
    if (bn_graph_own(graph)) munmap(bn_graph_own(graph), bn_graph_arena_bytes(graph));
}

static bn_status run_ops(bn_graph *graph, bn_graph_progress_fn progress, void *user, bn_error *err)
{
    const double total = BN_MAX(bn_graph_giga_macs(graph) * 1e9, 1);
    double done = 0, before = bn_clock_ms();
    for (size_t i = 0; i < bn_graph_op_count(graph); i++) {
        bn_op *op = bn_graph_op(graph, i);
        const char *part = bn_graph_part_stats(graph, op->part).name;
        if (progress && progress(user, part, done / total))
            return bn_fail(err, BIREFNET_ERROR_CANCELLED, "cancelled during %s", part);
        BN_TRY(op->run(op, graph, err));
        const double after = bn_clock_ms();
        bn_graph_add_time(graph, op->part, after - before);
        before = after;
        done += op->macs;
    }
    return BIREFNET_OK;
}

static bn_status cpu_run(bn_graph *graph, bn_graph_progress_fn progress, void *user, bn_error *err)
{
    if (!bn_graph_own(graph))
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "a network that was only counted cannot run");
    bn_graph_clear_times(graph);
    const int threads_before = bn_parallel_set_threads(bn_graph_threads(graph));
    const bn_status status = run_ops(graph, progress, user, err);
    bn_parallel_set_threads(threads_before);
    return status;
}

const bn_backend bn_cpu_backend = {
    .name = "CPU",
    .align_bytes = ALIGN_BYTES,
    .pictures = 1,
    .halve = bn_cpu_halve,
    .rearrange = bn_cpu_rearrange,
    .logits = bn_cpu_logits,
    .linear_into = bn_cpu_linear_into,
    .conv = bn_cpu_conv,
    .norm = bn_cpu_norm,
    .norm_inplace = bn_cpu_norm_inplace,
    .copy_into = bn_cpu_copy_into,
    .gate = bn_cpu_gate,
    .depthwise_gelu = bn_cpu_depthwise_gelu,
    .window_attention = bn_cpu_window_attention,
    .attention = bn_cpu_attention,
    .mlp = bn_cpu_mlp,
    .patch_merge = bn_cpu_patch_merge,
    .resize_into = bn_cpu_resize_into,
    .pooled_bias = bn_cpu_pooled_bias,
    .deform = bn_cpu_deform,
    .finish = cpu_finish,
    .run = cpu_run,
    .destroy = cpu_destroy,
};
