/* seeded_source.h - sources of weights for tests of layers: seeded numbers under any name. */
#ifndef BN_TESTS_NN_SEEDED_SOURCE_H
#define BN_TESTS_NN_SEEDED_SOURCE_H

#include "base/seeded.h"
#include "nn/source.h"

#include <stdio.h>

typedef struct test_source {
    bn_source source;
    size_t weights, biases;
} test_source;

static inline bn_status load_seeded(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)err;
    const test_source *self = (const test_source *)source;
    if (weight) bn_seeded_fill(source->key, 1, 0, 0.5f, 0, weight, self->weights);
    if (bias) bn_seeded_fill(source->key, 2, 0, 0.5f, 0, bias, self->biases);
    return BIREFNET_OK;
}

static inline test_source make_source(const char *key, size_t weights, size_t biases)
{
    test_source made = {.source = {.load = load_seeded}, .weights = weights, .biases = biases};
    snprintf(made.source.key, sizeof made.source.key, "%s", key);
    return made;
}

#endif
