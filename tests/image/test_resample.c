/* test_resample.c - resizing: what must hold for every size, and the same bytes from every kernel. */
#include "tests/image/pictures.h"

#include "base/cpu.h"
#include "pixels/resample.h"
#include "pixels/resample_kernels.h"

static void resizing_keeps_flat_colours_and_identity(void **state)
{
    (void)state;
    bn_error err = {0};
    uint8_t *photo = make_bytes(37 * 23 * 4, "photo", 8), *out = malloc(400 * 300 * 4);
    for (int channels = 1; channels <= 4; channels++) {
        if (channels == 2) continue;
        assert_ok(bn_resize_u8(photo, 37, 23, channels, 37 * channels, out, 37, 23, 37 * channels,
                               BN_FILTER_BICUBIC, 2, bn_cpu_isa(), &err),
                  err);
        assert_memory_equal(out, photo, (size_t)(37 * 23 * channels));
    }
    /* every size: no black row or column, whatever the ratio */
    uint8_t *flat = malloc(37 * 23 * 3);
    memset(flat, 201, 37 * 23 * 3);
    for (int size = 1; size < 300; size += size < 60 ? 1 : 31)
        for (bn_filter filter = BN_FILTER_BILINEAR; filter <= BN_FILTER_BICUBIC; filter++) {
            assert_ok(bn_resize_u8(flat, 37, 23, 3, 37 * 3, out, size, 301 - size, size * 3, filter, 3,
                                   (bn_isa)(size % ((int)bn_cpu_isa() + 1)), &err),
                      err);
            for (int i = 0; i < size * (301 - size) * 3; i++) assert_int_equal(out[i], 201);
        }
    assert_int_equal(
        bn_resize_u8(flat, 37, 23, 3, 37 * 3, out, 0, 5, 0, BN_FILTER_BILINEAR, 1, bn_cpu_isa(), &err),
        BIREFNET_ERROR_ARGUMENT);
    free(flat);
    free(photo);
    free(out);
}

/* Weights as they come (sum 1, some below 0) and as they never should (all of one sign and large). */
static bn_taps make_weights(int out, int in, int most)
{
    bn_taps taps = {.out = out, .most = most};
    taps.first = malloc((size_t)out * sizeof(int));
    taps.count = malloc((size_t)out * sizeof(int));
    taps.weights = malloc((size_t)(out * most) * sizeof(int32_t));
    uint8_t *random = make_bytes((size_t)(out * (most + 2)), "weights", 5);
    for (int i = 0; i < out; i++) {
        taps.first[i] = random[i] % (in - most + 1);
        taps.count[i] = 1 + random[out + i] % most;
        for (int k = 0; k < most; k++) {
            const int value = random[2 * out + i * most + k] - 100;
            taps.weights[i * most + k] = (1 << BN_RESAMPLE_BITS) / 100 / most * value;
        }
    }
    free(random);
    return taps;
}

static void every_kernel_gives_the_bytes_of_the_plain_one(void **state)
{
    (void)state;
    const bn_resample_kernels *kernels[] = {
        &bn_resample_kernels_plain,
#if defined(__x86_64__)
        &bn_resample_kernels_avx2,
        &bn_resample_kernels_avx512,
#endif
    };
    enum { IN = 200, OUT = 77, MOST = 9, LANES = BN_RESAMPLE_LANES };
    uint8_t *in = make_bytes(IN * 3 * LANES, "in", 1), *wanted = malloc(IN * 3 * LANES),
            *got = malloc(IN * 3 * LANES);
    memset(in, 255, 40 * 3 * LANES);
    bn_taps taps = make_weights(OUT, IN, MOST);
    const bn_resample_kernels *plain = kernels[0];
    for (size_t isa = 1; isa < BN_COUNT(kernels) && isa <= (size_t)bn_cpu_isa(); isa++)
        for (int channels = 1; channels <= 3; channels++) {
            const bn_resample_kernels *fast = kernels[isa];
            plain->across(&taps, channels, in, wanted);
            fast->across(&taps, channels, in, got);
            assert_memory_equal(got, wanted, (size_t)(OUT * channels * LANES));
            for (size_t bytes = 1; bytes < IN * 3; bytes += 37) {
                const uint8_t *rows[LANES];
                uint8_t *back[LANES], *turned = malloc(bytes * LANES), *again = malloc(bytes * LANES);
                for (size_t r = 0; r < LANES; r++) rows[r] = in + r * IN * 3, back[r] = got + r * IN * 3;
                plain->down(rows, taps.weights, MOST, bytes, wanted);
                fast->down(rows, taps.weights, MOST, bytes, got);
                assert_memory_equal(got, wanted, bytes);
                plain->gather(rows, bytes, turned);
                fast->gather(rows, bytes, again);
                assert_memory_equal(again, turned, bytes * LANES);
                for (size_t i = 0; i < bytes * LANES; i++)
                    assert_int_equal(turned[i], rows[i % LANES][i / LANES]);
                fast->scatter(turned, bytes, back);
                for (size_t r = 0; r < LANES; r++) assert_memory_equal(back[r], rows[r], bytes);
                free(turned);
                free(again);
            }
        }
    free(taps.first);
    free(taps.count);
    free(taps.weights);
    free(in);
    free(wanted);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizing_keeps_flat_colours_and_identity),
        cmocka_unit_test(every_kernel_gives_the_bytes_of_the_plain_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
