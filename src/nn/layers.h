/* layers.h - what networks are made of: each function has the graph's backend (backend.h)
 * append operations to it and returns the map that they make.
 *
 * "type" without more is the graph's activation type (float32, bf16 or f16). Norms, softmax, sampling positions and the
 * residual stream of the backbones are float32 always. Weights come from sources (source.h), float32 [out][in](,k,k). */
#ifndef BN_NN_LAYERS_H
#define BN_NN_LAYERS_H

#include "nn/graph.h"
#include "nn/source.h"

/* ---- picture in, logits out ---------------------------------------------------------------------------------- */

/* A planar picture, float32 [3][h][w]. */
typedef struct bn_planes {
    int h, w;
    bn_map memory;
} bn_planes;

bn_planes bn_planes_make(bn_graph *graph, int h, int w); /* with nothing in it yet */

bn_planes bn_layer_input(bn_graph *graph, int h,
                         int w); /* filled by the caller: bn_graph_data(.., .memory) */
bn_planes bn_layer_halve(bn_graph *graph,
                         bn_planes picture); /* bilinear, corners aligned, to [3][h/2][w/2] */

/* Squares of `size` pixels as rows: [h/size, w/size, 3 * size^2], channels (colour, y, x). */
bn_map bn_layer_patches(bn_graph *graph, bn_planes picture, int size);

/* The picture cut into gy x gx tiles that are laid over each other as channels: [h/gy, w/gx, 3 * gy * gx], channels
 * (colour, gy, gx), or (gx, gy, colour) with grid_order. */
bn_map bn_layer_tiles(bn_graph *graph, bn_planes picture, int gy, int gx, bool grid_order);

/* What bn_layer_logits adds to the enlarged map: two 3x3 convolutions of the picture and a 1x1 projection to one
 * channel, multiplied out. The source's weight holds these floats in this order. */
typedef struct bn_picture_filter {
    float whole[3][25]; /* 5x5 filter for pixels that are not on the border */
    float whole_bias;
    float tap[9][3]
             [9]; /* share of each tap of the outer 3x3: border pixels leave out taps beyond the picture */
    float tap_bias[9];
    float bias; /* without any tap */
} bn_picture_filter;

/* logits float32 [h][w][1] of the picture's size: map (float32 [.., .., 1]) enlarged bilinearly, corners aligned,
 * plus the picture filtered. */
bn_map bn_layer_logits(bn_graph *graph, bn_map map, bn_planes picture, const bn_source *filter);

/* ---- products and norms --------------------------------------------------------------------------------------- */

/* dst (+)= activation(x * weight^T + bias), pixel by pixel. */
void bn_layer_linear_into(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                          bn_activation activation, bool add);
bn_map bn_layer_linear(bn_graph *graph, bn_map x, int out, const bn_source *source, bn_activation activation,
                       bn_type type);

typedef struct bn_conv_params {
    int out, kernel, stride, pad;
    bn_activation activation;
    bn_type type; /* of the result */
    int useful;   /* filters that are not padding, for counting work; 0 = all of `out` */
} bn_conv_params;

bn_map bn_layer_conv(bn_graph *graph, bn_map x, bn_conv_params params, const bn_source *source);

/* Layer norm over channels of a float32 map; source: weight [c], bias [c]. */
bn_map bn_layer_norm(bn_graph *graph, bn_map x, float eps, const bn_source *source, bn_type type);
void bn_layer_norm_inplace(bn_graph *graph, bn_map x, float eps, const bn_source *source);

void bn_layer_copy_into(bn_graph *graph, bn_map x, bn_map dst); /* same type */

/* sigmoid(x . weight + bias): float32 [h][w][1]; source: weight [1][c]. */
bn_map bn_layer_gate(bn_graph *graph, bn_map x, const bn_source *source);

/* Depthwise 3x3 convolution, then GELU; source: weight [c][1][3][3]. */
bn_map bn_layer_depthwise_gelu(bn_graph *graph, bn_map x, const bn_source *source);

/* ---- transformer blocks ---------------------------------------------------------------------------------------- */

typedef struct bn_window_attention_params {
    int window, shift, heads;
    float eps;              /* of the norm */
    const bn_source *norm;  /* [c] */
    const bn_source *qkv;   /* [3c][c] */
    const bn_source *table; /* relative position bias [(2 window - 1)^2][heads]; no bias */
    const bn_source *proj;  /* [c][c] */
} bn_window_attention_params;

/* x += proj(attention in windows(norm(x))), x float32 [h][w][c]. The map is padded with zeros after the norm to whole
 * windows; with shift, it is rolled by -shift and tokens that the roll brought together do not see each other. */
void bn_layer_window_attention(bn_graph *graph, bn_map x, bn_window_attention_params params);

/* [h, w, c] heads side by side: softmax(q k^T / sqrt(c / heads)) v over all rows of kv, [.., .., 2c]: keys, values. */
bn_map bn_layer_attention(bn_graph *graph, bn_map q, bn_map kv, int heads);

typedef struct bn_mlp_params {
    int hidden;
    float eps;
    const bn_source *norm, *fc1, *fc2;
} bn_mlp_params;

/* x += fc2(gelu(fc1(norm(x)))), x float32. */
void bn_layer_mlp(bn_graph *graph, bn_map x, bn_mlp_params params);

/* Swin's downsampling: pixels (0,0) (1,0) (0,1) (1,1) (y, x) of each 2x2 square side by side, zeros beyond an odd edge,
 * norm, linear to `out`: float32 [ceil(h/2)][ceil(w/2)][out]. */
bn_map bn_layer_patch_merge(bn_graph *graph, bn_map x, int out, float eps, const bn_source *norm,
                            const bn_source *linear);

/* ---- decoder --------------------------------------------------------------------------------------------------- */

/* dst (+)= x * gate resized bilinearly, corners aligned, to dst's size; with via_h, via_w not 0, as if resized to that
 * size first. gate: float32 [h][w][1] of x's size, or NULL. */
void bn_layer_resize_into(bn_graph *graph, bn_map x, bn_map dst, int via_h, int via_w, const bn_map *gate,
                          bool add);

/* bias[1][1][out] (float32) = base + weight . relu(pool . mean over pixels of x + pool_bias). */
bn_map bn_layer_pooled_bias(bn_graph *graph, bn_map x, int width, int out, const bn_source *pool,
                            const bn_source *weight);

#define BN_DEFORM_MAX_BRANCHES 8

typedef struct bn_deform_branch {
    int kernel;
    bn_map offsets;        /* float32 [h][w][..]: (dy, dx) for kernel^2 taps from channel `offset` on, and */
    int offset, modulator; /* one modulator for each tap from channel `modulator` on */
    const bn_source *source; /* weight [width][kernel][kernel][c] */
} bn_deform_branch;

typedef struct bn_deform_params {
    int branches, width, out;
    bn_deform_branch branch[BN_DEFORM_MAX_BRANCHES];
    const bn_source *merge; /* weight [out][branches * width] */
    bn_map merge_bias;      /* float32 [1][1][out]; replaces merge's */
} bn_deform_params;

/* relu(merge . cat over branches of relu(modulated deformable convolution of x)), [h][w][out]. */
bn_map bn_layer_deform(bn_graph *graph, bn_map x, const bn_deform_params *params);

#endif
