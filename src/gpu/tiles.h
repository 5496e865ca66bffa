/* tiles.h - the kernel MATRIX_PRODUCT: which tiles it can work in, and the calls that make a product with one of them.
 *
 * A work group computes a tile of the result. It reads A and W in steps along the depth into shared memory, and each of its
 * subgroups multiplies a part. Which tile is best depends on the card and the shape: bench/gpu_products.c measures, and
 * bn_gpu_tile_choose decides. */
#ifndef BN_GPU_TILES_H
#define BN_GPU_TILES_H

#include "gpu/gpu.h"

typedef struct bn_gpu_tile {
    uint16_t rows, columns;            /* of the result */
    uint8_t depth;                     /* of a step */
    uint8_t along_rows, along_columns; /* subgroups */
    uint8_t buffers;  /* of a step's operands in shared memory: 1, or 2 to fill one while the other is used */
    uint8_t order;    /* of reading fragments: ORDER in shaders/matrix/matrix_product.comp */
    uint8_t prefetch; /* the next step is read from memory before this one is multiplied */
    uint8_t worth;    /* products a second in full tiles, beside the others */
} bn_gpu_tile;

#define BN_GPU_TILES 64 /* at most */
extern const bn_gpu_tile bn_gpu_tiles[];
extern const int bn_gpu_tile_count;

#define BN_GPU_LOADERS 3 /* rows, taps, samples */

/* As bn_gpu_tile.worth, of a device, by loader; 0: the tile is not to be taken. */
typedef struct bn_gpu_tile_speeds {
    float worth[BN_GPU_LOADERS][BN_GPU_TILES];
} bn_gpu_tile_speeds;

/* Whether a device can take it: fragments, invocations, shared memory. */
bool bn_gpu_tile_fits(const bn_gpu_tile *tile, const bn_gpu_facts *facts);
int bn_gpu_tile_shared_bytes(const bn_gpu_tile *tile, const bn_gpu_facts *facts);

/* A product, in the kernel's words (shaders/matrix/matrix_product.comp). */
typedef struct bn_gpu_shape {
    int rows, columns, depth;
    int loader, activation, a_type, dst_type; /* as the kernel has them */
    bool add, aligned;
} bn_gpu_shape;

/* Constants of the kernel; number 5 and groups follow from pieces, into which the depth is cut. */
void bn_gpu_tile_constants(const bn_gpu_tile *tile, const bn_gpu_facts *facts, const bn_gpu_shape *shape,
                           int pieces, uint32_t constant[BN_GPU_CONSTANTS]);
uint32_t
bn_gpu_tile_result(const bn_gpu_shape *shape); /* constant 5 of a product in one piece, and of SUMS */
void bn_gpu_tile_groups(const bn_gpu_tile *tile, const bn_gpu_shape *shape, int pieces, uint32_t groups[2]);

/* Into how many pieces the depth is cut, so that a product with few rows and columns keeps a large card busy. By the shape
 * alone: sums are the same whichever tile is taken. */
int bn_gpu_tile_pieces(const bn_gpu_shape *shape);

/* The tile that should be fastest on a device of these facts and speeds; NULL: none will do. */
const bn_gpu_tile *bn_gpu_tile_choose(const bn_gpu_facts *facts, const bn_gpu_tile_speeds *speeds,
                                      const bn_gpu_shape *shape, int pieces);

#endif
