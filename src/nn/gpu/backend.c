/* backend.c - graphs on a graphics card: their memory, a list of kernel calls recorded once, and running it. */
#include "nn/gpu/steps.h"

#include "base/size.h"
#include "nn/gpu/arena.h"
#include "nn/gpu/layers.h"

#include <stdlib.h>

#define ALIGN_BYTES 256
#define MAX_PARTS   64

/* Multiply-accumulates of a submission, about: on the slowest cards half a second, after which desktops lose patience. */
#define MAX_PART_MACS 250e9

/* What a graph keeps. */
typedef struct recorded {
    bn_gpu_arena *arena;
    bn_gpu_list *list;
    bn_gpu_buffer *host; /* inputs and kept maps, one behind the other, in memory that both sides reach */
    uint8_t *host_bytes;
    bn_gpu_copy *before, *behind; /* room for a run's copies, one a map each */
    int part[MAX_PARTS], parts;   /* the graph's part of each part of the list */
    double done[MAX_PARTS];       /* share of the work that comes before it */
} recorded;

/* ---- finishing ------------------------------------------------------------------------------------------------- */

static bool travels(bn_graph_place place)
{
    return place.input || place.kept;
}

/* Host memory of the buffers that callers fill or read. */
static bn_status give_host(bn_graph *graph, bn_gpu *gpu, recorded *own, bn_error *err)
{
    const int count = (int)bn_graph_buffer_count(graph);
    int maps = 0;
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        const bn_graph_place place = bn_graph_place_of(graph, i);
        if (!travels(place)) continue;
        bytes += bn_size_round_up(place.bytes, ALIGN_BYTES);
        maps++;
    }
    own->before = calloc(2 * (size_t)maps + 1, sizeof *own->before);
    if (!own->before) return bn_fail_memory(err, 2 * (size_t)maps * sizeof *own->before, "a network");
    own->behind = own->before + maps;
    void *memory = NULL;
    BN_TRY(bn_gpu_host_create(gpu, bytes, &own->host, &memory, err));
    own->host_bytes = memory;
    uint8_t *next = own->host_bytes;
    for (int i = 0; i < count; i++) {
        const bn_graph_place place = bn_graph_place_of(graph, i);
        if (!travels(place)) continue;
        bn_graph_set_host(graph, i, next);
        next += bn_size_round_up(place.bytes, ALIGN_BYTES);
    }
    return BIREFNET_OK;
}

static bn_status begin_part(const bn_graph *graph, recorded *own, int part, double done, bn_error *err)
{
    if (own->parts == MAX_PARTS)
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "more than %d parts in a list", MAX_PARTS);
    own->part[own->parts] = part;
    own->done[own->parts++] = done / BN_MAX(bn_graph_giga_macs(graph) * 1e9, 1);
    return bn_gpu_list_part(own->list, bn_graph_part_stats(graph, part).name, err);
}

/* The part whose time counts that of this one, too: calls of both may be mixed. */
static int counted_as(const bn_graph *graph, int part)
{
    while (part > 0 && bn_graph_part_stats(graph, part).is_beside) part--;
    return part;
}

static bn_status record(const bn_graph *graph, recorded *own, bn_gpu_hazards *hazards, bn_error *err)
{
    const double most = BN_MAX(MAX_PART_MACS, bn_graph_giga_macs(graph) * 1e9 / (MAX_PARTS / 2));
    double done = 0, begun = 0;
    for (size_t i = 0; i < bn_graph_op_count(graph); i++) {
        const bn_op *op = bn_graph_op(graph, i);
        const int part = counted_as(graph, op->part);
        if (own->parts == 0 || own->part[own->parts - 1] != part || done - begun > most) {
            BN_TRY(begin_part(graph, own, part, done, err)); /* which sees what parts before it wrote */
            bn_gpu_hazards_clear(hazards);
            begun = done;
        }
        if (bn_gpu_hazards_add(hazards, graph, op)) bn_gpu_list_barrier(own->list);
        const bn_gpu_call call = bn_gpu_step_call(graph, op, bn_gpu_arena_buffer(own->arena));
        BN_TRY(bn_gpu_list_call(own->list, &call, err));
        done += op->macs;
    }
    return bn_gpu_list_end(own->list, err);
}

static bn_status build(bn_graph *graph, bn_gpu *gpu, recorded *own, bn_error *err)
{
    bn_gpu_hazards *hazards = NULL;
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(
        bn_gpu_arena_take(bn_gpu_graph_packs(graph), gpu, bn_graph_arena_bytes(graph), &own->arena, err));
    BN_TRY_DONE(give_host(graph, gpu, own, err));
    BN_TRY_DONE(bn_gpu_list_create(gpu, &own->list, err));
    BN_TRY_DONE(bn_gpu_hazards_create(&hazards, err));
    BN_TRY_DONE(record(graph, own, hazards, err));
done:
    bn_gpu_hazards_destroy(&hazards);
    return status;
}

static bn_status gpu_finish(bn_graph *graph, bn_error *err)
{
    bn_gpu_packs *packs = bn_gpu_graph_packs(graph);
    if (bn_gpu_packs_counts(packs)) return BIREFNET_OK;
    recorded *own = calloc(1, sizeof *own);
    if (!own) return bn_fail_memory(err, sizeof *own, "a network");
    bn_graph_set_own(graph, own);
    const bn_status status = build(graph, bn_gpu_packs_borrow(packs), own, err);
    bn_gpu_packs_give_back(packs);
    return status;
}

static void gpu_destroy(bn_graph *graph)
{
    recorded *own = bn_graph_own(graph);
    if (!own) return;
    bn_gpu_packs *packs = bn_gpu_graph_packs(graph);
    bn_gpu_packs_borrow(packs);
    bn_gpu_list_destroy(&own->list);
    bn_gpu_buffer_destroy(&own->host);
    bn_gpu_arena_leave(packs, &own->arena);
    bn_gpu_packs_give_back(packs);
    free(own->before);
    free(own);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

typedef struct asking {
    const bn_graph *graph;
    const recorded *own;
    bn_graph_progress_fn progress;
    void *user;
    const char *stopped; /* the part before which the answer was to stop */
} asking;

static int ask(void *user, int part)
{
    asking *asked = user;
    const char *name = bn_graph_part_stats(asked->graph, asked->own->part[part]).name;
    const int stop = asked->progress(asked->user, name, asked->own->done[part]);
    if (stop) asked->stopped = name;
    return stop;
}

/* What of the inputs goes to the arena this time, and of the kept maps back. */
static void list_copies(const bn_graph *graph, const recorded *own, bn_gpu_errand *errand)
{
    const bn_gpu_buffer *arena = bn_gpu_arena_buffer(own->arena);
    for (int i = 0; i < (int)bn_graph_buffer_count(graph); i++) {
        const bn_graph_place place = bn_graph_place_of(graph, i);
        if (!travels(place) || place.stays) continue;
        const size_t at = (size_t)((const uint8_t *)place.host - own->host_bytes);
        if (place.input)
            own->before[errand->before_count++] =
                (bn_gpu_copy){own->host, arena, at, place.offset, place.bytes};
        if (place.kept)
            own->behind[errand->behind_count++] =
                (bn_gpu_copy){arena, own->host, place.offset, at, place.bytes};
    }
    errand->before = own->before;
    errand->behind = own->behind;
}

/* The device is borrowed until all is handed over: meanwhile this picture is computed, another thread hands over the next. */
static bn_status run(bn_graph *graph, recorded *own, asking *asked, bn_error *err)
{
    bn_gpu_packs *packs = bn_gpu_graph_packs(graph);
    bn_gpu_errand errand = {.ask = asked->progress ? ask : NULL, .user = asked};
    list_copies(graph, own, &errand);
    bn_gpu_packs_borrow(packs);
    const bn_status status = bn_gpu_list_begin(own->list, &errand, err);
    bn_gpu_packs_give_back(packs);
    if (asked->stopped) return bn_fail(err, BIREFNET_ERROR_CANCELLED, "cancelled during %s", asked->stopped);
    BN_TRY(status);
    BN_TRY(bn_gpu_list_wait(own->list, err));
    for (int i = 0; i < own->parts; i++)
        bn_graph_add_time(graph, own->part[i], bn_gpu_list_part_ms(own->list, i));
    return BIREFNET_OK;
}

static bn_status gpu_run(bn_graph *graph, bn_graph_progress_fn progress, void *user, bn_error *err)
{
    recorded *own = bn_graph_own(graph);
    if (!own) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "a network that was only counted cannot run");
    asking asked = {.graph = graph, .own = own, .progress = progress, .user = user};
    bn_graph_clear_times(graph);
    return run(graph, own, &asked, err);
}

const bn_backend bn_gpu_backend = {
    .name = "graphics card",
    .align_bytes = ALIGN_BYTES,
    .pictures = 64,
    .halve = bn_gpu_layer_halve,
    .rearrange = bn_gpu_layer_rearrange,
    .logits = bn_gpu_layer_logits,
    .linear_into = bn_gpu_layer_linear_into,
    .conv = bn_gpu_layer_conv,
    .norm = bn_gpu_layer_norm,
    .norm_inplace = bn_gpu_layer_norm_inplace,
    .copy_into = bn_gpu_layer_copy_into,
    .gate = bn_gpu_layer_gate,
    .depthwise_gelu = bn_gpu_layer_depthwise_gelu,
    .window_attention = bn_gpu_layer_window_attention,
    .attention = bn_gpu_layer_attention,
    .mlp = bn_gpu_layer_mlp,
    .patch_merge = bn_gpu_layer_patch_merge,
    .resize_into = bn_gpu_layer_resize_into,
    .pooled_bias = bn_gpu_layer_pooled_bias,
    .deform = bn_gpu_layer_deform,
    .arrange = bn_gpu_arrange,
    .finish = gpu_finish,
    .run = gpu_run,
    .destroy = gpu_destroy,
};
