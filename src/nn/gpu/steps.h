/* steps.h - kernel calls as operations of a graph. Private to nn/gpu: layers need call.h alone. */
#ifndef BN_NN_GPU_STEPS_H
#define BN_NN_GPU_STEPS_H

#include "nn/backend.h"
#include "nn/gpu/call.h"
#include "nn/gpu/packs.h"

static inline bn_gpu_packs *bn_gpu_graph_packs(const bn_graph *graph)
{
    return bn_graph_options_of(graph)->gpu;
}

/* The call as the device gets it, its maps where the graph's plan put them in `arena`. */
bn_gpu_call bn_gpu_step_call(const bn_graph *graph, const bn_op *op, const bn_gpu_buffer *arena);

/* Whether the later of two calls must see what the earlier one wrote, or not overwrite what it read; buffers have no places yet. */
bool bn_gpu_steps_depend(const bn_op *early, const bn_op *late);
/* Touch the maps of the call at this place of the list. */
void bn_gpu_step_touch(bn_graph *graph, size_t op);

/* Put calls of parts that may run beside each other into waves whose calls do not depend on each other (order.c). */
bn_status bn_gpu_arrange(bn_graph *graph, bn_error *err);

/* ---- barriers -------------------------------------------------------------------------------------------------- */

/* What has been read and written since the last barrier. */
typedef struct bn_gpu_hazards bn_gpu_hazards;
bn_status bn_gpu_hazards_create(bn_gpu_hazards **hazards, bn_error *err);
void bn_gpu_hazards_destroy(bn_gpu_hazards **hazards);

/* A barrier has been put. */
void bn_gpu_hazards_clear(bn_gpu_hazards *hazards);

/* Add a call: true if a barrier must come before it, which empties what has been before. */
bool bn_gpu_hazards_add(bn_gpu_hazards *hazards, const bn_graph *graph, const bn_op *op);

#endif
