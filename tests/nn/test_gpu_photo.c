/* test_gpu_photo.c - bytes of photos and masks on a graphics card, against the arithmetic of the CPU. */
#include "tests/test.h"

#include "tests/gpu/device.h"

#include "base/size.h"
#include "nn/gpu/packs.h"
#include "nn/gpu/photo.h"

#include <math.h>

enum { H = 34, W = 38, PIXELS = H * W, PICTURES = 2 };

typedef struct fixture {
    bn_gpu *gpu;
    bn_gpu_packs *packs;
    bn_graph *graph;
} fixture;

static fixture open_graph(void)
{
    bn_error err = {0};
    fixture f = {.gpu = test_device_open()};
    assert_ok(bn_gpu_packs_create(f.gpu, &f.packs, &err), err);
    const bn_graph_options options = {
        .backend = &bn_gpu_backend, .type = BN_F32, .gpu = f.packs, .batch = PICTURES};
    assert_ok(bn_graph_create(&options, &f.graph, &err), err);
    return f;
}

static void run(fixture *f)
{
    bn_error err = {0};
    assert_ok(bn_graph_run(f->graph, NULL, NULL, &err), err);
}

static void finish(fixture *f)
{
    bn_error err = {0};
    assert_ok(bn_graph_finish(f->graph, &err), err);
}

static void close_graph(fixture *f)
{
    bn_graph_destroy(&f->graph);
    bn_gpu_packs_destroy(&f->packs);
    bn_gpu_close(&f->gpu);
}

static float number_of(int colour, int byte)
{
    return (float)byte / 255.0f - 0.25f * (float)(colour + 1);
}

static bn_status load_table(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)source, (void)bias, (void)err;
    for (int i = 0; i < 768; i++) weight[i] = number_of(i / 256, i % 256);
    return BIREFNET_OK;
}

static void a_photo_becomes_planes(void **state)
{
    (void)state;
    fixture f = open_graph();
    const bn_source table = {.key = "table", .load = load_table};
    const bn_gpu_photo photo = bn_gpu_photo_input(f.graph, H, W, &table);
    bn_graph_keep(f.graph, photo.planes.memory);
    finish(&f);
    uint8_t *bytes = bn_graph_data(f.graph, photo.bytes);
    for (int i = 0; i < PICTURES * PIXELS * 3; i++) bytes[i] = (uint8_t)(i * 37 + i / 256);
    uint32_t *wanted_bytes = bn_graph_data(f.graph, photo.wanted);
    for (int z = 0; z < PICTURES; z++) wanted_bytes[z] = 1;
    run(&f);
    const float *got = bn_graph_data(f.graph, photo.planes.memory);
    for (int z = 0; z < PICTURES; z++)
        for (int i = 0; i < 3 * PIXELS; i++) {
            const int colour = i / PIXELS, pixel = i % PIXELS;
            const float wanted = number_of(colour, bytes[(z * PIXELS + pixel) * 3 + colour]);
            assert_memory_equal(&got[z * 3 * PIXELS + i], &wanted, sizeof wanted);
        }
    /* another photo that stays on this side, and planes that are filled as such, for the second picture alone */
    memset(bytes, 0, (size_t)PICTURES * PIXELS * 3);
    bn_graph_transfer(f.graph, photo.bytes, false);
    float *planes = bn_graph_data(f.graph, photo.planes.memory);
    const float first = planes[5];
    for (int i = 0; i < PICTURES * 3 * PIXELS; i++) planes[i] = (float)i;
    wanted_bytes[1] = 0;
    run(&f);
    assert_true(planes[5] == first);
    for (int i = 3 * PIXELS; i < 2 * 3 * PIXELS; i++) assert_true(planes[i] == (float)i);
    close_graph(&f);
}

static void logits_become_a_mask(void **state)
{
    (void)state;
    static const float strange[] = {NAN, INFINITY, -INFINITY, -NAN, 1e30f, -1e30f, 88.8f, -88.8f, 0};
    static const int bytes[] = {0, 255, 0, 0, 255, 0, 255, 0, 127};
    fixture f = open_graph();
    const bn_map logits = bn_graph_map(f.graph, H, W, 1, BN_F32);
    bn_graph_input(f.graph, logits);
    const bn_gpu_mask mask = bn_gpu_mask_of(f.graph, logits);
    bn_graph_keep(f.graph, mask.bytes);
    bn_graph_keep(f.graph, mask.broken);
    finish(&f);
    float *in = bn_graph_data(f.graph, logits);
    for (int i = 0; i < PICTURES * PIXELS; i++) in[i] = (float)(i % 2001 - 1000) / 100.0f;
    memcpy(in + PIXELS + 11, strange, sizeof strange); /* of the second picture */
    run(&f);
    const uint8_t *got = bn_graph_data(f.graph, mask.bytes);
    for (int i = 0; i < PICTURES * PIXELS; i++) {
        const int special = i - PIXELS - 11;
        const bool is_special = special >= 0 && special < (int)BN_COUNT(strange);
        const double share = 255.0 / (1.0 + exp(-(double)in[i]));
        const int wanted = is_special ? bytes[special] : (int)share;
        if (got[i] != wanted && (is_special || fabs(share - round(share)) > 1e-4))
            fail_msg("logit %g becomes %d, not %d", (double)in[i], got[i], wanted);
    }
    const uint32_t *broken = bn_graph_data(f.graph, mask.broken);
    for (int z = 0; z < PICTURES; z++) {
        uint32_t sum = 0;
        for (int i = 0; i < mask.broken.w; i++) sum += broken[z * mask.broken.w + i];
        assert_int_equal(sum, z == 1 ? 2 : 0);
    }
    close_graph(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_photo_becomes_planes),
        cmocka_unit_test(logits_become_a_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
