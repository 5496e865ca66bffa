/* product.h - the one way to multiply matrices on a graphics card: dst (+)= activation(A W^T + bias), A rows of a map,
 * pixels under the taps of a filter, or sampled at offsets. Private to nn/gpu.
 *
 * W is a pack of bn_gpu_pack_matrix. Sums are float32, in an order that shapes alone decide: the same bytes in every run.
 * Which kernel does it is decided here: product.comp, or one with matrix cores where the device has them. */
#ifndef BN_NN_GPU_PRODUCT_H
#define BN_NN_GPU_PRODUCT_H

#include "nn/gpu/call.h"

/* How the rows of A are read; LOADER in shaders/rows.glsl. */
typedef enum bn_gpu_loader {
    BN_GPU_ROWS = 0, /* row i is pixel i of the map: depth a.c */
    BN_GPU_TAPS,     /* row i is kernel x kernel pixels around pixel i of dst, zeros outside of the map: depth
                        kernel^2 * a.c, (tap, channel) */
    BN_GPU_SAMPLES, /* the same, each tap moved by an offset, sampled bilinearly and modulated (layers.h, deform) */
} bn_gpu_loader;

typedef struct bn_gpu_product_params {
    bn_map a; /* float32 or the graph's type */
    bn_gpu_loader loader;
    int kernel, stride, pad; /* TAPS; SAMPLES: kernel alone, stride 1, pad kernel / 2 */
    bn_map offsets;          /* SAMPLES: float32, as bn_deform_branch */
    int offset, modulator;   /* SAMPLES: first channels in offsets */
    bn_gpu_span weight;      /* [dst.c][depth], padded */
    bn_gpu_span bias;        /* float32; buffer NULL: none, or bias_map */
    const bn_map *bias_map;  /* float32 [1][1][dst.c], instead of bias; NULL: none */
    bn_map dst;              /* float32 or the graph's type; may be a slice of channels */
    bn_activation activation;
    bool add;    /* onto what is in dst, before the activation; never the map that is read */
    double macs; /* for counting; 0: pixels of dst * depth * dst.c */
} bn_gpu_product_params;

void bn_gpu_product(bn_graph *graph, const bn_gpu_product_params *params);

/* The common case, a source's weight and bias over the rows of x. */
void bn_gpu_product_linear(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                           bn_activation activation, bool add);

/* Elements of A's rows: columns of W that count. */
static inline int bn_gpu_product_depth(const bn_gpu_product_params *params)
{
    return params->loader == BN_GPU_ROWS ? params->a.c : params->kernel * params->kernel * params->a.c;
}

#endif
