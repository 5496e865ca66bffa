/* table.h - how the readers of this room fill the table of named tensors. */
#ifndef BN_WEIGHTS_TABLE_H
#define BN_WEIGHTS_TABLE_H

#include "base/file.h"
#include "weights/weights.h"

#include <stdbool.h>

/* One tensor; the name stands behind it in the same allocation, so pointers to it stay good while others are added. */
typedef struct bn_weight_entry {
    bn_weight weight;
    char name[];
} bn_weight_entry;

struct bn_weights {
    bn_mapping mapping; /* owned; empty where the bytes belong to the caller or there are none */
    bool seeded;
    uint64_t seed;
    size_t count, capacity;
    bn_weight_entry **entries; /* [count], in the file's order */
    bn_weight_entry **by_name; /* [count], sorted; only valid after bn_weights_index */
    size_t metadata_count;
    char **metadata; /* [2 * metadata_count]: key, value, key, value, ... */
};

bn_status bn_weights_create(bn_weights **weights, bn_error *err);

/* Append a tensor like `like`, without prefixes in its name; name and name_length from the file. */
bn_status bn_weights_add(bn_weights *weights, const char *name, size_t name_length, const bn_weight *like,
                         bn_error *err);

/* Sort by name once all are added; FORMAT if two tensors have one name. */
bn_status bn_weights_index(bn_weights *weights, bn_error *err);

bn_status bn_weights_add_metadata(bn_weights *weights, const char *key, const char *value, bn_error *err);

/* *count = product of the shape; false where it does not fit or a size is negative. */
bool bn_shape_count(int rank, const int64_t *shape, size_t *count);
void bn_shape_strides(int rank, const int64_t *shape, int64_t *stride); /* row-major, in elements */

size_t bn_dtype_bytes(bn_dtype dtype); /* of one element; 0 for OTHER */

/* A name out of a file made fit for one line of a message (bn_make_visible), a long one cut. */
#define BN_SHOWN_BYTES 100
typedef struct bn_shown {
    char text[BN_SHOWN_BYTES];
} bn_shown;
bn_shown bn_show(const char *name, size_t length);

/* The readers. Tensors point into bytes[size], which outlives the table. */
bn_status bn_safetensors_read(const uint8_t *bytes, size_t size, bn_weights *weights, bn_error *err);
bn_status bn_pth_read_zip(const uint8_t *bytes, size_t size, bn_weights *weights, bn_error *err);
bn_status bn_pth_read_legacy(const uint8_t *bytes, size_t size, bn_weights *weights, bn_error *err);

#endif
