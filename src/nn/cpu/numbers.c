/* numbers.c - loads weights for our own kernels through the store, so that graphs share them. */
#include "nn/cpu/numbers.h"

#include <stdio.h>

typedef struct load_context {
    const bn_source *source;
    size_t weights;
} load_context;

static bn_status load_numbers(const void *context, float *numbers, bn_error *err)
{
    const load_context *load = context;
    const bn_status status = load->source->load(load->source, numbers, numbers + load->weights, err);
    if (load->source->forget) load->source->forget(load->source);
    return status;
}

void bn_numbers_load(bn_graph *graph, const bn_source *source, size_t weights, size_t biases,
                     const float **numbers)
{
    const load_context context = {source, weights};
    bn_numbers_derive(graph, source, ".floats", weights + biases, load_numbers, &context, numbers);
}

void bn_numbers_derive(bn_graph *graph, const bn_source *source, const char *suffix, size_t count,
                       bn_fill_fn fill, const void *context, const float **numbers)
{
    if (bn_graph_failed(graph)) return;
    char key[224];
    snprintf(key, sizeof key, "%s%s", source->key, suffix);
    const bn_status status =
        bn_pack_floats(bn_graph_packs(graph), key, count, fill, context, numbers, bn_graph_error(graph));
    if (status != BIREFNET_OK) bn_graph_set_failed(graph, status);
}

void bn_norm_load(bn_graph *graph, const bn_source *source, int c, float eps, bn_norm_numbers *numbers)
{
    numbers->eps = eps;
    bn_numbers_load(graph, source, (size_t)c, (size_t)c, &numbers->gamma);
}
