/* panel_pack.h - from the weights of a source to those of our own products (panels.h). Private to src/nn/cpu. */
#ifndef BN_NN_CPU_PANEL_PACK_H
#define BN_NN_CPU_PANEL_PACK_H

#include "nn/cpu/panels.h"
#include "nn/source.h"

/* plain[out][in][taps] into panels, bn_panels_floats of them. */
void bn_panels_lay_out(const bn_panels *p, const float *plain, float *packed);

/* A source's weights where they lie, or loaded. */
typedef struct bn_plain_weights {
    const bn_source *source;
    const float *numbers;
    float *loaded;
} bn_plain_weights;

/* `count` weights, and into bias the source's biases. Closed by the caller, also on failure. */
bn_status bn_plain_weights_open(bn_plain_weights *weights, const bn_source *source, size_t count, float *bias,
                                bn_error *err);
void bn_plain_weights_close(bn_plain_weights *weights);

#endif
