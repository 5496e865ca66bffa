/* decoder.c - squeeze module and decoder (reference DecoderBlock, Decoder, BiRefNet.encode).
 *
 * Features of two picture sizes are never joined at full size: where the reference reads cat(full, enlarged half)
 * through a 1x1 convolution, its two halves are applied to full and half apart, and the second result is enlarged. */
#include "model/network.h"

#include <stdio.h>

bn_map bn_decoder_block(bn_network *net, const char *prefix, bn_map x)
{
    const bn_conv_params conv = {.out = net->arch->inter,
                                 .kernel = 3,
                                 .stride = 1,
                                 .pad = 1,
                                 .activation = BN_RELU,
                                 .type = bn_graph_type(net->graph)};
    const bn_map y =
        bn_layer_conv(net->graph, x, conv, bn_param_folded(net->params, prefix, "conv_in", "bn_in"));
    return bn_aspp(net, prefix, y); /* [h, w, inter] */
}

/* The block's last convolution: [h, w, inter] -> [h, w, out]. */
static bn_map block_out(bn_network *net, const char *prefix, bn_map x, int out)
{
    const bn_conv_params conv = {
        .out = out, .kernel = 3, .stride = 1, .pad = 1, .type = bn_graph_type(net->graph)};
    return bn_layer_conv(net->graph, x, conv, bn_param_folded(net->params, prefix, "conv_out", "bn_out"));
}

/* Channels that the picture adds at decoder block n's input, 0 if none. */
static int picture_channels(const bn_arch *arch, int n)
{
    if (n == 4) return arch->picture5 ? bn_arch_channels(arch, 0) / 8 : 0;
    return bn_arch_channels(arch, 3 - n) / 8;
}

/* Fill the channels behind the features with what the picture says at this size: its tiles, stacked as channels,
 * through two 3x3 convolutions. */
static void add_picture(bn_network *net, bn_planes picture, int n, bn_map input, int features)
{
    const int c = picture_channels(net->arch, n);
    if (c == 0) return;
    bn_graph *g = net->graph;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "decoder.ipt_blk%d", n + 1);
    const bn_map tiles =
        bn_layer_tiles(g, picture, picture.h / input.h, picture.w / input.w, net->grid_order);
    bn_conv_params conv = {
        .out = net->arch->picture_mid, .kernel = 3, .stride = 1, .pad = 1, .type = bn_graph_type(g)};
    const bn_map middle = bn_layer_conv(g, tiles, conv, bn_param(net->params, "%s.conv1", prefix));
    conv.out = c;
    const bn_map out = bn_layer_conv(g, middle, conv, bn_param(net->params, "%s.conv_out", prefix));
    bn_layer_copy_into(g, out, bn_map_channels(input, features, c));
}

/* An empty input of decoder block n: [h, w, features + picture channels]. */
static bn_map block_input(bn_network *net, int n, int h, int w)
{
    const int features = bn_arch_channels(net->arch, 4 - n);
    return bn_graph_map(net->graph, h, w, features + picture_channels(net->arch, n),
                        bn_graph_type(net->graph));
}

/* [h/32, w/32, channels of all levels]: every level's two features sampled at the deepest level's pixels. */
static bn_map deepest_input(bn_network *net, const bn_features *full, const bn_features *half)
{
    const int *dims = net->arch->dims;
    bn_graph *g = net->graph;
    const bn_map last = full->stage[BN_STAGES - 1];
    bn_map all = bn_graph_map(g, last.h, last.w, 2 * (dims[0] + dims[1] + dims[2] + dims[3]), last.type);
    int at = 0;
    for (int i = 0; i + 1 < BN_STAGES; i++) {
        const bn_map f = full->stage[i];
        bn_layer_resize_into(g, f, bn_map_channels(all, at, dims[i]), 0, 0, NULL, false);
        bn_layer_resize_into(g, half->stage[i], bn_map_channels(all, at + dims[i], dims[i]), f.h, f.w, NULL,
                             false);
        at += 2 * dims[i];
    }
    bn_layer_copy_into(g, last, bn_map_channels(all, at, dims[3]));
    bn_layer_resize_into(g, half->stage[3], bn_map_channels(all, at + dims[3], dims[3]), 0, 0, NULL, false);
    return all;
}

/* sigmoid of the gradient branch, [h, w, 1]; false where this block has none. */
static bool gate_of(bn_network *net, int n, bn_map p, bn_map *gate)
{
    if (n == 4 && !net->arch->gate4) return false;
    bn_graph *g = net->graph;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "decoder.gdt_convs_%d", n);
    const bn_conv_params conv = {
        .out = 16, .kernel = 3, .stride = 1, .pad = 1, .activation = BN_RELU, .type = bn_graph_type(g)};
    const bn_map e =
        bn_layer_conv(g, p, conv, bn_param_folded(net->params, prefix, "0", "1")); /* [h, w, 16] */
    *gate = bn_layer_gate(g, e, bn_param(net->params, "decoder.gdt_convs_attn_%d.0", n));
    return true;
}

/* dst = enlarge(p * gate) + lateral(cat(full, enlarge(half))) */
static void join_level(bn_network *net, int n, bn_map p, const bn_map *gate, bn_map full, bn_map half,
                       bn_map dst)
{
    bn_graph *g = net->graph;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "decoder.lateral_block%d", n);
    bn_layer_linear_into(g, full, dst, bn_param_inputs(net->params, prefix, "conv", NULL, 0, full.c, true),
                         BN_LINEAR, false);
    const bn_map small = bn_layer_linear(
        g, half, dst.c, bn_param_inputs(net->params, prefix, "conv", NULL, full.c, half.c, false), BN_LINEAR,
        dst.type);
    bn_layer_resize_into(g, small, dst, 0, 0, NULL, true);
    bn_layer_resize_into(g, p, dst, 0, 0, gate, true);
}

bn_map bn_decoder(bn_network *net, bn_planes picture, const bn_features *full, const bn_features *half)
{
    static const char *const parts[] = {"decoder 1", "decoder 2", "decoder 3", "decoder 4"};
    const bn_arch *arch = net->arch;
    bn_graph *g = net->graph;
    bn_graph_part(g, "squeeze");
    const bn_map deepest = full->stage[BN_STAGES - 1];
    bn_map x = deepest_input(net, full, half);
    bn_network_note(net, BN_INNER_DEEPEST, x);
    x = bn_decoder_block(net, "squeeze_module.0", x);
    x = block_out(net, "squeeze_module.0", x, bn_arch_channels(arch, 0)); /* [H/32, W/32, 2 dims[3]] */
    bn_network_note(net, BN_INNER_SQUEEZED, x);
    bn_map input = block_input(net, 4, deepest.h, deepest.w);
    bn_layer_copy_into(g, x, bn_map_channels(input, 0, x.c));
    for (int n = 4; n > 1; n--) {
        bn_graph_part(g, parts[n - 1]);
        char prefix[64];
        snprintf(prefix, sizeof prefix, "decoder.decoder_block%d", n);
        add_picture(net, picture, n, input, bn_arch_channels(arch, 4 - n));
        const bn_map skip = full->stage[n - 2];
        x = bn_decoder_block(net, prefix, input);
        const bn_map p = block_out(net, prefix, x, bn_arch_channels(arch, 5 - n));
        bn_network_note(net, BN_INNER_BLOCK + 4 - n, p);
        bn_map gate = {0};
        const bool gated = gate_of(net, n, p, &gate);
        input = block_input(net, n - 1, skip.h, skip.w); /* twice the size */
        join_level(net, n, p, gated ? &gate : NULL, skip, half->stage[n - 2], bn_map_channels(input, 0, p.c));
    }
    bn_graph_part(g, parts[0]);
    add_picture(net, picture, 1, input, bn_arch_channels(arch, 3));
    x = bn_decoder_block(net, "decoder.decoder_block1", input); /* [H/4, W/4, inter] */
    const bn_conv_params one = {.out = 1, .kernel = 3, .stride = 1, .pad = 1, .type = BN_F32};
    const bn_map projected = bn_layer_conv(g, x, one, bn_param_projection(net->params)); /* [H/4, W/4, 1] */
    bn_graph_part(g, "logits");
    return bn_layer_logits(g, projected, picture, bn_param_picture_filter(net->params));
}
