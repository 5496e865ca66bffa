/* weights.h - one table of named tensors, whatever file (or seed) they come from.
 *
 * The table is read-only once opened and may be read from several threads. Names are without "module." and
 * "_orig_mod." prefixes. Shapes and strides are as the file says; bn_weight_read_f32 gives plain row-major floats. */
#ifndef BN_WEIGHTS_WEIGHTS_H
#define BN_WEIGHTS_WEIGHTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define BN_WEIGHT_MAX_RANK 8

typedef enum bn_dtype {
    BN_DTYPE_F32 = 0,
    BN_DTYPE_F16,
    BN_DTYPE_BF16,
    BN_DTYPE_I64,   /* counters and index tables of training; the network does not read them */
    BN_DTYPE_OTHER, /* known by size only (f64, i32, u8, ...); cannot be read as float */
} bn_dtype;

typedef struct bn_weight {
    const char *name; /* owned by the table */
    bn_dtype dtype;
    int rank; /* 0 (scalar) to BN_WEIGHT_MAX_RANK */
    int64_t shape[BN_WEIGHT_MAX_RANK];
    int64_t stride[BN_WEIGHT_MAX_RANK]; /* elements; row-major contiguous unless it is a view */
    size_t count;                       /* product of shape */
    const uint8_t *data;                /* first element, little endian, any alignment; NULL where seeded */
    uint64_t seed;                      /* seeded: uniform(name, count, seed) * scale + offset */
    float scale, offset;
    bool mapped; /* data lies in a file that the table mapped, so its pages can be forgotten */
} bn_weight;

typedef struct bn_weights bn_weights;

/* Open a .safetensors or .pth file (zip or legacy), told apart by content. The file is mapped where its layout
 * allows and must not change meanwhile. FORMAT names the file and the fault; nothing in the file is ever run. */
bn_status bn_weights_open(const char *path, bn_weights **weights, bn_error *err);
/* The same for bytes in memory that outlive the table; `name` is what messages call them. For fuzzing. */
bn_status bn_weights_open_memory(const char *name, const void *bytes, size_t size, bn_weights **weights,
                                 bn_error *err);
void bn_weights_close(bn_weights **weights);

/* An empty table to which seeded tensors are added: bytes made on reading, the same on every machine. */
bn_status bn_weights_create_seeded(uint64_t seed, bn_weights **weights, bn_error *err);
/* scale and offset follow the name and shape by the rule in docs/MODEL.md, "Seeded networks". */
bn_status bn_weights_add_seeded(bn_weights *weights, const char *name, int rank, const int64_t *shape,
                                bn_error *err);

size_t bn_weights_count(const bn_weights *weights);
const bn_weight *bn_weights_at(const bn_weights *weights, size_t index); /* in the file's order */
const bn_weight *bn_weights_find(const bn_weights *weights,
                                 const char *name); /* NULL if there is none; O(log n) */
const char *bn_weights_metadata(const bn_weights *weights,
                                const char *key); /* safetensors' __metadata__; or NULL */

/* All elements as float32, row-major: out has room for weight->count floats. UNSUPPORTED for other dtypes. */
bn_status bn_weight_read_f32(const bn_weight *weight, float *out, bn_error *err);
/* The same; FORMAT, with the tensor's name, where an element is infinite or not a number. */
bn_status bn_weight_read_finite(const bn_weight *weight, float *out, bn_error *err);

/* The elements in place where they are float32, row-major, aligned to 4 bytes and all finite; else NULL. */
const float *bn_weight_borrow_f32(const bn_weight *weight);

/* The tensor was read and packed: let its pages leave resident memory. Harmless to call at any time. */
void bn_weight_forget(const bn_weight *weight);

const char *bn_dtype_name(bn_dtype dtype); /* "f32", "f16", "bf16", "i64", "other" */

#endif
