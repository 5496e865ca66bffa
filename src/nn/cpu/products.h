/* products.h - the same matrix product for several numbers of rows, sharing packed weights. Private to src/nn/cpu.
 *
 * Rows are done in pieces, each by one thread: one product serves whole pieces, others what is left over. oneDNN left
 * to itself would share out a product by the number of threads, sometimes along the sums, and results would depend on
 * it; pieces are the same for any number. */
#ifndef BN_NN_CPU_PRODUCTS_H
#define BN_NN_CPU_PRODUCTS_H

#include "nn/cpu/context.h"
#include "nn/cpu/product.h"

#define BN_PRODUCTS_MAX 16

typedef struct bn_products {
    bn_matmul_shape shape;   /* rows is set for each */
    const bn_source *source; /* while building only */
    int count;
    int rows[BN_PRODUCTS_MAX];
    bn_product *product[BN_PRODUCTS_MAX];
    size_t scratch_bytes; /* the most that any of them needs */
} bn_products;

/* Products for `rows` rows in pieces of `piece`: whole ones and the rest. */
void bn_products_pieces(bn_products *products, bn_graph *graph, int rows, int piece);

/* The product for exactly this many rows, made while building. */
bn_product *bn_products_get(const bn_products *products, int rows);

/* Index of the product for this many rows, made if there is none yet; the graph fails on failure. */
int bn_products_for(bn_products *products, bn_graph *graph, int rows);
void bn_products_destroy(bn_products *products);

#endif
