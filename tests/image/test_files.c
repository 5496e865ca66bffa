/* test_files.c - one tiny file of every kind (made by other programs, see make_corpus.py) gives the pixels it
 * should. */
#include "tests/image/sample.h"

#include "base/file.h"
#include "image/codec.h"

enum pattern { GREY, RGB, BITS_1, BITS_2 };
enum alpha { NO_ALPHA, ALPHA, ALPHA_BY_COLUMN, KEY_COLUMN_5 };

typedef struct sample_file {
    const char *name;
    bn_format format;
    int depth, source_depth;
    enum pattern pattern;
    enum alpha alpha;
    int tolerance; /* of 255 */
} sample_file;

static const sample_file files[] = {
    {"grey1.png", BN_FORMAT_PNG, 8, 1, BITS_1, NO_ALPHA, 0},
    {"grey2.png", BN_FORMAT_PNG, 8, 2, BITS_2, NO_ALPHA, 0},
    {"grey4.png", BN_FORMAT_PNG, 8, 4, GREY, NO_ALPHA, 0},
    {"grey8.png", BN_FORMAT_PNG, 8, 8, GREY, NO_ALPHA, 0},
    {"grey16.png", BN_FORMAT_PNG, 16, 16, GREY, NO_ALPHA, 0},
    {"grey16-key.png", BN_FORMAT_PNG, 16, 16, GREY, KEY_COLUMN_5, 0},
    {"rgb8.png", BN_FORMAT_PNG, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb8-interlaced.png", BN_FORMAT_PNG, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb16.png", BN_FORMAT_PNG, 16, 16, RGB, NO_ALPHA, 0},
    {"rgb16-interlaced.png", BN_FORMAT_PNG, 16, 16, RGB, NO_ALPHA, 0},
    {"palette4.png", BN_FORMAT_PNG, 8, 4, GREY, NO_ALPHA, 0},
    {"palette8-alpha.png", BN_FORMAT_PNG, 8, 8, GREY, ALPHA_BY_COLUMN, 0},
    {"grey-alpha8.png", BN_FORMAT_PNG, 8, 8, GREY, ALPHA, 0},
    {"grey-alpha16.png", BN_FORMAT_PNG, 16, 16, GREY, ALPHA, 0},
    {"rgba8.png", BN_FORMAT_PNG, 8, 8, RGB, ALPHA, 0},
    {"rgba16.png", BN_FORMAT_PNG, 16, 16, RGB, ALPHA, 0},
    {"grey8.tif", BN_FORMAT_TIFF, 8, 8, GREY, NO_ALPHA, 0},
    {"grey8-white0.tif", BN_FORMAT_TIFF, 8, 8, GREY, NO_ALPHA, 0},
    {"grey16.tif", BN_FORMAT_TIFF, 16, 16, GREY, NO_ALPHA, 0},
    {"rgb8.tif", BN_FORMAT_TIFF, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb8-planar.tif", BN_FORMAT_TIFF, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb8-lzw.tif", BN_FORMAT_TIFF, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb8-deflate.tif", BN_FORMAT_TIFF, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb16-big-endian.tif", BN_FORMAT_TIFF, 16, 16, RGB, NO_ALPHA, 0},
    {"rgba8.tif", BN_FORMAT_TIFF, 8, 8, RGB, ALPHA, 0},
    {"rgba8-multiplied.tif", BN_FORMAT_TIFF, 8, 8, RGB, ALPHA, 8}, /* colours of small alpha are coarse */
    {"rgba16-tiled.tif", BN_FORMAT_TIFF, 16, 16, RGB, ALPHA, 0},
    {"palette8.tif", BN_FORMAT_TIFF, 8, 8, GREY, NO_ALPHA, 0},
    {"grey1.tif", BN_FORMAT_TIFF, 8, 1, BITS_1, NO_ALPHA, 0},
    {"cmyk8.tif", BN_FORMAT_TIFF, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb8.jpg", BN_FORMAT_JPEG, 8, 8, RGB, NO_ALPHA, 4},
    {"rgb8-progressive.jpg", BN_FORMAT_JPEG, 8, 8, RGB, NO_ALPHA, 4},
    {"grey8.jpg", BN_FORMAT_JPEG, 8, 8, GREY, NO_ALPHA, 4},
    {"cmyk8.jpg", BN_FORMAT_JPEG, 8, 8, RGB, NO_ALPHA, 4},
    {"rgb8.webp", BN_FORMAT_WEBP, 8, 8, RGB, NO_ALPHA, 30}, /* half-size chroma of steep colours */
    {"rgba8.webp", BN_FORMAT_WEBP, 8, 8, RGB, ALPHA, 30},
    {"rgb8-lossless.webp", BN_FORMAT_WEBP, 8, 8, RGB, NO_ALPHA, 0},
    {"rgba8-lossless.webp", BN_FORMAT_WEBP, 8, 8, RGB, ALPHA, 0},
    {"rgba8-animated.webp", BN_FORMAT_WEBP, 8, 8, RGB, ALPHA, 1}, /* its encoder clears hidden colours */
    {"grey8.gif", BN_FORMAT_GIF, 8, 8, GREY, NO_ALPHA, 0},
    {"grey8-interlaced.gif", BN_FORMAT_GIF, 8, 8, GREY, NO_ALPHA, 0},
    {"grey8-key.gif", BN_FORMAT_GIF, 8, 8, GREY, KEY_COLUMN_5, 0},
    {"grey8-animated.gif", BN_FORMAT_GIF, 8, 8, GREY, NO_ALPHA, 0},
    {"rgb8.avif", BN_FORMAT_AVIF, 8, 8, RGB, NO_ALPHA, 0},
    {"rgba8.avif", BN_FORMAT_AVIF, 8, 8, RGB, ALPHA, 0},
    {"rgb10.avif", BN_FORMAT_AVIF, 16, 10, RGB, NO_ALPHA, 1},
    {"rgb8.heic", BN_FORMAT_HEIF, 8, 8, RGB, NO_ALPHA, 2},
    {"rgba8.heic", BN_FORMAT_HEIF, 8, 8, RGB, ALPHA, 2},
    {"grey8.heic", BN_FORMAT_HEIF, 8, 8, GREY, NO_ALPHA, 2},
    {"rgb10.heic", BN_FORMAT_HEIF, 16, 10, RGB, NO_ALPHA, 2},
    {"rgb8-grid.heic", BN_FORMAT_HEIF, 8, 8, RGB, NO_ALPHA, 2},
    {"grey8-author.heic", BN_FORMAT_HEIF, 8, 8, GREY, NO_ALPHA, 8}, /* by way of a JPEG */
    {"rgb8-turned.heic", BN_FORMAT_HEIF, 8, 8, RGB, NO_ALPHA, 2},
    {"rgb8.bmp", BN_FORMAT_BMP, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb565.bmp", BN_FORMAT_BMP, 8, 8, RGB, NO_ALPHA, 9}, /* 5 bits of red and blue, cut off */
    {"rgba8.bmp", BN_FORMAT_BMP, 8, 8, RGB, ALPHA, 0},
    {"grey8-runs.bmp", BN_FORMAT_BMP, 8, 8, GREY, NO_ALPHA, 0},
    {"grey4.bmp", BN_FORMAT_BMP, 8, 4, GREY, NO_ALPHA, 0},
    {"grey1.bmp", BN_FORMAT_BMP, 8, 1, BITS_1, NO_ALPHA, 0},
    {"rgb8.ppm", BN_FORMAT_PNM, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb8-text.ppm", BN_FORMAT_PNM, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb16.ppm", BN_FORMAT_PNM, 16, 16, RGB, NO_ALPHA, 0},
    {"grey16.pgm", BN_FORMAT_PNM, 16, 16, GREY, NO_ALPHA, 0},
    {"grey1.pbm", BN_FORMAT_PNM, 8, 1, BITS_1, NO_ALPHA, 0},
    {"grey1-text.pbm", BN_FORMAT_PNM, 8, 1, BITS_1, NO_ALPHA, 0},
    {"rgba16.pam", BN_FORMAT_PNM, 16, 16, RGB, ALPHA, 0},
    {"rgb8.jxl", BN_FORMAT_JXL, 8, 8, RGB, NO_ALPHA, 0},
    {"rgb8-lossy.jxl", BN_FORMAT_JXL, 8, 8, RGB, NO_ALPHA, 30},
    {"rgba8.jxl", BN_FORMAT_JXL, 8, 8, RGB, ALPHA, 0},
    {"grey8.jxl", BN_FORMAT_JXL, 8, 8, GREY, NO_ALPHA, 0},
    {"rgb16.jxl", BN_FORMAT_JXL, 16, 16, RGB, NO_ALPHA, 0},
    {"rgba16.jxl", BN_FORMAT_JXL, 16, 16, RGB, ALPHA, 0},
    {"rgba12.avif", BN_FORMAT_AVIF, 16, 12, RGB, ALPHA, 1},
};

/* Of the pattern, 0 to 255. */
static int expected_sample(const sample_file *f, int x, int y, int channel)
{
    if (channel == 3) {
        if (f->alpha == ALPHA_BY_COLUMN) return 17 * x;
        if (f->alpha == KEY_COLUMN_5) return x == 5 ? 0 : 255;
        return 17 * ((x + y) % 16);
    }
    switch (f->pattern) {
    case BITS_1:
        return x % 2 * 255;
    case BITS_2:
        return x % 4 * 85;
    case RGB:
        return channel == 0 ? 17 * x : channel == 1 ? 17 * y : 255 - 17 * x;
    default:
        return 17 * x;
    }
}

static void assert_pixels(const sample_file *f, const bn_image *image)
{
    const int unit = image->depth == 16 ? 257 : 1;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            for (int c = 0; c < image->channels; c++) {
                const int at = (y * image->width + x) * image->channels + c;
                const int got =
                    image->depth == 16 ? ((uint16_t *)image->pixels)[at] : ((uint8_t *)image->pixels)[at];
                const int wanted = expected_sample(f, x, y, c);
                /* colours under no alpha are lost where they were multiplied by it, or never stored */
                if (c < 3 && image->channels == 4 && expected_sample(f, x, y, 3) < 40 &&
                    (f->tolerance || f->alpha == KEY_COLUMN_5))
                    continue;
                if (abs(got - wanted * unit) > f->tolerance * unit)
                    fail_msg("%s: channel %d at %d,%d is %d, should be %d", f->name, c, x, y, got,
                             wanted * unit);
            }
}

/* Its library is not installed. */
static bool is_missing(const sample_file *f)
{
    const char *missing = bn_format_missing(f->format);
    if (missing) print_message("%s: skipped, no %s\n", f->name, missing);
    return missing != NULL;
}

static void every_kind_of_file_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const sample_file *f = &files[i];
        bn_error err = {0};
        bn_buffer file;
        if (is_missing(f)) continue;
        read_sample(f->name, &file);
        bn_format format = BN_FORMAT_NONE;
        int width = 0, height = 0;
        assert_ok(bn_image_probe(file.data, file.size, &format, &width, &height, &err), err);
        assert_int_equal(format, f->format);
        assert_int_equal(width, 16);
        assert_int_equal(height, 12);
        bn_image *image = NULL;
        if (bn_image_decode(file.data, file.size, NULL, &image, &err))
            fail_msg("%s: %s", f->name, err.message);
        if (image->width != 16 || image->height != 12 || image->depth != f->depth ||
            image->channels != (f->alpha == NO_ALPHA ? 3 : 4) || image->source_depth != f->source_depth)
            fail_msg("%s: %dx%d, %d channels of %d bits, from %d bits", f->name, image->width, image->height,
                     image->channels, image->depth, image->source_depth);
        assert_int_equal(image->source_format, f->format);
        assert_int_equal(image->source_was_cmyk, strncmp(f->name, "cmyk", 4) == 0);
        assert_pixels(f, image);
        bn_image_destroy(&image);
        bn_buffer_free(&file);
    }
}

/* As phones write them. */
static void tiles_lie_beside_each_other(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer file;
    if (bn_format_missing(BN_FORMAT_HEIF)) skip();
    read_sample("tiles.heic", &file);
    bn_image *image = NULL;
    assert_ok(bn_image_decode(file.data, file.size, NULL, &image, &err), err);
    assert_int_equal(image->width, 100);
    assert_int_equal(image->height, 60);
    for (int i = 0; i < 100 * 60; i++) {
        const uint8_t *p = (uint8_t *)image->pixels + 3 * i;
        const bool red = i % 100 < 64;
        if (abs(p[0] - (red ? 200 : 30)) > 4 || abs(p[1] - 30) > 4 || abs(p[2] - (red ? 30 : 200)) > 4)
            fail_msg("%d, %d is (%d, %d, %d)", i % 100, i / 100, p[0], p[1], p[2]);
    }
    bn_image_destroy(&image);
    bn_buffer_free(&file);
}

/* libheif 1.15 ended the process here. */
static void an_item_behind_the_end_is_an_error(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer file;
    bn_image *image = NULL;
    if (bn_format_missing(BN_FORMAT_HEIF)) skip();
    bn_buffer_init(&file, 1 << 20);
    assert_ok(bn_file_read(BN_SOURCE_DIR "/fuzz/corpus/image_heif/cut-item", &file, &err), err);
    assert_int_not_equal(bn_image_decode(file.data, file.size, NULL, &image, &err), BIREFNET_OK);
    bn_buffer_free(&file);
}

/* At every length the file is refused, or (what is missing is behind the pixels) it is whole. */
static void files_cut_off_are_refused_or_whole(void **state)
{
    (void)state;
    int refused = 0, whole = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bn_error err = {0};
        bn_buffer file;
        if (is_missing(&files[i])) continue;
        read_sample(files[i].name, &file);
        for (size_t length = 0; length < file.size; length++) {
            uint8_t *part = malloc(length + 1); /* of exactly this size, for the sanitizer */
            memcpy(part, file.data, length);
            bn_image *image = NULL;
            const bn_status status = bn_image_decode(part, length, NULL, &image, &err);
            if (status == BIREFNET_OK) {
                assert_pixels(&files[i], image);
                whole++;
            } else if (status == BIREFNET_ERROR_FORMAT) {
                assert_null(image);
                refused++;
            } else {
                fail_msg("%s cut to %zu: %s", files[i].name, length, err.message);
            }
            bn_image_destroy(&image);
            free(part);
        }
        bn_buffer_free(&file);
    }
    print_message("%d refused, %d whole\n", refused, whole);
    assert_true(refused > 20 * whole);
}

static void what_is_no_image_is_told_in_one_line(void **state)
{
    (void)state;
    const struct {
        const char *bytes, *message;
    } cases[] = {
        {"", "not an image that can be read (it is empty)"},
        {"<!DOCTYPE html>", "this is a web page, not an image"},
        {".snd\1\2\3", "not an image that can be read (starts with 2e 73 6e 64 01 02 03, \".snd...\")"},
        {"\xff\xd8\xff", NULL},
        {"GIF89a", NULL},
        {"II*", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bn_error err = {0};
        bn_image *image = NULL;
        const size_t size = strlen(cases[i].bytes);
        assert_int_equal(bn_image_decode(cases[i].bytes, size, NULL, &image, &err), BIREFNET_ERROR_FORMAT);
        assert_int_equal(bn_image_probe(cases[i].bytes, size, NULL, NULL, NULL, &err), BIREFNET_ERROR_FORMAT);
        assert_null(image);
        if (cases[i].message) assert_string_equal(err.message, cases[i].message);
        assert_null(strchr(err.message, '\n'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_file_is_read),
        cmocka_unit_test(tiles_lie_beside_each_other),
        cmocka_unit_test(an_item_behind_the_end_is_an_error),
        cmocka_unit_test(files_cut_off_are_refused_or_whole),
        cmocka_unit_test(what_is_no_image_is_told_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
