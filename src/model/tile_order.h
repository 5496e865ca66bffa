/* tile_order.h - reading off the weights in which order the decoder's picture tiles became channels. */
#ifndef BN_MODEL_TILE_ORDER_H
#define BN_MODEL_TILE_ORDER_H

#include "model/arch.h"

typedef struct bn_tile_evidence {
    double channel,
        grid;        /* mean correlation of the filters of one place's colours under either order, -1 to 1 */
    bool grid_order; /* the likelier one */
} bn_tile_evidence;

/* Trained filters answer alike to the three colours of one place. Neighbouring input channels of
 * decoder.ipt_blk{2..5}.conv1 are those colours in grid order, (gx, gy, c), and k, k + g^2, k + 2 g^2 are in channel
 * order, (c, gy, gx). */
bn_status bn_tile_order_detect(const bn_weights *weights, bn_tile_evidence *evidence, bn_error *err);

#endif
