/* pack.c - the store of packed weights. */
#include "nn/cpu/pack.h"

#include "base/size.h"
#include "nn/cpu/bf16.h"
#include "nn/cpu/dnnl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct entry {
    struct entry *next;
    char key[224];
    bn_memory_desc desc; /* of pack.weight; NULL for plain numbers */
    bn_pack pack;
    void *block; /* owns the memory of pack.weight, or the plain numbers */
    size_t bytes;
} entry;

struct bn_pack_store {
    pthread_mutex_t lock;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    entry *buckets[1024];
    size_t bytes;
    bool counting; /* see bn_pack_store_create_counting */
};

static const float nothing[1]; /* what a counting store hands out for numbers; not to be read */

bn_status bn_pack_store_create(bn_pack_store **store, bn_error *err)
{
    bn_pack_store *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "packed weights");
    pthread_mutex_init(&made->lock, NULL);
    bn_status status = bn_dnnl_check(dnnl_engine_create(&made->engine, dnnl_cpu, 0), "engine", err);
    if (status == BIREFNET_OK)
        status = bn_dnnl_check(dnnl_stream_create(&made->stream, made->engine, dnnl_stream_default_flags),
                               "stream", err);
    if (status != BIREFNET_OK) {
        bn_pack_store_destroy(&made);
        return status;
    }
    *store = made;
    return BIREFNET_OK;
}

bn_status bn_pack_store_create_counting(bn_pack_store **store, bn_error *err)
{
    BN_TRY(bn_pack_store_create(store, err));
    (*store)->counting = true;
    return BIREFNET_OK;
}

bool bn_pack_store_counts(const bn_pack_store *store)
{
    return store->counting;
}

static void free_entry(entry *one)
{
    if (one->pack.weight) dnnl_memory_destroy(one->pack.weight);
    bn_memory_desc_destroy(&one->desc);
    free(one->pack.bias);
    free(one->block);
    free(one);
}

void bn_pack_store_destroy(bn_pack_store **store)
{
    bn_pack_store *s = *store;
    if (!s) return;
    for (size_t i = 0; i < BN_COUNT(s->buckets); i++)
        for (entry *one = s->buckets[i], *next; one; one = next) {
            next = one->next;
            free_entry(one);
        }
    if (s->stream) dnnl_stream_destroy(s->stream);
    if (s->engine) dnnl_engine_destroy(s->engine);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *store = NULL;
}

dnnl_engine_t bn_pack_engine(const bn_pack_store *store)
{
    return store->engine;
}

size_t bn_pack_bytes(bn_pack_store *store)
{
    pthread_mutex_lock(&store->lock);
    const size_t bytes = store->bytes;
    pthread_mutex_unlock(&store->lock);
    return bytes;
}

static size_t bucket_of(const bn_pack_store *store, const char *key)
{
    size_t hash = 5381;
    for (; *key; key++) hash = hash * 33 + (unsigned char)*key;
    return hash % BN_COUNT(store->buckets);
}

static entry *find(bn_pack_store *store, const char *key, bn_const_memory_desc desc)
{
    for (entry *one = store->buckets[bucket_of(store, key)]; one; one = one->next)
        if (strcmp(one->key, key) == 0 && (!desc || (one->desc && dnnl_memory_desc_equal(one->desc, desc))))
            return one;
    return NULL;
}

static void add(bn_pack_store *store, entry *one)
{
    entry **bucket = &store->buckets[bucket_of(store, one->key)];
    one->next = *bucket;
    *bucket = one;
    store->bytes += one->bytes;
}

static void *allocate(size_t bytes)
{
    const size_t huge = (size_t)1 << 21, align = bytes >= huge ? huge : 64;
    void *block = aligned_alloc(align, bn_size_round_up(BN_MAX(bytes, 1), 64 > align ? 64 : align));
    if (block && bytes >= 2 * huge) madvise(block, bytes / huge * huge, MADV_HUGEPAGE);
    return block;
}

/* Reorder the source's float32 numbers into the entry's layout. */
static bn_status fill_weight(bn_pack_store *store, const bn_source *source, bn_const_memory_desc plain,
                             entry *one, size_t outs, bn_error *err)
{
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t reorder = NULL;
    bn_status status = BIREFNET_OK;
    float *numbers = NULL;
    const float *borrowed = source->borrow ? source->borrow(source) : NULL;
    if (!borrowed) {
        numbers = allocate(dnnl_memory_desc_get_size(plain));
        if (!numbers) return bn_fail_memory(err, dnnl_memory_desc_get_size(plain), "weights");
    }
    one->pack.bias = calloc(outs, sizeof *one->pack.bias);
    if (!one->pack.bias) BN_TRY_DONE(bn_fail_memory(err, outs * sizeof *one->pack.bias, "a bias"));
    BN_TRY_DONE(source->load(source, numbers, one->pack.bias, err));
    void *handle = (void *)(uintptr_t)(borrowed ? borrowed : numbers); /* only read */
    BN_TRY_DONE(bn_dnnl_check(dnnl_memory_create(&from, plain, store->engine, handle), source->key, err));
    BN_TRY_DONE(bn_dnnl_check(
        dnnl_reorder_primitive_desc_create(&desc, plain, store->engine, one->desc, store->engine, NULL),
        source->key, err));
    BN_TRY_DONE(bn_dnnl_check(dnnl_primitive_create(&reorder, desc), source->key, err));
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, one->pack.weight}};
    BN_TRY_DONE(bn_dnnl_check(dnnl_primitive_execute(reorder, store->stream, 2, args), source->key, err));
    BN_TRY_DONE(bn_dnnl_check(dnnl_stream_wait(store->stream), source->key, err));
done:
    if (reorder) dnnl_primitive_destroy(reorder);
    if (desc) dnnl_primitive_desc_destroy(desc);
    if (from) dnnl_memory_destroy(from);
    free(numbers);
    if (source->forget) source->forget(source);
    return status;
}

static bn_status make_weight(bn_pack_store *store, const bn_source *source, bn_const_memory_desc plain,
                             bn_const_memory_desc packed, size_t outs, entry **made, bn_error *err)
{
    entry *one = calloc(1, sizeof *one);
    if (!one) return bn_fail_memory(err, sizeof *one, "packed weights");
    bn_status status = BIREFNET_OK;
    strncpy(one->key, source->key, sizeof one->key - 1);
    BN_TRY_DONE(bn_dnnl_check(bn_memory_desc_copy(&one->desc, packed), source->key, err));
    one->bytes = dnnl_memory_desc_get_size(packed) + outs * sizeof(float);
    if (store->counting) goto done;
    one->block = allocate(dnnl_memory_desc_get_size(packed));
    if (!one->block) BN_TRY_DONE(bn_fail_memory(err, one->bytes, "packed weights"));
    BN_TRY_DONE(bn_dnnl_check(dnnl_memory_create(&one->pack.weight, packed, store->engine, one->block),
                              source->key, err));
    BN_TRY_DONE(fill_weight(store, source, plain, one, outs, err));
done:
    if (status == BIREFNET_OK)
        *made = one;
    else
        free_entry(one);
    return status;
}

bn_status bn_pack_get(bn_pack_store *store, const bn_source *source, bn_const_memory_desc plain,
                      bn_const_memory_desc packed, size_t outs, const bn_pack **pack, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    pthread_mutex_lock(&store->lock);
    entry *one = find(store, source->key, packed);
    if (!one) {
        status = make_weight(store, source, plain, packed, outs, &one, err);
        if (status == BIREFNET_OK) add(store, one);
    }
    pthread_mutex_unlock(&store->lock);
    if (status == BIREFNET_OK) *pack = &one->pack;
    return status;
}

static bn_status make_block(const bn_pack_store *store, const char *key, size_t bytes, entry **made,
                            bn_error *err)
{
    entry *one = calloc(1, sizeof *one);
    if (one && !store->counting) one->block = allocate(bytes);
    if (!one || (!one->block && !store->counting)) {
        free(one);
        return bn_fail_memory(err, bytes, "weights");
    }
    strncpy(one->key, key, sizeof one->key - 1);
    one->bytes = bytes;
    *made = one;
    return BIREFNET_OK;
}

bn_status bn_pack_floats(bn_pack_store *store, const char *key, size_t count, bn_fill_fn fill,
                         const void *context, const float **numbers, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    pthread_mutex_lock(&store->lock);
    entry *one = find(store, key, NULL);
    if (!one) {
        status = make_block(store, key, count * sizeof(float), &one, err);
        if (status == BIREFNET_OK) {
            if (!store->counting) status = fill(context, one->block, err);
            if (status == BIREFNET_OK)
                add(store, one);
            else
                free_entry(one);
        }
    }
    pthread_mutex_unlock(&store->lock);
    if (status == BIREFNET_OK) *numbers = store->counting ? nothing : one->block;
    return status;
}

bn_status bn_pack_bf16(bn_pack_store *store, const char *key, const float *numbers, size_t count,
                       const uint16_t **rounded, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    pthread_mutex_lock(&store->lock);
    entry *one = find(store, key, NULL);
    if (!one) {
        status = make_block(store, key, count * sizeof(uint16_t), &one, err);
        if (status == BIREFNET_OK) {
            uint16_t *out = one->block;
            for (size_t i = 0; !store->counting && i < count; i++) out[i] = bn_bf16_round(numbers[i]);
            add(store, one);
        }
    }
    pthread_mutex_unlock(&store->lock);
    if (status == BIREFNET_OK) *rounded = one->block;
    return status;
}
