/* pvt.c - the pyramid vision transformer backbone, v2 (Wang et al. 2022): reference Pvt, PvtBlock, SrAttention. */
#include "model/network.h"

#include <stdio.h>

#define BLOCK_EPS 1e-6f /* norms of blocks and stages */
#define EMBED_EPS 1e-5f /* norms of patch embeddings and reduced keys */

/* x += proj(attention(q(norm(x)), kv(reduced norm(x)))); keys and values come from a map smaller by `reduction`. */
static void attention(bn_network *net, bn_map x, int stage, const char *name)
{
    const int c = x.c, reduction = net->arch->reduction[stage];
    bn_graph *g = net->graph;
    bn_params *p = net->params;
    const bn_type type = bn_graph_type(g);
    const bn_map y = bn_layer_norm(g, x, BLOCK_EPS, bn_param(p, "%s.norm1", name), type); /* [h, w, c] */
    bn_map small = y;
    if (reduction > 1) {
        const bn_conv_params conv = {.out = c, .kernel = reduction, .stride = reduction, .type = BN_F32};
        small = bn_layer_conv(g, y, conv, bn_param(p, "%s.attn.sr", name)); /* [h/r, w/r, c] */
        small = bn_layer_norm(g, small, EMBED_EPS, bn_param(p, "%s.attn.norm", name), type);
    }
    const bn_map q = bn_layer_linear(g, y, c, bn_param(p, "%s.attn.q", name), BN_LINEAR, type);
    const bn_map kv = bn_layer_linear(g, small, 2 * c, bn_param(p, "%s.attn.kv", name), BN_LINEAR, type);
    const bn_map mixed = bn_layer_attention(g, q, kv, net->arch->heads[stage]); /* [h, w, c] */
    bn_layer_linear_into(g, mixed, x, bn_param(p, "%s.attn.proj", name), BN_LINEAR, true);
}

/* x += fc2(gelu(depthwise(fc1(norm(x))))) */
static void perceptron(bn_network *net, bn_map x, int stage, const char *name)
{
    bn_graph *g = net->graph;
    bn_params *p = net->params;
    const bn_type type = bn_graph_type(g);
    bn_map y = bn_layer_norm(g, x, BLOCK_EPS, bn_param(p, "%s.norm2", name), type);
    y = bn_layer_linear(g, y, net->arch->hidden[stage], bn_param(p, "%s.mlp.fc1", name), BN_LINEAR,
                        type); /* [h, w, hidden] */
    y = bn_layer_depthwise_gelu(g, y, bn_param(p, "%s.mlp.dwconv.dwconv", name));
    bn_layer_linear_into(g, y, x, bn_param(p, "%s.mlp.fc2", name), BN_LINEAR, true); /* [h, w, c] */
}

bn_features bn_pvt(bn_network *net, bn_planes picture)
{
    const bn_arch *arch = net->arch;
    bn_graph *g = net->graph;
    bn_params *p = net->params;
    bn_features out;
    bn_map in = bn_layer_patches(g, picture, 1); /* [H, W, 3] */
    for (int i = 0; i < BN_STAGES; i++) {
        const bn_conv_params embed = {
            .out = arch->dims[i], .kernel = i ? 3 : 7, .stride = i ? 2 : 4, .pad = i ? 1 : 3, .type = BN_F32};
        const bn_map x = bn_layer_conv(
            g, in, embed, bn_param(p, "bb.patch_embed%d.proj", i + 1)); /* [H/4, W/4, dims[0]]; then h/2 */
        bn_layer_norm_inplace(g, x, EMBED_EPS, bn_param(p, "bb.patch_embed%d.norm", i + 1));
        for (int j = 0; j < arch->depths[i]; j++) {
            char name[64];
            snprintf(name, sizeof name, "bb.block%d.%d", i + 1, j);
            attention(net, x, i, name);
            perceptron(net, x, i, name);
        }
        in = out.stage[i] = bn_layer_norm(g, x, BLOCK_EPS, bn_param(p, "bb.norm%d", i + 1), bn_graph_type(g));
    }
    return out;
}
