/* test_remove.c - `birefnet remove` on one photo: every option, every way to fail. */
#include "tests/cli/cli.h"

#include "base/file.h"
#include "image/codec.h"

#include <jansson.h>
#include <unistd.h>

static cli_result result;

static bn_format format_of(const char *path)
{
    bn_error err = {0};
    bn_buffer bytes;
    bn_buffer_init(&bytes, 1 << 26);
    assert_ok(bn_file_read(path, &bytes, &err), err);
    const bn_format format = bn_format_from_bytes(bytes.data, bytes.size);
    bn_buffer_free(&bytes);
    return format;
}

static void assert_size(const bn_image *image, int width, int height, int channels)
{
    assert_int_equal(image->width, width);
    assert_int_equal(image->height, height);
    assert_int_equal(image->channels, channels);
}

static void photo_gets_a_cut_out_beside_it(void **state)
{
    (void)state;
    cli_shell("mkdir -p one && cp " PHOTO " one/shirt.jpg");
    cli_expect(&result, 0, "one/shirt.jpg -> one/shirt-cutout.png", "remove one/shirt.jpg " SMALL_MODEL);
    bn_image *cutout = cli_image("one/shirt-cutout.png"), *photo = cli_image(PHOTO);
    assert_size(cutout, PHOTO_WIDTH, PHOTO_HEIGHT, 4);
    const uint8_t *cut = cutout->pixels, *own = photo->pixels;
    size_t opaque = 0, clear = 0;
    for (size_t i = 0; i < (size_t)PHOTO_WIDTH * PHOTO_HEIGHT; i++) {
        clear += cut[4 * i + 3] == 0;
        if (cut[4 * i + 3] != 255) continue;
        opaque++;
        assert_memory_equal(cut + 4 * i, own + 3 * i, 3);
    }
    /* the starter weights know a shirt on a floor: a good part of the picture is background */
    assert_true(clear > (size_t)PHOTO_WIDTH * PHOTO_HEIGHT / 10);
    assert_true(opaque + clear > 0);
    bn_image_destroy(&cutout);
    bn_image_destroy(&photo);
    assert_int_equal(cli_count("one"), 2);
}

static void format_asked_for_is_format_written(void **state)
{
    (void)state;
    static const struct {
        const char *words, *path;
        bn_format format;
    } cases[] = {
        {"-o f.png", "f.png", BN_FORMAT_PNG},
        {"-o f.webp", "f.webp", BN_FORMAT_WEBP},
        {"-o f2.webp --quality 60", "f2.webp", BN_FORMAT_WEBP},
        {"-o f.gif", "f.gif", BN_FORMAT_GIF},
        {"-o f.tif", "f.tif", BN_FORMAT_TIFF},
        {"-o f.jpg -b white --quality 80", "f.jpg", BN_FORMAT_JPEG},
        {"-o plain --format webp", "plain", BN_FORMAT_WEBP},
        {"-o folder/ --format gif", "folder/photo1.gif", BN_FORMAT_GIF},
        {"-o masks/ --mask-only --format tiff", "masks/photo1.tif", BN_FORMAT_TIFF},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " %s", PHOTO, cases[i].words);
        if (!cli_exists(cases[i].path)) fail_msg("%s is missing", cases[i].path);
        assert_int_equal(format_of(cases[i].path), cases[i].format);
    }
    bn_image *lossless = cli_image("f.webp"), *lossy = cli_image("f2.webp"), *png = cli_image("f.png");
    assert_memory_equal(lossless->pixels, png->pixels, bn_image_bytes(png));
    assert_memory_not_equal(lossy->pixels, png->pixels, bn_image_bytes(png));
    bn_image_destroy(&lossless);
    bn_image_destroy(&lossy);
    bn_image_destroy(&png);
}

static void mask_is_the_alpha_of_the_cut_out(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o m.png --mask", PHOTO);
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o only.png --mask-only", PHOTO);
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o m2.png --mask=named.png", PHOTO);
    bn_image *cutout = cli_image("m.png"), *mask = cli_image("m-mask.png"), *only = cli_image("only.png"),
             *named = cli_image("named.png");
    assert_memory_equal(mask->pixels, only->pixels, bn_image_bytes(mask));
    assert_memory_equal(mask->pixels, named->pixels, bn_image_bytes(mask));
    const uint8_t *cut = cutout->pixels, *grey = mask->pixels;
    const size_t channels = (size_t)mask->channels;
    for (size_t i = 0; i < (size_t)PHOTO_WIDTH * PHOTO_HEIGHT; i++)
        assert_int_equal(cut[4 * i + 3], grey[channels * i]);
    bn_image_destroy(&cutout);
    bn_image_destroy(&mask);
    bn_image_destroy(&only);
    bn_image_destroy(&named);
}

static void threshold_makes_the_edge_hard(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o h.png --threshold 0.5", PHOTO);
    bn_image *soft = cli_image("m.png"), *hard = cli_image("h.png");
    const uint8_t *s = soft->pixels, *h = hard->pixels;
    for (size_t i = 0; i < (size_t)PHOTO_WIDTH * PHOTO_HEIGHT; i++)
        assert_int_equal(h[4 * i + 3], s[4 * i + 3] >= 128 ? 255 : 0);
    bn_image_destroy(&soft);
    bn_image_destroy(&hard);
}

static void crop_is_the_box_of_the_subject(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o c.png --threshold 0.5 --crop --mask", PHOTO);
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o c10.png --threshold 0.5 --crop=10", PHOTO);
    bn_image *whole = cli_image("h.png"), *tight = cli_image("c.png"), *mask = cli_image("c-mask.png"),
             *wide = cli_image("c10.png");
    const uint8_t *pixels = whole->pixels;
    int left = PHOTO_WIDTH, right = -1, top = PHOTO_HEIGHT, bottom = -1;
    for (int y = 0; y < PHOTO_HEIGHT; y++)
        for (int x = 0; x < PHOTO_WIDTH; x++) {
            if (!pixels[4 * (y * PHOTO_WIDTH + x) + 3]) continue;
            left = x < left ? x : left;
            right = x > right ? x : right;
            top = y < top ? y : top;
            bottom = y;
        }
    assert_size(tight, right - left + 1, bottom - top + 1, 4);
    assert_int_equal(mask->width, tight->width);
    assert_int_equal(mask->height, tight->height);
    assert_memory_equal(tight->pixels, pixels + 4 * (top * PHOTO_WIDTH + left), (size_t)tight->width * 4);
    assert_true(wide->width > tight->width && wide->width <= tight->width + 20);
    bn_image_destroy(&whole);
    bn_image_destroy(&tight);
    bn_image_destroy(&mask);
    bn_image_destroy(&wide);
}

/* The corner of the photo is floor; on a background it shows that. */
static void backgrounds_show_behind_the_subject(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o b.png --threshold 0.5 -b '#12a0ff'", PHOTO);
    bn_image *image = cli_image("b.png"), *cut = cli_image("h.png");
    assert_size(image, PHOTO_WIDTH, PHOTO_HEIGHT, 3);
    const uint8_t *pixels = image->pixels, *alpha = cut->pixels;
    for (size_t i = 0; i < (size_t)PHOTO_WIDTH * PHOTO_HEIGHT; i++)
        assert_memory_equal(pixels + 3 * i,
                            alpha[4 * i + 3] ? alpha + 4 * i : (const uint8_t *)"\x12\xa0\xff", 3);
    bn_image_destroy(&image);

    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o b2.png -b blur:5", PHOTO);
    image = cli_image("b2.png");
    assert_size(image, PHOTO_WIDTH, PHOTO_HEIGHT, 3);
    bn_image_destroy(&image);

    /* the backdrop is the flat picture from above: every pixel behind the subject has its colour */
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o flat.png --threshold 1 -b lime --no-refine",
               PHOTO);
    cli_shell("printf "
              "'GIF89a\\1\\0\\1\\0\\200\\0\\0\\12\\34\\56\\12\\34\\56,"
              "\\0\\0\\0\\0\\1\\0\\1\\0\\0\\2\\2D\\1\\0;' > dot.gif");
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o b3.png --threshold 0.5 -b dot.gif", PHOTO);
    image = cli_image("b3.png");
    pixels = image->pixels;
    size_t behind = 0;
    for (size_t i = 0; i < (size_t)PHOTO_WIDTH * PHOTO_HEIGHT; i++) {
        if (alpha[4 * i + 3]) continue;
        behind++;
        assert_memory_equal(pixels + 3 * i, "\12\34\56", 3);
    }
    assert_true(behind > 0);
    bn_image_destroy(&image);
    bn_image_destroy(&cut);
    cli_expect(&result, 2, "--background", "remove %s " SMALL_MODEL " -o b4.png -b ./missing.jpg", PHOTO);
}

static void other_settings_change_what_they_say(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o p.png --no-refine --profile srgb --threads 1",
               PHOTO);
    bn_image *plain = cli_image("p.png"), *refined = cli_image("m.png"), *photo = cli_image(PHOTO);
    assert_null(plain->icc);
    const uint8_t *p = plain->pixels, *r = refined->pixels, *own = photo->pixels;
    size_t differ = 0;
    for (size_t i = 0; i < (size_t)PHOTO_WIDTH * PHOTO_HEIGHT; i++) {
        if (p[4 * i + 3] == 0) continue;
        assert_memory_equal(p + 4 * i, own + 3 * i, 3); /* the photo's colours, at soft edges too */
        differ += memcmp(p + 4 * i, r + 4 * i, 3) != 0;
    }
    assert_true(differ > 0);
    bn_image_destroy(&plain);
    bn_image_destroy(&refined);
    bn_image_destroy(&photo);

    cli_expect(&result, 0, "network",
               "remove %s -m starter -r 256x128 -o q.png --report q.json --precision f32 -v", PHOTO);
    json_t *report = json_load_file("q.json", 0, NULL);
    const json_t *size =
        json_object_get(json_array_get(json_object_get(report, "photos"), 0), "network_size");
    assert_int_equal(json_integer_value(json_object_get(size, "width")), 256);
    assert_int_equal(json_integer_value(json_object_get(size, "height")), 128);
    assert_string_equal(json_string_value(json_object_get(json_object_get(report, "model"), "precision")),
                        "f32");
    json_decref(report);

    cli_expect(&result, 0, "",
               "remove %s -m seeded:gen3-pvt_v2_b0:7 -r native -o n.png --tile-order channel --report n.json",
               PHOTO);
    report = json_load_file("n.json", 0, NULL);
    size = json_object_get(json_array_get(json_object_get(report, "photos"), 0), "network_size");
    assert_int_equal(json_integer_value(json_object_get(size, "width")),
                     416); /* the photo's, to multiples of 32 */
    assert_int_equal(json_integer_value(json_object_get(size, "height")), 448);
    json_decref(report);
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " -o quiet.png -q", PHOTO);
    assert_string_equal(result.err, "");
}

static void pipes_carry_photos(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "remove - -o - -q " SMALL_MODEL " < %s > piped.png", PHOTO);
    assert_string_equal(result.err, "");
    bn_image *piped = cli_image("piped.png"), *direct = cli_image("m.png");
    assert_memory_equal(piped->pixels, direct->pixels, bn_image_bytes(direct));
    bn_image_destroy(&piped);
    bn_image_destroy(&direct);
    cli_expect(&result, 0, "", "remove - " SMALL_MODEL " -f webp < %s > piped.webp", PHOTO);
    assert_int_equal(format_of("piped.webp"), BN_FORMAT_WEBP);
    cli_expect(&result, 5, "standard output", "remove %s -o - " SMALL_MODEL " > /dev/full", PHOTO);
    cli_expect(&result, 1, "standard input", "remove - -o - " SMALL_MODEL " < /dev/null");
}

/* What the program opens first must not become its standard input, output or error: a pipe of its own, read as a photo, never
 * ends. */
static void closed_standard_streams_are_not_taken_by_other_files(void **state)
{
    (void)state;
    cli_script(&result, "timeout 60 \"$BIREFNET\" remove - -o shut.png " SMALL_MODEL " <&-");
    assert_int_equal(result.code, 4);
    assert_non_null(strstr(result.err, "standard input"));
    cli_expect(&result, 5, "standard output", "remove %s -o - " SMALL_MODEL " >&-", PHOTO);
    cli_expect(&result, 0, "", "remove %s -o shut.png -v " SMALL_MODEL " <&- >&- 2>&-", PHOTO);
    cli_shell("cmp shut.png m.png");
}

/* Whether one line, the last, says what is wrong; others may say which weights are used, and where some are not. */
static bool ends_with_one_complaint(const char *text)
{
    const char *last = text;
    int complaints = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        complaints += strncmp(line, "birefnet: ", 10) == 0;
        last = line;
    }
    return complaints == 1 && strncmp(last, "birefnet: ", 10) == 0;
}

static void bad_inputs_give_a_line_and_their_own_code(void **state)
{
    (void)state;
    cli_shell("mkdir -p bad && : > bad/empty.jpg && echo 'no image' > bad/text.jpg");
    cli_shell("head -c 9000 " PHOTO " > bad/cut.jpg");
    /* a PNG header that claims 60000 x 60000 pixels */
    cli_shell("printf "
              "'\\211PNG\\r\\n\\032\\n\\0\\0\\0\\rIHDR\\0\\0\\352\\140\\0\\0\\352\\140\\10\\2\\0\\0\\0\\17\\2"
              "60\\342\\25"
              "\\0\\0\\0\\0IEND\\256B`\\202' > bad/bomb.png");
    static const struct {
        int code;
        const char *words, *message;
    } cases[] = {
        {1, "bad/empty.jpg -o x.png", "bad/empty.jpg: "},
        {1, "bad/text.jpg -o x.png", "bad/text.jpg: "},
        {1, "bad/cut.jpg -o x.png", "truncated"},
        {6, "bad/bomb.png -o x.png", "pixels"},
        {6, PHOTO " --max-pixels 0.1 -o x.png", "pixels"},
        {4, "bad/missing.jpg -o x.png", "bad/missing.jpg"},
        {4, "bad/text.jpg/below.jpg -o x.png", "bad/text.jpg/below.jpg"},
        {5, PHOTO " -o nowhere/x.png", "nowhere/x.png"},
        {5, PHOTO " -o bad/text.jpg/below/", "bad/text.jpg"},
        {7, PHOTO " -o x.png -m missing.safetensors", "missing.safetensors"},
        {7, PHOTO " -o x.png -m bad/text.jpg", "bad/text.jpg"},
        {7, PHOTO " -o x.png -m light", "birefnet pull light"},
        {8, "http://127.0.0.1:9/x.jpg -o x.png", "127.0.0.1"},
    };
    const int before = cli_count("bad");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bool with_model = strstr(cases[i].words, " -m ") != NULL;
        cli_run(&result, "remove %s %s", cases[i].words, with_model ? "" : SMALL_MODEL);
        if (result.code != cases[i].code || !strstr(result.err, cases[i].message))
            fail_msg("remove %s: code %d, not %d: %s", cases[i].words, result.code, cases[i].code,
                     result.err);
        if (!ends_with_one_complaint(result.err))
            fail_msg("remove %s: not one line: %s", cases[i].words, result.err);
        assert_false(cli_exists("x.png"));
    }
    assert_int_equal(cli_count("bad"), before);
}

static void density_is_kept_and_data_on_demand(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer jpeg;
    bn_image *image = cli_image(PHOTO);
    bn_encode_options encoding;
    static const uint8_t exif[] = "II*\0\10\0\0\0\1\0\17\1\2\0\6\0\0\0\32\0\0\0\0\0\0\0Maker";
    assert_ok(bn_image_adopt_exif(image, exif, sizeof exif, &err), err);
    bn_encode_options_default(&encoding, BN_FORMAT_JPEG);
    encoding.metadata = BN_METADATA_ALL;
    image->density = (bn_density){300, 300};
    bn_buffer_init(&jpeg, 1 << 22);
    assert_ok(bn_image_encode(image, &encoding, &jpeg, &err), err);
    assert_ok(bn_file_write("dpi300.jpg", jpeg.data, jpeg.size, &err), err);
    bn_buffer_free(&jpeg);
    bn_image_destroy(&image);
    static const char *const outputs[] = {"d.jpg", "d.png", "d.webp", "d.tif", "d-mask.png"};
    for (size_t i = 0; i < 8; i++) {
        const bool kept = i >= 4;
        cli_expect(&result, 0, "", "remove dpi300.jpg -o %s -b white --mask " SMALL_MODEL " %s",
                   outputs[i % 4], kept ? "--metadata safe" : "");
        image = cli_image(outputs[i % 4]);
        assert_in_range(image->density.x, 299, 300);
        assert_in_range(image->density.y, 299, 300);
        assert_int_equal(image->exif.size > 0 && memmem(image->exif.data, image->exif.size, "Maker", 5),
                         kept);
        bn_image_destroy(&image);
    }
    image = cli_image(outputs[4]);
    assert_in_range(image->density.x, 299, 300);
    bn_image_destroy(&image);
    cli_expect(&result, 0, "", "remove dpi300.jpg -o c.png --crop " SMALL_MODEL);
    image = cli_image("c.png");
    assert_in_range(image->density.x, 299, 300);
    bn_image_destroy(&image);
}

static void shops_get_their_canvas(void **state)
{
    (void)state;
    cli_expect(&result, 0, "enlarged", "remove %s -o shop/ --for amazon " SMALL_MODEL, PHOTO);
    assert_int_equal(format_of("shop/photo1.jpg"), BN_FORMAT_JPEG);
    bn_image *image = cli_image("shop/photo1.jpg");
    assert_size(image, 2000, 2000, 3);
    const uint8_t *pixels = image->pixels;
    for (int x = 0; x < 2000; x++) assert_memory_equal(pixels + 3 * (50 * 2000 + x), "\xff\xff\xff", 3);
    bn_image_destroy(&image);
    cli_expect(&result, 0, "",
               "remove %s -o row.webp --for ebay --canvas 300x200 -b '#112233' --align bottom --shadow soft "
               "--mask " SMALL_MODEL,
               PHOTO);
    image = cli_image("row.webp");
    assert_size(image, 300, 200, 3);
    assert_memory_equal(image->pixels, "\x11\x22\x33", 3);
    bn_image_destroy(&image);
    image = cli_image("row-mask.png");
    assert_int_equal(image->width, 300);
    bn_image_destroy(&image);
    cli_expect(&result, 2, "--canvas takes", "remove %s -o x.png --canvas 31000 " SMALL_MODEL, PHOTO);
    cli_expect(&result, 2, "--fit takes", "remove %s -o x.png --fit 0 " SMALL_MODEL, PHOTO);
    cli_expect(&result, 2, "16383", "remove %s -o x.webp --canvas 20000x100 " SMALL_MODEL, PHOTO);
    cli_expect(&result, 2, "megapixels", "remove %s -o x.png --canvas 20000 " SMALL_MODEL, PHOTO);
    cli_expect(&result, 2, "transparency", "remove %s -o x.jpg --for amazon -b none " SMALL_MODEL, PHOTO);
}

static void results_too_large_for_their_format_are_refused(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer png;
    bn_image *image = NULL;
    bn_encode_options encoding;
    bn_encode_options_default(&encoding, BN_FORMAT_PNG);
    bn_buffer_init(&png, 1 << 22);
    assert_ok(bn_image_create(17000, 20, 3, 8, &image, &err), err);
    assert_ok(bn_image_encode(image, &encoding, &png, &err), err);
    assert_ok(bn_file_write("wide.png", png.data, png.size, &err), err);
    bn_image_destroy(&image);
    bn_buffer_free(&png);
    cli_expect(&result, 6,
               "wide.png: the result would have 17000x20 pixels, and webp holds at most 16383 a side",
               "remove wide.png -o wide.webp " SMALL_MODEL);
    assert_false(cli_exists("wide.webp"));
}

static void names_of_other_formats_are_refused(void **state)
{
    (void)state;
    cli_expect(&result, 2, ".bmp is not written", "remove %s -o out.bmp " SMALL_MODEL, PHOTO);
    cli_expect(&result, 2, ".heic is not written", "remove %s -o out.HEIC " SMALL_MODEL, PHOTO);
    cli_expect(&result, 0, "", "remove %s -o out.bmp -f png " SMALL_MODEL, PHOTO);
    cli_expect(&result, 0, "", "remove %s -o out.v2 " SMALL_MODEL, PHOTO);
    assert_int_equal(format_of("out.v2"), BN_FORMAT_PNG);
}

static void names_do_not_reach_the_terminal_raw(void **state)
{
    (void)state;
    cli_expect(&result, 4, "?(Bred?line.jpg", "remove \"$(printf '\\033(Bred\\nline').jpg\" " SMALL_MODEL);
    assert_null(strchr(result.err, 033));
    assert_true(ends_with_one_complaint(result.err));
    /* C1 in UTF-8 and as one byte, a name that runs backwards, a space of no width */
    cli_expect(&result, 4, "?31m a?b x?gpj.exe z?w \303\244.jpg",
               "remove \"$(printf '\\302\\23331m a\\233b x\\342\\200\\256gpj.exe z\\342\\200\\213w "
               "\\303\\244').jpg\" " SMALL_MODEL);
    cli_run(&result, "models --models-dir \"$(printf 'x\\302\\233y\\342\\200\\256')\"");
    assert_int_equal(result.code, 0);
    assert_non_null(memmem(result.out, result.out_size, "x?y?", 4));
    assert_null(memmem(result.out, result.out_size, "\302\233", 2));
}

static void inputs_are_never_overwritten(void **state)
{
    (void)state;
    cli_shell("mkdir -p safe && cp " PHOTO " safe/a.jpg && cp m.png safe/b.png && ln safe/b.png safe/c.png");
    cli_expect(&result, 2, "would overwrite", "remove safe/a.jpg " SMALL_MODEL " -o safe/a.jpg -b white");
    cli_expect(&result, 2, "would overwrite", "remove safe/a.jpg " SMALL_MODEL " -o safe/ -b white -f jpeg");
    cli_expect(&result, 2, "would overwrite", "remove safe/b.png " SMALL_MODEL " -o safe/c.png");
    cli_expect(&result, 2, "would overwrite", "remove safe/b.png " SMALL_MODEL " -o x.png --mask=safe/b.png");
    cli_expect(&result, 2, "would overwrite",
               "remove safe/a.jpg " SMALL_MODEL " -o x.png --report safe/a.jpg");
    cli_expect(&result, 2, "would overwrite",
               "remove safe/a.jpg " SMALL_MODEL " -o safe/b.png -b safe/c.png");
    cli_shell("cmp safe/a.jpg " PHOTO " && cmp safe/b.png m.png");
    assert_int_equal(cli_count("safe"), 3);
}

static void outputs_of_one_run_do_not_overwrite_each_other(void **state)
{
    (void)state;
    cli_shell("mkdir -p twice");
    cli_expect(&result, 2, "both", "remove %s " SMALL_MODEL " -o twice/x.png --report twice/x.png", PHOTO);
    cli_expect(&result, 2, "both", "remove %s " SMALL_MODEL " -o twice/x.png --mask=twice/x.png", PHOTO);
    cli_expect(&result, 2, "both",
               "remove %s " SMALL_MODEL " -o twice/ --mask --report twice/photo1-mask.png", PHOTO);
    /* nor where it is written in other words */
    cli_expect(&result, 2, "both", "remove %s " SMALL_MODEL " -o twice/x.png --report ./twice/x.png", PHOTO);
    cli_expect(&result, 2, "both", "remove %s " SMALL_MODEL " -o twice/x.png --mask=twice/../twice/x.png",
               PHOTO);
    cli_expect(&result, 2, "both", "remove %s " SMALL_MODEL " -o twice/ --report twice//photo1.png", PHOTO);
    assert_int_equal(cli_count("twice"), 0);
}

/* A device or a pipe is written into, a link followed; none of them is replaced by a file. */
static void outputs_that_are_no_files_stay_what_they_are(void **state)
{
    (void)state;
    cli_shell("mkdir -p odd && mkfifo odd/pipe && ln -s /dev/full odd/full && cp m.png odd/real.png");
    cli_shell("ln -s real.png odd/link.png && ln -s later.png odd/dangling.png");
    cli_script(&result, "cat odd/pipe > odd/read.png & \"$BIREFNET\" remove " PHOTO
                        " -o odd/pipe " SMALL_MODEL " && wait");
    assert_int_equal(result.code, 0);
    cli_shell("test -p odd/pipe && cmp odd/read.png m.png");
    cli_expect(&result, 5, "odd/full", "remove %s -o odd/full " SMALL_MODEL, PHOTO);
    cli_shell("test -c odd/full && test -L odd/full");
    cli_shell(": > odd/real.png");
    cli_expect(&result, 0, "", "remove %s -o odd/link.png " SMALL_MODEL, PHOTO);
    cli_shell("test -L odd/link.png && cmp odd/real.png m.png");
    cli_expect(&result, 0, "", "remove %s -o odd/dangling.png " SMALL_MODEL, PHOTO);
    cli_shell("test -L odd/dangling.png && cmp odd/later.png m.png");
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
    (void)state;
    cli_shell("mkdir -p full");
    /* the shell's limit on file sizes stands in for the disk: 4 blocks of 512 or 1024 bytes */
    cli_script(&result, "ulimit -f 4; \"$BIREFNET\" remove " PHOTO " -o full/x.png " SMALL_MODEL);
    assert_int_equal(result.code, 5);
    assert_non_null(strstr(result.err, "full/x.png"));
    assert_int_equal(cli_count("full"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photo_gets_a_cut_out_beside_it),
        cmocka_unit_test(format_asked_for_is_format_written),
        cmocka_unit_test(mask_is_the_alpha_of_the_cut_out),
        cmocka_unit_test(threshold_makes_the_edge_hard),
        cmocka_unit_test(crop_is_the_box_of_the_subject),
        cmocka_unit_test(backgrounds_show_behind_the_subject),
        cmocka_unit_test(other_settings_change_what_they_say),
        cmocka_unit_test(pipes_carry_photos),
        cmocka_unit_test(closed_standard_streams_are_not_taken_by_other_files),
        cmocka_unit_test(bad_inputs_give_a_line_and_their_own_code),
        cmocka_unit_test(density_is_kept_and_data_on_demand),
        cmocka_unit_test(shops_get_their_canvas),
        cmocka_unit_test(results_too_large_for_their_format_are_refused),
        cmocka_unit_test(names_of_other_formats_are_refused),
        cmocka_unit_test(names_do_not_reach_the_terminal_raw),
        cmocka_unit_test(inputs_are_never_overwritten),
        cmocka_unit_test(outputs_of_one_run_do_not_overwrite_each_other),
        cmocka_unit_test(outputs_that_are_no_files_stay_what_they_are),
        cmocka_unit_test(a_full_disk_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
