/* test_picture.c - shop pictures by their pixels: canvas, fit, background, blur without a halo, shadows; and the words for
 * them. The photo is drawn, the matte given: no network. */
#include "tests/test.h"

#include "base/file.h"
#include "cutout/shops.h"
#include "cutout/words.h"

#include <math.h>

enum { WIDTH = 300, HEIGHT = 200, LEFT = 40, TOP = 60, SIDE_X = 120, SIDE_Y = 90 };

static bool in_subject(int x, int y)
{
    return x >= LEFT && x < LEFT + SIDE_X && y >= TOP && y < TOP + SIDE_Y;
}

/* A grey block on red; its matte has noise that the eye does not see, and a crumb. */
static void draw(bn_cutout *cutout, bool with_noise)
{
    bn_error err = {0};
    *cutout = (bn_cutout){.width = WIDTH, .height = HEIGHT};
    assert_ok(bn_image_create(WIDTH, HEIGHT, 3, 8, &cutout->image, &err), err);
    cutout->matte = calloc(WIDTH, HEIGHT);
    uint8_t *pixels = cutout->image->pixels;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const bool subject = in_subject(x, y), crumb = with_noise && x > 280 && x < 284 && y < 4;
            memcpy(pixels + 3 * (y * WIDTH + x), subject ? "\x80\x80\x80" : "\xd0\x20\x10", 3);
            const int noise = with_noise ? (x * 7 + y * 5) % 12 : 0;
            cutout->matte[y * WIDTH + x] = (uint8_t)(subject || crumb ? 255 : noise);
        }
}

static bn_image *finish(const bn_cutout_options *options, bn_cutout *cutout)
{
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_cutout_finish(options, cutout, &err), err);
    assert_ok(bn_image_decode(cutout->cutout.data, cutout->cutout.size, NULL, &image, &err), err);
    return image;
}

static const uint8_t *at(const bn_image *image, int x, int y)
{
    return (const uint8_t *)image->pixels +
           (size_t)image->channels * ((size_t)y * (size_t)image->width + (size_t)x);
}

/* The box of what is not exactly this colour. */
static bn_box box_beside(const bn_image *image, const uint8_t colour[3])
{
    int left = image->width, right = -1, top = image->height, bottom = -1;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            if (memcmp(at(image, x, y), colour, 3) == 0) continue;
            left = x < left ? x : left;
            right = x > right ? x : right;
            top = y < top ? y : top;
            bottom = y;
        }
    return (bn_box){left, top, right - left + 1, bottom - top + 1};
}

static void the_subject_fills_its_share_of_the_canvas(void **state)
{
    (void)state;
    static const struct {
        const char *canvas, *fit, *align;
        bn_box box;
    } cases[] = {
        {"500x500", "90%", "center", {25, 81, 450, 338}}, /* 120 x 90 enlarged to 450 wide */
        {"500x500", "50", "bottom", {125, 187, 250, 188}},
        {"1000x120", "90%", "bottom", {428, 6, 144, 108}}, /* bound by the height */
        {"60x600", "100%", "center", {0, 277, 60, 45}},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        bn_cutout cutout;
        bn_cutout_options options;
        bn_cutout_options_default(&options);
        draw(&cutout, i % 2);
        assert_true(bn_background_parse("#123456", &options.background));
        assert_true(bn_placement_parse(cases[i / 2].canvas, &options.canvas));
        assert_true(bn_fit_parse(cases[i / 2].fit, &options.canvas));
        assert_true(bn_align_parse(cases[i / 2].align, &options.canvas));
        options.want_mask = true;
        bn_image *image = finish(&options, &cutout);
        const bn_box got = box_beside(image, (const uint8_t *)"\x12\x34\x56"), want = cases[i / 2].box;
        if (memcmp(&got, &want, sizeof got) != 0)
            fail_msg("case %zu: %dx%d at %d,%d", i, got.width, got.height, got.x, got.y);
        assert_memory_equal(at(image, got.x + got.width / 2, got.y + got.height / 2), "\x80\x80\x80", 3);
        int width, height;
        assert_int_equal(bn_image_probe(cutout.mask.data, cutout.mask.size, NULL, &width, &height, NULL), 0);
        assert_true(width == image->width && height == image->height);
        assert_true(cutout.result_width == width && cutout.result_height == height);
        bn_image_destroy(&image);
        bn_cutout_release(&cutout);
    }
}

/* A margin that a crop asks for stays between subject and edge. */
static void a_crops_margin_stays_on_a_canvas(void **state)
{
    (void)state;
    bn_cutout cutout;
    bn_cutout_options options;
    bn_cutout_options_default(&options);
    draw(&cutout, false);
    assert_true(bn_background_parse("white", &options.background));
    assert_true(bn_placement_parse("600x600", &options.canvas) && bn_fit_parse("100", &options.canvas));
    assert_true(bn_crop_parse("15", &options)); /* 150 x 120 on 600 x 600: 4 times */
    bn_image *image = finish(&options, &cutout);
    const bn_box got = box_beside(image, (const uint8_t *)"\xff\xff\xff");
    assert_true(got.x == 60 && got.width == 480 && got.y == 120 && got.height == 360);
    bn_image_destroy(&image);
    bn_cutout_release(&cutout);
}

/* Nothing of the grey subject may tint the red around it, near or far; and it is red behind the subject, too. */
static void a_blurred_backdrop_has_no_halo(void **state)
{
    (void)state;
    static const char *const blurs[] = {"blur:0", "blur", "blur:10", "blur:100"};
    for (size_t i = 0; i < 2 * sizeof blurs / sizeof *blurs; i++) {
        bn_cutout cutout;
        bn_cutout_options options;
        bn_cutout_options_default(&options);
        draw(&cutout, false);
        assert_true(bn_background_parse(blurs[i / 2], &options.background));
        if (i % 2)
            assert_true(bn_placement_parse("400x400", &options.canvas) &&
                        bn_fit_parse("20", &options.canvas));
        bn_image *image = finish(&options, &cutout);
        for (int y = 0; y < image->height; y++)
            for (int x = 0; x < image->width; x++) {
                const bool subject = i % 2 ? x >= 160 && x < 240 && y >= 170 && y < 230 : in_subject(x, y);
                const uint8_t *pixel = at(image, x, y),
                              *want = (const uint8_t *)(subject ? "\x80\x80\x80" : "\xd0\x20\x10");
                for (int k = 0; k < 3; k++)
                    if (abs(pixel[k] - want[k]) > 2)
                        fail_msg("%s, %zu: %d,%d is %d %d %d", blurs[i / 2], i % 2, x, y, pixel[0], pixel[1],
                                 pixel[2]);
            }
        bn_image_destroy(&image);
        bn_cutout_release(&cutout);
    }
}

static void a_photo_that_is_all_subject_has_its_own_colours_for_a_backdrop(void **state)
{
    (void)state;
    bn_cutout cutout;
    bn_cutout_options options;
    bn_cutout_options_default(&options);
    draw(&cutout, false);
    memset(cutout.matte, 128, WIDTH * HEIGHT);
    options.refine = false;
    assert_true(bn_background_parse("blur", &options.background));
    bn_image *image = finish(&options, &cutout);
    assert_memory_equal(at(image, WIDTH - 1, 0), "\xd0\x20\x10", 3);
    bn_image_destroy(&image);
    bn_cutout_release(&cutout);
}

/* Nor does what its transparent pixels hide show, where it was cut out before. */
static void a_photo_that_was_cut_out_before_shows_no_hidden_colours(void **state)
{
    (void)state;
    static const char *const blurs[] = {"blur:0", "blur", "blur:20"};
    for (size_t i = 0; i < sizeof blurs / sizeof *blurs; i++) {
        bn_error err = {0};
        bn_cutout cutout;
        bn_cutout_options options;
        bn_cutout_options_default(&options);
        draw(&cutout, false);
        bn_image_destroy(&cutout.image);
        assert_ok(bn_image_create(WIDTH, HEIGHT, 4, 8, &cutout.image, &err), err);
        for (int p = 0; p < WIDTH * HEIGHT; p++)
            memcpy((uint8_t *)cutout.image->pixels + 4 * p,
                   in_subject(p % WIDTH, p / WIDTH) ? "\x80\x80\x80\xff" : "\xff\0\xff", 4);
        assert_true(bn_background_parse(blurs[i], &options.background));
        bn_image *image = finish(&options, &cutout);
        for (int p = 0; p < WIDTH * HEIGHT; p++)
            for (int k = 0; k < 3; k++)
                if (abs(at(image, p % WIDTH, p / WIDTH)[k] - 0x80) > 2)
                    fail_msg("%s: %d,%d shows what was hidden", blurs[i], p % WIDTH, p / WIDTH);
        bn_image_destroy(&image);
        bn_cutout_release(&cutout);
    }
}

static void shadows_lie_under_the_subject(void **state)
{
    (void)state;
    static const char *const backgrounds[] = {"white", "none"};
    for (size_t i = 0; i < 4; i++) {
        bn_cutout cutout;
        bn_cutout_options options;
        bn_cutout_options_default(&options);
        draw(&cutout, false);
        const bool contact = i / 2;
        assert_true(bn_background_parse(backgrounds[i % 2], &options.background));
        assert_true(bn_shadow_parse(contact ? "contact" : "soft", &options.shadow));
        bn_image *image = finish(&options, &cutout);
        const int middle = LEFT + SIDE_X / 2, below = TOP + SIDE_Y;
        const uint8_t *inside = at(image, middle, below - 1), *under = at(image, middle, below + 1),
                      *far = at(image, WIDTH - 2, 2), *above = at(image, middle, TOP - 4);
        assert_memory_equal(inside, "\x80\x80\x80", 3); /* the subject itself is not darkened */
        if (i % 2 == 0) {
            assert_int_equal(image->channels, 3);
            assert_true(under[0] < 235 && under[0] == under[1] && under[1] == under[2]);
            assert_memory_equal(far, "\xff\xff\xff", 3);
            if (contact) assert_memory_equal(above, "\xff\xff\xff", 3);
        } else {
            assert_int_equal(image->channels, 4);
            assert_true(under[3] > 20 && under[3] < 255);
            assert_memory_equal(under, "\0\0\0", 3);
            assert_int_equal(far[3], 0);
        }
        bn_image_destroy(&image);
        bn_cutout_release(&cutout);
    }
}

/* 16 bits stay where there is a shadow and no canvas. */
static void shadows_keep_sixteen_bits(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_cutout cutout;
    bn_cutout_options options;
    bn_cutout_options_default(&options);
    draw(&cutout, false);
    bn_image_destroy(&cutout.image);
    assert_ok(bn_image_create(WIDTH, HEIGHT, 3, 16, &cutout.image, &err), err);
    for (size_t i = 0; i < 3 * WIDTH * HEIGHT; i++) ((uint16_t *)cutout.image->pixels)[i] = 12345;
    assert_true(bn_background_parse("white", &options.background) &&
                bn_shadow_parse("contact", &options.shadow));
    bn_image *image = finish(&options, &cutout);
    assert_int_equal(image->depth, 16);
    const uint16_t *pixels = image->pixels;
    assert_int_equal(pixels[3 * ((TOP + 2) * WIDTH + LEFT + 2)], 12345);
    assert_int_equal(pixels[3 * (2 * WIDTH + 2)], 65535);
    const unsigned under = pixels[3 * ((TOP + SIDE_Y + 1) * WIDTH + LEFT + SIDE_X / 2)];
    assert_in_range(under, 10000, 60000);
    bn_image_destroy(&image);
    bn_cutout_release(&cutout);
}

static void nothing_found_leaves_the_background(void **state)
{
    (void)state;
    bn_cutout cutout;
    bn_cutout_options options;
    bn_cutout_options_default(&options);
    draw(&cutout, false);
    memset(cutout.matte, 0, WIDTH * HEIGHT);
    assert_true(bn_background_parse("white", &options.background) &&
                bn_placement_parse("64", &options.canvas));
    options.shadow = BN_SHADOW_CONTACT;
    bn_image *image = finish(&options, &cutout);
    assert_true(cutout.empty && image->width == 64 && image->height == 64);
    assert_true(box_beside(image, (const uint8_t *)"\xff\xff\xff").width <= 0); /* all of it is white */
    bn_image_destroy(&image);
    bn_cutout_release(&cutout);
}

static uint32_t next_random(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

static int up_to(uint32_t *seed, int most)
{
    return 1 + (int)(next_random(seed) >> 8) % most;
}

/* Photos and canvases from one pixel on, mattes of every kind, all settings at once: a picture of the size asked for, and
 * nothing outside of any buffer (the sanitizers look). */
static void any_size_and_setting_makes_a_picture(void **state)
{
    (void)state;
    static const char *const backs[] = {"none", "white", "#12345678", "blur:0", "blur", "blur:100"};
    uint32_t seed = 7;
    for (int round = 0; round < 400; round++) {
        bn_error err = {0};
        bn_cutout_options options;
        bn_cutout cutout = {.width = up_to(&seed, 40), .height = up_to(&seed, 40)};
        const int channels = up_to(&seed, 2) + 2, depth = 8 * up_to(&seed, 2), kind = up_to(&seed, 4);
        assert_ok(bn_image_create(cutout.width, cutout.height, channels, depth, &cutout.image, &err), err);
        uint8_t *bytes = cutout.image->pixels;
        for (size_t i = 0; i < bn_image_bytes(cutout.image); i++)
            bytes[i] = (uint8_t)(next_random(&seed) >> 24);
        const size_t pixels = (size_t)cutout.width * (size_t)cutout.height;
        cutout.matte = calloc(pixels, 1);
        for (size_t i = 0; i < pixels && kind > 1; i++)
            cutout.matte[i] = kind == 2         ? 255
                              : kind == 3       ? (uint8_t)(next_random(&seed) >> 24)
                              : i == pixels / 2 ? 255
                                                : 0;
        bn_cutout_options_default(&options);
        assert_true(bn_background_parse(backs[up_to(&seed, 6) - 1], &options.background));
        options.refine = up_to(&seed, 2) == 1;
        options.shadow = (bn_shadow_kind)(up_to(&seed, 3) - 1);
        options.crop = up_to(&seed, 2) == 1;
        options.crop_margin_px = up_to(&seed, 3) == 1 ? up_to(&seed, 100000) : 0;
        options.crop_margin_percent = up_to(&seed, 100) - 1;
        options.want_mask = up_to(&seed, 2) == 1;
        options.canvas.used = up_to(&seed, 2) == 1;
        options.canvas.fit_percent = up_to(&seed, 100);
        options.canvas.align = (bn_align)(up_to(&seed, 2) - 1);
        if (up_to(&seed, 2) == 1)
            options.canvas.width = up_to(&seed, 60), options.canvas.height = up_to(&seed, 60);
        const int width = options.canvas.width ? options.canvas.width : cutout.width;
        bn_image *image = finish(&options, &cutout);
        assert_true(image->width == cutout.result_width && image->height == cutout.result_height);
        if (options.canvas.used) assert_int_equal(image->width, width);
        bn_image_destroy(&image);
        bn_cutout_release(&cutout);
    }
}

static void words_are_understood(void **state)
{
    (void)state;
    bn_placement canvas = {0};
    bn_cutout_options options = {0};
    bn_shadow_kind shadow;
    assert_true(bn_placement_parse("2000x1500", &canvas) && canvas.width == 2000 && canvas.height == 1500);
    assert_true(bn_placement_parse("64", &canvas) && canvas.width == 64 && canvas.height == 64 &&
                canvas.used);
    assert_true(bn_fit_parse("12.5%", &canvas) && canvas.fit_percent == 12.5);
    assert_true(bn_crop_parse("5%", &options) && options.crop && options.crop_margin_percent == 5);
    static const char *const bad[] = {
        "",      "x",      "0",           "15x100", "100x", "100x15",
        "30001", "-5x100", "100x100x100", "1e3",    " 100", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (bn_placement_parse(bad[i], &canvas)) fail_msg("a canvas of %s is accepted", bad[i]);
    static const char *const bad_fits[] = {"", "0", "101", "0.9%", "-1", "90%%", "nan", "90 %", "inf"};
    for (size_t i = 0; i < sizeof bad_fits / sizeof *bad_fits; i++)
        if (bn_fit_parse(bad_fits[i], &canvas)) fail_msg("a fit of %s is accepted", bad_fits[i]);
    assert_false(bn_align_parse("top", &canvas) || bn_shadow_parse("hard", &shadow) ||
                 bn_shadow_parse("", &shadow));
    assert_false(bn_crop_parse("-1", &options) || bn_crop_parse("101%", &options) ||
                 bn_crop_parse("5em", &options));
}

/* What users read of the shops is what the program does. */
static void the_page_on_shops_says_what_the_table_says(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer page;
    bn_buffer_init(&page, 1 << 20);
    assert_ok(bn_file_read(BN_SOURCE_DIR "/docs/SHOPS.md", &page, &err), err);
    const bn_shop *shop;
    for (size_t i = 0; (shop = bn_shop_at(i)); i++) {
        char row[1000];
        snprintf(row, sizeof row, "| `%s` | %dx%d | %g %% | %s | %s |", shop->name, shop->width, shop->height,
                 shop->fit_percent, shop->rule, shop->where);
        if (!strstr((const char *)page.data, row)) fail_msg("docs/SHOPS.md lacks: %s", row);
        assert_ptr_equal(bn_shop_find(shop->name), shop);
        bn_cutout_options options;
        bn_cutout_options_default(&options);
        bn_shop_apply(shop, &options);
        options.cutout_encoding.format = BN_FORMAT_JPEG;
        assert_ok(bn_cutout_options_check(&options, &err), err);
    }
    assert_null(bn_shop_find("corner"));
    bn_buffer_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_subject_fills_its_share_of_the_canvas),
        cmocka_unit_test(a_crops_margin_stays_on_a_canvas),
        cmocka_unit_test(a_blurred_backdrop_has_no_halo),
        cmocka_unit_test(a_photo_that_is_all_subject_has_its_own_colours_for_a_backdrop),
        cmocka_unit_test(a_photo_that_was_cut_out_before_shows_no_hidden_colours),
        cmocka_unit_test(shadows_lie_under_the_subject),
        cmocka_unit_test(shadows_keep_sixteen_bits),
        cmocka_unit_test(nothing_found_leaves_the_background),
        cmocka_unit_test(any_size_and_setting_makes_a_picture),
        cmocka_unit_test(words_are_understood),
        cmocka_unit_test(the_page_on_shops_says_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
