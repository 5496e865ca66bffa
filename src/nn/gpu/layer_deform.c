/* layer_deform.c - the deformable branches of ASPP and the 1x1 convolution that joins them.
 *
 * A branch is a product whose rows are sampled while they are read: the samples, 49 times the map for a 7x7 branch, are never
 * laid out in memory. Offsets and positions are float32. */
#include "nn/gpu/layers.h"
#include "nn/gpu/product.h"

static void append_branch(bn_graph *graph, bn_map x, const bn_deform_branch *branch, bn_map dst)
{
    const int taps = branch->kernel * branch->kernel;
    const bn_gpu_product_params product = {.a = x,
                                           .loader = BN_GPU_SAMPLES,
                                           .kernel = branch->kernel,
                                           .offsets = branch->offsets,
                                           .offset = branch->offset,
                                           .modulator = branch->modulator,
                                           .weight =
                                               bn_gpu_pack_matrix(graph, branch->source, dst.c, taps * x.c,
                                                                  1), /* the source has channels last */
                                           .bias = bn_gpu_pack_bias(graph, branch->source, dst.c),
                                           .dst = dst,
                                           .activation = BN_RELU};
    bn_gpu_product(graph, &product);
}

bn_map bn_gpu_layer_deform(bn_graph *graph, bn_map x, const bn_deform_params *params)
{
    const int joined_width = params->branches * params->width;
    const bn_map joined = bn_graph_map(graph, x.h, x.w, joined_width, x.type);
    for (int i = 0; i < params->branches; i++)
        append_branch(graph, x, &params->branch[i],
                      bn_map_channels(joined, i * params->width, params->width));
    const bn_map dst = bn_graph_map(graph, x.h, x.w, params->out, x.type);
    const bn_gpu_product_params merge = {
        .a = joined,
        .loader = BN_GPU_ROWS,
        .weight = bn_gpu_pack_matrix(graph, params->merge, params->out, joined_width, 1),
        .bias_map = &params->merge_bias,
        .dst = dst,
        .activation = BN_RELU};
    bn_gpu_product(graph, &merge);
    return dst;
}
