/* arena.h - work space on a graphics card, shared by the graphs of a model: their runs are done one after the other, and nothing
 * stays there from one to the next. Private to nn/gpu and the model's estimate. */
#ifndef BN_NN_GPU_ARENA_H
#define BN_NN_GPU_ARENA_H

#include "nn/gpu/packs.h"

typedef struct bn_gpu_arena bn_gpu_arena;

/* At least `bytes`: the latest of the store, or a larger one of its own. Taken and left while the device is borrowed. */
bn_status bn_gpu_arena_take(bn_gpu_packs *packs, bn_gpu *gpu, size_t bytes, bn_gpu_arena **arena,
                            bn_error *err);
void bn_gpu_arena_leave(bn_gpu_packs *packs, bn_gpu_arena **arena);
bn_gpu_buffer *bn_gpu_arena_buffer(const bn_gpu_arena *arena);

#endif
