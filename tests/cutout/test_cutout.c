/* test_cutout.c - backgrounds and sizes in words, sessions by size, options that contradict each other, the three
 * steps of a photo and what they leave. */
#include "tests/test.h"

#include "base/file.h"
#include "cutout/cutout.h"
#include "cutout/sessions.h"

#define PHOTO BN_SOURCE_DIR "/examples/photo1.jpg"
#define MODEL BN_SOURCE_DIR "/models/starter.safetensors"

static void backgrounds_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bn_background_kind kind;
        uint8_t colour[4];
        double blur;
    } good[] = {
        {"none", BN_BACKGROUND_NONE, {0}, 0},
        {"Transparent", BN_BACKGROUND_NONE, {0}, 0},
        {"#fff", BN_BACKGROUND_COLOUR, {255, 255, 255, 255}, 0},
        {"#1a2B", BN_BACKGROUND_COLOUR, {0x11, 0xaa, 0x22, 0xbb}, 0},
        {"#102030", BN_BACKGROUND_COLOUR, {16, 32, 48, 255}, 0},
        {"#10203080", BN_BACKGROUND_COLOUR, {16, 32, 48, 128}, 0},
        {"White", BN_BACKGROUND_COLOUR, {255, 255, 255, 255}, 0},
        {"teal", BN_BACKGROUND_COLOUR, {0, 128, 128, 255}, 0},
        {"blur", BN_BACKGROUND_BLUR, {0, 0, 0, 255}, 3},
        {"blur:0", BN_BACKGROUND_BLUR, {0, 0, 0, 255}, 0},
        {"blur:100", BN_BACKGROUND_BLUR, {0, 0, 0, 255}, 100},
        {"blur:4.5", BN_BACKGROUND_BLUR, {0, 0, 0, 255}, 4.5},
        {"blur:10%", BN_BACKGROUND_BLUR, {0, 0, 0, 255}, 10},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bn_background background;
        if (!bn_background_parse(good[i].text, &background)) fail_msg("%s is refused", good[i].text);
        assert_int_equal(background.kind, good[i].kind);
        assert_memory_equal(background.colour, good[i].colour, 4);
        assert_true(background.blur_percent == good[i].blur);
    }
    static const char *const bad[] = {"",      "#",      "#12",      "#12345",  "#ggg",    "#1234567", "whit",
                                      "blur:", "blur:x", "blur:101", "blur:-1", "blur:3x", "beach.jpg"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bn_background background;
        if (bn_background_parse(bad[i], &background)) fail_msg("%s is accepted", bad[i]);
    }
}

static void resolutions_are_understood(void **state)
{
    (void)state;
    bn_resolution resolution;
    int width, height;
    assert_true(bn_resolution_parse("1024x768", &resolution));
    bn_resolution_for_photo(&resolution, 10, 10, &width, &height);
    assert_true(width == 1024 && height == 768);
    assert_true(bn_resolution_parse("512", &resolution) && resolution.width == 512 &&
                resolution.height == 512);
    assert_true(bn_resolution_parse("auto", &resolution) && resolution.width == 0 && !resolution.native);
    assert_true(bn_resolution_parse("Native", &resolution) && resolution.native);
    static const int photos[][4] = {{1000, 700, 992, 704},    {4608, 3456, 2304, 1728},
                                    {100, 100, 256, 256},     {10000, 100, 2304, 256},
                                    {2304, 2304, 2304, 2304}, {1, 100000, 256, 2304}};
    for (size_t i = 0; i < sizeof photos / sizeof *photos; i++) {
        bn_resolution_for_photo(&resolution, photos[i][0], photos[i][1], &width, &height);
        assert_int_equal(width, photos[i][2]);
        assert_int_equal(height, photos[i][3]);
    }
    static const char *const bad[] = {"",
                                      "x",
                                      "1024x",
                                      "x1024",
                                      "63x64",
                                      "64x63",
                                      "4097",
                                      "-512",
                                      "512x512x512",
                                      "0",
                                      "99999999999999999999",
                                      "12.5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (bn_resolution_parse(bad[i], &resolution)) fail_msg("%s is accepted", bad[i]);
}

static void contradictions_are_refused_before_any_work(void **state)
{
    (void)state;
    bn_cutout_options options;
    bn_error err = {0};
    bn_cutout_options_default(&options);
    assert_ok(bn_cutout_options_check(&options, &err), err);
    options.cutout_encoding.format = BN_FORMAT_JPEG;
    assert_int_equal(bn_cutout_options_check(&options, &err), BIREFNET_ERROR_ARGUMENT);
    assert_true(bn_background_parse("#12345678", &options.background));
    assert_int_equal(bn_cutout_options_check(&options, &err), BIREFNET_ERROR_ARGUMENT);
    assert_true(bn_background_parse("#123456", &options.background));
    assert_ok(bn_cutout_options_check(&options, &err), err);
    options.cutout_encoding.format = BN_FORMAT_AVIF;
    assert_int_equal(bn_cutout_options_check(&options, &err), BIREFNET_ERROR_ARGUMENT);
}

/* What a format cannot hold is known before the network runs. */
static void results_that_no_file_holds_are_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        bn_format format;
        int side;
    } cases[] = {{BN_FORMAT_WEBP, 16383}, {BN_FORMAT_GIF, 65535}, {BN_FORMAT_JPEG, 65500}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const int side = cases[i / 2].side + (int)(i % 2);
        bn_error err = {0};
        bn_buffer png;
        bn_image *image = NULL;
        bn_cutout_options options;
        bn_cutout cutout = {0};
        bn_encode_options encoding;
        bn_encode_options_default(&encoding, BN_FORMAT_PNG);
        bn_buffer_init(&png, 1 << 22);
        assert_ok(bn_image_create(side, 3, 3, 8, &image, &err), err);
        assert_ok(bn_image_encode(image, &encoding, &png, &err), err);
        bn_cutout_options_default(&options);
        assert_true(bn_background_parse("white", &options.background));
        bn_encode_options_default(&options.cutout_encoding, cases[i / 2].format);
        const bn_status status = bn_cutout_decode(png.data, png.size, &options, &cutout, &err);
        if (i % 2 == 0) {
            assert_ok(status, err);
        } else {
            char limit[20];
            snprintf(limit, sizeof limit, "%d", cases[i / 2].side);
            assert_int_equal(status, BIREFNET_ERROR_LIMIT);
            assert_int_equal(cutout.side_limit_px, cases[i / 2].side);
            assert_non_null(strstr(err.message, limit));
        }
        bn_cutout_release(&cutout);
        bn_image_destroy(&image);
        bn_buffer_free(&png);
    }
}

static int stop_at_once(void *user, const char *part, double done)
{
    (void)part, (void)done;
    return ++*(int *)user > 0;
}

typedef struct fixture {
    birefnet_model *model;
    bn_buffer photo;
} fixture;

static int set_up(void **state)
{
    static fixture made;
    bn_buffer_init(&made.photo, 1 << 20);
    *state = &made;
    return birefnet_model_open(MODEL, NULL, &made.model, NULL) || bn_file_read(PHOTO, &made.photo, NULL);
}

static int tear_down(void **state)
{
    fixture *made = *state;
    birefnet_model_close(&made->model);
    bn_buffer_free(&made->photo);
    return 0;
}

static void sessions_are_kept_by_size(void **state)
{
    fixture *made = *state;
    bn_error err = {0};
    bn_sessions *sessions = NULL;
    birefnet_session *a, *b, *again;
    assert_ok(bn_sessions_create(made->model, 1, 2, NULL, NULL, &sessions, &err), err);
    assert_ok(bn_sessions_get(sessions, 64, 96, &a, &err), err);
    assert_ok(bn_sessions_get(sessions, 96, 64, &b, &err), err);
    assert_true(a != b);
    assert_ok(bn_sessions_get(sessions, 50, 90, &again, &err), err); /* rounds up to 64 x 96 */
    assert_ptr_equal(again, a);
    birefnet_session *third, *kept;
    assert_ok(bn_sessions_get(sessions, 64, 64, &third, &err), err); /* in place of b, not used for longest */
    assert_ok(bn_sessions_get(sessions, 64, 96, &kept, &err), err);
    assert_ptr_equal(kept, a);
    birefnet_session_info info;
    birefnet_session_get_info(third, &info);
    assert_true(info.width == 64 && info.height == 64 && info.threads == 1);
    bn_sessions_destroy(&sessions);
    assert_null(sessions);
}

static void three_steps_make_a_cut_out(void **state)
{
    fixture *made = *state;
    bn_error err = {0};
    bn_cutout_options options;
    bn_cutout cutout = {0};
    birefnet_session *session = NULL;
    const birefnet_session_options size = {.width = 128, .height = 128, .threads = 1};
    bn_cutout_options_default(&options);
    options.want_mask = true;
    options.crop = true;
    options.crop_margin_px = 3;
    options.threshold = 128;
    assert_ok(birefnet_session_open(made->model, &size, &session, &err), err);
    assert_ok(bn_cutout_run(made->photo.data, made->photo.size, session, &options, &cutout, &err), err);
    assert_int_equal(cutout.format, BN_FORMAT_JPEG);
    assert_true(cutout.width == 400 && cutout.height == 446);
    assert_true(cutout.network_width == 128 && cutout.network_height == 128);
    assert_false(cutout.empty);
    int width, height;
    assert_ok(bn_image_probe(cutout.cutout.data, cutout.cutout.size, NULL, &width, &height, &err), err);
    assert_true(width == cutout.result_width && height == cutout.result_height && width < 400);
    assert_ok(bn_image_probe(cutout.mask.data, cutout.mask.size, NULL, &width, &height, &err), err);
    assert_true(width == cutout.result_width && height == cutout.result_height);
    assert_true(cutout.times.network_ms > 0 && cutout.times.encode_ms > 0);
    bn_cutout_release(&cutout);

    int calls = 0;
    birefnet_session_set_progress(session, stop_at_once, &calls);
    assert_int_equal(bn_cutout_run(made->photo.data, made->photo.size, session, &options, &cutout, &err),
                     BIREFNET_ERROR_CANCELLED);
    assert_int_equal(calls, 1);
    bn_cutout_release(&cutout);
    options.limits.max_pixels = 400 * 446 - 1;
    assert_int_equal(bn_cutout_run(made->photo.data, made->photo.size, session, &options, &cutout, &err),
                     BIREFNET_ERROR_LIMIT);
    bn_cutout_release(&cutout);
    birefnet_session_close(&session);
}

/* A matte without a subject: a crop to it would be a crop to nothing. */
static void nothing_found_is_not_cropped(void **state)
{
    fixture *made = *state;
    bn_error err = {0};
    bn_cutout_options options;
    bn_cutout cutout = {0};
    bn_cutout_options_default(&options);
    options.crop = true;
    assert_ok(bn_cutout_decode(made->photo.data, made->photo.size, &options, &cutout, &err), err);
    cutout.matte = calloc((size_t)cutout.width, (size_t)cutout.height);
    assert_ok(bn_cutout_finish(&options, &cutout, &err), err);
    assert_true(cutout.empty && cutout.result_width == 400 && cutout.result_height == 446);
    bn_cutout_release(&cutout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backgrounds_are_understood),
        cmocka_unit_test(resolutions_are_understood),
        cmocka_unit_test(contradictions_are_refused_before_any_work),
        cmocka_unit_test(results_that_no_file_holds_are_refused_at_once),
        cmocka_unit_test(sessions_are_kept_by_size),
        cmocka_unit_test(three_steps_make_a_cut_out),
        cmocka_unit_test(nothing_found_is_not_cropped),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
