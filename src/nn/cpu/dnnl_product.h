/* dnnl_product.h - the products of product.h by oneDNN. Private to product.c and dnnl.c. */
#ifndef BN_NN_CPU_DNNL_PRODUCT_H
#define BN_NN_CPU_DNNL_PRODUCT_H

#include "nn/cpu/product.h"

typedef struct bn_dnnl_product bn_dnnl_product;

bn_status bn_dnnl_matmul_create(bn_pack_store *packs, const bn_matmul_shape *shape, const bn_source *source,
                                bn_dnnl_product **product, bn_error *err);
bn_status bn_dnnl_conv_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                              bn_dnnl_product **product, bn_error *err);
void bn_dnnl_product_destroy(bn_dnnl_product **product);
size_t bn_dnnl_product_scratch_bytes(const bn_dnnl_product *product);
bn_status bn_dnnl_product_run_lane(bn_dnnl_product *product, int lane, const void *src, void *dst,
                                   const float *bias, void *scratch, bn_error *err);

#endif
