/* context.h - what a layer's file in nn/cpu asks of its graph besides op.h. Private to src/nn/cpu. */
#ifndef BN_NN_CPU_CONTEXT_H
#define BN_NN_CPU_CONTEXT_H

#include "nn/backend.h"
#include "nn/cpu/kernels.h"

static inline const bn_kernels *bn_graph_kernels(const bn_graph *graph)
{
    return bn_kernels_for(bn_graph_options_of(graph)->isa);
}

static inline bn_pack_store *bn_graph_packs(const bn_graph *graph)
{
    return bn_graph_options_of(graph)->packs;
}

#endif
