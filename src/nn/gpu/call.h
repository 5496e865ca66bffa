/* call.h - what a layer's file in nn/gpu needs: packed numbers on the device, and kernel calls over maps. Private to nn/gpu.
 *
 * A layer appends calls in order. Each is one operation of the graph, so that maps between a layer's calls live as short as
 * can be. From what its slots read and write, the graph plans the memory and puts the barriers. */
#ifndef BN_NN_GPU_CALL_H
#define BN_NN_GPU_CALL_H

#include "gpu/gpu.h"
#include "nn/graph.h"
#include "nn/source.h"

typedef enum bn_gpu_use {
    BN_GPU_UNUSED = 0,
    BN_GPU_READ,
    BN_GPU_WRITE,
    BN_GPU_CHANGE, /* read and written */
    BN_GPU_PACK,   /* numbers that stay */
} bn_gpu_use;

/* What a kernel finds in one of its spans. */
typedef struct bn_gpu_slot {
    bn_gpu_use use;
    bn_map map;
    bn_gpu_span pack;
} bn_gpu_slot;

static inline bn_gpu_slot bn_gpu_reads(bn_map map)
{
    return (bn_gpu_slot){.use = BN_GPU_READ, .map = map};
}

static inline bn_gpu_slot bn_gpu_writes(bn_map map)
{
    return (bn_gpu_slot){.use = BN_GPU_WRITE, .map = map};
}

static inline bn_gpu_slot bn_gpu_changes(bn_map map)
{
    return (bn_gpu_slot){.use = BN_GPU_CHANGE, .map = map};
}

static inline bn_gpu_slot bn_gpu_packed(bn_gpu_span pack)
{
    return (bn_gpu_slot){.use = BN_GPU_PACK, .pack = pack};
}

typedef struct bn_gpu_step {
    bn_gpu_kernel kernel;
    uint32_t groups[2]; /* the third counts pictures */
    bn_gpu_slot slot[BN_GPU_SPANS];
    uint32_t number[BN_GPU_NUMBERS];
    uint32_t constant[BN_GPU_CONSTANTS];
    double macs;
} bn_gpu_step;

/* Append a call. Does nothing once the graph has failed. */
void bn_gpu_step_append(bn_graph *graph, const bn_gpu_step *step);

/* The device that the graph is built for: facts decide which kernels a layer calls. */
const bn_gpu_facts *bn_gpu_graph_facts(const bn_graph *graph);

/* A float's bits, for number[]. */
static inline uint32_t bn_gpu_bits(float value)
{
    union {
        float value;
        uint32_t bits;
    } both = {.value = value};
    return both.bits;
}

static inline uint32_t bn_gpu_groups(size_t count, size_t size)
{
    return (uint32_t)((count + size - 1) / size);
}

/* ---- packs ---------------------------------------------------------------------------------------------------- */

/* Rows of a matrix are padded with zeros to a multiple of BN_GPU_PACK_ROWS rows, each to a multiple of BN_GPU_PACK_DEPTH numbers, so
 * that kernels need no bounds there. */
#define BN_GPU_PACK_ROWS  256
#define BN_GPU_PACK_DEPTH 32

/* A source's weight [out][in][taps] as [out][taps][in] of the graph's type, padded; shared by the graphs of a model. */
bn_gpu_span bn_gpu_pack_matrix(bn_graph *graph, const bn_source *source, int out, int in, int taps);

/* Its bias, float32 [out], padded with zeros to a multiple of BN_GPU_PACK_ROWS. */
bn_gpu_span bn_gpu_pack_bias(bn_graph *graph, const bn_source *source, int out);

/* `count` numbers of `type` that fill makes of a source's weight [weights] and bias [biases], kept under the source's key and
 * `suffix`. fill NULL: the weight, then the bias. */
typedef void (*bn_gpu_fill_fn)(const void *context, const float *weight, const float *bias, float *numbers);
bn_gpu_span bn_gpu_pack_made(bn_graph *graph, const bn_source *source, const char *suffix, size_t weights,
                             size_t biases, size_t count, bn_type type, bn_gpu_fill_fn fill,
                             const void *context);

#endif
