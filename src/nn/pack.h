/* pack.h - weights in the layout that the machine multiplies fastest, made once and shared by all graphs.
 *
 * Keyed by the name of their source and by layout: two graphs of different sizes that want the same layout of the
 * same weights share one copy. Thread safe. */
#ifndef BN_NN_PACK_H
#define BN_NN_PACK_H

#include "base/error.h"

#include <dnnl.h>
#include <stdbool.h>

typedef struct bn_pack_store bn_pack_store;

/* Where the numbers of one layer come from: a struct whose first member this is (src/model/params.h). Sources are
 * read only while a graph is built. */
typedef struct bn_source bn_source;
struct bn_source {
    char key[192]; /* names these numbers within a model */
    /* Fill weight, float32 [out][in][kernel][kernel] ([out][in] for linear layers), and bias [out] (zeros where the
     * layer has none). Either may be NULL: not wanted. */
    bn_status (*load)(const bn_source *source, float *weight, float *bias, bn_error *err);
    const float *(*borrow)(
        const bn_source *source);            /* weight in place, or NULL; the function may be NULL, too */
    void (*forget)(const bn_source *source); /* the numbers were packed; may be NULL */
};

typedef struct bn_pack {
    dnnl_memory_t weight; /* NULL if only numbers were asked for */
    float *bias;          /* [out] */
} bn_pack;

bn_status bn_pack_store_create(bn_pack_store **store, bn_error *err);

/* A store that only counts: no weight is read and nothing is packed. Graphs over it can be built and planned, for
 * bn_pack_bytes and bn_graph_arena_bytes, but not run. */
bn_status bn_pack_store_create_counting(bn_pack_store **store, bn_error *err);
bool bn_pack_store_counts(const bn_pack_store *store);

void bn_pack_store_destroy(bn_pack_store **store);

dnnl_engine_t bn_pack_engine(const bn_pack_store *store);
size_t bn_pack_bytes(bn_pack_store *store);

/* The weights of source, whose plain float32 layout is `plain`, in layout `packed`; and its bias of `outs` floats.
 * The pack belongs to the store. */
bn_status bn_pack_get(bn_pack_store *store, const bn_source *source, const dnnl_memory_desc_t *plain,
                      const dnnl_memory_desc_t *packed, size_t outs, const bn_pack **pack, bn_error *err);

/* `count` floats made by fill(context, numbers), kept under `key`: norms, bias tables, folded filters. */
typedef bn_status (*bn_fill_fn)(const void *context, float *numbers, bn_error *err);
bn_status bn_pack_floats(bn_pack_store *store, const char *key, size_t count, bn_fill_fn fill,
                         const void *context, const float **numbers, bn_error *err);

/* The same numbers rounded to bf16. */
bn_status bn_pack_bf16(bn_pack_store *store, const char *key, const float *numbers, size_t count,
                       const uint16_t **rounded, bn_error *err);

#endif
