/* attention.h - what both kinds of attention on a graphics card share: tiles of keys and values in shared memory
 * (shaders/attention.glsl). Private to nn/gpu. */
#ifndef BN_NN_GPU_ATTENTION_H
#define BN_NN_GPU_ATTENTION_H

#include "base/size.h"
#include "nn/gpu/call.h"

#define BN_GPU_ATTEND_CHUNK 8 /* keys; every tile is a multiple of it */

/* Keys between two corrections of a softmax; a driver that computes on the CPU would compile 8 of them for 20 seconds. */
static inline uint32_t bn_gpu_attend_chunk(const bn_graph *graph)
{
    return bn_gpu_graph_facts(graph)->kind == BN_GPU_SOFTWARE ? 1 : BN_GPU_ATTEND_CHUNK;
}

/* Keys of a tile, all tiles about equal, whose keys, values and `more` bytes a key take at most `bytes`; 0: none fits. */
static inline uint32_t bn_gpu_attend_tile(size_t keys, size_t dim, size_t more, size_t bytes)
{
    const size_t each = bn_size_round_up(dim, 4) * 2 * sizeof(float) + more;
    const size_t most = bytes / each / BN_GPU_ATTEND_CHUNK * BN_GPU_ATTEND_CHUNK;
    if (most == 0) return 0;
    const size_t tiles = (keys + most - 1) / most;
    return (uint32_t)bn_size_round_up((keys + tiles - 1) / tiles, BN_GPU_ATTEND_CHUNK);
}

#endif
