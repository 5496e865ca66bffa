/* packs.c - the store of packed weights on a graphics card. */
#include "nn/gpu/packs.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/half.h"
#include "base/parallel.h"
#include "base/size.h"
#include "gpu/tile_speeds.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN_BYTES 256
#define LARGEST     65504.0f           /* float16: weights saturate */
#define BLOCK_BYTES ((size_t)32 << 20) /* packs share blocks: drivers allow few allocations */

typedef struct entry {
    struct entry *next;
    char key[256];
    bn_gpu_span span;
    size_t bytes;
} entry;

typedef struct block {
    struct block *next;
    bn_gpu_buffer *buffer;
    size_t bytes, used;
} block;

struct bn_gpu_packs {
    pthread_mutex_t lock; /* of the device and all that follows */
    bn_gpu *gpu;          /* NULL: only counts */
    bn_gpu_facts facts;
    bn_gpu_tile_speeds tiles;
    bool has_tiles;
    block *blocks; /* the one that is being filled first */
    struct bn_gpu_arena *arena;
    atomic_size_t arena_bytes;
    entry *buckets[1024];
    size_t bytes;
    bn_gpu_pack_times times;
};

/* ---- the store ------------------------------------------------------------------------------------------------- */

static bn_status create(bn_gpu *gpu, const bn_gpu_facts *facts, bn_gpu_packs **packs, bn_error *err)
{
    bn_gpu_packs *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "packed weights");
    pthread_mutex_init(&made->lock, NULL);
    made->gpu = gpu;
    made->facts = *facts;
    *packs = made;
    return BIREFNET_OK;
}

bn_status bn_gpu_packs_create(bn_gpu *gpu, bn_gpu_packs **packs, bn_error *err)
{
    return create(gpu, bn_gpu_facts_of(gpu), packs, err);
}

bn_status bn_gpu_packs_create_counting(const bn_gpu_facts *facts, bn_gpu_packs **packs, bn_error *err)
{
    return create(NULL, facts, packs, err);
}

bool bn_gpu_packs_counts(const bn_gpu_packs *packs)
{
    return !packs->gpu;
}

void bn_gpu_packs_destroy(bn_gpu_packs **packs)
{
    bn_gpu_packs *p = *packs;
    if (!p) return;
    for (size_t i = 0; i < BN_COUNT(p->buckets); i++)
        for (entry *one = p->buckets[i], *next; one; one = next) {
            next = one->next;
            free(one);
        }
    for (block *one = p->blocks, *next; one; one = next) {
        next = one->next;
        bn_gpu_buffer_destroy(&one->buffer);
        free(one);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
    *packs = NULL;
}

size_t bn_gpu_packs_bytes(bn_gpu_packs *packs)
{
    pthread_mutex_lock(&packs->lock);
    const size_t bytes = packs->bytes;
    pthread_mutex_unlock(&packs->lock);
    return bytes;
}

const bn_gpu_facts *bn_gpu_packs_facts(const bn_gpu_packs *packs)
{
    return &packs->facts;
}

const bn_gpu_tile_speeds *bn_gpu_packs_tiles(bn_gpu_packs *packs)
{
    pthread_mutex_lock(&packs->lock);
    if (!packs->has_tiles) {
        if (packs->gpu)
            bn_gpu_tile_speeds_find(packs->gpu, &packs->tiles);
        else
            bn_gpu_tile_speeds_usual(&packs->tiles);
    }
    packs->has_tiles = true;
    pthread_mutex_unlock(&packs->lock);
    return &packs->tiles;
}

bn_gpu *bn_gpu_packs_borrow(bn_gpu_packs *packs)
{
    pthread_mutex_lock(&packs->lock);
    return packs->gpu;
}

void bn_gpu_packs_give_back(bn_gpu_packs *packs)
{
    pthread_mutex_unlock(&packs->lock);
}

struct bn_gpu_arena **bn_gpu_packs_arena(bn_gpu_packs *packs)
{
    return &packs->arena;
}

void bn_gpu_packs_set_arena_bytes(bn_gpu_packs *packs, size_t bytes)
{
    atomic_store(&packs->arena_bytes, bytes);
}

size_t bn_gpu_packs_arena_bytes(bn_gpu_packs *packs)
{
    return atomic_load(&packs->arena_bytes);
}

/* ---- numbers on their way to the device ------------------------------------------------------------------------ */

typedef struct rounding {
    const float *from;
    uint16_t *to;
} rounding;

static void round_some(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const rounding *call = context;
    for (size_t i = begin; i < end; i++) {
        const float value = call->from[i];
        call->to[i] = bn_half_round(value > LARGEST ? LARGEST : value < -LARGEST ? -LARGEST : value);
    }
}

bn_gpu_pack_times bn_gpu_packs_times(bn_gpu_packs *packs)
{
    pthread_mutex_lock(&packs->lock);
    const bn_gpu_pack_times times = packs->times;
    pthread_mutex_unlock(&packs->lock);
    return times;
}

static bn_status upload(bn_gpu_packs *packs, const entry *one, size_t count, bn_type type,
                        bn_gpu_make_fn make, const void *context, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    float *numbers = calloc(count, sizeof *numbers);
    uint16_t *halves = type == BN_F16 ? malloc(count * sizeof *halves) : NULL;
    if (!numbers || (type == BN_F16 && !halves))
        BN_TRY_DONE(bn_fail_memory(err, count * sizeof *numbers, "weights"));
    const double start = bn_clock_ms();
    BN_TRY_DONE(make(context, numbers, err));
    const double made = bn_clock_ms();
    rounding call = {numbers, halves};
    if (halves) bn_parallel_for(bn_cpu_threads(), count, round_some, &call);
    const double rounded = bn_clock_ms();
    /* the span's buffer is one of our blocks */
    BN_TRY_DONE(bn_gpu_upload((bn_gpu_buffer *)(uintptr_t)one->span.buffer, one->span.offset,
                              halves ? (const void *)halves : numbers, count * bn_type_size(type), err));
    packs->times.make_ms += made - start;
    packs->times.round_ms += rounded - made;
    packs->times.send_ms += bn_clock_ms() - rounded;
done:
    free(halves);
    free(numbers);
    return status;
}

/* ---- places on the device -------------------------------------------------------------------------------------- */

static bn_status add_block(bn_gpu_packs *packs, size_t bytes, bn_error *err)
{
    block *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "packed weights");
    const bn_status status = bn_gpu_buffer_create(packs->gpu, bytes, &made->buffer, err);
    if (status != BIREFNET_OK) {
        free(made);
        return status;
    }
    made->bytes = bytes;
    /* a block made for one large pack is full at once: the one that is being filled stays first */
    if (packs->blocks && bytes > BLOCK_BYTES) {
        made->next = packs->blocks->next;
        packs->blocks->next = made;
    } else {
        made->next = packs->blocks;
        packs->blocks = made;
    }
    return BIREFNET_OK;
}

static bool take_from(block *from, size_t bytes, bn_gpu_span *span)
{
    if (!from || from->bytes - from->used < bytes) return false;
    *span = (bn_gpu_span){from->buffer, from->used};
    from->used += bytes;
    return true;
}

static bn_status place(bn_gpu_packs *packs, size_t bytes, bn_gpu_span *span, bn_error *err)
{
    if (take_from(packs->blocks, bytes, span)) return BIREFNET_OK;
    BN_TRY(add_block(packs, BN_MAX(bytes, BLOCK_BYTES), err));
    if (!take_from(packs->blocks, bytes, span)) take_from(packs->blocks->next, bytes, span);
    return BIREFNET_OK;
}

/* ---- getting --------------------------------------------------------------------------------------------------- */

static entry **bucket_of(bn_gpu_packs *packs, const char *key)
{
    size_t hash = 5381;
    for (; *key; key++) hash = hash * 33 + (unsigned char)*key;
    return &packs->buckets[hash % BN_COUNT(packs->buckets)];
}

static entry *find(bn_gpu_packs *packs, const char *key)
{
    for (entry *one = *bucket_of(packs, key); one; one = one->next)
        if (strcmp(one->key, key) == 0) return one;
    return NULL;
}

/* What a store that only counts hands out for memory: never read, but not NULL, which would mean that there are no numbers. */
static const char nowhere;

static bn_status add(bn_gpu_packs *packs, const char *key, size_t count, bn_type type, bn_gpu_make_fn make,
                     const void *context, entry **added, bn_error *err)
{
    entry *one = calloc(1, sizeof *one);
    if (!one) return bn_fail_memory(err, sizeof *one, "packed weights");
    bn_status status = BIREFNET_OK;
    strncpy(one->key, key, sizeof one->key - 1);
    one->bytes = bn_size_round_up(count * bn_type_size(type), ALIGN_BYTES);
    one->span = (bn_gpu_span){(const bn_gpu_buffer *)(const void *)&nowhere, 0};
    if (packs->gpu) {
        BN_TRY_DONE(place(packs, one->bytes, &one->span, err));
        BN_TRY_DONE(upload(packs, one, count, type, make, context, err));
    }
    entry **bucket = bucket_of(packs, key);
    one->next = *bucket;
    *bucket = one;
    packs->bytes += one->bytes;
    *added = one;
done:
    if (status != BIREFNET_OK) free(one);
    return status;
}

bn_status bn_gpu_packs_get(bn_gpu_packs *packs, const char *key, size_t count, bn_type type,
                           bn_gpu_make_fn make, const void *context, bn_gpu_span *span, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    if (count == 0 || count > SIZE_MAX / 8)
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "%zu numbers of %s", count, key);
    if (count > UINT32_MAX) /* kernels number them by 32 bits */
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "%s: %zu numbers are too many for a graphics card", key,
                       count);
    pthread_mutex_lock(&packs->lock);
    entry *one = find(packs, key);
    if (!one) status = add(packs, key, count, type, make, context, &one, err);
    pthread_mutex_unlock(&packs->lock);
    if (status == BIREFNET_OK) *span = one->span;
    return status;
}

size_t bn_gpu_packs_bytes_at(bn_gpu_packs *packs, bn_gpu_span span)
{
    size_t bytes = 0;
    pthread_mutex_lock(&packs->lock);
    for (size_t i = 0; packs->gpu && i < BN_COUNT(packs->buckets) && !bytes; i++)
        for (const entry *one = packs->buckets[i]; one && !bytes; one = one->next)
            if (one->span.buffer == span.buffer && one->span.offset == span.offset) bytes = one->bytes;
    pthread_mutex_unlock(&packs->lock);
    return bytes;
}
