/* test_cut.c - birefnet_cut, by the public header alone: a photo's bytes to a picture's. */
#include "tests/test.h"

#include "birefnet-image.h"

#include "base/file.h"
#include "image/codec.h"

#include <birefnet.h>

typedef struct fixture {
    birefnet_model *model;
    birefnet_session *session;
    bn_buffer photo;
} fixture;

static int set_up(void **state)
{
    static fixture made;
    const birefnet_session_options size = {.width = 128, .height = 128, .threads = 1};
    bn_buffer_init(&made.photo, 1 << 20);
    *state = &made;
    return birefnet_model_open(BN_SOURCE_DIR "/models/starter.safetensors", NULL, &made.model, NULL) ||
           birefnet_session_open(made.model, &size, &made.session, NULL) ||
           bn_file_read(BN_SOURCE_DIR "/examples/photo1.jpg", &made.photo, NULL);
}

static int tear_down(void **state)
{
    fixture *made = *state;
    birefnet_session_close(&made->session);
    birefnet_model_close(&made->model);
    bn_buffer_free(&made->photo);
    return 0;
}

static bn_image *cut(fixture *made, const birefnet_cut_options *options, bn_format format)
{
    birefnet_error error = {0};
    void *bytes = NULL;
    size_t size = 0;
    bn_image *image = NULL;
    assert_ok(birefnet_cut(made->session, made->photo.data, made->photo.size, options, &bytes, &size, &error),
              error);
    assert_int_equal(bn_format_from_bytes(bytes, size), format);
    assert_ok(bn_image_decode(bytes, size, NULL, &image, &error), error);
    birefnet_free(bytes);
    return image;
}

static void a_photo_becomes_what_the_options_say(void **state)
{
    fixture *made = *state;
    birefnet_cut_options options;
    birefnet_cut_options_default(&options);
    bn_image *image = cut(made, NULL, BN_FORMAT_PNG);
    assert_true(image->width == 400 && image->height == 446 && image->channels == 4);
    bn_image_destroy(&image);
    options.shop = "ebay";
    options.format = "jpeg";
    options.canvas = "320x200";
    options.shadow = "contact";
    image = cut(made, &options, BN_FORMAT_JPEG);
    assert_true(image->width == 320 && image->height == 200);
    assert_memory_equal(image->pixels, "\xff\xff\xff", 3);
    bn_image_destroy(&image);
    birefnet_cut_options_default(&options);
    options.mask_only = 1;
    options.format = "webp";
    options.crop = "";
    options.threshold = 0.5;
    image = cut(made, &options, BN_FORMAT_WEBP);
    assert_true(image->width < 400);
    bn_image_destroy(&image);
    birefnet_cut_options_default(&options);
    options.background_image = made->photo.data;
    options.background_image_bytes = made->photo.size;
    options.fit = "50%";
    image = cut(made, &options, BN_FORMAT_PNG);
    assert_true(image->width == 400 && image->height == 446 && image->channels == 3);
    bn_image_destroy(&image);
}

static void what_makes_no_sense_is_refused(void **state)
{
    fixture *made = *state;
    static const struct {
        birefnet_cut_options options;
        const char *word;
    } cases[] = {
        {{.format = "bmp"}, "bmp"},
        {{.format = "jpeg"}, "transparency"},
        {{.quality = 101}, "101"},
        {{.shop = "corner"}, "corner"},
        {{.canvas = "5"}, "'5'"},
        {{.fit = "0%"}, "0%"},
        {{.align = "top"}, "top"},
        {{.shadow = "hard"}, "hard"},
        {{.crop = "-3"}, "-3"},
        {{.background = "beach.jpg"}, "beach.jpg"},
        {{.metadata = "some"}, "some"},
        {{.threshold = 2}, "2"},
        {{.background_image = "no image", .background_image_bytes = 8}, "the background"},
        {{.format = "webp", .canvas = "20000x16"}, "16383"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        birefnet_cut_options options = cases[i].options;
        birefnet_error error = {0};
        void *bytes = NULL;
        size_t size = 7;
        options.max_pixels = 1000000;
        assert_true(birefnet_cut(made->session, made->photo.data, made->photo.size, &options, &bytes, &size,
                                 &error) != BIREFNET_OK);
        if (!strstr(error.message, cases[i].word)) fail_msg("%s: %s", cases[i].word, error.message);
        assert_true(!bytes && size == 7);
    }
    birefnet_error error;
    void *bytes;
    size_t size;
    assert_int_equal(birefnet_cut(NULL, "x", 1, NULL, &bytes, &size, &error), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(birefnet_cut(made->session, "x", 1, NULL, &bytes, &size, &error), BIREFNET_ERROR_FORMAT);
    birefnet_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_photo_becomes_what_the_options_say),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
