/* photo.h - bytes of photos and masks on a graphics card: 3 bytes a pixel go up instead of 12, and 1 comes down instead of 4.
 *
 * Bytes lie in float32 maps, four an element. */
#ifndef BN_NN_GPU_PHOTO_H
#define BN_NN_GPU_PHOTO_H

#include "nn/layers.h"

/* Room for `per_pixel` bytes a pixel of h x w, a multiple of 4 pixels, with nothing in it yet. */
bn_map bn_gpu_bytes(bn_graph *graph, int h, int w, int per_pixel);

/* A picture that the caller fills as planes, or as a photo's bytes. */
typedef struct bn_gpu_photo {
    bn_planes planes; /* an input */
    bn_map bytes;     /* an input: [h][w][3] (bn_gpu_bytes) */
    bn_map wanted;    /* an input: uint32, not 0 where the bytes are to become the planes */
} bn_gpu_photo;

/* Byte b of colour c becomes number [c][b] of the table's weight [3][256]. */
bn_gpu_photo bn_gpu_photo_input(bn_graph *graph, int h, int w, const bn_source *table);

typedef struct bn_gpu_mask {
    bn_map bytes;  /* [h][w] (bn_gpu_bytes): floor(255 / (1 + exp(-logit))), 0 where that is not a number */
    bn_map broken; /* uint32 [1][broken.w]: their sum is how many are not */
} bn_gpu_mask;

/* Of logits float32 [h][w][1], a multiple of 4 of them. */
bn_gpu_mask bn_gpu_mask_of(bn_graph *graph, bn_map logits);

#endif
