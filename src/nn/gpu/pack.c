/* pack.c - a layer's numbers in the layouts that kernels read: padded matrices, biases, whatever else is made of a source. */
#include "nn/gpu/steps.h"

#include "base/size.h"
#include "nn/gpu/packs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a source's numbers ----------------------------------------------------------------------------------------- */

typedef struct loaded {
    const float *weight, *bias;
    float *block; /* what of them is ours */
} loaded;

/* weight [weights] and bias [biases], either NULL where 0 are wanted. */
static bn_status load(const bn_source *source, size_t weights, size_t biases, loaded *numbers, bn_error *err)
{
    *numbers = (loaded){.weight = weights && source->borrow ? source->borrow(source) : NULL};
    const size_t own = numbers->weight ? 0 : weights;
    if (own + biases == 0) return BIREFNET_OK;
    numbers->block = calloc(own + biases, sizeof(float));
    if (!numbers->block) return bn_fail_memory(err, (own + biases) * sizeof(float), "weights");
    float *bias = biases ? numbers->block + own : NULL;
    BN_TRY(source->load(source, own ? numbers->block : NULL, bias, err));
    if (own) numbers->weight = numbers->block;
    numbers->bias = bias;
    return BIREFNET_OK;
}

static void unload(const bn_source *source, loaded *numbers)
{
    free(numbers->block);
    if (source->forget) source->forget(source);
}

/* ---- packing ---------------------------------------------------------------------------------------------------- */

typedef struct making {
    const bn_source *source;
    size_t weights, biases;
    int out, in, taps;
    bn_gpu_fill_fn fill;
    const void *context;
} making;

static bn_status make_matrix(const void *context, float *numbers, bn_error *err)
{
    const making *m = context;
    const size_t in = (size_t)m->in, taps = (size_t)m->taps, row = in * taps;
    const size_t padded = bn_size_round_up(row, BN_GPU_PACK_DEPTH);
    loaded from;
    const bn_status status = load(m->source, (size_t)m->out * row, 0, &from, err);
    for (size_t o = 0; status == BIREFNET_OK && o < (size_t)m->out; o++) {
        const float *weight = from.weight + o * row; /* [in][taps] */
        float *to = numbers + o * padded;            /* [taps][in] */
        if (taps == 1) {
            memcpy(to, weight, row * sizeof *to);
            continue;
        }
        for (size_t t = 0; t < taps; t++)
            for (size_t i = 0; i < in; i++) to[t * in + i] = weight[i * taps + t];
    }
    unload(m->source, &from);
    return status;
}

static bn_status make_other(const void *context, float *numbers, bn_error *err)
{
    const making *m = context;
    loaded from;
    const bn_status status = load(m->source, m->weights, m->biases, &from, err);
    if (status == BIREFNET_OK && m->fill)
        m->fill(m->context, from.weight, from.bias, numbers);
    else if (status == BIREFNET_OK) {
        if (m->weights) memcpy(numbers, from.weight, m->weights * sizeof *numbers);
        if (m->biases) memcpy(numbers + m->weights, from.bias, m->biases * sizeof *numbers);
    }
    unload(m->source, &from);
    return status;
}

static bn_gpu_span get(bn_graph *graph, const char *key, size_t count, bn_type type, bn_gpu_make_fn make,
                       const making *how)
{
    bn_gpu_span span = {0};
    if (bn_graph_failed(graph)) return span;
    const bn_status status = bn_gpu_packs_get(bn_gpu_graph_packs(graph), key, count, type, make, how, &span,
                                              bn_graph_error(graph));
    if (status != BIREFNET_OK) bn_graph_set_failed(graph, status);
    return span;
}

bn_gpu_span bn_gpu_pack_matrix(bn_graph *graph, const bn_source *source, int out, int in, int taps)
{
    const making how = {.source = source, .out = out, .in = in, .taps = taps};
    const size_t rows = bn_size_round_up((size_t)out, BN_GPU_PACK_ROWS),
                 row = bn_size_round_up((size_t)in * (size_t)taps, BN_GPU_PACK_DEPTH);
    const bn_type type = bn_graph_type(graph);
    char key[256];
    snprintf(key, sizeof key, "%s.matrix%d.%dx%dx%d", source->key, (int)type, out, taps, in);
    return get(graph, key, rows * row, type, make_matrix, &how);
}

bn_gpu_span bn_gpu_pack_bias(bn_graph *graph, const bn_source *source, int out)
{
    const making how = {.source = source, .biases = (size_t)out};
    char key[256];
    snprintf(key, sizeof key, "%s.bias.%d", source->key, out);
    return get(graph, key, bn_size_round_up((size_t)out, BN_GPU_PACK_ROWS), BN_F32, make_other, &how);
}

bn_gpu_span bn_gpu_pack_made(bn_graph *graph, const bn_source *source, const char *suffix, size_t weights,
                             size_t biases, size_t count, bn_type type, bn_gpu_fill_fn fill,
                             const void *context)
{
    const making how = {
        .source = source, .weights = weights, .biases = biases, .fill = fill, .context = context};
    char key[256];
    snprintf(key, sizeof key, "%s%s.%d", source->key, suffix, (int)type);
    return get(graph, key, count, type, make_other, &how);
}
