/* test_cut_image.c - decode, cut and encode over pixels in memory, by the public header alone, and what bindings of other
 * languages ask: the sizes of structs, where models are. */
#include "tests/test.h"

#include "birefnet-image.h"

#include "base/file.h"

#include <birefnet.h>

typedef struct fixture {
    birefnet_model *model;
    birefnet_session *session;
    bn_buffer file;
    birefnet_image photo;
} fixture;

static int set_up(void **state)
{
    static fixture made;
    const birefnet_session_options size = {.width = 128, .height = 128, .threads = 1};
    bn_buffer_init(&made.file, 1 << 20);
    *state = &made;
    return birefnet_model_open(BN_SOURCE_DIR "/models/starter.safetensors", NULL, &made.model, NULL) ||
           birefnet_session_open(made.model, &size, &made.session, NULL) ||
           bn_file_read(BN_SOURCE_DIR "/examples/photo1.jpg", &made.file, NULL) ||
           birefnet_decode(made.file.data, made.file.size, 0, &made.photo, NULL);
}

static int tear_down(void **state)
{
    fixture *made = *state;
    birefnet_image_release(&made->photo);
    birefnet_session_close(&made->session);
    birefnet_model_close(&made->model);
    bn_buffer_free(&made->file);
    return 0;
}

static void assert_same_pixels(const birefnet_image *a, const birefnet_image *b)
{
    assert_true(a->width == b->width && a->height == b->height && a->channels == b->channels &&
                a->depth == b->depth);
    const size_t row = (size_t)a->width * (size_t)a->channels * (size_t)(a->depth / 8);
    for (size_t y = 0; y < (size_t)a->height; y++)
        assert_memory_equal((char *)a->pixels + y * (size_t)a->stride_bytes,
                            (char *)b->pixels + y * (size_t)b->stride_bytes, row);
}

/* What birefnet_cut writes, decoded, is what birefnet_cut_image gives. */
static void assert_as_cut(fixture *made, const birefnet_image *photo, const birefnet_cut_options *options)
{
    birefnet_error error = {0};
    birefnet_image pixels = {0}, expected = {0};
    void *file = NULL;
    size_t size = 0;
    assert_ok(birefnet_cut(made->session, made->file.data, made->file.size, options, &file, &size, &error),
              error);
    assert_ok(birefnet_decode(file, size, 0, &expected, &error), error);
    assert_ok(birefnet_cut_image(made->session, photo, options, &pixels, &error), error);
    if (options && options->mask_only) { /* decoders expand grey */
        assert_true(pixels.channels == 1 && expected.channels == 3 && pixels.width == expected.width);
        for (size_t i = 0; i < (size_t)pixels.width * (size_t)pixels.height; i++)
            assert_int_equal(((uint8_t *)pixels.pixels)[i], ((uint8_t *)expected.pixels)[3 * i]);
    } else {
        assert_same_pixels(&pixels, &expected);
    }
    birefnet_free(file);
    birefnet_image_release(&pixels);
    birefnet_image_release(&expected);
}

static void pixels_are_those_of_the_file(void **state)
{
    fixture *made = *state;
    birefnet_cut_options options;
    assert_as_cut(made, &made->photo, NULL);
    birefnet_cut_options_default(&options);
    options.shop = "ebay";
    options.canvas = "320x200";
    assert_as_cut(made, &made->photo, &options);
    birefnet_cut_options_default(&options);
    options.mask_only = 1;
    options.crop = "";
    assert_as_cut(made, &made->photo, &options);
}

static void rows_may_lie_apart(void **state)
{
    fixture *made = *state;
    birefnet_image wide = made->photo;
    wide.stride_bytes = made->photo.stride_bytes + 13;
    wide.pixels = calloc((size_t)wide.height, (size_t)wide.stride_bytes);
    for (size_t y = 0; y < (size_t)wide.height; y++)
        memcpy((char *)wide.pixels + y * (size_t)wide.stride_bytes,
               (char *)made->photo.pixels + y * (size_t)made->photo.stride_bytes,
               (size_t)made->photo.stride_bytes);
    assert_as_cut(made, &wide, NULL);
    free(wide.pixels);
}

static void grey_is_cut_as_rgb(void **state)
{
    fixture *made = *state;
    birefnet_error error = {0};
    for (int depth = 8; depth <= 16; depth += 8) {
        uint8_t grey[40 * 30 * 2];
        uint8_t rgb[40 * 30 * 3 * 2];
        const size_t bytes = (size_t)depth / 8;
        for (size_t i = 0; i < 40 * 30 * bytes; i++) grey[i] = (uint8_t)(i * 7);
        for (size_t i = 0; i < 40 * 30 * 3; i++) memcpy(rgb + i * bytes, grey + i / 3 * bytes, bytes);
        const birefnet_image one = {40, 30, 1, depth, 40 * (ptrdiff_t)bytes, grey, NULL, 0};
        const birefnet_image three = {40, 30, 3, depth, 120 * (ptrdiff_t)bytes, rgb, NULL, 0};
        birefnet_image a = {0}, b = {0};
        assert_ok(birefnet_cut_image(made->session, &one, NULL, &a, &error), error);
        assert_ok(birefnet_cut_image(made->session, &three, NULL, &b, &error), error);
        assert_true(a.channels == 4 && a.depth == depth);
        assert_same_pixels(&a, &b);
        birefnet_image_release(&a);
        birefnet_image_release(&b);
    }
}

static void what_was_encoded_is_decoded(void **state)
{
    fixture *made = *state;
    birefnet_error error = {0};
    birefnet_image again = {0};
    void *file = NULL;
    size_t size = 0;
    assert_ok(birefnet_encode(&made->photo, NULL, &file, &size, &error), error);
    assert_ok(birefnet_decode(file, size, 0, &again, &error), error);
    assert_same_pixels(&made->photo, &again);
    birefnet_image_release(&again);
    birefnet_image_release(&again); /* zeros */
    birefnet_free(file);
    birefnet_image_release(NULL);
}

static void what_makes_no_sense_is_refused(void **state)
{
    fixture *made = *state;
    uint8_t pixels[12] = {0};
    static const struct {
        birefnet_image image;
        birefnet_status status;
    } cases[] = {
        {{0, 2, 3, 8, 6, NULL, NULL, 0}, BIREFNET_ERROR_ARGUMENT},
        {{2, -1, 3, 8, 6, NULL, NULL, 0}, BIREFNET_ERROR_ARGUMENT},
        {{2, 2, 2, 8, 6, NULL, NULL, 0}, BIREFNET_ERROR_ARGUMENT},
        {{2, 2, 3, 12, 6, NULL, NULL, 0}, BIREFNET_ERROR_ARGUMENT},
        {{2, 2, 3, 8, 5, NULL, NULL, 0}, BIREFNET_ERROR_ARGUMENT},
        {{2, 2, 1, 8, 1, NULL, NULL, 0}, BIREFNET_ERROR_ARGUMENT},
        {{2, 2, 3, 8, -6, NULL, NULL, 0}, BIREFNET_ERROR_ARGUMENT},
        {{20000, 20000, 3, 8, 60000, NULL, NULL, 0}, BIREFNET_ERROR_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        birefnet_image image = cases[i].image, result = {.width = 7};
        birefnet_error error = {0};
        image.pixels = pixels;
        assert_int_equal(birefnet_cut_image(made->session, &image, NULL, &result, &error), cases[i].status);
        assert_true(error.message[0] && result.width == 7 && !result.pixels);
    }
    birefnet_error error;
    birefnet_image result = {0}, empty = {2, 2, 3, 8, 6, NULL, NULL, 0};
    void *file = NULL;
    size_t size = 0;
    assert_int_equal(birefnet_cut_image(made->session, &empty, NULL, &result, &error),
                     BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(birefnet_cut_image(made->session, NULL, NULL, &result, &error), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(birefnet_encode(&empty, NULL, &file, &size, &error), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(birefnet_decode("x", 1, 0, &result, &error), BIREFNET_ERROR_FORMAT);
    assert_int_equal(birefnet_decode(made->file.data, made->file.size, 100, &result, &error),
                     BIREFNET_ERROR_LIMIT);
    assert_true(!file && !result.pixels);
}

static void bindings_learn_places(void **state)
{
    (void)state;
    birefnet_model_place place;
    birefnet_error error = {0};
    assert_ok(birefnet_model_find("starter", BN_SOURCE_DIR "/models", &place, &error), error);
    assert_string_equal(place.path, BN_SOURCE_DIR "/models/starter.safetensors");
    assert_true(place.is_starter && place.width == 0);
    assert_int_equal(birefnet_model_find("no such model", NULL, &place, &error), BIREFNET_ERROR_NOT_FOUND);
    assert_true(place.is_starter);
    assert_int_equal(birefnet_model_find("starter", NULL, NULL, &error), BIREFNET_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_those_of_the_file),
        cmocka_unit_test(rows_may_lie_apart),
        cmocka_unit_test(grey_is_cut_as_rgb),
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(bindings_learn_places),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
