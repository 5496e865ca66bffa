/* arena.c - see arena.h. */
#include "nn/gpu/arena.h"

#include <stdlib.h>

struct bn_gpu_arena {
    bn_gpu_buffer *buffer;
    size_t bytes;
    int graphs;
};

static bn_status create(bn_gpu *gpu, size_t bytes, bn_gpu_arena **arena, bn_error *err)
{
    bn_gpu_arena *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "work space");
    made->bytes = bytes;
    const bn_status status = bn_gpu_buffer_create(gpu, bytes, &made->buffer, err);
    if (status != BIREFNET_OK) {
        free(made);
        return status;
    }
    *arena = made;
    return BIREFNET_OK;
}

bn_status bn_gpu_arena_take(bn_gpu_packs *packs, bn_gpu *gpu, size_t bytes, bn_gpu_arena **arena,
                            bn_error *err)
{
    bn_gpu_arena **latest = bn_gpu_packs_arena(packs);
    if (!*latest || (*latest)->bytes < bytes) BN_TRY(create(gpu, bytes, latest, err));
    (*latest)->graphs++;
    bn_gpu_packs_set_arena_bytes(packs, (*latest)->bytes);
    *arena = *latest;
    return BIREFNET_OK;
}

void bn_gpu_arena_leave(bn_gpu_packs *packs, bn_gpu_arena **left)
{
    bn_gpu_arena *arena = *left;
    *left = NULL;
    if (!arena || --arena->graphs > 0) return;
    bn_gpu_arena **latest = bn_gpu_packs_arena(packs);
    if (*latest == arena) {
        *latest = NULL;
        bn_gpu_packs_set_arena_bytes(packs, 0);
    }
    bn_gpu_buffer_destroy(&arena->buffer);
    free(arena);
}

bn_gpu_buffer *bn_gpu_arena_buffer(const bn_gpu_arena *arena)
{
    return arena->buffer;
}
