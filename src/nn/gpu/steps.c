/* steps.c - kernel calls as operations of a graph, and which of them may run side by side. */
#include "nn/gpu/steps.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

typedef struct step_op {
    bn_op op;
    bn_gpu_step step;
} step_op;

static bool is_map(const bn_gpu_slot *slot)
{
    return slot->use == BN_GPU_READ || slot->use == BN_GPU_WRITE || slot->use == BN_GPU_CHANGE;
}

static size_t pictures(const bn_graph *graph)
{
    return (size_t)BN_MAX(bn_graph_options_of(graph)->batch, 1);
}

/* From one picture to the next: the buffer's, of which the map may be some rows. */
static size_t picture_elements(const bn_graph *graph, bn_map map)
{
    return bn_graph_place_of(graph, map.buffer).bytes / pictures(graph) / bn_type_size(map.type);
}

/* From the map's first element to its last one in the last picture. */
static size_t elements_of(const bn_graph *graph, bn_map map)
{
    return (pictures(graph) - 1) * picture_elements(graph, map) +
           ((size_t)map.h * (size_t)map.w - 1) * (size_t)map.stride + (size_t)map.c;
}

/* ---- building -------------------------------------------------------------------------------------------------- */

/* Bytes that a call moves if it reads and writes everything once. */
static double traffic(const bn_graph *graph, const bn_gpu_step *step)
{
    double bytes = 0;
    for (int i = 0; i < BN_GPU_SPANS; i++) {
        const bn_gpu_slot *slot = &step->slot[i];
        const bn_map map = slot->map;
        if (is_map(slot))
            bytes += (slot->use == BN_GPU_CHANGE ? 2.0 : 1.0) * (double)pictures(graph) *
                     (double)bn_map_pixels(map) * map.c * (double)bn_type_size(map.type);
        else if (slot->use == BN_GPU_PACK)
            bytes += (double)bn_gpu_packs_bytes_at(bn_gpu_graph_packs(graph), slot->pack);
    }
    return bytes;
}

/* Kernels number elements by 32 bits, from the map's first one in the first picture. */
static void check_numbers(bn_graph *graph, bn_map map)
{
    if (elements_of(graph, map) > UINT32_MAX)
        bn_graph_fail(graph, BIREFNET_ERROR_LIMIT, "a feature map of %d x %d x %d is too large for a %s",
                      map.h, map.w, map.stride, bn_graph_backend(graph)->name);
}

void bn_gpu_step_append(bn_graph *graph, const bn_gpu_step *step)
{
    step_op *op = bn_graph_append(graph, sizeof *op, NULL, NULL);
    if (!op) return;
    op->step = *step;
    for (int i = 0; i < BN_GPU_SPANS; i++) {
        if (!is_map(&step->slot[i])) continue;
        bn_graph_touch(graph, step->slot[i].map);
        check_numbers(graph, step->slot[i].map);
    }
    bn_graph_work(graph, step->macs * (double)pictures(graph), 1, 1);
    bn_graph_traffic(graph, traffic(graph, step));
}

const bn_gpu_facts *bn_gpu_graph_facts(const bn_graph *graph)
{
    return bn_gpu_packs_facts(bn_gpu_graph_packs(graph));
}

bn_gpu_call bn_gpu_step_call(const bn_graph *graph, const bn_op *op, const bn_gpu_buffer *arena)
{
    const bn_gpu_step *step = &((const step_op *)op)->step;
    bn_gpu_call call = {.kernel = step->kernel,
                        .groups = {step->groups[0], step->groups[1], (uint32_t)pictures(graph)}};
    memcpy(call.number, step->number, sizeof call.number);
    memcpy(call.constant, step->constant, sizeof call.constant);
    for (int i = 0; i < BN_GPU_SPANS; i++) {
        const bn_gpu_slot *slot = &step->slot[i];
        const bn_map map = slot->map;
        if (slot->use == BN_GPU_PACK) call.span[i] = slot->pack;
        if (!is_map(slot)) continue;
        const size_t offset =
            bn_graph_place_of(graph, map.buffer).offset + map.offset * bn_type_size(map.type);
        call.span[i] = (bn_gpu_span){arena, offset};
        call.step[i] = (uint32_t)picture_elements(graph, map);
    }
    return call;
}

/* ---- barriers -------------------------------------------------------------------------------------------------- */

typedef struct region {
    size_t begin, end; /* bytes of the arena */
    bn_map map;
    bool written;
} region;

#define MAX_REGIONS 512

struct bn_gpu_hazards {
    region regions[MAX_REGIONS];
    int count;
};

bn_status bn_gpu_hazards_create(bn_gpu_hazards **hazards, bn_error *err)
{
    *hazards = calloc(1, sizeof **hazards);
    return *hazards ? BIREFNET_OK : bn_fail_memory(err, sizeof **hazards, "a network");
}

void bn_gpu_hazards_destroy(bn_gpu_hazards **hazards)
{
    free(*hazards);
    *hazards = NULL;
}

void bn_gpu_hazards_clear(bn_gpu_hazards *hazards)
{
    hazards->count = 0;
}

static region region_of(const bn_graph *graph, const bn_gpu_slot *slot)
{
    const bn_map map = slot->map;
    const size_t begin = bn_graph_place_of(graph, map.buffer).offset + map.offset * bn_type_size(map.type);
    const size_t end = begin + elements_of(graph, map) * bn_type_size(map.type);
    return (region){begin, end, map, slot->use != BN_GPU_READ};
}

/* Slices of the same pixels that have no channel in common. */
static bool beside(const bn_map *a, const bn_map *b)
{
    if (a->buffer != b->buffer || a->stride != b->stride || a->type != b->type) return false;
    const size_t stride = (size_t)a->stride, first = a->offset % stride, second = b->offset % stride;
    return first + (size_t)a->c <= second || second + (size_t)b->c <= first;
}

static bool conflict(const region *a, const region *b)
{
    return (a->written || b->written) && a->begin < b->end && b->begin < a->end && !beside(&a->map, &b->map);
}

bool bn_gpu_steps_depend(const bn_op *early, const bn_op *late)
{
    const bn_gpu_step *first = &((const step_op *)early)->step, *second = &((const step_op *)late)->step;
    for (int i = 0; i < BN_GPU_SPANS; i++)
        for (int k = 0; k < BN_GPU_SPANS; k++) {
            const bn_gpu_slot *a = &first->slot[i], *b = &second->slot[k];
            if (is_map(a) && is_map(b) && a->map.buffer == b->map.buffer &&
                (a->use != BN_GPU_READ || b->use != BN_GPU_READ) && !beside(&a->map, &b->map))
                return true;
        }
    return false;
}

void bn_gpu_step_touch(bn_graph *graph, size_t op)
{
    const bn_gpu_step *step = &((const step_op *)bn_graph_op(graph, op))->step;
    for (int i = 0; i < BN_GPU_SPANS; i++)
        if (is_map(&step->slot[i])) bn_graph_touch_at(graph, step->slot[i].map, op);
}

bool bn_gpu_hazards_add(bn_gpu_hazards *hazards, const bn_graph *graph, const bn_op *op)
{
    const bn_gpu_step *step = &((const step_op *)op)->step;
    region own[BN_GPU_SPANS];
    int count = 0;
    for (int i = 0; i < BN_GPU_SPANS; i++)
        if (is_map(&step->slot[i])) own[count++] = region_of(graph, &step->slot[i]);
    bool found = hazards->count + count > MAX_REGIONS;
    for (int i = 0; i < hazards->count && !found; i++)
        for (int k = 0; k < count; k++) found = found || conflict(&hazards->regions[i], &own[k]);
    if (found) hazards->count = 0;
    for (int i = 0; i < count; i++) hazards->regions[hazards->count++] = own[i];
    return found;
}
