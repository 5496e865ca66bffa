/* packs.h - packed weights on a graphics card, made once and shared by all graphs of a model that run there.
 *
 * Keyed by the name of their source and by layout. Any number of threads may build and run graphs over one store: the store
 * lends the device to one of them at a time. */
#ifndef BN_NN_GPU_PACKS_H
#define BN_NN_GPU_PACKS_H

#include "gpu/tiles.h"
#include "nn/map.h"
#include "nn/source.h"

typedef struct bn_gpu_packs bn_gpu_packs;

/* Over an opened device, borrowed: it outlives the store. */
bn_status bn_gpu_packs_create(bn_gpu *gpu, bn_gpu_packs **packs, bn_error *err);

/* A store that only counts, for a device of these facts: no weight is read and nothing goes to a device. Graphs over it can be
 * built and planned, for bn_gpu_packs_bytes and bn_graph_arena_bytes, but not run. */
bn_status bn_gpu_packs_create_counting(const bn_gpu_facts *facts, bn_gpu_packs **packs, bn_error *err);
bool bn_gpu_packs_counts(const bn_gpu_packs *packs);

void bn_gpu_packs_destroy(bn_gpu_packs **packs);

size_t bn_gpu_packs_bytes(bn_gpu_packs *packs);
const bn_gpu_facts *bn_gpu_packs_facts(const bn_gpu_packs *packs);

/* How fast the device does the tiles of products on matrix cores; found out when first asked. */
const bn_gpu_tile_speeds *bn_gpu_packs_tiles(bn_gpu_packs *packs);

/* The device, for this thread until it is given back; NULL in a store that only counts. */
bn_gpu *bn_gpu_packs_borrow(bn_gpu_packs *packs);
void bn_gpu_packs_give_back(bn_gpu_packs *packs);

/* Where the latest work space of graphs is kept (arena.h), with the device borrowed; and its size, 0: none, which any thread may ask. */
struct bn_gpu_arena **bn_gpu_packs_arena(bn_gpu_packs *packs);
void bn_gpu_packs_set_arena_bytes(bn_gpu_packs *packs, size_t bytes);
size_t bn_gpu_packs_arena_bytes(bn_gpu_packs *packs);

/* Numbers kept under `key`, `count` of `type`; where they are not there yet, make(context, numbers) fills them first. */
typedef bn_status (*bn_gpu_make_fn)(const void *context, float *numbers, bn_error *err);
bn_status bn_gpu_packs_get(bn_gpu_packs *packs, const char *key, size_t count, bn_type type,
                           bn_gpu_make_fn make, const void *context, bn_gpu_span *span, bn_error *err);

/* What all packs together took, ms: reading or making their numbers, rounding them, sending them to the device. */
typedef struct bn_gpu_pack_times {
    double make_ms, round_ms, send_ms;
} bn_gpu_pack_times;
bn_gpu_pack_times bn_gpu_packs_times(bn_gpu_packs *packs);

/* Bytes of the pack that begins there, 0: none does. */
size_t bn_gpu_packs_bytes_at(bn_gpu_packs *packs, bn_gpu_span span);

#endif
