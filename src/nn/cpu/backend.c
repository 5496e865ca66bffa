/* backend.c - graphs on a CPU: their memory, and running operations one after the other. */
#include "nn/backend.h"

#include "base/clock.h"
#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/layers.h"
#include "nn/cpu/pack.h"
#include "nn/cpu/running.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ALIGN_BYTES 64  /* a cache line and a vector register */
#define ASK_MS      100 /* between two questions within an operation: a caller's function may be slow */

/* What a graph has here; all but the arena is of the run that is under way. */
typedef struct cpu_graph {
    void *arena;
    bn_graph_progress_fn progress; /* NULL: nobody is asked */
    void *user;
    const char *part;
    double done, asked_ms, ask_ms; /* asked_ms: bn_clock_ms of the last question */
    atomic_bool stopped;
} cpu_graph;

static bn_status cpu_finish(bn_graph *graph, bn_error *err)
{
    if (bn_pack_store_counts(bn_graph_options_of(graph)->packs)) return BIREFNET_OK;
    const size_t bytes = bn_graph_arena_bytes(graph);
    cpu_graph *own = calloc(1, sizeof *own);
    if (!own) return bn_fail_memory(err, sizeof *own, "a network");
    uint8_t *arena = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED) {
        free(own);
        return bn_fail_memory(err, bytes, "activations");
    }
    madvise(arena, bytes, MADV_HUGEPAGE); /* fewer page faults and TLB misses; fine where refused */
    own->arena = arena;
    bn_graph_set_own(graph, own);
    for (int i = 0; i < (int)bn_graph_buffer_count(graph); i++)
        bn_graph_set_host(graph, i, arena + bn_graph_place_of(graph, i).offset);
    return BIREFNET_OK;
}

static void cpu_destroy(bn_graph *graph)
{
    cpu_graph *own = bn_graph_own(graph);
    if (own) munmap(own->arena, bn_graph_arena_bytes(graph));
    free(own);
}

static void ask(cpu_graph *own, double now_ms)
{
    own->asked_ms = now_ms;
    if (own->progress(own->user, own->part, own->done)) atomic_store(&own->stopped, true);
}

bool bn_cpu_stopped(const bn_graph *graph, int thread)
{
    cpu_graph *own = bn_graph_own(graph);
    const bool stopped = atomic_load_explicit(&own->stopped, memory_order_relaxed);
    if (stopped || thread != 0 || !own->progress) return stopped;
    const double now_ms = bn_clock_ms();
    if (now_ms >= own->asked_ms + own->ask_ms) ask(own, now_ms);
    return atomic_load(&own->stopped);
}

bn_status bn_cpu_cancelled(const bn_graph *graph, bn_error *err)
{
    const cpu_graph *own = bn_graph_own(graph);
    return bn_fail(err, BIREFNET_ERROR_CANCELLED, "cancelled during %s", own->part);
}

static bn_status run_ops(bn_graph *graph, cpu_graph *own, bn_error *err)
{
    const double total = BN_MAX(bn_graph_giga_macs(graph) * 1e9, 1);
    double done = 0, before = bn_clock_ms();
    for (size_t i = 0; i < bn_graph_op_count(graph); i++) {
        bn_op *op = bn_graph_op(graph, i);
        own->part = bn_graph_part_stats(graph, op->part).name;
        own->done = done / total;
        if (own->progress) ask(own, before);
        if (atomic_load(&own->stopped)) return bn_cpu_cancelled(graph, err);
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
    cpu_graph *own = bn_graph_own(graph);
    if (!own) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "a network that was only counted cannot run");
    const double ask_ms = bn_graph_options_of(graph)->ask_ms;
    own->progress = progress;
    own->user = user;
    own->ask_ms = ask_ms > 0 ? ask_ms : ASK_MS;
    atomic_store(&own->stopped, false);
    bn_graph_clear_times(graph);
    const int threads_before = bn_parallel_set_threads(bn_graph_threads(graph));
    const bn_status status = run_ops(graph, own, err);
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
