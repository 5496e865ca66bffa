/* attention.h - what both kinds of attention on a graphics card share: tiles of keys and values in shared memory
 * (shaders/attention.glsl). Private to nn/gpu. */
#ifndef BN_NN_GPU_ATTENTION_H
#define BN_NN_GPU_ATTENTION_H

#include "base/size.h"
#include "nn/gpu/call.h"

#include <stdbool.h>

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

/* ---- on matrix cores (shaders/matrix/softmax.glsl) ------------------------------------------------------------- */

#define BN_GPU_LOG2_E 1.44269504f /* exponentials are of 2 */

static inline bool bn_gpu_by_eights(bn_map map)
{
    return map.type == BN_F16 && map.stride % 8 == 0 && map.offset % 8 == 0;
}

/* Whether heads of `dim` numbers are cut into the device's fragments, as the shaders' heads say. They read biases and write
 * shares as f16 fragments of sums, which not every device with matrix cores has. */
static inline bool bn_gpu_matrix_heads(const bn_gpu_facts *facts, int dim)
{
    const int m = facts->matrix_m, n = facts->matrix_n, k = facts->matrix_k;
    return facts->matrix_half && dim % 8 == 0 && dim % m == 0 && dim % n == 0 && dim % k == 0 &&
           2 * n <= dim && n % 8 == 0 && facts->subgroup % m == 0;
}

/* `count` rounded up to whole fragments of any of their sides, which are powers of two. */
static inline int bn_gpu_matrix_round_up(const bn_gpu_facts *facts, int count)
{
    const int sides = BN_MAX(facts->matrix_m, BN_MAX(facts->matrix_n, facts->matrix_k)),
              most = BN_MAX(sides, 1);
    return (count + most - 1) / most * most;
}

/* Quads of 8 numbers of a row in shared memory: one more than a head has, against bank conflicts, where that fits. */
static inline int bn_gpu_matrix_pitch(const bn_gpu_facts *facts, int dim, int rows)
{
    const int pitch = dim / 8 + 1;
    return rows * pitch * 16 <= facts->shared_bytes ? pitch : pitch - 1;
}

static inline uint32_t bn_gpu_matrix_fragment(const bn_gpu_facts *facts)
{
    return (uint32_t)facts->matrix_m | (uint32_t)facts->matrix_n << 8 | (uint32_t)facts->matrix_k << 16 |
           (uint32_t)facts->subgroup << 24;
}

#endif
