/* winograd.h - convolutions of stride 1 with fewer multiplications, by our own kernels, float32 to float32. Private to product.c.
 *
 * Winograd's minimal filtering (Lavin and Gray, arXiv 1509.09308), along x only: four neighbours in a row come out of
 * kernel + 3 products in place of 4 * kernel; along y the taps are summed as ever. A pixel's bits depend on the rows that it
 * reads and on nothing else, so a map may be cut into any bands of rows. What is not finite reaches all four. */
#ifndef BN_NN_CPU_WINOGRAD_H
#define BN_NN_CPU_WINOGRAD_H

#include "nn/cpu/product.h"

typedef struct bn_winograd bn_winograd;

/* Whether it is for such a convolution; does not depend on its height. */
bool bn_winograd_takes(const bn_conv_shape *shape);

/* Rows of the result that one call should do where there are as many: the first of them read some that were read for the call before,
 * too. */
#define BN_WINOGRAD_ROWS 32

bn_status bn_winograd_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                             bn_winograd **winograd, bn_error *err);
void bn_winograd_destroy(bn_winograd **winograd);
size_t bn_winograd_scratch_bytes(const bn_winograd *winograd);

/* As bn_panel_product_run. */
void bn_winograd_run(const bn_winograd *winograd, const float *src, float *dst, const float *bias,
                     void *scratch);

#endif
