/* layer_conv.c - convolutions: products whose rows are the pixels under a filter's taps, never laid out in memory. */
#include "nn/gpu/layers.h"
#include "nn/gpu/product.h"

bn_map bn_gpu_layer_conv(bn_graph *graph, bn_map x, bn_conv_params params, const bn_source *source)
{
    const int k = params.kernel, s = params.stride, p = params.pad, taps = k * k;
    const bn_map dst =
        bn_graph_map(graph, (x.h + 2 * p - k) / s + 1, (x.w + 2 * p - k) / s + 1, params.out, params.type);
    const bool pixels = k == 1 && s == 1 && p == 0;
    const double filters = params.useful ? params.useful : params.out;
    const bn_gpu_product_params product = {.a = x,
                                           .loader = pixels ? BN_GPU_ROWS : BN_GPU_TAPS,
                                           .kernel = k,
                                           .stride = s,
                                           .pad = p,
                                           .weight = bn_gpu_pack_matrix(graph, source, params.out, x.c, taps),
                                           .bias = bn_gpu_pack_bias(graph, source, params.out),
                                           .dst = dst,
                                           .activation = params.activation,
                                           .macs = filters * bn_map_pixels(dst) * x.c * taps};
    bn_gpu_product(graph, &product);
    return dst;
}
