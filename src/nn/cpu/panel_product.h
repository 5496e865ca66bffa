/* panel_product.h - the products of product.h by our own kernels, float32 to float32. Private to product.c. */
#ifndef BN_NN_CPU_PANEL_PRODUCT_H
#define BN_NN_CPU_PANEL_PRODUCT_H

#include "nn/cpu/product.h"

typedef struct bn_panel_product bn_panel_product;

bn_status bn_panel_matmul_create(bn_pack_store *packs, const bn_matmul_shape *shape, const bn_source *source,
                                 bn_panel_product **product, bn_error *err);
bn_status bn_panel_conv_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                               bn_panel_product **product, bn_error *err);
void bn_panel_product_destroy(bn_panel_product **product);
size_t bn_panel_product_scratch_bytes(const bn_panel_product *product);

/* On the caller's thread; any number of calls at a time. */
void bn_panel_product_run(const bn_panel_product *product, const float *src, float *dst, const float *bias,
                          void *scratch);

#endif
