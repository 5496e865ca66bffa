/* numbers.h - weights that our own kernels read as plain floats. Private to src/nn/cpu. */
#ifndef BN_NN_CPU_NUMBERS_H
#define BN_NN_CPU_NUMBERS_H

#include "nn/cpu/context.h"
#include "nn/cpu/pack.h"

typedef struct bn_norm_numbers {
    const float *gamma; /* [c], and behind it beta [c] */
    float eps;
} bn_norm_numbers;

/* weight [weights], then bias [biases], of a source, kept in the graph's store. The graph fails on failure. */
void bn_numbers_load(bn_graph *graph, const bn_source *source, size_t weights, size_t biases,
                     const float **numbers);

/* Numbers made from a source's numbers once, kept under the source's key and `suffix`. */
void bn_numbers_derive(bn_graph *graph, const bn_source *source, const char *suffix, size_t count,
                       bn_fill_fn fill, const void *context, const float **numbers);

void bn_norm_load(bn_graph *graph, const bn_source *source, int c, float eps, bn_norm_numbers *numbers);

#endif
