/* test_inner.c - what flows between the network's parts, beside the reference's: stages of the backbone, the deepest level, the
 * squeeze module, decoder blocks. On the CPU, or with BN_TEST_INNER=f32 or f16 on the device for tests. The reference is a folder
 * with larger cases (BN_REFERENCE). */
#include "tests/test.h"

#include "base/half.h"
#include "base/seeded.h"
#include "base/size.h"
#include "model/model.h"
#include "model/network.h"
#include "nn/cpu/pack.h"
#include "tests/gpu/device.h"
#include "tests/npy.h"

#include <math.h>
#include <stdio.h>

enum { SIDE = 256, SEED = 1 };

static const struct {
    const char *name; /* of the reference's tensor [c][h][w], of whose first channels the map is */
    int which;
} tensors[] = {{"x1", BN_INNER_FULL},
               {"x2", BN_INNER_FULL + 1},
               {"x3", BN_INNER_FULL + 2},
               {"x4", BN_INNER_DEEPEST},
               {"squeeze_module", BN_INNER_SQUEEZED},
               {"decoder_block4", BN_INNER_BLOCK},
               {"decoder_block3", BN_INNER_BLOCK + 1},
               {"decoder_block2", BN_INNER_BLOCK + 2}};

/* 1.25 (L1 + L8 + L32), each of uniform numbers repeated k x k. */
static void fill_input(float *planes)
{
    static float level[3 * SIDE * SIDE];
    static const int steps[] = {1, 8, 32};
    memset(planes, 0, sizeof level);
    for (size_t s = 0; s < BN_COUNT(steps); s++) {
        char name[16];
        const size_t k = (size_t)steps[s], side = SIDE / k;
        snprintf(name, sizeof name, "input.%zu", k);
        bn_seeded_fill(name, SEED, 0, 1, 0, level, 3 * side * side);
        for (size_t c = 0; c < 3; c++)
            for (size_t y = 0; y < SIDE; y++)
                for (size_t x = 0; x < SIDE; x++)
                    planes[(c * SIDE + y) * SIDE + x] += 1.25f * level[(c * side + y / k) * side + x / k];
    }
}

static float value_at(const bn_graph *graph, bn_map map, size_t pixel, size_t channel)
{
    const size_t at = map.offset + pixel * (size_t)map.stride + channel;
    map.offset = 0;
    const void *numbers = bn_graph_data(graph, map);
    return map.type == BN_F32 ? ((const float *)numbers)[at] : bn_half_widen(((const uint16_t *)numbers)[at]);
}

/* The largest difference and the mean one, as shares of the mean size of the reference's numbers. */
static void compare(const bn_graph *graph, bn_map map, const char *name, double most, double mean)
{
    char path[1024];
    npy wanted;
    bn_error err = {0};
    snprintf(path, sizeof path, BN_TEST_REFERENCE "/network/gen3-swin_v1_t-256x256-s1.%s.npy", name);
    assert_ok(npy_read(path, &wanted, &err), err);
    const size_t pixels = (size_t)map.h * (size_t)map.w;
    assert_true(wanted.f32 && wanted.shape[0] >= (size_t)map.c);
    assert_int_equal(wanted.shape[1], map.h);
    assert_int_equal(wanted.shape[2], map.w);
    double worst = 0, sum = 0, size = 0;
    for (size_t c = 0; c < (size_t)map.c; c++)
        for (size_t i = 0; i < pixels; i++) {
            const double off = fabs((double)value_at(graph, map, i, c) - (double)wanted.f32[c * pixels + i]);
            if (!(off <= worst)) worst = off;
            sum += off;
            size += fabs((double)wanted.f32[c * pixels + i]);
        }
    print_message("%-15s [%d, %d, %d] max %.2e mean %.2e of the mean size %.3f\n", name, map.h, map.w, map.c,
                  worst * (double)pixels * map.c / size, sum / size, size / ((double)pixels * map.c));
    assert_true(worst * (double)pixels * map.c <= most * size);
    assert_true(sum <= mean * size);
    npy_free(&wanted);
}

static birefnet_model *open_model(const char *wish)
{
    birefnet_model *model = NULL;
    bn_error err = {0};
    char device[16] = "cpu";
    const int index = wish ? test_device_index() : 0;
    if (index < 0) skip();
    if (wish) snprintf(device, sizeof device, "gpu:%d", index);
    const birefnet_model_options options = {
        .precision = wish && strcmp(wish, "f16") == 0 ? BIREFNET_PRECISION_F16 : BIREFNET_PRECISION_F32,
        .device = device};
    assert_ok(birefnet_model_open("seeded:gen3-swin_v1_t:1", &options, &model, &err), err);
    return model;
}

static void inner_tensors_are_the_references(void **state)
{
    (void)state;
    const char *wish = getenv("BN_TEST_INNER");
    const bool half = wish && strcmp(wish, "f16") == 0;
    birefnet_model *model = open_model(wish);
    bn_error err = {0};
    bn_graph *graph = NULL;
    bn_params *params = NULL;
    bn_map inner[BN_INNERS];
    const bn_graph_options options = {.backend = wish ? &bn_gpu_backend : NULL,
                                      .type = model->type,
                                      .gpu = model->device.packs,
                                      .isa = model->isa,
                                      .threads = 2,
                                      .packs = model->packs,
                                      .batch = 1};
    assert_ok(bn_graph_create(&options, &graph, &err), err);
    assert_ok(bn_params_create(model->weights, &model->arch, graph, &params, &err), err);
    bn_network net = {.graph = graph, .arch = &model->arch, .params = params, .inner = inner};
    const bn_planes input = bn_layer_input(graph, SIDE, SIDE);
    bn_network_build(&net, input);
    assert_ok(bn_graph_finish(graph, &err), err);
    fill_input(bn_graph_data(graph, input.memory));
    assert_ok(bn_graph_run(graph, NULL, NULL, &err), err);
    for (size_t i = 0; i < BN_COUNT(tensors); i++)
        compare(graph, inner[tensors[i].which], tensors[i].name, half ? 0.05 : 2e-4, half ? 3e-3 : 1e-5);
    bn_params_destroy(&params);
    bn_graph_destroy(&graph);
    birefnet_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(inner_tensors_are_the_references)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
