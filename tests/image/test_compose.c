/* test_compose.c - composing, mattes, palettes. */
#include "tests/image/pictures.h"

#include "image/colour.h"
#include "image/compose.h"

/* ---- composing ----------------------------------------------------------------------------------------- */

static bn_image *make_photo(int width, int height, int channels, int depth)
{
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_image_create(width, height, channels, depth, &image, &err), err);
    uint8_t *noise = make_bytes(bn_image_bytes(image), "photo", 4);
    memcpy(image->pixels, noise, bn_image_bytes(image));
    free(noise);
    return image;
}

static unsigned sample_of(const bn_image *image, size_t at)
{
    return image->depth == 16 ? ((const uint16_t *)image->pixels)[at] : ((const uint8_t *)image->pixels)[at];
}

static void cut_outs_keep_opaque_samples_exactly(void **state)
{
    (void)state;
    enum { W = 61, H = 40 };
    uint8_t *matte = make_matte(W, H, MATTE_NOISE);
    for (int i = 0; i < W * H; i++) matte[i] = i % 3 == 0 ? 255 : i % 3 == 1 ? 0 : matte[i];
    for (int depth = 8; depth <= 16; depth += 8)
        for (int channels = 3; channels <= 4; channels++) {
            bn_error err = {0};
            bn_image *photo = make_photo(W, H, channels, depth), *cutout = NULL;
            bn_rgb8 rgb;
            assert_ok(bn_image_to_rgb8(photo, 1, &rgb, &err), err);
            uint8_t *foreground = malloc(W * H * 3);
            assert_ok(birefnet_refine_foreground(rgb.pixels, matte, W, H, 3 * W, W, foreground, 1, &err),
                      err);
            bn_compose_options options;
            bn_compose_options_default(&options);
            options.threads = 2;
            assert_ok(bn_compose(photo, matte, W, foreground, &options, &cutout, &err), err);
            assert_int_equal(cutout->channels, 4);
            assert_int_equal(cutout->depth, depth);
            const unsigned unit = depth == 16 ? 257 : 1, most = 255 * unit;
            for (size_t i = 0; i < W * H; i++) {
                const uint64_t own = channels == 4 ? sample_of(photo, 4 * i + 3) : most;
                assert_int_equal(sample_of(cutout, 4 * i + 3), (matte[i] * unit * own + most / 2) / most);
                for (size_t c = 0; c < 3; c++) {
                    const unsigned got = sample_of(cutout, 4 * i + c);
                    if (matte[i] == 255 && own > 0)
                        assert_int_equal(got, sample_of(photo, (size_t)channels * i + c));
                    else if (sample_of(cutout, 4 * i + 3) == 0)
                        assert_int_equal(got, 0);
                    else
                        assert_in_range(abs((int)got - (int)(foreground[3 * i + c] * unit)), 0,
                                        depth == 16 ? 129 : 0);
                }
            }
            bn_image_destroy(&cutout);
            options.keep_hidden = true;
            assert_ok(bn_compose(photo, matte, W, NULL, &options, &cutout, &err), err);
            for (size_t i = 0; i < W * H; i++)
                for (size_t c = 0; c < 3; c++)
                    assert_int_equal(sample_of(cutout, 4 * i + c),
                                     sample_of(photo, (size_t)channels * i + c));
            bn_image_destroy(&cutout);
            bn_image_destroy(&photo);
            bn_rgb8_release(&rgb);
            free(foreground);
        }
    free(matte);
}

static void backgrounds_show_where_the_matte_is_open(void **state)
{
    (void)state;
    enum { W = 90, H = 60 };
    bn_error err = {0};
    bn_image *photo = make_photo(W, H, 3, 8), *picture = NULL, *result = NULL;
    uint8_t *matte = make_matte(W, H, MATTE_HARD);
    matte[0] = 128;
    assert_ok(bn_image_create(33, 77, 3, 8, &picture, &err), err);
    memset(picture->pixels, 90, bn_image_bytes(picture));
    for (bn_background_kind kind = BN_BACKGROUND_COLOUR; kind <= BN_BACKGROUND_BLUR; kind++) {
        bn_compose_options options;
        bn_compose_options_default(&options);
        options.background = kind;
        options.image = picture;
        memcpy(options.colour, (uint8_t[4]){10, 20, 30, 255}, 4);
        options.has_crop = true;
        options.crop = (bn_box){0, 1, 70, 50};
        assert_ok(bn_compose(photo, matte, W, NULL, &options, &result, &err), err);
        assert_int_equal(result->channels, 3);
        assert_int_equal(result->width, 70);
        assert_int_equal(result->height, 50);
        for (int y = 0; y < 50; y++)
            for (int x = 0; x < 70; x++)
                for (int c = 0; c < 3; c++) {
                    const int got = ((uint8_t *)result->pixels)[3 * (y * 70 + x) + c];
                    const int own = ((uint8_t *)photo->pixels)[3 * ((y + 1) * W + x) + c];
                    if (matte[(y + 1) * W + x] == 255)
                        assert_int_equal(got, own);
                    else if (kind == BN_BACKGROUND_COLOUR)
                        assert_int_equal(got, 10 * (c + 1));
                    else if (kind == BN_BACKGROUND_IMAGE)
                        assert_int_equal(got, 90);
                    else
                        assert_in_range(got, 70, 185); /* noise blurs to its mean */
                }
        bn_image_destroy(&result);
    }
    bn_compose_options options;
    bn_compose_options_default(&options);
    options.has_crop = true;
    options.crop = (bn_box){30, 30, W, H};
    assert_int_equal(bn_compose(photo, matte, W, NULL, &options, &result, &err), BIREFNET_ERROR_ARGUMENT);
    /* half matte over a half-transparent colour */
    options.has_crop = false;
    options.background = BN_BACKGROUND_COLOUR;
    memcpy(options.colour, (uint8_t[4]){255, 0, 0, 128}, 4);
    assert_ok(bn_compose(photo, matte, W, NULL, &options, &result, &err), err);
    assert_int_equal(result->channels, 4);
    assert_int_equal(((uint8_t *)result->pixels)[3], 128 + (128 * 127 + 127) / 255);
    const double whole = 192, red = ((uint8_t *)photo->pixels)[0];
    assert_in_range(abs(((uint8_t *)result->pixels)[0] - (int)((red * 128 + 255 * 64) / whole + 0.5)), 0, 1);
    bn_image_destroy(&result);
    bn_image_destroy(&picture);
    bn_image_destroy(&photo);
    free(matte);
}

static void boxes_and_thresholds_of_mattes(void **state)
{
    (void)state;
    uint8_t matte[20 * 10] = {0};
    bn_box box;
    assert_false(bn_matte_find_box(matte, 20, 10, 20, 1, &box));
    matte[3 * 20 + 7] = 200;
    matte[6 * 20 + 12] = 100;
    matte[9 * 20 + 19] = 10;
    assert_true(bn_matte_find_box(matte, 20, 10, 20, 50, &box));
    assert_true(box.x == 7 && box.y == 3 && box.width == 6 && box.height == 4);
    bn_box_grow(&box, 2, 0, 20, 10);
    assert_true(box.x == 5 && box.y == 1 && box.width == 10 && box.height == 8);
    bn_box_grow(&box, 0, 50, 20, 10);
    assert_true(box.x == 0 && box.y == 0 && box.width == 20 && box.height == 10);
    bn_box_grow(&box, 1 << 30, 1e9, 20, 10);
    assert_true(box.x == 0 && box.y == 0 && box.width == 20 && box.height == 10);
    bn_matte_threshold(matte, 20, 10, 20, 100);
    for (int i = 0; i < 200; i++) assert_int_equal(matte[i], i == 67 || i == 132 ? 255 : 0);
}

/* Beside the definition: all of the square around a pixel is sure, or the pixel stays. */
static uint8_t settled(const uint8_t *matte, int width, int height, int x, int y, const bn_sure *sure)
{
    const int window = sure->erode_px > 1 ? sure->erode_px : 1, before = window / 2;
    bool foreground = true, background = true;
    for (int dy = -before; dy < window - before; dy++)
        for (int dx = -before; dx < window - before; dx++) {
            const bool inside = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height;
            const int value = inside ? matte[(y + dy) * width + x + dx] : -1;
            foreground = foreground && value > sure->foreground;
            background = background && value < sure->background;
        }
    return foreground ? 255 : background ? 0 : matte[y * width + x];
}

static void what_is_sure_of_a_matte_becomes_fully_so(void **state)
{
    (void)state;
    enum { W = 23, H = 17 };
    static const bn_sure cases[] = {{true, 240, 10, 0},  {true, 200, 60, 1}, {true, 128, 128, 2},
                                    {true, 100, 150, 3}, {true, 90, 200, 6}, {true, 0, 255, 40},
                                    {true, 255, 0, 1},   {true, 60, 230, 5}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        bn_error err = {0};
        uint8_t *matte = make_bytes(W * H, "sure", (unsigned)c), *made = malloc(W * H);
        for (int y = 0; y < H; y++) /* large areas of both, and noise between them */
            for (int x = 0; x < W; x++)
                if (x + y < 16 || x + y > 24) matte[y * W + x] = x + y < 16 ? 5 : 250;
        memcpy(made, matte, W * H);
        assert_ok(bn_matte_settle(made, W, H, W, &cases[c], &err), err);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                assert_int_equal(made[y * W + x], settled(matte, W, H, x, y, &cases[c]));
        free(matte);
        free(made);
    }
}

/* ---- palettes ------------------------------------------------------------------------------------------ */

/* Many colours in smooth ramps: a photo, for a quantiser. */
static bn_image *make_ramps(void)
{
    enum { W = 240, H = 180 };
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_image_create(W, H, 4, 8, &image, &err), err);
    uint8_t *p = image->pixels, *noise = make_bytes(W * H, "grain", 2);
    for (int i = 0; i < W * H; i++, p += 4) {
        const int x = i % W, y = i / W;
        p[0] = (uint8_t)(40 + x * 200 / W + noise[i] / 32);
        p[1] = (uint8_t)(30 + y * 200 / H + noise[i] / 32);
        p[2] = (uint8_t)(200 - (x + y) * 150 / (W + H) + noise[i] / 32);
        p[3] = (uint8_t)((x - 120) * (x - 120) + (y - 90) * (y - 90) < 85 * 85 ? 255 - noise[i] / 4
                                                                               : noise[i] / 4);
    }
    free(noise);
    return image;
}

/* Mean over a 6x6 neighbourhood, so that dither counts as what the eye makes of it. */
static double mean_error(const bn_image *image, const bn_image *back, int block)
{
    double total = 0;
    int blocks = 0;
    for (int y = 0; y + block <= image->height; y += block)
        for (int x = 0; x + block <= image->width; x += block)
            for (int c = 0; c < 3; c++) {
                int difference = 0, count = 0;
                for (int i = 0; i < block * block; i++) {
                    const size_t at = 4 * (size_t)((y + i / block) * image->width + x + i % block);
                    const uint8_t *a = image->pixels, *b = back->pixels;
                    if (b[at + 3] == 0) continue;
                    difference += a[at + (size_t)c] - b[at + (size_t)c];
                    count++;
                }
                if (count < block * block) continue;
                total += abs(difference) / (double)count;
                blocks++;
            }
    return total / blocks;
}

static void gif_palettes_are_close_and_transparency_exact(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_image *image = make_ramps(), *back = NULL;
    for (int dither = 0; dither < 2; dither++) {
        bn_encode_options options;
        bn_encode_options_default(&options, BN_FORMAT_GIF);
        options.dither = dither;
        bn_buffer file;
        bn_buffer_init(&file, 1 << 22);
        assert_ok(bn_image_encode(image, &options, &file, &err), err);
        assert_ok(bn_image_decode(file.data, file.size, NULL, &back, &err), err);
        assert_int_equal(back->channels, 4);
        for (size_t i = 3; i < bn_image_bytes(image); i += 4)
            assert_int_equal(((uint8_t *)back->pixels)[i], ((uint8_t *)image->pixels)[i] >= 128 ? 255 : 0);
        const double each = mean_error(image, back, 1), blurred = mean_error(image, back, 6);
        print_message("dither %d: mean error %.2f a pixel, %.2f in 6x6 blocks\n", dither, each, blurred);
        assert_true(each < 4 && blurred < (dither ? 0.6 : 1.2));
        bn_image_destroy(&back);
        bn_buffer_free(&file);
    }
    bn_image_destroy(&image);
}

static void few_colours_are_kept_exactly_in_a_gif(void **state)
{
    (void)state;
    for (int colours = 1; colours <= 256; colours += colours < 254 ? 23 : 1)
        for (int transparent = 0; transparent < 2; transparent++) {
            if (colours + transparent > 256) continue;
            bn_error err = {0};
            bn_image *image = make_photo(50, 41, 4, 8), *back = NULL;
            uint8_t *p = image->pixels, *table = make_bytes(768, "table", 6);
            for (int i = 0; i < 50 * 41; i++) {
                memcpy(p + 4 * i, table + 3 * (i % colours), 3);
                p[4 * i + 3] = transparent && i % 7 == 0 ? 0 : 255;
            }
            bn_encode_options options;
            bn_encode_options_default(&options, BN_FORMAT_GIF);
            bn_buffer file;
            bn_buffer_init(&file, 1 << 22);
            assert_ok(bn_image_encode(image, &options, &file, &err), err);
            assert_ok(bn_image_decode(file.data, file.size, NULL, &back, &err), err);
            assert_int_equal(back->channels, 3 + transparent);
            for (int i = 0; i < 50 * 41; i++) {
                const uint8_t *got = (uint8_t *)back->pixels + back->channels * i;
                if (transparent) assert_int_equal(got[3], p[4 * i + 3]);
                if (p[4 * i + 3]) assert_memory_equal(got, p + 4 * i, 3);
            }
            free(table);
            bn_image_destroy(&back);
            bn_image_destroy(&image);
            bn_buffer_free(&file);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sure_of_a_matte_becomes_fully_so),
        cmocka_unit_test(cut_outs_keep_opaque_samples_exactly),
        cmocka_unit_test(backgrounds_show_where_the_matte_is_open),
        cmocka_unit_test(boxes_and_thresholds_of_mattes),
        cmocka_unit_test(gif_palettes_are_close_and_transparency_exact),
        cmocka_unit_test(few_colours_are_kept_exactly_in_a_gif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
