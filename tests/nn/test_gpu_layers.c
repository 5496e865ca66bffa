/* test_gpu_layers.c - layers on a graphics card against the CPU: those that are neither products nor norms nor attention. */
#include "tests/nn/gpu_layer_test.h"

/* ---- the picture --------------------------------------------------------------------------------------------- */

static bn_planes planes_of(bn_map map)
{
    return (bn_planes){map.h / 3, map.w, map};
}

static bn_map build_halve(bn_graph *graph, const bn_map *input, const void *context)
{
    (void)context;
    return bn_layer_halve(graph, planes_of(input[0])).memory;
}

static bn_map build_patches(bn_graph *graph, const bn_map *input, const void *context)
{
    return bn_layer_patches(graph, planes_of(input[0]), *(const int *)context);
}

typedef struct tiling {
    int gy, gx;
    bool grid_order;
} tiling;

static bn_map build_tiles(bn_graph *graph, const bn_map *input, const void *context)
{
    const tiling *how = context;
    return bn_layer_tiles(graph, planes_of(input[0]), how->gy, how->gx, how->grid_order);
}

/* Seeded taps, and what they make together: bn_picture_filter. */
static bn_status load_filter(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)bias;
    (void)err;
    bn_picture_filter filter = {.bias = 0.25f};
    bn_seeded_fill(source->key, 1, 0, 0.5f, 0, &filter.tap[0][0][0], sizeof filter.tap / sizeof(float));
    bn_seeded_fill(source->key, 2, 0, 0.5f, 0, filter.tap_bias, BN_COUNT(filter.tap_bias));
    filter.whole_bias = filter.bias;
    for (int tap = 0; tap < 9; tap++) {
        filter.whole_bias += filter.tap_bias[tap];
        for (int plane = 0; plane < 3; plane++)
            for (int i = 0; i < 9; i++)
                filter.whole[plane][(tap / 3 + i / 3) * 5 + tap % 3 + i % 3] += filter.tap[tap][plane][i];
    }
    memcpy(weight, &filter, sizeof filter);
    return BIREFNET_OK;
}

static bn_map build_logits(bn_graph *graph, const bn_map *input, const void *context)
{
    (void)context;
    const bn_source filter = {.key = "filter", .load = load_filter};
    return bn_layer_logits(graph, input[0], planes_of(input[1]), &filter);
}

static const gpu_layer halves[] = {
    {"halve", {{3 * 34, 27, 1, .f32 = true}}, build_halve, NULL, 1e-6, 1e-6},
    {"halve of two rows", {{3 * 2, 300, 1, .f32 = true}}, build_halve, NULL, 1e-6, 1e-6},
};

static const int one = 1, four = 4;
static const tiling order = {4, 2, false}, grid = {2, 4, true}, whole = {1, 1, true}, odd = {3, 3, true};
static const gpu_layer rearrangements[] = {
    {"patches of 4", {{3 * 16, 44, 1, .f32 = true}}, build_patches, &four, 0, 5e-4},
    {"patches of 1", {{3 * 5, 9, 1, .f32 = true}}, build_patches, &one, 0, 5e-4},
    {"tiles", {{3 * 20, 38, 1, .f32 = true}}, build_tiles, &order, 0, 5e-4},
    {"tiles in order of the grid", {{3 * 10, 20, 1, .f32 = true}}, build_tiles, &grid, 0, 5e-4},
    {"one tile", {{3 * 7, 6, 1, .f32 = true}}, build_tiles, &whole, 0, 5e-4},
    {"nine tiles", {{3 * 6, 9, 1, .f32 = true}}, build_tiles, &odd, 0, 5e-4},
};

static const gpu_layer logits[] = {
    {"logits", {{9, 11, 1, .f32 = true}, {3 * 36, 44, 1, .f32 = true}}, build_logits, NULL, 3e-6, 3e-6},
    {"logits of a strip",
     {{1, 9, 1, .f32 = true}, {3 * 2, 35, 1, .f32 = true}},
     build_logits,
     NULL,
     3e-6,
     3e-6},
    {"logits of a pixel",
     {{1, 1, 1, .f32 = true}, {3 * 1, 1, 1, .f32 = true}},
     build_logits,
     NULL,
     3e-6,
     3e-6},
};

/* ---- maps ---------------------------------------------------------------------------------------------------- */

/* Channels of input 0 to channels of input 1, of which the test sees all. */
typedef struct slices {
    int from, to, count;
    int via_h, via_w;
    bool gated, add;
} slices;

static bn_map build_copy(bn_graph *graph, const bn_map *input, const void *context)
{
    const slices *s = context;
    bn_layer_copy_into(graph, bn_map_channels(input[0], s->from, s->count),
                       bn_map_channels(input[1], s->to, s->count));
    return input[1];
}

static bn_map build_resize(bn_graph *graph, const bn_map *input, const void *context)
{
    const slices *s = context;
    bn_layer_resize_into(graph, bn_map_channels(input[0], s->from, s->count),
                         bn_map_channels(input[1], s->to, s->count), s->via_h, s->via_w,
                         s->gated ? &input[2] : NULL, s->add);
    return input[1];
}

static const slices by_fours = {.from = 4, .to = 8, .count = 12}, by_ones = {.from = 1, .to = 3, .count = 5};
static const gpu_layer copies[] = {
    {"copy", {{9, 7, 24, .scale = 1}, {9, 7, 32, .scale = 1}}, build_copy, &by_fours, 0, 0},
    {"copy by ones", {{9, 7, 8, .scale = 1}, {9, 7, 11, .scale = 1}}, build_copy, &by_ones, 0, 0},
};

static const slices via = {.count = 8, .via_h = 6, .via_w = 5},
                    gated = {.to = 4, .count = 8, .gated = true, .add = true},
                    all = {
                        .from = 1, .to = 2, .count = 3, .via_h = 9, .via_w = 13, .gated = true, .add = true};
static const gpu_layer resizes[] = {
    {"resize up", {{5, 6, 24, .scale = 1}, {11, 13, 32, .scale = 1}}, build_resize, &by_fours, 3e-6, 1e-3},
    {"resize down by ones",
     {{17, 9, 8, .scale = 1}, {4, 3, 11, .scale = 1}},
     build_resize,
     &by_ones,
     3e-6,
     1e-3},
    {"resize to one pixel",
     {{5, 6, 24, .scale = 1}, {1, 1, 32, .scale = 1}},
     build_resize,
     &by_fours,
     3e-6,
     1e-3},
    {"resize from one pixel",
     {{1, 1, 24, .scale = 1}, {3, 5, 32, .scale = 1}},
     build_resize,
     &by_fours,
     3e-6,
     1e-3},
    {"resize twice", {{3, 10, 8, .scale = 1}, {9, 4, 8, .scale = 1}}, build_resize, &via, 3e-6, 1e-3},
    {"resize gated and added",
     {{6, 5, 8, .scale = 1}, {12, 10, 16, .scale = 1}, {6, 5, 1, .f32 = true, .harmless = true}},
     build_resize,
     &gated,
     3e-6,
     1e-3},
    {"resize twice, gated and added, by ones",
     {{6, 5, 5, .scale = 1}, {7, 10, 6, .scale = 1}, {6, 5, 1, .f32 = true, .harmless = true}},
     build_resize,
     &all,
     3e-6,
     1e-3},
};

/* ---- small products -------------------------------------------------------------------------------------------- */

static bn_map build_gate(bn_graph *graph, const bn_map *input, const void *context)
{
    (void)context;
    const test_source source = make_source("gate", (size_t)input[0].c, 1);
    return bn_layer_gate(graph, input[0], &source.source);
}

static bn_map build_depthwise(bn_graph *graph, const bn_map *input, const void *context)
{
    (void)context;
    const size_t c = (size_t)input[0].c;
    const test_source source = make_source("depthwise", 9 * c, c);
    return bn_layer_depthwise_gelu(graph, input[0], &source.source);
}

typedef struct pooling {
    int width, out;
} pooling;

static bn_map build_pool(bn_graph *graph, const bn_map *input, const void *context)
{
    const pooling *p = context;
    const size_t width = (size_t)p->width, out = (size_t)p->out;
    const test_source pool = make_source("pool", width * (size_t)input[0].c, width);
    const test_source weight = make_source("weight", out * width, out);
    return bn_layer_pooled_bias(graph, input[0], p->width, p->out, &pool.source, &weight.source);
}

static const gpu_layer gates[] = {
    {"gate", {{13, 21, 16, .scale = 3}}, build_gate, NULL, 2e-6, 2e-6},
    {"gate by ones", {{3, 5, 5, .scale = 9}}, build_gate, NULL, 2e-6, 2e-6},
};

static const gpu_layer depthwises[] = {
    {"depthwise", {{7, 10, 32, .scale = 2}}, build_depthwise, NULL, 3e-6, 1e-3},
    {"depthwise by ones", {{5, 4, 6, .scale = 4}}, build_depthwise, NULL, 3e-6, 1e-3},
    {"depthwise of a column", {{9, 1, 4, .scale = 1}}, build_depthwise, NULL, 3e-6, 1e-3},
};

static const pooling usual = {256, 64}, strange = {10, 5}, wide = {300, 290};
static const gpu_layer pools[] = {
    {"pool", {{31, 34, 64, .scale = 1}}, build_pool, &usual, 3e-6, 3e-6},
    {"pool by ones", {{3, 5, 6, .scale = 1}}, build_pool, &strange, 3e-6, 3e-6},
    {"wide pool", {{4, 5, 132, .scale = 1}}, build_pool, &wide, 3e-6, 3e-6},
};

/* ---------------------------------------------------------------------------------------------------------------- */

GPU_CHECK(halves_as_the_cpu, halves)
GPU_CHECK(rearranges_as_the_cpu, rearrangements)
GPU_CHECK(makes_logits_as_the_cpu, logits)
GPU_CHECK(copies_as_the_cpu, copies)
GPU_CHECK(resizes_as_the_cpu, resizes)
GPU_CHECK(gates_as_the_cpu, gates)
GPU_CHECK(filters_depthwise_as_the_cpu, depthwises)
GPU_CHECK(pools_as_the_cpu, pools)

/* More groups than one dimension takes: the second counts, too. */
static void large_maps_are_done_to_the_end(void **state)
{
    (void)state;
    enum { H = 2900, W = 2903 };
    if (!gpu_device) skip();
    bn_error err = {0};
    bn_gpu_packs *packs = NULL;
    bn_graph *graph = NULL;
    assert_ok(bn_gpu_packs_create(gpu_device, &packs, &err), err);
    const bn_graph_options options = {.backend = &bn_gpu_backend, .type = BN_F32, .gpu = packs};
    assert_ok(bn_graph_create(&options, &graph, &err), err);
    const bn_map x = bn_graph_map(graph, H, W, 1, BN_F32), y = bn_graph_map(graph, H, W, 1, BN_F32);
    bn_graph_input(graph, x);
    bn_graph_keep(graph, y);
    bn_layer_copy_into(graph, x, y);
    assert_ok(bn_graph_finish(graph, &err), err);
    float *in = bn_graph_data(graph, x);
    for (int i = 0; i < H * W; i++) in[i] = (float)i;
    assert_ok(bn_graph_run(graph, NULL, NULL, &err), err);
    assert_memory_equal(bn_graph_data(graph, y), in, sizeof *in * H * W);
    bn_graph_destroy(&graph);
    bn_gpu_packs_destroy(&packs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_as_the_cpu),
        cmocka_unit_test(rearranges_as_the_cpu),
        cmocka_unit_test(makes_logits_as_the_cpu),
        cmocka_unit_test(copies_as_the_cpu),
        cmocka_unit_test(resizes_as_the_cpu),
        cmocka_unit_test(gates_as_the_cpu),
        cmocka_unit_test(filters_depthwise_as_the_cpu),
        cmocka_unit_test(pools_as_the_cpu),
        cmocka_unit_test(large_maps_are_done_to_the_end),
    };
    return cmocka_run_group_tests(tests, gpu_device_setup, gpu_device_teardown);
}
