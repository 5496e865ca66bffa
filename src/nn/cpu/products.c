/* products.c - one matrix product in several heights. */
#include "nn/cpu/products.h"

#include "base/size.h"

int bn_products_for(bn_products *products, bn_graph *graph, int rows)
{
    for (int i = 0; i < products->count; i++)
        if (products->rows[i] == rows) return i;
    if (bn_graph_failed(graph)) return 0;
    if (products->count == BN_PRODUCTS_MAX) {
        bn_graph_fail(graph, BIREFNET_ERROR_INTERNAL, "more than %d heights of one product", BN_PRODUCTS_MAX);
        return 0;
    }
    bn_matmul_shape shape = products->shape;
    shape.rows = rows;
    shape.kernels = bn_graph_kernels(graph);
    bn_product *made = NULL;
    const bn_status status =
        bn_matmul_create(bn_graph_packs(graph), &shape, products->source, &made, bn_graph_error(graph));
    if (status != BIREFNET_OK) {
        bn_graph_set_failed(graph, status);
        return 0;
    }
    products->rows[products->count] = rows;
    products->product[products->count] = made;
    products->scratch_bytes = BN_MAX(products->scratch_bytes, bn_product_scratch_bytes(made));
    return products->count++;
}

void bn_products_pieces(bn_products *products, bn_graph *graph, int rows, int piece)
{
    if (rows >= piece) bn_products_for(products, graph, piece);
    if (rows % piece) bn_products_for(products, graph, rows % piece);
}

bn_product *bn_products_get(const bn_products *products, int rows)
{
    for (int i = 0; i < products->count; i++)
        if (products->rows[i] == rows) return products->product[i];
    return NULL;
}

void bn_products_destroy(bn_products *products)
{
    for (int i = 0; i < products->count; i++) bn_product_destroy(&products->product[i]);
    products->count = 0;
}
