/* layers.h - the layers of nn/layers.h on a graphics card, for the table in backend.c. Private to src/nn/gpu. */
#ifndef BN_NN_GPU_LAYERS_H
#define BN_NN_GPU_LAYERS_H

#include "nn/backend.h"

/* layer_image.c */
bn_planes bn_gpu_layer_halve(bn_graph *graph, bn_planes picture);
bn_map bn_gpu_layer_rearrange(bn_graph *graph, bn_planes picture, int h, int w, bn_rearrangement what);
bn_map bn_gpu_layer_logits(bn_graph *graph, bn_map map, bn_planes picture, const bn_source *filter);

/* layer_linear.c, layer_conv.c, layer_norm.c, layer_small.c */
void bn_gpu_layer_linear_into(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                              bn_activation activation, bool add);
bn_map bn_gpu_layer_conv(bn_graph *graph, bn_map x, bn_conv_params params, const bn_source *source);
bn_map bn_gpu_layer_norm(bn_graph *graph, bn_map x, float eps, const bn_source *source, bn_type type);
void bn_gpu_layer_norm_inplace(bn_graph *graph, bn_map x, float eps, const bn_source *source);
void bn_gpu_layer_copy_into(bn_graph *graph, bn_map x, bn_map dst);
bn_map bn_gpu_layer_gate(bn_graph *graph, bn_map x, const bn_source *source);
bn_map bn_gpu_layer_depthwise_gelu(bn_graph *graph, bn_map x, const bn_source *source);

/* layer_window.c, layer_attention.c, layer_mlp.c */
void bn_gpu_layer_window_attention(bn_graph *graph, bn_map x, bn_window_attention_params params);
bn_map bn_gpu_layer_attention(bn_graph *graph, bn_map q, bn_map kv, int heads);
void bn_gpu_layer_mlp(bn_graph *graph, bn_map x, bn_mlp_params params);
bn_map bn_gpu_layer_patch_merge(bn_graph *graph, bn_map x, int out, float eps, const bn_source *norm,
                                const bn_source *linear);

/* layer_resize.c, layer_small.c, layer_deform.c */
void bn_gpu_layer_resize_into(bn_graph *graph, bn_map x, bn_map dst, int via_h, int via_w, const bn_map *gate,
                              bool add);
bn_map bn_gpu_layer_pooled_bias(bn_graph *graph, bn_map x, int width, int out, const bn_source *pool,
                                const bn_source *weight);
bn_map bn_gpu_layer_deform(bn_graph *graph, bn_map x, const bn_deform_params *params);

#endif
