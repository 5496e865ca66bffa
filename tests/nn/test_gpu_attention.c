/* test_gpu_attention.c - norms and attention on a graphics card against the CPU. */
#include "tests/nn/gpu_layer_test.h"

/* ---- norms --------------------------------------------------------------------------------------------------- */

static bn_map build_norm(bn_graph *graph, const bn_map *input, const void *context)
{
    (void)context;
    const test_source source = make_source("norm", (size_t)input[0].c, (size_t)input[0].c);
    return bn_layer_norm(graph, input[0], 1e-5f, &source.source, bn_graph_type(graph));
}

static bn_map build_norm_inplace(bn_graph *graph, const bn_map *input, const void *context)
{
    (void)context;
    const test_source source = make_source("norm", (size_t)input[0].c, (size_t)input[0].c);
    bn_layer_norm_inplace(graph, input[0], 1e-6f, &source.source);
    return input[0];
}

static const gpu_layer norms[] = {
    {"norm", {{5, 7, 96, .f32 = true}}, build_norm, NULL, 3e-6, 1e-3},
    {"norm of odd channels", {{3, 3, 37, .f32 = true}}, build_norm, NULL, 3e-6, 1e-3},
    {"norm of wide rows", {{1, 3, 1536, .f32 = true}}, build_norm, NULL, 3e-6, 1e-3},
    {"norm in place", {{3, 5, 64, .f32 = true}}, build_norm_inplace, NULL, 3e-6, 3e-6},
};

/* ---- attention over all keys ---------------------------------------------------------------------------------- */

static bn_map build_attention(bn_graph *graph, const bn_map *input, const void *context)
{
    return bn_layer_attention(graph, input[0], input[1], *(const int *)context);
}

static const int one_head = 1, two_heads = 2, three_heads = 3, five_heads = 5;
static const gpu_layer attentions[] = {
    {"attention",
     {{7, 9, 128, .scale = 2}, {3, 13, 256, .scale = 2}},
     build_attention,
     &two_heads,
     2e-5,
     2e-3},
    {"attention of small heads",
     {{5, 9, 48, .scale = 2}, {3, 13, 96, .scale = 2}},
     build_attention,
     &three_heads,
     2e-5,
     2e-3},
    {"attention of many heads",
     {{3, 3, 50, .scale = 2}, {2, 2, 100, .scale = 2}},
     build_attention,
     &five_heads,
     2e-5,
     2e-3},
    {"attention to many keys",
     {{2, 3, 16, .scale = 2}, {13, 20, 32, .scale = 2}},
     build_attention,
     &one_head,
     2e-5,
     2e-3},
};

/* ---- all --------------------------------------------------------------------------------------------------------- */

GPU_CHECK(norms_as_the_cpu, norms)
GPU_CHECK(attends_as_the_cpu, attentions)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_as_the_cpu),
        cmocka_unit_test(attends_as_the_cpu),
    };
    return cmocka_run_group_tests(tests, gpu_device_setup, gpu_device_teardown);
}
