/* test_foreground.c - foreground colours against the formula, computed plainly. */
#include "tests/image/pictures.h"

#include "pixels/foreground.h"

static int reflect_101(int i, int count)
{
    while (count > 1 && (i < 0 || i >= count)) i = i < 0 ? -i : 2 * (count - 1) - i;
    return count > 1 ? i : 0;
}

/* Mean over the box around each pixel of one plane, as OpenCV's blur with its default anchor. */
static void blur_plain(const double *in, int width, int height, int side, double *out)
{
    double *across = malloc(sizeof(double) * (size_t)(width * height));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double sum = 0;
            for (int k = 0; k < side; k++) sum += in[y * width + reflect_101(x - side / 2 + k, width)];
            across[y * width + x] = sum;
        }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double sum = 0;
            for (int k = 0; k < side; k++) sum += across[reflect_101(y - side / 2 + k, height) * width + x];
            out[y * width + x] = sum / (side * side);
        }
    free(across);
}

/* One round of blur fusion on one colour plane; front and back are read and replaced. */
static void fuse_plain(const double *image, const double *alpha, int width, int height, int side,
                       double *front, double *back)
{
    const int count = width * height;
    double *planes[4];
    for (int i = 0; i < 4; i++) planes[i] = malloc(sizeof(double) * (size_t)count);
    for (int i = 0; i < count; i++) {
        planes[0][i] = front[i] * alpha[i];
        planes[1][i] = back[i] * (1 - alpha[i]);
    }
    blur_plain(planes[0], width, height, side, planes[2]);
    blur_plain(planes[1], width, height, side, planes[3]);
    blur_plain(alpha, width, height, side, planes[0]);
    for (int i = 0; i < count; i++) {
        const double f = planes[2][i] / (planes[0][i] + 1e-5), b = planes[3][i] / (1 - planes[0][i] + 1e-5);
        const double value = f + alpha[i] * (image[i] - alpha[i] * f - (1 - alpha[i]) * b);
        front[i] = BN_MAX(0.0, BN_MIN(1.0, value));
        back[i] = b;
    }
    for (int i = 0; i < 4; i++) free(planes[i]);
}

static void estimate_plain(const uint8_t *rgb, const uint8_t *matte, int width, int height,
                           double *foreground)
{
    const size_t count = (size_t)(width * height), bytes = count * sizeof(double);
    double *image = malloc(bytes), *alpha = malloc(bytes), *front = malloc(bytes), *back = malloc(bytes);
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < count; i++) {
            image[i] = front[i] = back[i] = rgb[3 * i + c] / 255.0;
            alpha[i] = matte[i] / 255.0;
        }
        fuse_plain(image, alpha, width, height, 90, front, back);
        fuse_plain(image, alpha, width, height, 6, front, back);
        for (size_t i = 0; i < count; i++) foreground[3 * i + c] = 255 * front[i];
    }
    free(image);
    free(alpha);
    free(front);
    free(back);
}

static void foreground_follows_the_formula_on_every_cpu(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 40}, {40, 1}, {2, 3}, {5, 4}, {33, 7}, {130, 101}, {47, 200}};
    for (size_t s = 0; s < BN_COUNT(sizes); s++)
        for (matte_kind kind = MATTE_NOISE; kind < MATTE_KINDS; kind++) {
            const int width = sizes[s][0], height = sizes[s][1];
            const size_t pixels = (size_t)(width * height), stride = 3 * (size_t)width + 5;
            bn_error err = {0};
            uint8_t *rgb = make_bytes(3 * pixels, "photo", 1 + s), *matte = make_matte(width, height, kind);
            double *wanted = malloc(3 * pixels * sizeof *wanted);
            estimate_plain(rgb, matte, width, height, wanted);
            uint8_t *padded = malloc(stride * (size_t)height), *first = malloc(stride * (size_t)height);
            uint8_t *got = malloc(stride * (size_t)height);
            memset(first, 0x77, stride * (size_t)height);
            for (int y = 0; y < height; y++)
                memcpy(padded + (size_t)y * stride, rgb + (size_t)(3 * y * width), 3 * (size_t)width);
            assert_ok(bn_foreground_estimate(padded, matte, width, height, (ptrdiff_t)stride, width, first, 1,
                                             BN_ISA_PLAIN, &err),
                      err);
            size_t off = 0;
            for (int y = 0; y < height; y++)
                for (int i = 0; i < 3 * width; i++) {
                    const uint8_t value = first[(size_t)y * stride + (size_t)i];
                    const size_t at = (size_t)(3 * y * width + i);
                    if (matte[at / 3] == 255) {
                        assert_in_range(value, rgb[at] - (rgb[at] > 0),
                                        rgb[at]); /* rounding may lose a step */
                        continue;
                    }
                    const double distance =
                        wanted[at] - value; /* the integer part of wanted, give or take rounding */
                    if (distance < -0.02 || distance > 1.02)
                        fail_msg("%dx%d, matte %d: %d,%d is %d, should be %.3f", width, height, (int)kind,
                                 i / 3, y, value, wanted[at]);
                    off += distance < 0 || distance >= 1;
                }
            assert_true(off <= 3 * pixels / 100);
            for (bn_isa isa = BN_ISA_PLAIN; isa <= bn_cpu_isa(); isa++)
                for (int threads = 1; threads < 9; threads += 3) {
                    memset(got, 0x77, stride * (size_t)height);
                    assert_ok(bn_foreground_estimate(padded, matte, width, height, (ptrdiff_t)stride, width,
                                                     got, threads, isa, &err),
                              err);
                    assert_memory_equal(got, first, stride * (size_t)height - 5);
                }
            /* in place */
            assert_ok(birefnet_refine_foreground(padded, matte, width, height, (ptrdiff_t)stride, width,
                                                 padded, 2, &err),
                      err);
            for (int y = 0; y < height; y++)
                assert_memory_equal(padded + (size_t)y * stride, first + (size_t)y * stride,
                                    3 * (size_t)width);
            free(rgb);
            free(matte);
            free(wanted);
            free(padded);
            free(first);
            free(got);
        }
}

static void old_background_does_not_shine_through(void **state)
{
    (void)state;
    enum { SIDE = 200 };
    bn_error err = {0};
    uint8_t *rgb = malloc(3 * SIDE * SIDE), *matte = malloc(SIDE * SIDE);
    /* a red disc with a soft edge in front of green */
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int dx = i % SIDE - SIDE / 2, dy = i / SIDE - SIDE / 2;
        const int distance = 255 * 60 * 60 - 255 * (dx * dx + dy * dy);
        matte[i] = (uint8_t)BN_MAX(0, BN_MIN(255, 128 + distance / 2000));
        rgb[3 * i] = (uint8_t)(200 * matte[i] / 255);
        rgb[3 * i + 1] = (uint8_t)(200 * (255 - matte[i]) / 255);
        rgb[3 * i + 2] = 0;
    }
    assert_ok(birefnet_refine_foreground(rgb, matte, SIDE, SIDE, 3 * SIDE, SIDE, rgb, 0, &err), err);
    for (int i = 0; i < SIDE * SIDE; i++)
        if (matte[i] >= 16 && (rgb[3 * i + 1] > 30 || rgb[3 * i] < 165))
            fail_msg("at %d,%d matte %d: %d %d", i % SIDE, i / SIDE, matte[i], rgb[3 * i], rgb[3 * i + 1]);
    free(rgb);
    free(matte);
    /* more threads than any system gives */
    uint8_t *line = calloc(60000, 4);
    assert_ok(birefnet_refine_foreground(line, line + 3 * 60000, 1, 60000, 3, 1, line, 60000, &err), err);
    free(line);
    assert_int_equal(birefnet_refine_foreground(NULL, NULL, 1, 1, 3, 1, NULL, 1, &err),
                     BIREFNET_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreground_follows_the_formula_on_every_cpu),
        cmocka_unit_test(old_background_does_not_shine_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
