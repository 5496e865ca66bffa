/* product_matrix.h - products by matrix cores, where the device has them. Private to nn/gpu. */
#ifndef BN_NN_GPU_PRODUCT_MATRIX_H
#define BN_NN_GPU_PRODUCT_MATRIX_H

#include "nn/gpu/product.h"

/* Appends the product's calls, if matrix cores can do it: operands in f16, rows whose parts lie at multiples of 16 bytes.
 * false: nothing was appended. BIREFNET_GPU_MATRIX=none in the environment: never. */
bool bn_gpu_product_matrix(bn_graph *graph, const bn_gpu_product_params *params);

/* Whether the environment says so, or the device does products faster without them (which is timed when first asked). */
bool bn_gpu_matrix_refused(const bn_graph *graph);

#endif
