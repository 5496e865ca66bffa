/* product.h - matrix products and convolutions with packed weights, ready to run: our own in float32 on CPUs where they
 * are faster (panel_product.h, winograd.h), oneDNN's otherwise (dnnl_product.h).
 *
 * A product is made for one shape while a graph is built, and run with pointers. The weights are packed for the
 * layout that is fastest for that shape; where the same weights are already packed in another layout that would do,
 * the fastest still decides (in practice it depends on the width only, so copies are shared). */
#ifndef BN_NN_CPU_PRODUCT_H
#define BN_NN_CPU_PRODUCT_H

#include "nn/cpu/kernels.h"
#include "nn/cpu/pack.h"
#include "nn/map.h"

#include <stdbool.h>

typedef struct bn_product bn_product; /* a matrix product or convolution, ready to run */

typedef struct bn_matmul_shape {
    int rows, in, out;
    bn_type src_type, dst_type;
    int src_stride, dst_stride; /* elements between rows */
    bn_activation activation;
    bool add;                  /* dst += instead of dst = */
    const bn_kernels *kernels; /* ours may be taken from here; NULL: oneDNN */
    int lanes; /* 0: one call at a time, on all threads; n: up to n calls at a time, each on its caller's thread alone */
} bn_matmul_shape;

/* dst[rows][out] (+)= activation(src[rows][in] * weight[out][in]^T + bias[out]); weights rounded to src_type. */
bn_status bn_matmul_create(bn_pack_store *packs, const bn_matmul_shape *shape, const bn_source *source,
                           bn_product **product, bn_error *err);

typedef struct bn_conv_shape {
    int h, w, in, out;                 /* of the input; channels last, dense */
    int kernel, stride;                /* square */
    int pad_top, pad_bottom, pad_side; /* zeros around the input */
    bn_type src_type, dst_type;
    bn_activation activation;
    const bn_kernels *kernels; /* as in bn_matmul_shape */
    int lanes;                 /* as in bn_matmul_shape */
} bn_conv_shape;

/* Rows of the result that one call should do where there are as many; 0: it does not matter. shape->h does not count. */
int bn_conv_rows(const bn_conv_shape *shape);

bn_status bn_conv_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                         bn_product **product, bn_error *err);

void bn_product_destroy(bn_product **product);
size_t bn_product_scratch_bytes(const bn_product *product);

/* bias replaces the packed one where it is not NULL. scratch: bn_product_scratch_bytes, aligned to 64. `lane` (0 without
 * lanes) must not be in use by another call. */
bn_status bn_product_run_lane(bn_product *product, int lane, const void *src, void *dst, const float *bias,
                              void *scratch, bn_error *err);

#endif
