/* test_gpu_products.c - layers of products on a graphics card against the CPU: linear ones, convolutions, perceptron, merging,
 * deformable branches, attention in windows. */
#include "tests/nn/gpu_layer_test.h"

#define MAP(height, width, channels)                                                                         \
    {                                                                                                        \
        .h = height, .w = width, .c = channels                                                               \
    }
#define F32_MAP(height, width, channels)                                                                     \
    {                                                                                                        \
        .h = height, .w = width, .c = channels, .f32 = true                                                  \
    }
#define CALM(height, width, channels)                                                                        \
    {                                                                                                        \
        .h = height, .w = width, .c = channels, .harmless = true                                             \
    }
#define OFFSETS(height, width, channels, pixels)                                                             \
    {                                                                                                        \
        .h = height, .w = width, .c = channels, .f32 = true, .harmless = true, .scale = pixels               \
    }

/* ---- linear ------------------------------------------------------------------------------------------------------ */

typedef struct linear {
    int out;
    bn_activation activation;
    bool add;  /* onto input 1 */
    int first; /* channels of x that are left out */
} linear;

static bn_map build_linear(bn_graph *graph, const bn_map *input, const void *context)
{
    const linear *how = context;
    const bn_map x = bn_map_channels(input[0], how->first, input[0].c - how->first);
    const test_source source = make_source("linear", (size_t)(x.c * how->out), (size_t)how->out);
    if (!how->add)
        return bn_layer_linear(graph, x, how->out, &source.source, how->activation, bn_graph_type(graph));
    bn_layer_linear_into(graph, x, input[1], &source.source, how->activation, true);
    return input[1];
}

/* Into channels 8 .. 8 + out - 1 of a wider map, whose other channels are copies of x. */
static bn_map build_slice(bn_graph *graph, const bn_map *input, const void *context)
{
    const linear *how = context;
    const bn_map x = input[0], wide = bn_graph_map(graph, x.h, x.w, 16 + how->out, x.type);
    const test_source source = make_source("slice", (size_t)(x.c * how->out), (size_t)how->out);
    bn_layer_copy_into(graph, bn_map_channels(x, 0, 8), bn_map_channels(wide, 0, 8));
    bn_layer_copy_into(graph, bn_map_channels(x, 0, 8), bn_map_channels(wide, 8 + how->out, 8));
    bn_layer_linear_into(graph, x, bn_map_channels(wide, 8, how->out), &source.source, how->activation,
                         false);
    return wide;
}

static const linear one = {1, BN_LINEAR, false, 0}, few = {33, BN_RELU, false, 0},
                    gelu = {48, BN_GELU, false, 0}, onto = {65, BN_LINEAR, true, 0},
                    part = {20, BN_LINEAR, false, 3}, many = {1025, BN_LINEAR, false, 0},
                    sliced = {31, BN_RELU, false, 0};
static const gpu_layer linears[] = {
    {"linear of one row", {MAP(1, 1, 48)}, build_linear, &one, 2e-6, 2e-3},
    {"linear of 63 rows", {MAP(9, 7, 37)}, build_linear, &few, 2e-6, 2e-3},
    {"linear, GELU", {MAP(5, 13, 96)}, build_linear, &gelu, 3e-6, 2e-3},
    {"linear added", {MAP(11, 3, 64), F32_MAP(11, 3, 65)}, build_linear, &onto, 2e-6, 2e-3},
    {"linear of a slice", {MAP(3, 11, 20)}, build_linear, &part, 2e-6, 2e-3},
    {"linear into a slice", {MAP(5, 7, 24)}, build_slice, &sliced, 2e-6, 2e-3},
    {"linear, deep", {MAP(3, 3, 1536)}, build_linear, &few, 4e-6, 2e-3}, /* in slices of the depth */
    {"linear, deep, added", {MAP(1, 5, 1037), F32_MAP(1, 5, 65)}, build_linear, &onto, 4e-6, 2e-3},
};

/* Enough tiles for the largest. */
static const gpu_layer wide_linears[] = {
    {"linear of many rows", {MAP(49, 85, 8)}, build_linear, &many, 2e-6, 2e-3}};

/* ---- convolutions -------------------------------------------------------------------------------------------------- */

static bn_map build_conv(bn_graph *graph, const bn_map *input, const void *context)
{
    bn_conv_params how = *(const bn_conv_params *)context;
    how.type = bn_graph_type(graph);
    const test_source source =
        make_source("conv", (size_t)(how.out * input[0].c * how.kernel * how.kernel), (size_t)how.out);
    return bn_layer_conv(graph, input[0], how, &source.source);
}

static const bn_conv_params pixels = {.out = 40, .kernel = 1, .stride = 1, .activation = BN_RELU},
                            usual = {.out = 17, .kernel = 3, .stride = 1, .pad = 1, .activation = BN_RELU},
                            large = {.out = 21, .kernel = 7, .stride = 1, .pad = 3},
                            patches = {.out = 24, .kernel = 7, .stride = 4, .pad = 3},
                            halving = {.out = 9, .kernel = 3, .stride = 2, .pad = 1},
                            squares = {.out = 5, .kernel = 2, .stride = 2};
static const gpu_layer convs[] = {
    {"conv 1x1", {MAP(7, 9, 20)}, build_conv, &pixels, 2e-6, 2e-3},
    {"conv 3x3", {MAP(7, 9, 20)}, build_conv, &usual, 2e-6, 2e-3},
    {"conv 3x3 of odd channels", {MAP(5, 4, 11)}, build_conv, &usual, 2e-6, 2e-3},
    {"conv 3x3, deep", {MAP(4, 4, 160)}, build_conv, &usual, 4e-6, 2e-3},
    {"conv 7x7", {MAP(9, 6, 8)}, build_conv, &large, 4e-6, 2e-3},
    {"conv 7x7, stride 4", {MAP(17, 14, 3)}, build_conv, &patches, 2e-6, 2e-3},
    {"conv 3x3, stride 2", {MAP(9, 8, 12)}, build_conv, &halving, 2e-6, 2e-3},
    {"conv 2x2, stride 2", {MAP(6, 9, 16)}, build_conv, &squares, 2e-6, 2e-3},
};

/* ---- perceptron, merging, attention in windows ----------------------------------------------------------------------- */

static bn_map build_mlp(bn_graph *graph, const bn_map *input, const void *context)
{
    const size_t c = (size_t)input[0].c, hidden = (size_t) * (const int *)context;
    const test_source norm = make_source("norm", c, c), fc1 = make_source("fc1", hidden * c, hidden),
                      fc2 = make_source("fc2", c * hidden, c);
    bn_layer_mlp(graph, input[0],
                 (bn_mlp_params){(int)hidden, 1e-5f, &norm.source, &fc1.source, &fc2.source});
    return input[0];
}

static bn_map build_merge(bn_graph *graph, const bn_map *input, const void *context)
{
    const size_t c = 4 * (size_t)input[0].c, out = (size_t) * (const int *)context;
    const test_source norm = make_source("norm", c, c), merge = make_source("merge", out * c, 0);
    return bn_layer_patch_merge(graph, input[0], (int)out, 1e-5f, &norm.source, &merge.source);
}

typedef struct windows {
    int window, shift, heads;
} windows;

static bn_map build_windows(bn_graph *graph, const bn_map *input, const void *context)
{
    const windows *how = context;
    const size_t c = (size_t)input[0].c, span = 2 * (size_t)how->window - 1;
    const test_source norm = make_source("norm", c, c), qkv = make_source("qkv", 3 * c * c, 3 * c),
                      table = make_source("table", span * span * (size_t)how->heads, 0),
                      proj = make_source("proj", c * c, c);
    bn_layer_window_attention(graph, input[0],
                              (bn_window_attention_params){how->window, how->shift, how->heads, 1e-5f,
                                                           &norm.source, &qkv.source, &table.source,
                                                           &proj.source});
    return input[0];
}

static const int wide = 128, narrow = 37;
static const windows plain = {7, 0, 3}, shifted = {4, 2, 2}, shifted12 = {12, 6, 1};
static const gpu_layer blocks[] = {
    {"perceptron", {F32_MAP(5, 7, 32)}, build_mlp, &wide, 1e-5, 3e-3},
    {"perceptron of odd channels", {F32_MAP(3, 3, 19)}, build_mlp, &narrow, 1e-5, 3e-3},
    {"merging", {F32_MAP(6, 8, 16)}, build_merge, &wide, 1e-5, 3e-3},
    {"merging of odd edges", {F32_MAP(5, 7, 7)}, build_merge, &narrow, 1e-5, 3e-3},
    {"windows", {F32_MAP(8, 15, 48)}, build_windows, &plain, 2e-5, 5e-3},
    {"shifted windows", {F32_MAP(8, 11, 32)}, build_windows, &shifted, 2e-5, 5e-3},
    {"shifted windows, wide heads", {F32_MAP(7, 9, 64)}, build_windows, &shifted, 2e-5, 5e-3},
    {"large shifted windows", {F32_MAP(13, 14, 32)}, build_windows, &shifted12, 2e-5, 5e-3},
};

/* ---- deformable branches ---------------------------------------------------------------------------------------------- */

enum { WIDTH = 24, JOINED = 9 };

/* Input 0 the map, 1 offsets of a 1x1 and a 3x3 branch side by side, 2 of a 7x7 branch; 3 the bias. */
static bn_map build_deform(bn_graph *graph, const bn_map *input, const void *context)
{
    (void)context;
    const size_t c = (size_t)input[0].c;
    const test_source first = make_source("1x1", WIDTH * c, WIDTH),
                      second = make_source("3x3", WIDTH * 9 * c, WIDTH),
                      third = make_source("7x7", WIDTH * 49 * c, WIDTH),
                      merge = make_source("merge", JOINED * 3 * WIDTH, JOINED);
    const bn_deform_params params = {.branches = 3,
                                     .width = WIDTH,
                                     .out = JOINED,
                                     .branch = {{1, input[1], 0, 2, &first.source},
                                                {3, input[1], 3, 21, &second.source},
                                                {7, input[2], 0, 98, &third.source}},
                                     .merge = &merge.source,
                                     .merge_bias = input[3]};
    return bn_layer_deform(graph, input[0], &params);
}

/* Corners outside of the map count nothing here; the CPU reads pixel 0 in their place and multiplies it by zero. */
static const gpu_layer deforms[] = {
    {"deform",
     {CALM(6, 9, 16), OFFSETS(6, 9, 32, 3), OFFSETS(6, 9, 160, 5), F32_MAP(1, 1, JOINED)},
     build_deform,
     NULL,
     1e-5,
     3e-3},
    {"deform of odd channels",
     {CALM(4, 5, 5), OFFSETS(4, 5, 30, 3), OFFSETS(4, 5, 147, 5), F32_MAP(1, 1, JOINED)},
     build_deform,
     NULL,
     1e-5,
     3e-3},
};

/* ---- all --------------------------------------------------------------------------------------------------------- */

static bn_gpu *device; /* NULL: none here */

static int open_device(void **state)
{
    (void)state;
    if (test_device_index() >= 0) device = test_device_open();
    return 0;
}

static int close_device(void **state)
{
    (void)state;
    bn_gpu_close(&device);
    return 0;
}

#define CHECK(name, layers)                                                                                  \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        if (!device) skip();                                                                                 \
        for (size_t i = 0; i < BN_COUNT(layers); i++) gpu_layer_check(device, &(layers)[i]);                 \
    }

CHECK(multiplies_as_the_cpu, linears)
CHECK(filters_as_the_cpu, convs)
CHECK(transforms_as_the_cpu, blocks)
CHECK(samples_as_the_cpu, deforms)

/* In float32 alone: it is the largest tile that is meant. */
static void multiplies_many_rows_as_the_cpu(void **state)
{
    (void)state;
    if (!device) skip();
    bn_error err = {0};
    bn_gpu_packs *packs = NULL;
    assert_ok(bn_gpu_packs_create(device, &packs, &err), err);
    gpu_layer_check_type(packs, &wide_linears[0], GPU_RANDOM, BN_F32, 1);
    bn_gpu_packs_destroy(&packs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplies_as_the_cpu),           cmocka_unit_test(filters_as_the_cpu),
        cmocka_unit_test(transforms_as_the_cpu),           cmocka_unit_test(samples_as_the_cpu),
        cmocka_unit_test(multiplies_many_rows_as_the_cpu),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
