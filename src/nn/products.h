/* products.h - the same matrix product for several numbers of rows, sharing packed weights. Private to src/nn.
 *
 * Layers that work in bands (so that what lies between two products stays in the cache) need one product for whole
 * bands and others for what is left over. */
#ifndef BN_NN_PRODUCTS_H
#define BN_NN_PRODUCTS_H

#include "nn/op.h"

#define BN_PRODUCTS_MAX 8

typedef struct bn_products {
    bn_matmul_shape shape;   /* rows is set for each */
    const bn_source *source; /* while building only */
    int count;
    int rows[BN_PRODUCTS_MAX];
    bn_product *product[BN_PRODUCTS_MAX];
    size_t scratch_bytes; /* the most that any of them needs */
} bn_products;

/* Index of the product for this many rows, made if there is none yet; the graph fails on failure. */
int bn_products_for(bn_products *products, bn_graph *graph, int rows);
void bn_products_destroy(bn_products *products);

#endif
