/* test_golden.c - resizing and foreground colours against the reference's files. */
#include "tests/npy.h"
#include "tests/test.h"

#include "image/codec.h"
#include "pixels/foreground.h"
#include "pixels/resample.h"

/* Cases of the reference: name, the network's size that the photo is resized to, the mask's sizes. */
typedef struct golden_case {
    const char *name;
    int resized_height, resized_width;
    int height, width;
} golden_case;

static const golden_case cases[] = {
    {"img0", 256, 256, 200, 300},
    {"img1", 256, 256, 431, 277},
    {"img2", 128, 128, 64, 48},
    {"img3", 256, 192, 97, 640},
};

#define REQUIRE_REFERENCE()                                                                                  \
    if (!reference_folder()) skip()

static void read_array(npy *array, const char *format, const char *name, int height, int width)
{
    bn_error err = {0};
    char file[256], path[4400];
    snprintf(file, sizeof file, format, name, height, width);
    snprintf(path, sizeof path, "%s/image/%s", reference_folder(), file);
    assert_ok(npy_read(path, array, &err), err);
}

static bn_image *read_image(const golden_case *c)
{
    bn_error err = {0};
    char path[4400];
    snprintf(path, sizeof path, "%s/image/%s-image.png", reference_folder(), c->name);
    bn_buffer file;
    bn_buffer_init(&file, 1 << 26);
    assert_ok(bn_file_read(path, &file, &err), err);
    bn_image *image = NULL;
    assert_ok(bn_image_decode(file.data, file.size, NULL, &image, &err), err);
    bn_buffer_free(&file);
    assert_int_equal(image->width, c->width);
    assert_int_equal(image->height, c->height);
    return image;
}

/* Every byte within 1; at least `share` of them equal. */
static void assert_close(const char *what, const uint8_t *got, const uint8_t *wanted, size_t count,
                         double share)
{
    size_t equal = 0;
    for (size_t i = 0; i < count; i++) {
        const int difference = abs(got[i] - wanted[i]);
        if (difference > 1) fail_msg("%s: byte %zu is %d, should be %d", what, i, got[i], wanted[i]);
        equal += difference == 0;
    }
    print_message("%s: %.4f %% equal\n", what, 100.0 * (double)equal / (double)count);
    if ((double)equal < share * (double)count) fail_msg("%s: only %zu of %zu equal", what, equal, count);
}

static void resizing_photos_is_byte_equal_to_pillow(void **state)
{
    (void)state;
    REQUIRE_REFERENCE();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const golden_case *c = &cases[i];
        bn_error err = {0};
        npy wanted;
        read_array(&wanted, "%s-resized-%dx%d.npy", c->name, c->resized_height, c->resized_width);
        bn_image *image = read_image(c);
        uint8_t *got = malloc(wanted.count);
        for (int run = 0; run <= (int)bn_cpu_isa(); run++) { /* each level, with one thread or three */
            const int threads = run % 2 ? 1 : 3;
            memset(got, 0x55, wanted.count);
            assert_ok(bn_resize_u8(image->pixels, c->width, c->height, 3, 3 * c->width, got, c->resized_width,
                                   c->resized_height, 3 * c->resized_width, BN_FILTER_BILINEAR, threads,
                                   (bn_isa)run, &err),
                      err);
            assert_close(c->name, got, wanted.u8, wanted.count, 1.0);
        }
        free(got);
        npy_free(&wanted);
        bn_image_destroy(&image);
    }
}

static void enlarging_masks_is_byte_equal_to_pillow(void **state)
{
    (void)state;
    REQUIRE_REFERENCE();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const golden_case *c = &cases[i];
        bn_error err = {0};
        npy in, wanted;
        read_array(&in, "%s-mask-in-%dx%d.npy", c->name, c->resized_height, c->resized_width);
        read_array(&wanted, "%s-mask-out-%dx%d.npy", c->name, c->height, c->width);
        uint8_t *small = malloc(in.count), *got = malloc(wanted.count);
        for (size_t k = 0; k < in.count; k++) small[k] = (uint8_t)(255 * in.f32[k]);
        for (bn_isa isa = BN_ISA_PLAIN; isa <= bn_cpu_isa(); isa++) {
            memset(got, 0x55, wanted.count);
            assert_ok(bn_resize_u8(small, c->resized_width, c->resized_height, 1, c->resized_width, got,
                                   c->width, c->height, c->width, BN_FILTER_BICUBIC, 2, isa, &err),
                      err);
            assert_close(c->name, got, wanted.u8, wanted.count, 1.0);
        }
        free(small);
        free(got);
        npy_free(&in);
        npy_free(&wanted);
    }
}

static void foreground_colours_match_the_reference(void **state)
{
    (void)state;
    REQUIRE_REFERENCE();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const golden_case *c = &cases[i];
        bn_error err = {0};
        npy matte, wanted;
        read_array(&matte, "%s-mask-out-%dx%d.npy", c->name, c->height, c->width);
        read_array(&wanted, "%s-foreground.npy", c->name, 0, 0);
        bn_image *image = read_image(c);
        const uint8_t *photo = image->pixels;
        uint8_t *got = malloc(wanted.count);
        assert_ok(birefnet_refine_foreground(photo, matte.u8, c->width, c->height, 3 * c->width, c->width,
                                             got, 0, &err),
                  err);
        assert_close(c->name, got, wanted.u8, wanted.count, 0.995);
        free(got);
        npy_free(&matte);
        npy_free(&wanted);
        bn_image_destroy(&image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizing_photos_is_byte_equal_to_pillow),
        cmocka_unit_test(enlarging_masks_is_byte_equal_to_pillow),
        cmocka_unit_test(foreground_colours_match_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
