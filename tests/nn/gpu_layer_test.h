/* gpu_layer_test.h - a layer on a graphics card against the same layer on the CPU in plain C.
 *
 * A case says which maps the layer reads and how to build it; gpu_layer_check makes a graph of it for both, with the same
 * numbers, in float32 and float16, for one picture and several, and compares. It also sees that two runs give the same bytes
 * and that nothing beside the result was written. Keep maps small: the device for tests computes on the CPU. */
#ifndef BN_TESTS_NN_GPU_LAYER_TEST_H
#define BN_TESTS_NN_GPU_LAYER_TEST_H

#include "tests/test.h"

#include "tests/gpu/device.h"
#include "tests/nn/seeded_source.h"

#include "base/half.h"
#include "base/size.h"
#include "nn/cpu/pack.h"
#include "nn/gpu/packs.h"
#include "nn/graph.h"
#include "nn/layers.h"

#include <math.h>
#include <stdbool.h>

#define GPU_INPUTS   4
#define GPU_PICTURES 3

typedef struct gpu_input {
    int h, w, c;   /* h 0: no such input */
    bool f32;      /* float32 in every graph, else of the graph's type */
    bool harmless; /* no hostile values: gates, offsets */
    float scale;   /* values are in -scale .. scale; 0 means 1 */
} gpu_input;

typedef struct gpu_layer {
    const char *name;
    gpu_input input[GPU_INPUTS];
    /* Append the layer; the result may be one of the inputs (then the test sees all of it). It is dense. */
    bn_map (*build)(bn_graph *graph, const bn_map *input, const void *context);
    const void *context;
    double f32, f16; /* largest difference, as a share of the largest number of the result */
} gpu_layer;

typedef enum gpu_fill {
    GPU_RANDOM = 0,
    GPU_SPIKES,  /* nearly all zero, a few large */
    GPU_HOSTILE, /* not numbers, infinite, subnormal, huge ones among the random */
    GPU_FILLS,
} gpu_fill;

/* ---- numbers ------------------------------------------------------------------------------------------------- */

static inline float gpu_hostile(size_t i, float value)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, 1e-40f, -1e-7f, 65000.0f, -60000.0f, -0.0f};
    return i % 89 == 7 ? values[i / 89 % BN_COUNT(values)] : value;
}

/* Input `index` of picture `picture`, as both graphs see it: rounded to float16 where one has it so. */
static inline void gpu_fill_input(const gpu_layer *layer, int index, int picture, gpu_fill kind, bn_type type,
                                  float *numbers)
{
    const gpu_input *in = &layer->input[index];
    const size_t count = (size_t)in->h * (size_t)in->w * (size_t)in->c;
    bn_seeded_fill(layer->name, (uint64_t)(index + 1), (uint64_t)picture * count,
                   in->scale > 0 ? in->scale : 1, 0, numbers, count);
    for (size_t i = 0; i < count; i++) {
        if (kind == GPU_SPIKES && !in->harmless) numbers[i] = i % 97 == 5 ? 100 * numbers[i] : 0;
        if (kind == GPU_HOSTILE && !in->harmless) numbers[i] = gpu_hostile(i, numbers[i]);
        if (type == BN_F16 && !in->f32) numbers[i] = bn_half_widen(bn_half_round(numbers[i]));
    }
}

static inline float gpu_get(const void *numbers, bn_type type, size_t i)
{
    return type == BN_F16 ? bn_half_widen(((const uint16_t *)numbers)[i]) : ((const float *)numbers)[i];
}

static inline void gpu_put(void *numbers, bn_type type, size_t i, float value)
{
    if (type == BN_F16)
        ((uint16_t *)numbers)[i] = bn_half_round(value);
    else
        ((float *)numbers)[i] = value;
}

/* ---- a graph of the layer ------------------------------------------------------------------------------------ */

#define GPU_GUARD 0x5a

typedef struct gpu_layer_graph {
    bn_graph *graph;
    bn_map input[GPU_INPUTS], result, guard[2];
    size_t elements; /* of the result, one picture */
    int pictures;
} gpu_layer_graph;

static inline size_t gpu_elements(bn_map map)
{
    return (size_t)bn_map_pixels(map) * (size_t)map.stride;
}

static inline gpu_layer_graph gpu_layer_open(const gpu_layer *layer, const bn_graph_options *options)
{
    bn_error err = {0};
    gpu_layer_graph g = {.pictures = options->batch ? options->batch : 1};
    assert_ok(bn_graph_create(options, &g.graph, &err), err);
    for (int i = 0; i < GPU_INPUTS; i++) {
        const gpu_input *in = &layer->input[i];
        if (in->h == 0) continue;
        g.input[i] = bn_graph_map(g.graph, in->h, in->w, in->c, in->f32 ? BN_F32 : options->type);
        bn_graph_input(g.graph, g.input[i]);
        bn_graph_keep(g.graph, g.input[i]);
    }
    g.result = layer->build(g.graph, g.input, layer->context);
    g.elements = gpu_elements(g.result);
    bn_graph_keep(g.graph, g.result);
    for (int i = 0; i < 2; i++) { /* as large as the result, so that the plan lays them beside it */
        g.guard[i] = bn_graph_map(g.graph, g.result.h, g.result.w, g.result.c, g.result.type);
        bn_graph_input(g.graph, g.guard[i]);
        bn_graph_keep(g.graph, g.guard[i]);
    }
    assert_ok(bn_graph_finish(g.graph, &err), err);
    return g;
}

/* Fill the inputs with pictures first, first + 1, ... and run. */
static inline void gpu_layer_run(const gpu_layer *layer, const gpu_layer_graph *g, int first, gpu_fill kind,
                                 bn_type type)
{
    bn_error err = {0};
    for (int i = 0; i < GPU_INPUTS && layer->input[i].h; i++) {
        const size_t count = gpu_elements(g->input[i]);
        float *numbers = malloc(count * sizeof *numbers);
        assert_non_null(numbers);
        for (int z = 0; z < g->pictures; z++) {
            gpu_fill_input(layer, i, first + z, kind, type, numbers);
            for (size_t k = 0; k < count; k++)
                gpu_put(bn_graph_data(g->graph, g->input[i]), g->input[i].type, (size_t)z * count + k,
                        numbers[k]);
        }
        free(numbers);
    }
    const size_t guard_bytes = (size_t)g->pictures * g->elements * bn_type_size(g->result.type);
    for (int i = 0; i < 2; i++) memset(bn_graph_data(g->graph, g->guard[i]), GPU_GUARD, guard_bytes);
    assert_ok(bn_graph_run(g->graph, NULL, NULL, &err), err);
    for (int i = 0; i < 2; i++) {
        const uint8_t *guard = bn_graph_data(g->graph, g->guard[i]);
        for (size_t k = 0; k < guard_bytes; k++)
            if (guard[k] != GPU_GUARD) fail_msg("%s wrote beside its result", layer->name);
    }
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

static inline bool gpu_agrees(float got, float wanted, bool half, double allowed)
{
    if (!isfinite(wanted)) /* which of those it is hangs on the order of sums; float16 saturates */
        return !isfinite(got) || (half && fabsf(got) == 65504.0f);
    if (half && fabsf(wanted) > 65504.0f) wanted = copysignf(65504.0f, wanted);
    return fabs((double)got - (double)wanted) <= allowed;
}

static inline void gpu_compare(const gpu_layer *layer, const void *got, bn_type type, const float *wanted,
                               size_t count, double share, const char *what)
{
    double largest = 0, worst = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(wanted[i]) && fabs((double)wanted[i]) > largest) largest = fabs((double)wanted[i]);
    for (size_t i = 0; i < count; i++) {
        const float value = gpu_get(got, type, i);
        if (!gpu_agrees(value, wanted[i], type == BN_F16, share * largest + 1e-30))
            fail_msg("%s, %s: number %zu is %.9g, the CPU has %.9g (largest %.4g)", layer->name, what, i,
                     (double)value, (double)wanted[i], largest);
        const double off = fabs((double)value - (double)wanted[i]);
        if (isfinite(off) && off > worst) worst = off;
    }
    if (getenv("BN_TEST_VERBOSE"))
        print_message("%s, %s: %.2g of the largest\n", layer->name, what, worst / (largest + 1e-30));
}

/* The CPU's results for GPU_PICTURES pictures, float32. */
static inline float *gpu_wanted(const gpu_layer *layer, gpu_fill kind, bn_type type)
{
    bn_error err = {0};
    bn_pack_store *packs = NULL;
    assert_ok(bn_pack_store_create(&packs, &err), err);
    const bn_graph_options options = {.type = BN_F32, .isa = BN_ISA_PLAIN, .threads = 1, .packs = packs};
    gpu_layer_graph g = gpu_layer_open(layer, &options);
    assert_int_equal(g.result.type, BN_F32);
    float *wanted = malloc(GPU_PICTURES * g.elements * sizeof *wanted);
    assert_non_null(wanted);
    for (int z = 0; z < GPU_PICTURES; z++) {
        gpu_layer_run(layer, &g, z, kind, type);
        memcpy(wanted + (size_t)z * g.elements, bn_graph_data(g.graph, g.result),
               g.elements * sizeof *wanted);
    }
    bn_graph_destroy(&g.graph);
    bn_pack_store_destroy(&packs);
    return wanted;
}

static inline void gpu_layer_check_type(bn_gpu_packs *packs, const gpu_layer *layer, gpu_fill kind,
                                        bn_type type, int pictures)
{
    char what[64];
    snprintf(what, sizeof what, "%s, fill %d, %d pictures", type == BN_F16 ? "float16" : "float32", (int)kind,
             pictures);
    const bn_graph_options options = {
        .backend = &bn_gpu_backend, .type = type, .gpu = packs, .batch = pictures};
    gpu_layer_graph g = gpu_layer_open(layer, &options);
    float *wanted = gpu_wanted(layer, kind, type);
    const size_t count = (size_t)pictures * g.elements, bytes = count * bn_type_size(g.result.type);
    gpu_layer_run(layer, &g, 0, kind, type);
    gpu_compare(layer, bn_graph_data(g.graph, g.result), g.result.type, wanted, count,
                type == BN_F16 ? layer->f16 : layer->f32, what);
    void *before = malloc(bytes);
    assert_non_null(before);
    memcpy(before, bn_graph_data(g.graph, g.result), bytes);
    gpu_layer_run(layer, &g, 0, kind, type);
    if (memcmp(before, bn_graph_data(g.graph, g.result), bytes) != 0)
        fail_msg("%s, %s: another run gives other bytes", layer->name, what);
    free(before);
    free(wanted);
    bn_graph_destroy(&g.graph);
}

static inline void gpu_layer_check(bn_gpu *gpu, const gpu_layer *layer)
{
    bn_error err = {0};
    bn_gpu_packs *packs = NULL;
    assert_ok(bn_gpu_packs_create(gpu, &packs, &err), err);
    for (int half = 0; half <= (bn_gpu_facts_of(gpu)->half ? 1 : 0); half++)
        for (gpu_fill kind = GPU_RANDOM; kind < GPU_FILLS; kind++)
            gpu_layer_check_type(packs, layer, kind, half ? BN_F16 : BN_F32,
                                 kind == GPU_RANDOM ? GPU_PICTURES : 1);
    bn_gpu_packs_destroy(&packs);
}

/* ---- programs --------------------------------------------------------------------------------------------------- */

static bn_gpu *gpu_device; /* NULL: none here */

static inline int gpu_device_setup(void **state)
{
    (void)state;
    if (test_device_index() >= 0) gpu_device = test_device_open();
    return 0;
}

static inline int gpu_device_teardown(void **state)
{
    (void)state;
    bn_gpu_close(&gpu_device);
    return 0;
}

/* A test that checks all of `layers`. */
#define GPU_CHECK(name, layers)                                                                              \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        if (!gpu_device) skip();                                                                             \
        for (size_t i = 0; i < BN_COUNT(layers); i++) gpu_layer_check(gpu_device, &(layers)[i]);             \
    }

#endif
