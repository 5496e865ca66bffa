/* test_end_to_end.c - a photo in, cut-out and mask out, against the finished pictures of the reference. */
#include "tests/test.h"

#include "base/file.h"
#include "cutout/cutout.h"

static bn_image *read_image(const char *folder, const char *name, const char *ending)
{
    char path[4096];
    bn_error err = {0};
    bn_buffer bytes;
    bn_image *image = NULL;
    snprintf(path, sizeof path, "%s/e2e/%s%s", folder, name, ending);
    bn_buffer_init(&bytes, 1 << 24);
    assert_ok(bn_file_read(path, &bytes, &err), err);
    assert_ok(bn_image_decode(bytes.data, bytes.size, NULL, &image, &err), err);
    bn_buffer_free(&bytes);
    return image;
}

static bn_image *decode(const bn_buffer *bytes)
{
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_image_decode(bytes->data, bytes->size, NULL, &image, &err), err);
    return image;
}

/* Tolerances of the float32 path: the mask's mean error 0.5 and largest 6, the colours' mean error 1, of 255. */
static void compare(const bn_image *cutout, const bn_image *mask, const bn_image *true_cutout,
                    const bn_image *true_mask)
{
    assert_int_equal(cutout->width, true_cutout->width);
    assert_int_equal(cutout->height, true_cutout->height);
    const size_t pixels = (size_t)cutout->width * (size_t)cutout->height;
    const uint8_t *m = mask->pixels, *tm = true_mask->pixels, *c = cutout->pixels, *tc = true_cutout->pixels;
    const size_t m_step = (size_t)mask->channels, tm_step = (size_t)true_mask->channels;
    double mask_sum = 0, colour_sum = 0;
    int largest = 0;
    size_t visible = 0;
    for (size_t i = 0; i < pixels; i++) {
        const int error = abs(m[i * m_step] - tm[i * tm_step]);
        mask_sum += error;
        largest = error > largest ? error : largest;
        assert_int_equal(c[4 * i + 3], m[i * m_step]);
        if (!m[i * m_step] || !tm[i * tm_step]) continue;
        visible++;
        for (size_t k = 0; k < 3; k++) colour_sum += abs(c[4 * i + k] - tc[4 * i + k]);
    }
    const double mask_mean = mask_sum / (double)pixels, colour_mean = colour_sum / (3.0 * (double)visible);
    print_message("mask: mean %.4f, largest %d; colours: mean %.4f\n", mask_mean, largest, colour_mean);
    assert_true(visible > pixels / 10);
    assert_true(mask_mean <= 0.5 && largest <= 6 && colour_mean <= 1);
}

static void check(const char *model_name, birefnet_tile_order order, int side, const char *photo,
                  const char *expected)
{
    const char *folder = reference_folder();
    if (!folder) skip();
    bn_error err = {0};
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    bn_cutout cutout = {0};
    bn_cutout_options options;
    bn_buffer bytes;
    char path[4096];
    bn_cutout_options_default(&options);
    options.want_mask = true;
    options.threads = 2;
    const birefnet_model_options model_options = {.precision = BIREFNET_PRECISION_F32, .tile_order = order};
    const birefnet_session_options size = {.width = side, .height = side};
    snprintf(path, sizeof path, "%s/e2e/%s", folder, photo);
    bn_buffer_init(&bytes, 1 << 20);
    assert_ok(bn_file_read(path, &bytes, &err), err);
    assert_ok(birefnet_model_open(model_name, &model_options, &model, &err), err);
    assert_ok(birefnet_session_open(model, &size, &session, &err), err);
    assert_ok(bn_cutout_run(bytes.data, bytes.size, session, &options, &cutout, &err), err);
    bn_image *made_cutout = decode(&cutout.cutout), *made_mask = decode(&cutout.mask);
    bn_image *true_cutout = read_image(folder, expected, "-cutout.png");
    bn_image *true_mask = read_image(folder, expected, "-mask.png");
    compare(made_cutout, made_mask, true_cutout, true_mask);
    bn_image_destroy(&made_cutout);
    bn_image_destroy(&made_mask);
    bn_image_destroy(&true_cutout);
    bn_image_destroy(&true_mask);
    bn_cutout_release(&cutout);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    bn_buffer_free(&bytes);
}

static void swin_t_at_1024(void **state)
{
    (void)state;
    check("seeded:gen3-swin_v1_t:4", BIREFNET_TILES_CHANNEL, 1024, "photo1.jpg", "photo1-swin_v1_t-1024-s4");
}

static void older_swin_l_at_512(void **state)
{
    (void)state;
    check("seeded:gen2-swin_v1_l:9", BIREFNET_TILES_GRID, 512, "photo2.jpg", "photo2-gen2-swin_v1_l-512-s9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swin_t_at_1024),
        cmocka_unit_test(older_swin_l_at_512),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
