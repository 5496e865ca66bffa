/* tile_order.c - correlation of colour filters under the two orders of tiles. */
#include "model/tile_order.h"

#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* weight: [out][in][taps]. Correlation of input channels a and b over all filters and taps. */
static double correlation(const float *weight, size_t outs, size_t ins, size_t taps, size_t a, size_t b)
{
    double aa = 0, bb = 0, ab = 0;
    for (size_t o = 0; o < outs; o++)
        for (size_t t = 0; t < taps; t++) {
            const double x = weight[(o * ins + a) * taps + t], y = weight[(o * ins + b) * taps + t];
            aa += x * x;
            bb += y * y;
            ab += x * y;
        }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static bn_status add_block(const bn_weight *tensor, bn_tile_evidence *sums, size_t *pairs, bn_error *err)
{
    float *weight = malloc(tensor->count * sizeof *weight);
    if (!weight) return bn_fail_memory(err, tensor->count * sizeof *weight, tensor->name);
    const bn_status status = bn_weight_read_finite(tensor, weight, err);
    const size_t outs = (size_t)tensor->shape[0], ins = (size_t)tensor->shape[1],
                 taps = tensor->count / (outs * ins);
    const size_t places = ins / 3;
    for (size_t place = 0; status == BIREFNET_OK && place < places; place++)
        for (size_t colour = 0; colour < 2; colour++) {
            sums->grid += correlation(weight, outs, ins, taps, 3 * place + colour, 3 * place + colour + 1);
            sums->channel +=
                correlation(weight, outs, ins, taps, colour * places + place, (colour + 1) * places + place);
            ++*pairs;
        }
    free(weight);
    return status;
}

bn_status bn_tile_order_detect(const bn_weights *weights, bn_tile_evidence *evidence, bn_error *err)
{
    bn_tile_evidence sums = {0};
    size_t pairs = 0;
    for (int n = 2; n <= 5; n++) {
        char name[64];
        snprintf(name, sizeof name, "decoder.ipt_blk%d.conv1.weight", n);
        const bn_weight *tensor = bn_weights_find(weights, name);
        if (tensor && tensor->rank == 4) BN_TRY(add_block(tensor, &sums, &pairs, err));
    }
    if (pairs > 0) {
        sums.channel /= (double)pairs;
        sums.grid /= (double)pairs;
    }
    sums.grid_order = sums.grid > sums.channel;
    *evidence = sums;
    return BIREFNET_OK;
}
