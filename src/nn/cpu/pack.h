/* pack.h - weights in the layout that the machine multiplies fastest, made once and shared by all graphs.
 *
 * Keyed by the name of their source and by layout: two graphs of different sizes that want the same layout of the
 * same weights share one copy. Thread safe. */
#ifndef BN_NN_CPU_PACK_H
#define BN_NN_CPU_PACK_H

#include "nn/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bn_pack_store bn_pack_store;

bn_status bn_pack_store_create(bn_pack_store **store, bn_error *err);

/* A store that only counts: no weight is read and nothing is packed. Graphs over it can be built and planned, for
 * bn_pack_bytes and bn_graph_arena_bytes, but not run. */
bn_status bn_pack_store_create_counting(bn_pack_store **store, bn_error *err);
bool bn_pack_store_counts(const bn_pack_store *store);

void bn_pack_store_destroy(bn_pack_store **store);

size_t bn_pack_bytes(bn_pack_store *store);

/* `count` floats made by fill(context, numbers), kept under `key`: norms, bias tables, folded filters. */
typedef bn_status (*bn_fill_fn)(const void *context, float *numbers, bn_error *err);
bn_status bn_pack_floats(bn_pack_store *store, const char *key, size_t count, bn_fill_fn fill,
                         const void *context, const float **numbers, bn_error *err);

/* The same numbers rounded to bf16. */
bn_status bn_pack_bf16(bn_pack_store *store, const char *key, const float *numbers, size_t count,
                       const uint16_t **rounded, bn_error *err);

#endif
