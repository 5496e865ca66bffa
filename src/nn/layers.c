/* layers.c - layers go to the graph's backend. */
#include "nn/backend.h"

/* Whether the backend has this layer; the graph fails where it has not, and what stands for the layer's map is any that has a
 * shape. */
#define HAS(graph, layer) has(graph, bn_graph_backend(graph)->layer != NULL, #layer)

static bool has(bn_graph *graph, bool there, const char *layer)
{
    if (!there)
        bn_graph_fail(graph, BIREFNET_ERROR_UNSUPPORTED, "no layer '%s' on a %s", layer,
                      bn_graph_backend(graph)->name);
    return there;
}

/* ---- picture in, logits out ---------------------------------------------------------------------------------- */

bn_planes bn_planes_make(bn_graph *graph, int h, int w)
{
    return (bn_planes){h, w, bn_graph_map(graph, 3 * h, w, 1, BN_F32)};
}

bn_planes bn_layer_input(bn_graph *graph, int h, int w)
{
    const bn_planes picture = bn_planes_make(graph, h, w);
    bn_graph_input(graph, picture.memory);
    return picture;
}

bn_planes bn_layer_halve(bn_graph *graph, bn_planes picture)
{
    if (!HAS(graph, halve)) return picture;
    return bn_graph_backend(graph)->halve(graph, picture);
}

static bn_map rearrange(bn_graph *graph, bn_planes picture, int h, int w, bn_rearrangement what)
{
    if (!HAS(graph, rearrange)) return picture.memory;
    return bn_graph_backend(graph)->rearrange(graph, picture, h, w, what);
}

bn_map bn_layer_patches(bn_graph *graph, bn_planes picture, int size)
{
    return rearrange(graph, picture, picture.h / size, picture.w / size,
                     (bn_rearrangement){.down = size,
                                        .across = size,
                                        .row_step = size,
                                        .row_tile = 1,
                                        .column_step = size,
                                        .column_tile = 1});
}

bn_map bn_layer_tiles(bn_graph *graph, bn_planes picture, int gy, int gx, bool grid_order)
{
    return rearrange(graph, picture, picture.h / gy, picture.w / gx,
                     (bn_rearrangement){.down = gy,
                                        .across = gx,
                                        .row_step = 1,
                                        .row_tile = picture.h / gy,
                                        .column_step = 1,
                                        .column_tile = picture.w / gx,
                                        .grid_order = grid_order});
}

bn_map bn_layer_logits(bn_graph *graph, bn_map map, bn_planes picture, const bn_source *filter)
{
    if (!HAS(graph, logits)) return map;
    return bn_graph_backend(graph)->logits(graph, map, picture, filter);
}

/* ---- products and norms -------------------------------------------------------------------------------------- */

void bn_layer_linear_into(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                          bn_activation activation, bool add)
{
    if (HAS(graph, linear_into)) bn_graph_backend(graph)->linear_into(graph, x, dst, source, activation, add);
}

bn_map bn_layer_linear(bn_graph *graph, bn_map x, int out, const bn_source *source, bn_activation activation,
                       bn_type type)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, out, type);
    bn_layer_linear_into(graph, x, dst, source, activation, false);
    return dst;
}

bn_map bn_layer_conv(bn_graph *graph, bn_map x, bn_conv_params params, const bn_source *source)
{
    if (!HAS(graph, conv)) return x;
    return bn_graph_backend(graph)->conv(graph, x, params, source);
}

bn_map bn_layer_norm(bn_graph *graph, bn_map x, float eps, const bn_source *source, bn_type type)
{
    if (!HAS(graph, norm)) return x;
    return bn_graph_backend(graph)->norm(graph, x, eps, source, type);
}

void bn_layer_norm_inplace(bn_graph *graph, bn_map x, float eps, const bn_source *source)
{
    if (HAS(graph, norm_inplace)) bn_graph_backend(graph)->norm_inplace(graph, x, eps, source);
}

void bn_layer_copy_into(bn_graph *graph, bn_map x, bn_map dst)
{
    if (HAS(graph, copy_into)) bn_graph_backend(graph)->copy_into(graph, x, dst);
}

bn_map bn_layer_gate(bn_graph *graph, bn_map x, const bn_source *source)
{
    if (!HAS(graph, gate)) return x;
    return bn_graph_backend(graph)->gate(graph, x, source);
}

bn_map bn_layer_depthwise_gelu(bn_graph *graph, bn_map x, const bn_source *source)
{
    if (!HAS(graph, depthwise_gelu)) return x;
    return bn_graph_backend(graph)->depthwise_gelu(graph, x, source);
}

/* ---- transformer blocks -------------------------------------------------------------------------------------- */

void bn_layer_window_attention(bn_graph *graph, bn_map x, bn_window_attention_params params)
{
    if (HAS(graph, window_attention)) bn_graph_backend(graph)->window_attention(graph, x, params);
}

bn_map bn_layer_attention(bn_graph *graph, bn_map q, bn_map kv, int heads)
{
    if (!HAS(graph, attention)) return q;
    return bn_graph_backend(graph)->attention(graph, q, kv, heads);
}

void bn_layer_mlp(bn_graph *graph, bn_map x, bn_mlp_params params)
{
    if (HAS(graph, mlp)) bn_graph_backend(graph)->mlp(graph, x, params);
}

bn_map bn_layer_patch_merge(bn_graph *graph, bn_map x, int out, float eps, const bn_source *norm,
                            const bn_source *linear)
{
    if (!HAS(graph, patch_merge)) return x;
    return bn_graph_backend(graph)->patch_merge(graph, x, out, eps, norm, linear);
}

/* ---- decoder -------------------------------------------------------------------------------------------------- */

void bn_layer_resize_into(bn_graph *graph, bn_map x, bn_map dst, int via_h, int via_w, const bn_map *gate,
                          bool add)
{
    if (HAS(graph, resize_into)) bn_graph_backend(graph)->resize_into(graph, x, dst, via_h, via_w, gate, add);
}

bn_map bn_layer_pooled_bias(bn_graph *graph, bn_map x, int width, int out, const bn_source *pool,
                            const bn_source *weight)
{
    if (!HAS(graph, pooled_bias)) return x;
    return bn_graph_backend(graph)->pooled_bias(graph, x, width, out, pool, weight);
}

bn_map bn_layer_deform(bn_graph *graph, bn_map x, const bn_deform_params *params)
{
    if (!HAS(graph, deform)) return x;
    return bn_graph_backend(graph)->deform(graph, x, params);
}
