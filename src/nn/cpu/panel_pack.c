/* panel_pack.c - see panel_pack.h. */
#include "nn/cpu/panel_pack.h"

#include <stdlib.h>

void bn_panels_lay_out(const bn_panels *p, const float *plain, float *packed)
{
    for (bn_panel_block block = bn_panel_first(p); block.in > 0; block = bn_panel_next(p, block))
        for (int panel = 0; panel < p->count; panel++) {
            float *to = packed + bn_panel_offset(p, block, panel);
            for (int tap = block.tap; tap < block.tap + block.taps; tap++)
                for (int i = block.first; i < block.first + block.in; i++)
                    for (int column = 0; column < p->columns; column++) {
                        const size_t o = (size_t)panel * (size_t)p->columns + (size_t)column;
                        const size_t from = (o * (size_t)p->in + (size_t)i) * (size_t)p->taps + (size_t)tap;
                        *to++ = o < (size_t)p->out ? plain[from] : 0;
                    }
        }
}

bn_status bn_plain_weights_open(bn_plain_weights *weights, const bn_source *source, size_t count, float *bias,
                                bn_error *err)
{
    *weights = (bn_plain_weights){.source = source};
    weights->numbers = source->borrow ? source->borrow(source) : NULL;
    if (!weights->numbers) {
        const size_t bytes = count * sizeof(float);
        weights->numbers = weights->loaded = malloc(bytes);
        if (!weights->loaded) return bn_fail_memory(err, bytes, "weights");
    }
    return source->load(source, weights->loaded, bias, err);
}

void bn_plain_weights_close(bn_plain_weights *weights)
{
    free(weights->loaded);
    if (weights->source->forget) weights->source->forget(weights->source);
}
