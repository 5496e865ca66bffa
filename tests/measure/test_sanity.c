/* test_sanity.c - what masks of the known photo say about weights. */
#include "tests/test.h"

#include "measure/sanity.h"

typedef struct marks {
    double iou, mae, weighted_f;
} marks;

static const marks fine = {0.98, 0.02, 0.97}, finer = {0.985, 0.018, 0.975}, poor = {0.7, 0.25, 0.6},
                   fair = {0.92, 0.08, 0.9}, none = {0.1, 0.6, 0.2}, pale = {0.98, 0.3, 0.5};

static bn_scores scores_of(marks given)
{
    bn_scores scores = {.is_soft = false};
    scores.value[BN_MEASURE_IOU] = given.iou;
    scores.value[BN_MEASURE_MAE] = given.mae;
    scores.value[BN_MEASURE_WEIGHTED_F] = given.weighted_f;
    return scores;
}

static void expect(marks channel, marks grid, birefnet_tile_order chosen, bn_sanity_verdict verdict,
                   birefnet_tile_order better)
{
    bn_sanity sanity = {.channel = scores_of(channel), .grid = scores_of(grid)};
    sanity.info.tile_order = chosen;
    bn_sanity_judge(&sanity);
    assert_int_equal(sanity.verdict, verdict);
    assert_int_equal(sanity.better, better);
}

static void the_better_order_is_named(void **state)
{
    (void)state;
    const birefnet_tile_order channel = BIREFNET_TILES_CHANNEL, grid = BIREFNET_TILES_GRID,
                              either = BIREFNET_TILES_AUTO;
    expect(fine, poor, channel, BN_SANITY_GOOD, channel);
    expect(fine, poor, grid, BN_SANITY_OTHER_ORDER, channel);
    expect(poor, fine, grid, BN_SANITY_GOOD, grid);
    expect(poor, fine, channel, BN_SANITY_OTHER_ORDER, grid);
    expect(fine, finer, channel, BN_SANITY_GOOD, either);
    expect(fine, finer, grid, BN_SANITY_GOOD, either);
    expect(fair, fine, channel, BN_SANITY_OTHER_ORDER, grid); /* sensible, but the other is clearly better */
    expect(none, none, channel, BN_SANITY_BAD, either);
    expect(none, poor, channel, BN_SANITY_BAD, grid);
    expect(pale, pale, channel, BN_SANITY_BAD, either); /* the right outline, but faint */
}

/* Weights that hold no number give no verdict of "good". */
static void not_a_number_is_bad(void **state)
{
    (void)state;
    const marks nan = {__builtin_nan(""), __builtin_nan(""), __builtin_nan("")};
    expect(nan, nan, BIREFNET_TILES_CHANNEL, BN_SANITY_BAD, BIREFNET_TILES_AUTO);
}

static void random_weights_are_found_out(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_sanity sanity;
    birefnet_model_options options;
    const bn_resolution size = {.width = 96, .height = 96};
    birefnet_model_options_default(&options);
    assert_ok(bn_sanity_check("seeded:gen1-pvt_v2_b0:3", &options, &size, 1, &sanity, &err), err);
    assert_int_equal(sanity.verdict, BN_SANITY_BAD);
    assert_int_equal(sanity.info.tile_order, BIREFNET_TILES_GRID); /* of that generation */
    assert_int_equal(sanity.width, 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_better_order_is_named),
        cmocka_unit_test(not_a_number_is_bad),
        cmocka_unit_test(random_weights_are_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
