/* test_gpu_matte.c - mattes of a session on a graphics card, whose photos go there as bytes, against those of the CPU. */
#include "tests/test.h"

#include "tests/gpu/device.h"

#include "base/seeded.h"
#include "base/size.h"
#include "birefnet.h"

#include <math.h>

enum { W = 83, H = 61, SIDE = 64 };

static birefnet_session *open_session(birefnet_model **model, const char *device)
{
    birefnet_error err = {0};
    birefnet_session *session = NULL;
    birefnet_model_options options;
    birefnet_model_options_default(&options);
    options.precision = BIREFNET_PRECISION_F32;
    options.device = device;
    assert_ok(birefnet_model_open("seeded:gen3-swin_v1_t:4", &options, model, &err), err);
    const birefnet_session_options size = {.width = SIDE, .height = SIDE};
    assert_ok(birefnet_session_open(*model, &size, &session, &err), err);
    return session;
}

static void make_photo(uint8_t *rgb)
{
    static float numbers[3 * W * H];
    bn_seeded_fill("photo", 1, 0, 127, 128, numbers, BN_COUNT(numbers));
    for (size_t i = 0; i < BN_COUNT(numbers); i++) rgb[i] = (uint8_t)numbers[i];
}

static void mattes_are_the_cpus_and_logits_stay_so(void **state)
{
    (void)state;
    static uint8_t rgb[3 * W * H], wanted[W * H], got[W * H];
    static float planes[3 * SIDE * SIDE], before[SIDE * SIDE], after[SIDE * SIDE];
    birefnet_error err = {0};
    birefnet_model *models[2] = {NULL, NULL};
    const int index = test_device_index();
    if (index < 0) skip();
    char device[16];
    snprintf(device, sizeof device, "gpu:%d", index);
    birefnet_session *cpu = open_session(&models[0], "cpu"), *gpu = open_session(&models[1], device);
    make_photo(rgb);
    bn_seeded_fill("planes", 1, 0, 2, 0, planes, BN_COUNT(planes));
    assert_ok(birefnet_session_matte(cpu, rgb, W, H, 3 * W, wanted, W, &err), err);
    assert_ok(birefnet_session_run(gpu, planes, before, &err), err);
    assert_ok(birefnet_session_matte(gpu, rgb, W, H, 3 * W, got, W, &err), err);
    assert_ok(birefnet_session_run(gpu, planes, after, &err), err);
    assert_memory_equal(before, after, sizeof before); /* planes and photos take turns in one session */
    double off = 0, spread = 0;
    for (int i = 0; i < W * H; i++) {
        off += abs(got[i] - wanted[i]);
        spread += abs(wanted[i] - wanted[0]);
    }
    assert_true(spread / (W * H) > 1);
    if (off / (W * H) > 0.1) fail_msg("mattes differ by %.3f of 255 in the mean", off / (W * H));
    birefnet_session_close(&cpu);
    birefnet_session_close(&gpu);
    for (int i = 0; i < 2; i++) birefnet_model_close(&models[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mattes_are_the_cpus_and_logits_stay_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
