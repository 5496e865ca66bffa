/* test_moving.c - moving pictures: animations through `birefnet remove`. */
#include "tests/cli/terminal.h"

#include "base/file.h"
#include "base/size.h"
#include "image/animation.h"

#include <jansson.h>
#include <unistd.h>

#define ANIMATIONS BN_SOURCE_DIR "/tests/image/animations/"
#define TINY_MODEL "-m starter -r 64x64"

static cli_result result;
static terminal screen;

/* A square that moves over grey: so many frames of 64x64, 50 ms each. */
static void make_animation(const char *path, bn_format format, int frames)
{
    enum { SIDE = 64 };
    bn_error err = {0};
    bn_part part;
    bn_encode_options options;
    bn_encode_options_default(&options, format);
    const bn_animation_info info = {.format = format, .width = SIDE, .height = SIDE};
    bn_animation_writer *writer = NULL;
    assert_ok(bn_part_open(&part, path, &err), err);
    assert_ok(bn_animation_writer_open(&part, &info, &options, &writer, &err), err);
    for (int n = 0; n < frames; n++) {
        uint8_t pixels[SIDE][SIDE][3];
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const bool inside = abs(x - 20 - n % 24) < 12 && abs(y - 32) < 16;
                memset(pixels[y][x], inside ? 20 : 200, 3);
            }
        const bn_image view = bn_image_view(pixels, SIDE, SIDE, 3, 8);
        assert_ok(bn_animation_writer_add(writer, &view, (bn_delay){50, 1000}, &err), err);
    }
    assert_ok(bn_animation_writer_finish(writer, &err), err);
    bn_animation_writer_close(&writer);
    assert_ok(bn_part_commit(&part, &err), err);
    bn_part_discard(&part);
}

static uint32_t count_frames(const char *path)
{
    bn_error err = {0};
    bn_buffer bytes;
    bn_buffer_init(&bytes, 1 << 26);
    assert_ok(bn_file_read(path, &bytes, &err), err);
    const uint32_t frames = bn_animation_count(bytes.data, bytes.size);
    bn_buffer_free(&bytes);
    return frames;
}

/* The same frames, delays and plays in both. */
static void assert_same_timing(const char *a, const char *b)
{
    const char *const paths[] = {a, b};
    bn_error err = {0};
    bn_buffer bytes[2];
    bn_animation *animations[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        bn_buffer_init(&bytes[i], 1 << 26);
        assert_ok(bn_file_read(paths[i], &bytes[i], &err), err);
        assert_ok(bn_animation_open(bytes[i].data, bytes[i].size, NULL, &animations[i], &err), err);
    }
    const bn_animation_info *first = bn_animation_get_info(animations[0]),
                            *second = bn_animation_get_info(animations[1]);
    assert_int_equal(first->plays, second->plays);
    assert_int_equal(first->frames, second->frames);
    for (uint32_t n = 0; n < first->frames; n++) {
        bn_image *frame = NULL;
        bn_delay delays[2];
        for (int i = 0; i < 2; i++) {
            assert_ok(bn_animation_next(animations[i], &frame, &delays[i], &err), err);
            assert_non_null(frame);
            bn_image_destroy(&frame);
        }
        assert_int_equal((uint64_t)delays[0].numerator * delays[1].denominator,
                         (uint64_t)delays[1].numerator * delays[0].denominator);
    }
    for (int i = 0; i < 2; i++) {
        bn_animation_close(&animations[i]);
        bn_buffer_free(&bytes[i]);
    }
}

/* The first column and row that is seen in any frame of an animation and the last, as two boxes: of the subject in the first
 * frame, and in all. */
typedef struct extent {
    int width, height; /* of the frames */
    uint32_t frames;
    int first[4], all[4]; /* left, top, right, bottom */
} extent;

static void add_pixel(int box[4], int x, int y)
{
    if (x < box[0]) box[0] = x;
    if (y < box[1]) box[1] = y;
    if (x + 1 > box[2]) box[2] = x + 1;
    if (y + 1 > box[3]) box[3] = y + 1;
}

static extent measure(const char *path)
{
    extent found = {.first = {9999, 9999, 0, 0}, .all = {9999, 9999, 0, 0}};
    bn_error err = {0};
    bn_buffer bytes;
    bn_animation *animation = NULL;
    bn_buffer_init(&bytes, 1 << 26);
    assert_ok(bn_file_read(path, &bytes, &err), err);
    assert_ok(bn_animation_open(bytes.data, bytes.size, NULL, &animation, &err), err);
    for (;; found.frames++) {
        bn_image *frame = NULL;
        bn_delay delay;
        assert_ok(bn_animation_next(animation, &frame, &delay, &err), err);
        if (!frame) break;
        found.width = frame->width;
        found.height = frame->height;
        const uint8_t *pixels = frame->pixels;
        for (int y = 0; y < frame->height; y++)
            for (int x = 0; x < frame->width; x++) {
                if (pixels[4 * ((size_t)y * (size_t)frame->width + (size_t)x) + 3] < 13) continue;
                add_pixel(found.all, x, y);
                if (found.frames == 0) add_pixel(found.first, x, y);
            }
        bn_image_destroy(&frame);
    }
    bn_animation_close(&animation);
    bn_buffer_free(&bytes);
    return found;
}

static void animations_stay_animations(void **state)
{
    (void)state;
    static const char *const inputs[] = {"interlaced-twice.gif", "hidden-first.png", "thrice.webp",
                                         "twice.avif"};
    static const char *const outputs[] = {"out.gif", "out.webp", "out.png"};
    for (size_t i = 0; i < BN_COUNT(inputs); i++)
        for (size_t o = 0; o < BN_COUNT(outputs); o++) {
            char input[512];
            snprintf(input, sizeof input, ANIMATIONS "%s", inputs[i]);
            cli_expect(&result, 0, " -> ", "remove %s -o %s " TINY_MODEL, input, outputs[o]);
            assert_same_timing(input, outputs[o]);
            assert_int_equal(measure(outputs[o]).width, 16);
        }
    /* masks move with it, alone or beside it */
    cli_expect(&result, 0, " -> ",
               "remove " ANIMATIONS
               "thrice.webp -o out.webp --mask --smooth --jobs 3 --report r.json " TINY_MODEL);
    assert_same_timing(ANIMATIONS "thrice.webp", "out-mask.png");
    cli_shell("grep -q '\"frames_done\": 3' r.json");
    cli_expect(&result, 0, "", "remove " ANIMATIONS "thrice.webp -o m.gif --mask-only " TINY_MODEL);
    assert_int_equal(count_frames("m.gif"), 3);
    cli_expect(&result, 0, "",
               "remove - -o - -f webp " TINY_MODEL " < " ANIMATIONS "thrice.webp > piped.webp");
    cli_expect(&result, 0, "", "remove " ANIMATIONS "thrice.webp -o named.webp " TINY_MODEL);
    cli_shell("cmp piped.webp named.webp");
}

/* As large as the box of all frames' subjects together; each stands where it stood in it. */
static void one_box_for_all_frames(void **state)
{
    (void)state;
    make_animation("moves.webp", BN_FORMAT_WEBP, 12);
    cli_expect(&result, 0, "", "remove moves.webp -o plain.webp --no-refine " TINY_MODEL);
    cli_expect(&result, 0, "",
               "remove moves.webp -o cropped.webp --mask --crop --no-refine --jobs 3 " TINY_MODEL);
    const extent plain = measure("plain.webp"), cropped = measure("cropped.webp"),
                 mask = measure("cropped-mask.png");
    assert_true(plain.first[2] < plain.all[2]); /* the subject moves */
    assert_int_equal(cropped.frames, 12);
    assert_int_equal(cropped.width, plain.all[2] - plain.all[0]);
    assert_int_equal(cropped.height, plain.all[3] - plain.all[1]);
    for (int i = 0; i < 4; i++) assert_int_equal(cropped.first[i], plain.first[i] - plain.all[i % 2]);
    assert_int_equal(mask.width, cropped.width);
    assert_int_equal(mask.height, cropped.height);
    assert_same_timing("plain.webp", "cropped-mask.png");
    /* all of them fill the canvas's fit, the first one does not */
    cli_expect(&result, 0, "", "remove moves.webp -o staged.webp --canvas 160x120 --fit 80%% " TINY_MODEL);
    const extent staged = measure("staged.webp");
    assert_int_equal(staged.width, 160);
    assert_int_equal(staged.height, 120);
    assert_true(staged.all[2] - staged.all[0] >= 126 || staged.all[3] - staged.all[1] >= 94);
    assert_true(staged.all[2] - staged.all[0] <= 128 && staged.all[3] - staged.all[1] <= 96);
    assert_true(staged.first[2] < staged.all[2]);
    assert_same_timing("moves.webp", "staged.webp");
    cli_expect(&result, 0, "", "remove moves.webp -o shop.gif --for etsy -f gif --canvas 90x70 " TINY_MODEL);
    assert_int_equal(measure("shop.gif").width, 90);
    cli_expect(&result, 0, "", "remove - -o - -f webp --crop " TINY_MODEL " < moves.webp > piped.webp");
    assert_int_equal(measure("piped.webp").width, cropped.width);
}

static void a_still_gets_the_first_frame_and_that_is_said(void **state)
{
    (void)state;
    cli_expect(&result, 0, "an animation of 6 frames, of which only the first is in still.jpg",
               "remove " ANIMATIONS "disposals.gif -b white -o still.jpg " TINY_MODEL);
    cli_expect(&result, 0, "an animation of 6 frames, of which only the first is in still.png",
               "remove " ANIMATIONS "disposals.gif --first-frame -o still.png " TINY_MODEL);
    assert_int_equal(count_frames("still.png"), 1);
    if (!bn_format_missing(BN_FORMAT_JXL))
        cli_expect(&result, 0, "an animation of 6 frames, of which only the first is in still.webp",
                   "remove " ANIMATIONS "six.jxl -o still.webp " TINY_MODEL);
    /* a mask that cannot move keeps the cut-out still, too */
    cli_expect(&result, 0, "only the first",
               "remove " ANIMATIONS "disposals.gif --mask=m.tiff -o still.webp " TINY_MODEL);
    assert_int_equal(count_frames("still.webp"), 1);
}

static void a_folder_goes_on_after_a_broken_animation(void **state)
{
    (void)state;
    cli_shell("rm -rf in out && mkdir in && cp " ANIMATIONS
              "disposals.gif in/a.gif && head -c 3000 in/a.gif > in/b.gif "
              "&& cp " PHOTO " in/c.jpg");
    cli_expect(&result, 3, "in/b.gif: frame ", "remove in -o out -f webp " TINY_MODEL);
    assert_non_null(strstr(result.err, "truncated GIF"));
    assert_non_null(strstr(result.err, "2 of 3 photos done, 1 failed"));
    assert_int_equal(cli_count("out"), 2);
    assert_int_equal(count_frames("out/a-gif.webp"), 6);
}

static double peak_bytes(const char *path, const char *options)
{
    cli_expect(&result, 0, "", "remove %s -o peak.webp --report peak.json -t 1 %s " TINY_MODEL, path,
               options);
    json_t *report = json_load_file("peak.json", 0, NULL);
    assert_non_null(report);
    const double bytes = json_number_value(json_object_get(report, "peak_rss_bytes"));
    json_decref(report);
    assert_true(bytes > 0);
    return bytes;
}

static void memory_does_not_grow_with_frames(void **state)
{
    (void)state;
    make_animation("20.gif", BN_FORMAT_GIF, 20);
    make_animation("200.gif", BN_FORMAT_GIF, 200);
    static const char *const options[] = {"", "--canvas 80x80"};
    for (size_t i = 0; i < BN_COUNT(options); i++) {
        const double few = peak_bytes("20.gif", options[i]), many = peak_bytes("200.gif", options[i]);
        print_message("20 frames %.1f MB, 200 frames %.1f MB\n", few / 1e6, many / 1e6);
        assert_int_equal(count_frames("peak.webp"), 200);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they keep what is freed for a while */
        assert_true(many < few * 1.05);
#endif
    }
}

static void ctrl_c_leaves_no_half_animation(void **state)
{
    (void)state;
    static const char *const outputs[] = {"half.gif", "half.webp", "half.png"};
    make_animation("200.webp", BN_FORMAT_WEBP, 200);
    cli_shell("rm -rf here && mkdir here");
    for (size_t i = 0; i < 3; i++) {
        char arguments[256];
        snprintf(arguments, sizeof arguments, "remove 200.webp -o here/%s --mask -m starter %s", outputs[i],
                 i == 1 ? "--crop" : "");
        terminal_start(&screen, arguments);
        assert_true(terminal_await(&screen, "/200 frames, "));
        kill(screen.child, SIGINT);
        assert_int_equal(terminal_finish(&screen), 130);
        assert_non_null(strstr(screen.text, "interrupted"));
        assert_int_equal(cli_count("here"), 0);
    }
}

/* ---- stream ---- */

/* The photo and the photo upside down: raw RGB in two.rgb, and as PNG. */
static void make_raw_frames(void)
{
    bn_error err = {0};
    bn_image *photo = cli_image(PHOTO);
    const size_t row = bn_image_row_bytes(photo), rows = (size_t)photo->height;
    uint8_t *turned = malloc(row * rows);
    for (size_t y = 0; y < rows; y++)
        memcpy(turned + y * row, (const uint8_t *)photo->pixels + (rows - 1 - y) * row, row);
    FILE *file = fopen("two.rgb", "we");
    assert_true(file && fwrite(photo->pixels, 1, row * rows, file) == row * rows &&
                fwrite(turned, 1, row * rows, file) == row * rows);
    assert_int_equal(fclose(file), 0);
    const bn_image views[] = {bn_image_view(photo->pixels, photo->width, photo->height, 3, 8),
                              bn_image_view(turned, photo->width, photo->height, 3, 8)};
    bn_encode_options options;
    bn_encode_options_default(&options, BN_FORMAT_PNG);
    for (int i = 0; i < 2; i++) {
        bn_buffer png;
        bn_buffer_init(&png, 1 << 26);
        assert_ok(bn_image_encode(&views[i], &options, &png, &err), err);
        assert_ok(bn_file_write(i ? "1.png" : "0.png", png.data, png.size, &err), err);
        bn_buffer_free(&png);
    }
    free(turned);
    bn_image_destroy(&photo);
}

static void raw_frames_are_cut_out_as_photos_are(void **state)
{
    (void)state;
    bn_error err = {0};
    make_raw_frames();
    const size_t bytes = (size_t)PHOTO_WIDTH * PHOTO_HEIGHT * 4;
    cli_expect(&result, 0, "2 frames done", "stream --size %dx%d " SMALL_MODEL " < two.rgb > two.rgba",
               PHOTO_WIDTH, PHOTO_HEIGHT);
    cli_expect(&result, 0, "", "remove 0.png 1.png -o raw/ " SMALL_MODEL);
    bn_buffer raw;
    bn_buffer_init(&raw, 1 << 26);
    assert_ok(bn_file_read("two.rgba", &raw, &err), err);
    assert_int_equal(raw.size, 2 * bytes);
    for (size_t i = 0; i < 2; i++) {
        bn_image *photo = cli_image(i ? "raw/1-png.png" : "raw/0-png.png");
        assert_int_equal(bn_image_bytes(photo), bytes);
        assert_memory_equal(raw.data + i * bytes, photo->pixels, bytes);
        bn_image_destroy(&photo);
    }
    bn_buffer_free(&raw);
    /* opaque, and still four bytes a pixel */
    cli_expect(&result, 0, "", "stream --size %dx%d -b white " SMALL_MODEL " < two.rgb | wc -c > count",
               PHOTO_WIDTH, PHOTO_HEIGHT);
    cli_shell("grep -qx %zu count", 2 * bytes);
}

static void broken_streams_say_so_in_a_line(void **state)
{
    (void)state;
    make_raw_frames();
    cli_expect(&result, 2, "--size WIDTHxHEIGHT is missing", "stream < two.rgb > x");
    cli_expect(&result, 2, "--size takes", "stream --size 400 < two.rgb > x");
    cli_expect(&result, 2, "megapixels", "stream --size 40000x40000 < two.rgb > x");
    cli_shell("head -c %d two.rgb > head.rgb", PHOTO_WIDTH * PHOTO_HEIGHT * 3 + 1);
    cli_expect(&result, 1, "standard input ends inside frame 2, after 1 of its",
               "stream --size %dx%d " TINY_MODEL " > x < head.rgb", PHOTO_WIDTH, PHOTO_HEIGHT);
    cli_expect(&result, 5, "cannot write standard output",
               "stream --size %dx%d " TINY_MODEL " < two.rgb > /dev/full", PHOTO_WIDTH, PHOTO_HEIGHT);
    cli_expect(&result, 0, "0 frames done", "stream --size 20x20 " TINY_MODEL " < /dev/null > x");
    /* who waits for a frame hears of a stop, and of a failure at the other end */
    terminal_start(&screen, "stream --size 20x20 -m starter -v > /dev/null");
    assert_true(terminal_await(&screen, "model "));
    kill(screen.child, SIGTERM);
    assert_int_equal(terminal_finish(&screen), 130);
    cli_script(&result,
               "mkfifo held; exec 9<>held; cat two.rgb >&9 & \"$BIREFNET\" stream --size 400x446 " TINY_MODEL
               " <&9 > /dev/full; code=$?; kill $! 2>/dev/null; exit $code");
    assert_int_equal(result.code, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(animations_stay_animations),
        cmocka_unit_test(one_box_for_all_frames),
        cmocka_unit_test(a_still_gets_the_first_frame_and_that_is_said),
        cmocka_unit_test(a_folder_goes_on_after_a_broken_animation),
        cmocka_unit_test(memory_does_not_grow_with_frames),
        cmocka_unit_test(ctrl_c_leaves_no_half_animation),
        cmocka_unit_test(raw_frames_are_cut_out_as_photos_are),
        cmocka_unit_test(broken_streams_say_so_in_a_line),
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
