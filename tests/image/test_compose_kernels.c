/* test_compose_kernels.c - the row loop of the usual cut-out: what it does to each alpha, and every level of instructions
 * beside plain C, byte for byte, with nothing written outside of the row. */
#include "tests/test.h"

#include "base/size.h"
#include "image/compose_kernels.h"

enum { WIDTH = 100, GUARD = 16 };

static void each_alpha_has_its_colours(void **state)
{
    (void)state;
    const uint8_t rgb[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, front[9] = {11, 12, 13, 14, 15, 16, 17, 18, 19};
    const uint8_t alpha[3] = {255, 254, 0}, wanted[12] = {1, 2, 3, 255, 14, 15, 16, 254, 0, 0, 0, 0};
    uint8_t rgba[12];
    bn_cutout_row_plain(rgb, front, alpha, 3, rgba);
    assert_memory_equal(rgba, wanted, sizeof wanted);
}

static void every_level_gives_the_bytes_of_plain_c(void **state)
{
    (void)state;
    uint8_t rgb[3 * WIDTH], front[3 * WIDTH], alpha[WIDTH];
    uint8_t got[4 * WIDTH + GUARD], wanted[4 * WIDTH + GUARD];
    uint32_t random = 1;
    for (int kind = 0; kind < 4; kind++) {
        for (int i = 0; i < 3 * WIDTH; i++) {
            random = random * 1664525u + 1013904223u;
            rgb[i] = (uint8_t)(random >> 16);
            front[i] = (uint8_t)(random >> 24);
            /* random, all there, nothing, runs of both */
            const uint8_t values[] = {(uint8_t)(random >> 8), 255, 0, i % 7 < 3 ? 255 : (uint8_t)(i % 2)};
            alpha[i % WIDTH] = values[kind];
        }
        for (int width = 0; width <= WIDTH; width++)
            for (bn_isa isa = BN_ISA_PLAIN; isa <= bn_cpu_isa(); isa++) {
                memset(got, 0xa5, sizeof got);
                memset(wanted, 0xa5, sizeof wanted);
                bn_cutout_row_plain(rgb, front, alpha, width, wanted);
                bn_cutout_row_for(isa)(rgb, front, alpha, width, got);
                assert_memory_equal(got, wanted, sizeof got);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_alpha_has_its_colours),
        cmocka_unit_test(every_level_gives_the_bytes_of_plain_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
