/* layer_linear.c - layers that are one product over the rows of a map, and Swin's merging. */
#include "nn/gpu/layers.h"
#include "nn/gpu/norm.h"
#include "nn/gpu/product.h"

void bn_gpu_layer_linear_into(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                              bn_activation activation, bool add)
{
    bn_gpu_product_linear(graph, x, dst, source, activation, add);
}

bn_map bn_gpu_layer_patch_merge(bn_graph *graph, bn_map x, int out, float eps, const bn_source *norm,
                                const bn_source *linear)
{
    const int h = (x.h + 1) / 2, w = (x.w + 1) / 2;
    const bn_map dst = bn_graph_map(graph, h, w, out, BN_F32),
                 squares = bn_graph_map(graph, h, w, 4 * x.c, bn_graph_type(graph));
    bn_gpu_norm_squares(graph, x, squares, eps, norm);
    bn_gpu_product_linear(graph, squares, dst, linear, BN_LINEAR, false);
    return dst;
}
