/* torch.h - what torch's calls and storages inside of a pickle mean: from a tree of values to named tensors. */
#ifndef BN_WEIGHTS_TORCH_H
#define BN_WEIGHTS_TORCH_H

#include "weights/pickle.h"
#include "weights/table.h"

/* A run of elements that tensors are views of. */
typedef struct bn_storage {
    const char *key; /* inside of the pickle, not zero-terminated */
    size_t key_length;
    bn_dtype dtype;
    size_t element_bytes;
    size_t count;        /* elements */
    const uint8_t *data; /* NULL until the file's format has told where it is */
} bn_storage;

typedef struct bn_storages {
    bn_storage *items; /* owned; sorted by key */
    size_t count;
} bn_storages;

/* The pickle at the front of bytes, with the names that tensors need. */
bn_status bn_torch_unpickle(const uint8_t *bytes, size_t size, bn_pickle *pickle, size_t *used,
                            bn_error *err);

/* Every storage that the pickle mentions, without their data. */
bn_status bn_storages_collect(const bn_pickle *pickle, bn_storages *storages, bn_error *err);
void bn_storages_free(bn_storages *storages);
bn_storage *bn_storages_find(const bn_storages *storages, const char *key, size_t key_length);

/* Add the tensors of the table that the pickle is or wraps. */
bn_status bn_torch_read_table(const bn_pickle *pickle, const bn_storages *storages, bn_weights *weights,
                              bn_error *err);

#endif
