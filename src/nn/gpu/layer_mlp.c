/* layer_mlp.c - the transformer's two-layer perceptron. */
#include "nn/gpu/layers.h"
#include "nn/gpu/norm.h"
#include "nn/gpu/product.h"

void bn_gpu_layer_mlp(bn_graph *graph, bn_map x, bn_mlp_params params)
{
    const bn_type type = bn_graph_type(graph);
    const bn_map normed = bn_graph_map(graph, x.h, x.w, x.c, type),
                 hidden = bn_graph_map(graph, x.h, x.w, params.hidden, type);
    bn_gpu_norm(graph, x, normed, params.eps, params.norm);
    bn_gpu_product_linear(graph, normed, hidden, params.fc1, BN_GELU, false);
    bn_gpu_product_linear(graph, hidden, x, params.fc2, BN_LINEAR, true);
}
