/* network.h - BiRefNet as a graph: backbone over two picture sizes, squeeze module, decoder.
 *
 * Each part is one file, named as in the paper and the checkpoints: swin.c, pvt.c, aspp.c, decoder.c; network.c puts
 * them together. docs/MODEL.md is their description in prose. */
#ifndef BN_MODEL_NETWORK_H
#define BN_MODEL_NETWORK_H

#include "model/arch.h"
#include "model/params.h"
#include "nn/layers.h"

/* What tests look at between the parts. */
typedef enum bn_inner {
    BN_INNER_FULL,                                /* stages of the whole picture, finest first */
    BN_INNER_DEEPEST = BN_INNER_FULL + BN_STAGES, /* [h/32, w/32, channels of all levels] */
    BN_INNER_SQUEEZED,                            /* [h/32, w/32, 2 dims[3]] */
    BN_INNER_BLOCK,                               /* of decoder blocks 4, 3, 2 */
    BN_INNERS = BN_INNER_BLOCK + 3
} bn_inner;

typedef struct bn_network {
    bn_graph *graph;
    const bn_arch *arch;
    bn_params *params;
    bool grid_order; /* of the decoder's picture tiles */
    bn_map *inner;   /* [BN_INNERS], which are kept then; NULL: none of them is */
} bn_network;

/* Features of the four stages, finest first, of one picture size: [h/4, w/4, dims[0]] to [h/32, w/32, dims[3]]. */
typedef struct bn_features {
    bn_map stage[BN_STAGES];
} bn_features;

bn_features bn_swin(bn_network *net, bn_planes picture);
bn_features bn_pvt(bn_network *net, bn_planes picture);

/* For whoever wants to see it. */
static inline void bn_network_note(const bn_network *net, int which, bn_map map)
{
    if (!net->inner) return;
    net->inner[which] = map;
    bn_graph_keep(net->graph, map);
}

/* [h, w, in] -> conv 3x3 -> ASPP -> [h, w, inter]: a decoder block without its last convolution. */
bn_map bn_decoder_block(bn_network *net, const char *prefix, bn_map x);

/* [h, w, inter] -> [h, w, inter] */
bn_map bn_aspp(bn_network *net, const char *prefix, bn_map x);

/* logits [H, W, 1] of the whole picture */
bn_map bn_decoder(bn_network *net, bn_planes picture, const bn_features *full, const bn_features *half);

/* Append the whole network for a picture, whose sides are multiples of 32, to net's graph: float32 [H][W][1]. */
bn_map bn_network_build(bn_network *net, bn_planes picture);

#endif
