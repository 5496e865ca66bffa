/* test_smooth.c - mattes over time: the formula of smooth.h, sample by sample. */
#include "tests/test.h"

#include "base/seeded.h"
#include "base/size.h"
#include "cutout/smooth.h"

#include <math.h>

enum { WIDTH = 37, HEIGHT = 11, PIXELS = WIDTH * HEIGHT, FRAMES = 6 };

static void fill(uint8_t *out, size_t count, const char *name, uint64_t seed, float middle, float spread)
{
    float random[PIXELS * 4];
    bn_seeded_fill(name, seed, 0, spread, middle, random, count);
    for (size_t i = 0; i < count; i++) out[i] = (uint8_t)BN_MIN(BN_MAX(random[i], 0.0f), 255.0f);
}

static void old_mattes_count_where_nothing_moves(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_smooth smooth = {.strength = 0.6};
    uint8_t rgba[FRAMES][PIXELS * 4], matte[PIXELS], last[PIXELS] = {0};
    size_t kept = 0, new_ones = 0;
    for (int n = 0; n < FRAMES; n++) {
        fill(rgba[n], PIXELS * 4, "frame", (uint64_t)n, 100, 12);
        fill(matte, PIXELS, "matte", (uint64_t)n, 128, 128);
        uint8_t wanted[PIXELS];
        for (size_t i = 0; i < PIXELS; i++) {
            int d = 255;
            for (size_t c = 0; n > 0 && c < 4; c++) {
                const int one = abs(rgba[n][4 * i + c] - rgba[n - 1][4 * i + c]);
                d = c == 0 ? one : BN_MAX(d, one);
            }
            const double weight = 0.6 * fmax(0, 1 - d / 32.0);
            wanted[i] = (uint8_t)floor(matte[i] + weight * (last[i] - matte[i]) + 0.5);
            if (weight > 0)
                kept++;
            else
                new_ones++;
        }
        const bn_image frame = bn_image_view(rgba[n], WIDTH, HEIGHT, 4, 8);
        assert_ok(bn_smooth_apply(&smooth, &frame, matte, &err), err);
        for (size_t i = 0; i < PIXELS; i++) assert_in_range(matte[i] + 1, wanted[i], wanted[i] + 2);
        memcpy(last, matte, sizeof last);
    }
    assert_true(kept > 200 && new_ones > 200); /* both cases were seen */
    bn_smooth_release(&smooth);
}

static void a_new_size_begins_afresh_and_strength_0_does_nothing(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_smooth smooth = {.strength = 0.9}, off = {0};
    static uint8_t pixels[PIXELS * 3], matte[PIXELS];
    const bn_image frame = bn_image_view(pixels, WIDTH, HEIGHT, 3, 8),
                   other = bn_image_view(pixels, HEIGHT, WIDTH, 3, 8);
    memset(matte, 255, sizeof matte);
    assert_ok(bn_smooth_apply(&smooth, &frame, matte, &err), err);
    assert_ok(bn_smooth_apply(&off, &frame, matte, &err), err);
    memset(matte, 0, sizeof matte);
    assert_ok(bn_smooth_apply(&off, &frame, matte, &err), err);
    assert_int_equal(matte[5], 0);
    assert_ok(bn_smooth_apply(&smooth, &other, matte, &err), err);
    assert_int_equal(matte[5], 0);
    memset(matte, 100, sizeof matte);
    assert_ok(bn_smooth_apply(&smooth, &other, matte, &err), err);
    assert_int_equal(matte[5], 10);
    bn_smooth_release(&smooth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_mattes_count_where_nothing_moves),
        cmocka_unit_test(a_new_size_begins_afresh_and_strength_0_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
