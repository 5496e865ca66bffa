/* dnnl.h - oneDNN, wrapped here and nowhere else: matrix products and convolutions with packed weights.
 *
 * A product is made for one shape while a graph is built, and run with pointers. The weights are packed for the
 * layout that oneDNN likes best for that shape; where the same weights are already packed in another layout that
 * oneDNN accepts, oneDNN's choice still decides (in practice it depends on the width only, so copies are shared). */
#ifndef BN_NN_DNNL_H
#define BN_NN_DNNL_H

#include "nn/map.h"
#include "nn/pack.h"

#include <stdbool.h>

/* Turn a failure of oneDNN into our error. */
bn_status bn_dnnl_check(dnnl_status_t status, const char *what, bn_error *err);

typedef enum bn_activation {
    BN_LINEAR = 0,
    BN_RELU,
    BN_GELU, /* with the error function, not tanh */
} bn_activation;

typedef struct bn_product bn_product; /* a matrix product or convolution, ready to run */

typedef struct bn_matmul_shape {
    int rows, in, out;
    bn_type src_type, dst_type;
    int src_stride, dst_stride; /* elements between rows */
    bn_activation activation;
    bool add; /* dst += instead of dst = */
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
    int lanes; /* as in bn_matmul_shape */
} bn_conv_shape;

bn_status bn_conv_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                         bn_product **product, bn_error *err);

void bn_product_destroy(bn_product **product);
size_t bn_product_scratch_bytes(const bn_product *product);

/* bias replaces the packed one where it is not NULL. scratch: bn_product_scratch_bytes, aligned to 64. `lane` (0 without
 * lanes) must not be in use by another call. */
bn_status bn_product_run_lane(bn_product *product, int lane, const void *src, void *dst, const float *bias,
                              void *scratch, bn_error *err);
bn_status bn_product_run(bn_product *product, const void *src, void *dst, const float *bias, void *scratch,
                         bn_error *err);

/* Hold oneDNN to a level of instructions, named as bn_isa_name does, for the whole process; before anything else is
 * asked of it. For programs, not for the library. */
void bn_dnnl_hold(const char *level);

#endif
