/* layers.h - the layers of nn/layers.h as a CPU computes them, for the table in backend.c. Private to src/nn/cpu. */
#ifndef BN_NN_CPU_LAYERS_H
#define BN_NN_CPU_LAYERS_H

#include "nn/backend.h"

/* layer_image.c */
bn_planes bn_cpu_halve(bn_graph *graph, bn_planes picture);
bn_map bn_cpu_rearrange(bn_graph *graph, bn_planes picture, int h, int w, bn_rearrangement what);
bn_map bn_cpu_logits(bn_graph *graph, bn_map map, bn_planes picture, const bn_source *filter);

/* layer_basic.c, layer_conv.c */
void bn_cpu_linear_into(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                        bn_activation activation, bool add);
bn_map bn_cpu_conv(bn_graph *graph, bn_map x, bn_conv_params params, const bn_source *source);
bn_map bn_cpu_norm(bn_graph *graph, bn_map x, float eps, const bn_source *source, bn_type type);
void bn_cpu_norm_inplace(bn_graph *graph, bn_map x, float eps, const bn_source *source);
void bn_cpu_copy_into(bn_graph *graph, bn_map x, bn_map dst);
bn_map bn_cpu_gate(bn_graph *graph, bn_map x, const bn_source *source);
bn_map bn_cpu_depthwise_gelu(bn_graph *graph, bn_map x, const bn_source *source);

/* layer_window.c, layer_attention.c, layer_mlp.c */
void bn_cpu_window_attention(bn_graph *graph, bn_map x, bn_window_attention_params params);
bn_map bn_cpu_attention(bn_graph *graph, bn_map q, bn_map kv, int heads);
void bn_cpu_mlp(bn_graph *graph, bn_map x, bn_mlp_params params);
bn_map bn_cpu_patch_merge(bn_graph *graph, bn_map x, int out, float eps, const bn_source *norm,
                          const bn_source *linear);

/* layer_resize.c, layer_deform.c */
void bn_cpu_resize_into(bn_graph *graph, bn_map x, bn_map dst, int via_h, int via_w, const bn_map *gate,
                        bool add);
bn_map bn_cpu_pooled_bias(bn_graph *graph, bn_map x, int width, int out, const bn_source *pool,
                          const bn_source *weight);
bn_map bn_cpu_deform(bn_graph *graph, bn_map x, const bn_deform_params *params);

#endif
