/* tile_speeds.h - how fast a device does the tiles of tiles.h: as the table has it, or measured there and remembered. */
#ifndef BN_GPU_TILE_SPEEDS_H
#define BN_GPU_TILE_SPEEDS_H

#include "gpu/tiles.h"

/* What the table says. */
void bn_gpu_tile_speeds_usual(bn_gpu_tile_speeds *speeds);

/* Times the tiles, and what needs no matrix cores, on the device for 2 ms each, for rows, filters and samples, once: what an earlier call measured with the same device, driver and version is taken
 * from the user's cache folder. Software devices are not measured. Never fails: then it is the table. */
void bn_gpu_tile_speeds_find(bn_gpu *gpu, bn_gpu_tile_speeds *speeds);

/* The same without the cache folder. */
bn_status bn_gpu_tile_speeds_measure(bn_gpu *gpu, bn_gpu_tile_speeds *speeds, bn_error *err);

/* 10^9 products a second of the kernel that needs no matrix cores, in float16 and its largest tile. */
bn_status bn_gpu_plain_speed(bn_gpu *gpu, int rows, int columns, int depth, float *worth, bn_error *err);

/* Where that is faster than every tile, none is taken any more. */
void bn_gpu_tile_speeds_settle(bn_gpu_tile_speeds *speeds, float plain_worth);

#endif
