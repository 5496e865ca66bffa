/* swin.c - the Swin transformer backbone (Liu et al. 2021, as Swin v1): reference Swin, SwinStage, SwinBlock. */
#include "model/network.h"

#include <stdio.h>

#define EPS 1e-5f

/* x [h, w, c] float32 is the residual stream: both halves of a block add to it in place. */
static void swin_block(bn_network *net, bn_map x, int stage, int block)
{
    const bn_arch *arch = net->arch;
    bn_params *p = net->params;
    char name[64];
    snprintf(name, sizeof name, "bb.layers.%d.blocks.%d", stage, block);
    bn_layer_window_attention(
        net->graph, x,
        (bn_window_attention_params){.window = arch->window,
                                     .shift = block % 2 ? arch->window / 2 : 0,
                                     .heads = arch->heads[stage],
                                     .eps = EPS,
                                     .norm = bn_param(p, "%s.norm1", name),
                                     .qkv = bn_param(p, "%s.attn.qkv", name),
                                     .table = bn_param_table(p, "%s.attn.relative_position_bias_table", name),
                                     .proj = bn_param(p, "%s.attn.proj", name)});
    bn_layer_mlp(net->graph, x,
                 (bn_mlp_params){.hidden = arch->hidden[stage],
                                 .eps = EPS,
                                 .norm = bn_param(p, "%s.norm2", name),
                                 .fc1 = bn_param(p, "%s.mlp.fc1", name),
                                 .fc2 = bn_param(p, "%s.mlp.fc2", name)});
}

bn_features bn_swin(bn_network *net, bn_planes picture)
{
    const bn_arch *arch = net->arch;
    bn_graph *g = net->graph;
    bn_params *p = net->params;
    bn_features out;
    bn_map x = bn_layer_patches(g, picture, 4); /* [H/4, W/4, 48] */
    x = bn_layer_linear(g, x, arch->dims[0], bn_param(p, "bb.patch_embed.proj"), BN_LINEAR,
                        BN_F32); /* [H/4, W/4, dims[0]] */
    bn_layer_norm_inplace(g, x, EPS, bn_param(p, "bb.patch_embed.norm"));
    for (int i = 0; i < BN_STAGES; i++) {
        for (int j = 0; j < arch->depths[i]; j++) swin_block(net, x, i, j);
        out.stage[i] = bn_layer_norm(g, x, EPS, bn_param(p, "bb.norm%d", i), bn_graph_type(g));
        if (i + 1 == BN_STAGES) break;
        x = bn_layer_patch_merge(g, x, arch->dims[i + 1], EPS, bn_param(p, "bb.layers.%d.downsample.norm", i),
                                 bn_param(p, "bb.layers.%d.downsample.reduction", i)); /* [h/2, w/2, 2c] */
    }
    return out;
}
