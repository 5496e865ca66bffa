/* test_tiles.c - tiles of the product on matrix cores: what fits a device, how a depth is cut, which tile a shape gets. */
#include "gpu/tile_speeds.h"

#include "base/size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const bn_gpu_facts large = {.kind = BN_GPU_DISCRETE,
                                   .half = true,
                                   .matrix = true,
                                   .matrix_m = 16,
                                   .matrix_n = 16,
                                   .matrix_k = 16,
                                   .subgroup = 32,
                                   .shared_bytes = 48 << 10};
static const bn_gpu_facts software = {.kind = BN_GPU_SOFTWARE,
                                      .half = true,
                                      .matrix = true,
                                      .matrix_m = 8,
                                      .matrix_n = 8,
                                      .matrix_k = 8,
                                      .subgroup = 8,
                                      .shared_bytes = 32 << 10};

static bn_gpu_shape shape(int rows, int columns, int depth)
{
    return (bn_gpu_shape){
        .rows = rows, .columns = columns, .depth = depth, .a_type = 2, .dst_type = 2, .aligned = true};
}

static const bn_gpu_tile *choose(const bn_gpu_facts *facts, const bn_gpu_shape *s)
{
    bn_gpu_tile_speeds speeds;
    bn_gpu_tile_speeds_usual(&speeds);
    return bn_gpu_tile_choose(facts, &speeds, s, 1);
}

/* The table is made for cards of this kind: each tile is of use there. */
static void every_tile_fits_a_large_card(void **state)
{
    (void)state;
    for (int i = 0; i < bn_gpu_tile_count; i++) {
        if (!bn_gpu_tile_fits(&bn_gpu_tiles[i], &large)) fail_msg("tile %d", i);
        assert_true(bn_gpu_tiles[i].worth > 0);
    }
}

static void none_fits_a_device_without(void **state)
{
    (void)state;
    bn_gpu_facts none = large;
    none.matrix = false;
    const bn_gpu_shape s = shape(4096, 768, 768);
    assert_null(choose(&none, &s));
    none = large;
    none.matrix_k = 4; /* not whole quads */
    assert_null(choose(&none, &s));
    none = large;
    none.shared_bytes = 1 << 10;
    assert_null(choose(&none, &s));
}

/* 13 x 13 rows of 40 and 24 columns: 169 = 5 * 32 + 9. */
static void groups_cover_rows_and_columns(void **state)
{
    (void)state;
    const bn_gpu_tile tile = {32, 32, 32, 2, 2, 2, 0, 1, 1};
    const bn_gpu_shape s = shape(169, 40, 64);
    uint32_t groups[2];
    bn_gpu_tile_groups(&tile, &s, 3, groups);
    assert_int_equal(groups[0], 2);
    assert_int_equal(groups[1], 6 * 3);
}

static void depth_is_cut_where_tiles_are_few(void **state)
{
    (void)state;
    const struct {
        int rows, columns, depth, pieces;
    } cases[] = {{65536, 192, 768, 1},  {4096, 3072, 768, 1}, {1024, 64, 51840, 32}, {256, 1536, 6144, 8},
                 {1024, 1536, 6144, 2}, {16, 16, 100, 1},     {16, 16, 512, 2}};
    for (size_t i = 0; i < BN_COUNT(cases); i++) {
        const bn_gpu_shape s = shape(cases[i].rows, cases[i].columns, cases[i].depth);
        assert_int_equal(bn_gpu_tile_pieces(&s), cases[i].pieces);
    }
}

static void a_tile_wastes_little(void **state)
{
    (void)state;
    const bn_gpu_shape few = shape(65536, 64, 4320), many = shape(65536, 768, 768);
    assert_int_equal(choose(&large, &few)->columns, 64);
    assert_true(choose(&large, &many)->columns >= 128);
    const bn_gpu_tile *soft = choose(&software, &many);
    assert_non_null(soft);
    assert_true(bn_gpu_tile_shared_bytes(soft, &software) <= software.shared_bytes);
}

static void constants_say_what_the_kernel_asks(void **state)
{
    (void)state;
    const bn_gpu_tile tile = {128, 256, 32, 2, 4, 1, 2, 1, 1};
    bn_gpu_shape s = shape(1000, 300, 96);
    s.loader = 1, s.activation = 2, s.add = true;
    uint32_t constant[BN_GPU_CONSTANTS];
    bn_gpu_tile_constants(&tile, &large, &s, 1, constant);
    const uint32_t want[BN_GPU_CONSTANTS] = {
        128 | 256 << 16,      32 | 1 << 8 | 2 << 12 | 1 << 16, 2 | 4 << 8, 0x20101010,
        1 | 2 << 8 | 1 << 16, 2 | 2 << 8 | 1 << 16 | 1 << 17,  0,          256};
    assert_memory_equal(constant, want, sizeof want);
    bn_gpu_tile_constants(&tile, &large, &s, 2,
                          constant); /* sums alone: float32, 300 columns are no multiple of 8 */
    assert_int_equal(constant[5], 0);
}

/* Some drivers have matrix cores that are slower than doing without: then none of their tiles is taken. */
static void what_is_faster_without_does_without(void **state)
{
    (void)state;
    const bn_gpu_shape s = shape(4096, 3072, 768);
    bn_gpu_tile_speeds speeds;
    bn_gpu_tile_speeds_usual(&speeds);
    float best = 0;
    for (int i = 0; i < bn_gpu_tile_count; i++) best = BN_MAX(best, speeds.worth[0][i]);
    bn_gpu_tile_speeds_settle(&speeds, best);
    assert_non_null(bn_gpu_tile_choose(&large, &speeds, &s, 1));
    bn_gpu_tile_speeds_settle(&speeds, 1.01f * best);
    for (int loader = 0; loader < BN_GPU_LOADERS; loader++) {
        bn_gpu_shape each = s;
        each.loader = loader;
        assert_null(bn_gpu_tile_choose(&large, &speeds, &each, 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_fits_a_large_card),
        cmocka_unit_test(none_fits_a_device_without),
        cmocka_unit_test(groups_cover_rows_and_columns),
        cmocka_unit_test(depth_is_cut_where_tiles_are_few),
        cmocka_unit_test(what_is_faster_without_does_without),
        cmocka_unit_test(a_tile_wastes_little),
        cmocka_unit_test(constants_say_what_the_kernel_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
