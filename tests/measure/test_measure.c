/* test_measure.c - measures against values of independent code (make_golden.py), and at the borders where it has none. */
#include "tests/test.h"

#include "base/file.h"
#include "base/size.h"
#include "image/codec.h"
#include "measure/measure.h"
#include "measure/nearest.h"
#include "measure/paired.h"
#include "tests/measure/golden.h"

#include <math.h>

/* The bytes of data/NAME-WHAT.png; the caller frees them. */
static uint8_t *load(const char *name, const char *what, int *width, int *height)
{
    char path[512];
    bn_error err = {0};
    bn_buffer file;
    bn_image *image = NULL;
    snprintf(path, sizeof path, "%s/tests/measure/data/%s-%s.png", BN_SOURCE_DIR, name, what);
    bn_buffer_init(&file, 1 << 20);
    assert_ok(bn_file_read(path, &file, &err), err);
    assert_ok(bn_image_decode(file.data, file.size, NULL, &image, &err), err);
    assert_int_equal(image->depth, 8);
    const size_t pixels = (size_t)image->width * (size_t)image->height, channels = (size_t)image->channels;
    uint8_t *bytes = malloc(pixels);
    assert_non_null(bytes);
    for (size_t i = 0; i < pixels; i++) bytes[i] = ((const uint8_t *)image->pixels)[i * channels];
    *width = image->width;
    *height = image->height;
    bn_image_destroy(&image);
    bn_buffer_free(&file);
    return bytes;
}

/* The independent code's own rounding; among equally near pixels weighted F may take another one. */
static double tolerance(bn_measure measure)
{
    return measure == BN_MEASURE_WEIGHTED_F ? 2e-4 : 1e-6;
}

static void values_are_those_of_independent_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < BN_COUNT(golden); i++) {
        bn_error err = {0};
        bn_scores scores;
        bn_mask_pair pair = {.has_unknown = golden[i].unknown};
        uint8_t *truth = load(golden[i].name, "truth", &pair.width, &pair.height);
        uint8_t *mask = load(golden[i].name, "mask", &pair.width, &pair.height);
        pair.truth = truth;
        pair.mask = mask;
        assert_ok(bn_measure_pair(&pair, &scores, &err), err);
        assert_int_equal(scores.is_soft, golden[i].soft);
        for (bn_measure m = 0; m < BN_MEASURES; m++)
            if (!(fabs(scores.value[m] - golden[i].value[m]) <= tolerance(m)))
                fail_msg("%s: %s is %.9f, not %.9f", golden[i].name, bn_measure_get_facts(m)->key,
                         scores.value[m], golden[i].value[m]);
        free(truth);
        free(mask);
    }
}

#define SIDE 24

static bn_scores measure(const uint8_t *mask, const uint8_t *truth, int width, int height, bool has_unknown)
{
    bn_error err = {0};
    bn_scores scores;
    const bn_mask_pair pair = {mask, truth, width, height, has_unknown};
    assert_ok(bn_measure_pair(&pair, &scores, &err), err);
    return scores;
}

static void expect_all(const bn_scores *scores, double good, double error)
{
    for (bn_measure m = 0; m < BN_MEASURES; m++) {
        if (m >= BN_MEASURE_FIRST_SOFT && !scores->is_soft) continue;
        const double wanted = bn_measure_get_facts(m)->more_is_better ? good : error;
        /* the mean E counts the threshold 0, at which all is found */
        if (!(fabs(scores->value[m] - wanted) <= (m == BN_MEASURE_E ? 0.01 : 1e-9)))
            fail_msg("%s is %.9f, not %g", bn_measure_get_facts(m)->key, scores->value[m], wanted);
    }
}

static void a_photo_without_a_subject_is_measured(void **state)
{
    (void)state;
    static const uint8_t none[SIDE * SIDE];
    uint8_t some[SIDE * SIDE] = {0};
    bn_scores scores = measure(none, none, SIDE, SIDE, false);
    expect_all(&scores, 1, 0);
    memset(some, 255, SIDE);
    scores = measure(some, none, SIDE, SIDE, false);
    assert_true(scores.value[BN_MEASURE_IOU] == 0 && scores.value[BN_MEASURE_WEIGHTED_F] == 0 &&
                scores.value[BN_MEASURE_MAX_F] == 0);
}

static void unknown_pixels_count_nowhere(void **state)
{
    (void)state;
    uint8_t truth[SIDE * SIDE], mask[SIDE * SIDE];
    for (size_t i = 0; i < sizeof truth; i++) {
        const size_t x = i % SIDE;
        truth[i] = x < 8 ? 255 : x < 14 ? 128 : 0;
        mask[i] = x < 8 ? 255 : x < 14 ? (uint8_t)(i * 37) : 0;
    }
    const bn_scores scores = measure(mask, truth, SIDE, SIDE, true);
    expect_all(&scores, 1, 0);
    assert_false(scores.is_soft);
    assert_true(measure(mask, truth, SIDE, SIDE, false).value[BN_MEASURE_IOU] < 1);
    memset(truth, 128, sizeof truth);
    const bn_scores nothing = measure(mask, truth, SIDE, SIDE, true);
    expect_all(&nothing, 1, 0);
}

/* Every size up to 9x9, with everything that a byte can hold: no value may leave its range. */
static void small_masks_stay_in_range(void **state)
{
    (void)state;
    unsigned seed = 18;
    for (int height = 1; height <= 9; height++)
        for (int width = 1; width <= 9; width++)
            for (int round = 0; round < 8; round++) {
                uint8_t truth[81], mask[81];
                for (int i = 0; i < width * height; i++) {
                    seed = seed * 1664525u + 1013904223u;
                    truth[i] = round < 4 ? (seed >> 31 ? 255 : 0) : (uint8_t)(seed >> 20);
                    mask[i] = round % 2 ? (uint8_t)(seed >> 12) : seed >> 30 == 3 ? 255 : 0;
                }
                const bn_scores scores = measure(mask, truth, width, height, round >= 6);
                for (bn_measure m = 0; m < BN_MEASURE_FIRST_SOFT; m++) {
                    const double most = m == BN_MEASURE_E ? 2 : 1 + 1e-9; /* E divides by one pixel less */
                    if (!(scores.value[m] >= 0 && scores.value[m] <= most))
                        fail_msg("%s of %dx%d is %f", bn_measure_get_facts(m)->key, width, height,
                                 scores.value[m]);
                }
            }
}

static void the_nearest_pixel_is_the_nearest(void **state)
{
    (void)state;
    enum { W = 31, H = 23 };
    unsigned seed = 5;
    for (int round = 0; round < 20; round++) {
        uint8_t is_set[W * H] = {0};
        int32_t pixels[W];
        int64_t squares[W];
        bn_error err = {0};
        bn_nearest *nearest = NULL;
        for (int i = 0; i <= round * round; i++) is_set[(seed = seed * 1664525u + 1013904223u) % (W * H)] = 1;
        assert_ok(bn_nearest_create(is_set, W, H, &nearest, &err), err);
        for (int y = 0; y < H; y++) {
            bn_nearest_row(nearest, y, pixels, squares);
            for (int x = 0; x < W; x++) {
                int64_t least = INT64_MAX;
                for (int i = 0; i < W * H; i++)
                    if (is_set[i])
                        least = BN_MIN(least, (int64_t)(i % W - x) * (i % W - x) +
                                                  (int64_t)(i / W - y) * (i / W - y));
                assert_int_equal(squares[x], least);
                assert_true(is_set[pixels[x]]);
                const int dx = pixels[x] % W - x, dy = pixels[x] / W - y;
                assert_int_equal(dx * dx + dy * dy, least);
            }
        }
        bn_nearest_destroy(&nearest);
    }
}

/* For a large sample the bootstrap's interval is the normal one, mean +- 1.96 standard errors. */
static void the_paired_interval_is_that_of_theory(void **state)
{
    (void)state;
    enum { N = 400 };
    double values[N], sum = 0, squares = 0;
    unsigned seed = 3;
    bn_error err = {0};
    bn_paired paired, again;
    for (int i = 0; i < N; i++) {
        values[i] = 0.02;
        for (int k = 0; k < 12; k++)
            values[i] += ((seed = seed * 1664525u + 1013904223u) / 4294967296.0 - 0.5) / 10;
        sum += values[i];
        squares += values[i] * values[i];
    }
    const double mean = sum / N, error = sqrt((squares / N - mean * mean) / N);
    assert_ok(bn_paired_interval(values, N, &paired, &err), err);
    assert_true(fabs(paired.mean - mean) < 1e-12);
    assert_true(fabs(paired.low - (mean - 1.96 * error)) < 0.1 * error);
    assert_true(fabs(paired.high - (mean + 1.96 * error)) < 0.1 * error);
    assert_ok(bn_paired_interval(values, N, &again, &err), err);
    assert_memory_equal(&paired, &again, sizeof paired);
    assert_ok(bn_paired_interval(values, BN_PAIRED_MIN - 1, &paired, &err), err);
    assert_true(paired.low == paired.mean && paired.high == paired.mean);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_independent_code),
        cmocka_unit_test(a_photo_without_a_subject_is_measured),
        cmocka_unit_test(unknown_pixels_count_nowhere),
        cmocka_unit_test(small_masks_stay_in_range),
        cmocka_unit_test(the_nearest_pixel_is_the_nearest),
        cmocka_unit_test(the_paired_interval_is_that_of_theory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
