/* test_foreground_gpu.c - foreground colours on a graphics card against those of the CPU. */
#include "tests/test.h"

#include "tests/gpu/device.h"

#include "base/seeded.h"
#include "base/size.h"
#include "pixels/foreground.h"
#include "matte/foreground_gpu.h"

static uint8_t *make_bytes(const char *name, size_t count, float scale)
{
    float *numbers = malloc(count * sizeof *numbers);
    uint8_t *bytes = malloc(count);
    assert_true(numbers && bytes);
    bn_seeded_fill(name, count, 0, scale, 127.5f, numbers, count);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(numbers[i] < 0 ? 0 : numbers[i] > 255 ? 255 : numbers[i]);
    free(numbers);
    return bytes;
}

/* Rows with something between them, the matte nearly all 0 or 255. */
static void check(bn_gpu *gpu, int width, int height, size_t room, bool in_place)
{
    bn_error err = {0};
    const size_t stride = 3 * (size_t)width + 5, matte_stride = (size_t)width + 2, rows = (size_t)height;
    uint8_t *rgb = make_bytes("photo", stride * rows, 127.5f),
            *matte = make_bytes("matte", matte_stride * rows, 300);
    uint8_t *wanted = malloc(stride * rows), *made = malloc(stride * rows), *got = in_place ? rgb : made;
    assert_true(wanted && made);
    memcpy(wanted, rgb, stride * rows);
    memcpy(got, rgb, stride * rows);
    assert_ok(bn_foreground_estimate(rgb, matte, width, height, (ptrdiff_t)stride, (ptrdiff_t)matte_stride,
                                     wanted, 1, BN_ISA_PLAIN, &err),
              err);
    assert_ok(bn_foreground_estimate_gpu(gpu, rgb, matte, width, height, (ptrdiff_t)stride,
                                         (ptrdiff_t)matte_stride, got, room, &err),
              err);
    size_t off = 0;
    for (size_t i = 0; i < stride * rows; i++) {
        if (abs(got[i] - wanted[i]) > 1)
            fail_msg("%d x %d: byte %zu of row %zu is %d, not %d", width, height, i % stride, i / stride,
                     got[i], wanted[i]);
        off += got[i] != wanted[i];
    }
    const bool exact = bn_gpu_facts_of(gpu)->kind == BN_GPU_SOFTWARE;
    assert_true(off <= (exact ? 0 : rows * stride / 1000));
    free(rgb);
    free(matte);
    free(wanted);
    free(made);
}

static void colours_are_the_cpus(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 40}, {40, 1}, {2, 3}, {5, 4}, {33, 7}, {249, 67}, {336, 101}};
    bn_gpu *gpu = test_device_open();
    for (size_t i = 0; i < BN_COUNT(sizes); i++)
        check(gpu, sizes[i][0], sizes[i][1], BN_FOREGROUND_GPU_BYTES, i % 2);
    bn_gpu_close(&gpu);
}

static void bands_of_rows_make_no_difference(void **state)
{
    (void)state;
    bn_gpu *gpu = test_device_open();
    check(gpu, 30, 41, 0, false);                    /* 8 rows, the last of one */
    check(gpu, 52, 100, (size_t)12 * 52 * 33, true); /* 33 */
    bn_gpu_close(&gpu);
}

static void dense_rows_are_fetched_at_once(void **state)
{
    (void)state;
    enum { W = 20, H = 30 };
    bn_error err = {0};
    bn_gpu *gpu = test_device_open();
    uint8_t *rgb = make_bytes("photo", 3 * W * H, 127.5f), *matte = make_bytes("matte", W * H, 300);
    uint8_t wanted[3 * W * H], got[3 * W * H];
    assert_ok(bn_foreground_estimate(rgb, matte, W, H, 3 * W, W, wanted, 1, BN_ISA_PLAIN, &err), err);
    assert_ok(bn_foreground_estimate_gpu(gpu, rgb, matte, W, H, 3 * W, W, got, 0, &err), err);
    for (int i = 0; i < 3 * W * H; i++) assert_in_range(got[i] + 1, wanted[i], wanted[i] + 2);
    assert_int_equal(bn_foreground_estimate_gpu(gpu, rgb, matte, W, H, 3 * W - 1, W, got, 0, &err),
                     BIREFNET_ERROR_ARGUMENT);
    free(rgb);
    free(matte);
    bn_gpu_close(&gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colours_are_the_cpus),
        cmocka_unit_test(bands_of_rows_make_no_difference),
        cmocka_unit_test(dense_rows_are_fetched_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
