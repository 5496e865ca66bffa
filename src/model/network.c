/* network.c - the parts put together. */
#include "model/network.h"

static bn_features backbone(bn_network *net, bn_planes picture)
{
    return net->arch->backbone == BN_SWIN ? bn_swin(net, picture) : bn_pvt(net, picture);
}

bn_map bn_network_build(bn_network *net, bn_planes picture)
{
    bn_graph *g = net->graph;
    bn_graph_part(g, "backbone full");
    const bn_features full = backbone(net, picture);
    for (int i = 0; i < BN_STAGES; i++) bn_network_note(net, BN_INNER_FULL + i, full.stage[i]);
    bn_graph_part_beside(g, "backbone half");
    const bn_planes small = bn_layer_halve(g, picture); /* float32 [3][H/2][W/2] */
    const bn_features half = backbone(net, small);
    const bn_map logits = bn_decoder(net, picture, &full, &half); /* float32 [H, W, 1] */
    bn_graph_keep(g, logits);
    return logits;
}
