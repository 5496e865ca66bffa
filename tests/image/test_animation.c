/* test_animation.c - animations: canvases as an independent player shows them, what is written reads back, timing, loops,
 * memory, limits, damage. */
#include "tests/image/pictures.h"
#include "tests/image/process.h"
#include "tests/image/worst.h"

#include "base/file.h"
#include "image/animation.h"

#include <dirent.h>
#include <libdeflate.h>
#include <malloc.h>
#include <math.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FOLDER BN_SOURCE_DIR "/tests/image/animations/"

static void load(const char *name, bn_buffer *bytes)
{
    char path[512];
    bn_error err = {0};
    bn_buffer_init(bytes, 1 << 26);
    snprintf(path, sizeof path, "%s%s", name[0] == '/' ? "" : FOLDER, name);
    assert_ok(bn_file_read(path, bytes, &err), err);
}

/* ---- reading ---- */

/* Colours of what is transparent are of no account in WebP, and its player rounds coarsely. */
static void compare(const uint8_t *a, const uint8_t *b, size_t bytes, int tolerance, const char *name,
                    unsigned frame)
{
    for (size_t i = 0; i < bytes; i++) {
        const size_t alpha = i | 3;
        if (tolerance > 1 && a[alpha] == 0 && b[alpha] == 0) continue;
        if (abs(a[i] - b[i]) > tolerance)
            fail_msg("%s, frame %u, sample %zu: %d, not %d", name, frame, i, a[i], b[i]);
    }
}

/* delays in hundredths of a second */
static void check_timed(const char *name, int tolerance, uint32_t frames, uint32_t plays,
                        const uint32_t *delays)
{
    bn_error err = {0};
    bn_buffer file, shown;
    char golden[128];
    bn_animation *animation = NULL;
    snprintf(golden, sizeof golden, "%s.rgba", name);
    load(name, &file);
    load(golden, &shown);
    assert_int_equal(bn_animation_count(file.data, file.size), frames);
    assert_ok(bn_animation_open(file.data, file.size, NULL, &animation, &err), err);
    const bn_animation_info *info = bn_animation_get_info(animation);
    assert_int_equal(info->width, 16);
    assert_int_equal(info->height, 12);
    assert_int_equal(info->frames, frames);
    assert_int_equal(info->plays, plays);
    for (uint32_t i = 0; i < frames; i++) {
        bn_image *frame = NULL;
        bn_delay delay;
        assert_ok(bn_animation_next(animation, &frame, &delay, &err), err);
        assert_non_null(frame);
        assert_int_equal((uint64_t)delay.numerator * 100, (uint64_t)delays[i] * delay.denominator);
        const size_t bytes = bn_image_bytes(frame);
        assert_true((i + 1) * bytes <= shown.size);
        compare(frame->pixels, shown.data + i * bytes, bytes, tolerance, name, i);
        bn_image_destroy(&frame);
    }
    bn_image *none = NULL;
    bn_delay delay;
    assert_ok(bn_animation_next(animation, &none, &delay, &err), err);
    assert_null(none);
    bn_animation_close(&animation);
    bn_buffer_free(&file);
    bn_buffer_free(&shown);
}

static void check_canvases(const char *name, int tolerance, uint32_t frames, uint32_t plays)
{
    static const uint32_t delays[] = {4, 10, 0, 7, 33, 5}, avif_delays[] = {4, 10, 2, 7, 33, 5};
    check_timed(name, tolerance, frames, plays, strstr(name, ".avif") ? avif_delays : delays);
}

static void frames_are_what_a_player_shows(void **state)
{
    (void)state;
    check_canvases("disposals.gif", 0, 6, 0);
    check_canvases("interlaced-twice.gif", 0, 6, 2);
    check_canvases("once-without-end.gif", 0, 6, 1);
    check_canvases("disposals.png", 1, 6, 0);
    check_canvases("hidden-first.png", 1, 6, 3);
    check_canvases("deep.png", 1, 6, 1);
    check_canvases("disposals.webp", 3, 6, 0);
    check_canvases("thrice.webp", 3, 3, 3);
    check_canvases("sequence.avif", 0, 6, 0);
    check_canvases("twice.avif", 0, 6, 2);
    check_canvases("deep.avif", 0, 6, 3);
}

static void stills_have_one_frame(void **state)
{
    (void)state;
    static const bn_format formats[] = {BN_FORMAT_PNG, BN_FORMAT_WEBP, BN_FORMAT_GIF, BN_FORMAT_JPEG,
                                        BN_FORMAT_TIFF};
    for (size_t i = 0; i < BN_COUNT(formats); i++) {
        bn_buffer file;
        bn_image *image = make_quarters(20, 10);
        encode(image, formats[i], &file);
        assert_int_equal(bn_animation_count(file.data, file.size), 1);
        bn_buffer_free(&file);
        bn_image_destroy(&image);
    }
    bn_buffer file;
    bn_image *image = make_quarters(20, 10);
    make_avif(image, AVIF_TRANSFORM_NONE, 0, 0, &file);
    assert_int_equal(bn_animation_count(file.data, file.size), 1);
    bn_buffer_free(&file);
    bn_image_destroy(&image);
    assert_int_equal(bn_animation_count("", 0), 1);
}

static void animations_are_turned_upright(void **state)
{
    (void)state;
    static const uint8_t chunk[] = {0, 0,    0, 26, 'e', 'X', 'I', 'f', 'I', 'I', '*', 0, 8, 0, 0, 0, 1,
                                    0, 0x12, 1, 3,  0,   1,   0,   0,   0,   6,   0,   0, 0, 0, 0, 0, 0};
    enum { IHDR_END = 33 };
    bn_error err = {0};
    bn_buffer file, turned, shown;
    load("disposals.png", &file);
    load("disposals.png.rgba", &shown);
    bn_buffer_init(&turned, 1 << 20);
    uint8_t crc[4];
    const uint32_t sum = libdeflate_crc32(0, chunk + 4, sizeof chunk - 4);
    for (int i = 0; i < 4; i++) crc[i] = (uint8_t)(sum >> (24 - 8 * i));
    bn_buffer_append(&turned, file.data, IHDR_END, &err);
    bn_buffer_append(&turned, chunk, sizeof chunk, &err);
    bn_buffer_append(&turned, crc, 4, &err);
    bn_buffer_append(&turned, file.data + IHDR_END, file.size - IHDR_END, &err);
    bn_animation *animation = NULL;
    assert_ok(bn_animation_open(turned.data, turned.size, NULL, &animation, &err), err);
    bn_image *frame = NULL;
    bn_delay delay;
    assert_int_equal(bn_animation_get_info(animation)->width, 12);
    assert_ok(bn_animation_next(animation, &frame, &delay, &err), err);
    assert_int_equal(frame->width, 12);
    assert_int_equal(frame->height, 16);
    /* what was at the left, below, is now above, at the left */
    assert_memory_equal(frame->pixels, shown.data + 4 * 16 * 11, 4);
    bn_image_destroy(&frame);
    bn_animation_close(&animation);
    bn_buffer_free(&file);
    bn_buffer_free(&turned);
    bn_buffer_free(&shown);
}

static void damage_and_limits_are_errors(void **state)
{
    (void)state;
    bn_error err = {0};
    static const char *const names[] = {"disposals.gif", "disposals.png", "disposals.webp", "sequence.avif"};
    for (size_t i = 0; i < BN_COUNT(names); i++) {
        bn_buffer file;
        bn_animation *animation = NULL;
        load(names[i], &file);
        const bn_decode_limits few = {.max_pixels = 100}, refused = {1000, .refused = ~0u};
        assert_int_equal(bn_animation_open(file.data, file.size, &few, &animation, &err),
                         BIREFNET_ERROR_LIMIT);
        assert_int_equal(bn_animation_open(file.data, file.size, &refused, &animation, &err),
                         BIREFNET_ERROR_UNSUPPORTED);
        bn_status status = bn_animation_open(file.data, file.size * 2 / 3, NULL, &animation, &err);
        bn_image *frame = NULL;
        bn_delay delay;
        for (int n = 0; n < 10 && status == BIREFNET_OK; n++) {
            bn_image_destroy(&frame);
            status = bn_animation_next(animation, &frame, &delay, &err);
        }
        bn_image_destroy(&frame);
        assert_int_equal(status, BIREFNET_ERROR_FORMAT);
        assert_true(strstr(err.message, "truncated") || strstr(err.message, "damaged"));
        bn_animation_close(&animation);
        bn_buffer_free(&file);
    }
    bn_buffer file;
    bn_animation *animation = NULL;
    load("disposals.png", &file);
    memset(file.data + 41, 0x7f, 4); /* the number of frames in acTL */
    assert_int_equal(bn_animation_open(file.data, file.size, NULL, &animation, &err), BIREFNET_ERROR_LIMIT);
    assert_non_null(strstr(err.message, "frames"));
    bn_buffer_free(&file);
}

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* So many frames of a pixel, with a profile that unpacks to megabytes. */
static void make_profiled_apng(uint32_t frames, bn_buffer *file)
{
    bn_error err = {0};
    uint8_t header[13] = {[3] = 1, [7] = 1, [8] = 8, [9] = 2}, control[8] = {0}, pixel[4] = {0, 9, 8, 7};
    uint8_t *icc = worst_profile();
    bn_buffer_init(file, 1 << 22);
    assert_ok(bn_buffer_append(file, "\x89PNG\r\n\x1a\n", 8, &err), err);
    png_chunk(file, "IHDR", header, sizeof header);
    put_be32(control, frames);
    png_chunk(file, "acTL", control, sizeof control);
    png_deflated(file, "iCCP", "big\0", 5, icc, WORST_PROFILE_BYTES / 4);
    for (uint32_t i = 0; i < frames; i++) {
        uint8_t frame[26] = {[7] = 1, [11] = 1};
        put_be32(frame, i);
        png_chunk(file, "fcTL", frame, sizeof frame);
        png_deflated(file, i == 0 ? "IDAT" : "fdAT", "\0\0\0\1", i == 0 ? 0 : 4, pixel, sizeof pixel);
    }
    png_chunk(file, "IEND", "", 0);
    free(icc);
}

/* Of the whole file, with the profile checked in each frame. */
static double read_profiled_apng(uint32_t frames)
{
    bn_error err = {0};
    bn_buffer file;
    bn_animation *animation = NULL;
    make_profiled_apng(frames, &file);
    assert_ok(bn_animation_open(file.data, file.size, NULL, &animation, &err), err);
    const double start = cpu_ms();
    for (uint32_t i = 0; i < frames; i++) {
        bn_image *frame = NULL;
        bn_delay delay;
        assert_ok(bn_animation_next(animation, &frame, &delay, &err), err);
        assert_int_equal(frame->icc_bytes, WORST_PROFILE_BYTES / 4);
        bn_image_destroy(&frame);
    }
    const double took = cpu_ms() - start;
    bn_animation_close(&animation);
    bn_buffer_free(&file);
    return took;
}

static void a_profile_is_unpacked_once(void **state)
{
    (void)state;
    const double one = read_profiled_apng(1), many = read_profiled_apng(201);
    print_message("1 frame %.2f ms, 201 frames %.2f ms\n", one, many);
    if (MEASURES) assert_true(many < 60 * one);
}

/* Behind the name of a box, from the n-th byte on. */
static void put_number(bn_buffer *file, const char *box, size_t n, uint32_t value)
{
    uint8_t *at = memmem(file->data, file->size, box, 4);
    assert_non_null(at);
    for (int i = 0; i < 4; i++) at[4 + n + (size_t)i] = (uint8_t)(value >> (24 - 8 * i));
}

/* twice.avif as one that says to hold `frames` of a byte each, in times of 6 runs. */
static void make_long_avif(uint32_t frames, bn_buffer *file)
{
    bn_error err = {0};
    load("twice.avif", file);
    put_number(file, "stsz", 4, 1);
    put_number(file, "stsz", 8, frames);
    put_number(file, "stsc", 12, frames);
    for (uint32_t i = 0; i < frames; i++) assert_ok(bn_buffer_append(file, "", 1, &err), err);
}

static void avifs_of_very_many_frames_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t frames;
        bn_status status;
        const char *words;
    } cases[] = {{50000, BIREFNET_OK, ""},
                 {100000, BIREFNET_ERROR_LIMIT, "too long a table of times"},
                 {100001, BIREFNET_ERROR_LIMIT, "100001 frames, the limit is 100000"},
                 {1000000, BIREFNET_ERROR_FORMAT, "damaged AVIF"}};
    for (size_t i = 0; i < BN_COUNT(cases); i++) {
        bn_error err = {0};
        bn_buffer file;
        bn_animation *animation = NULL;
        make_long_avif(cases[i].frames, &file);
        assert_int_equal(bn_animation_open(file.data, file.size, NULL, &animation, &err), cases[i].status);
        assert_non_null(strstr(err.message, cases[i].words));
        bn_animation_close(&animation);
        bn_buffer_free(&file);
    }
}

/* ---- writing ---- */

static char folder[] = "/tmp/bn-animation-XXXXXX";

static int enter(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return rmdir(folder); /* fails where something is left behind */
}

/* A square that moves over what is transparent; 4 channels, or 3 on blue, or 1. */
static bn_image *make_frame(int width, int height, int channels, int n)
{
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_image_create(width, height, channels, 8, &image, &err), err);
    uint8_t *pixels = image->pixels;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const bool inside = abs(x - (5 + 3 * n) % width) < 5 && abs(y - height / 2) < 7;
            const uint8_t square[4] = {200, (uint8_t)(20 * (n % 10)), 40, 255}, back[4] = {0, 0, 90, 0};
            const uint8_t *from = inside ? square : channels == 4 ? (const uint8_t[4]){0} : back;
            memcpy(pixels + ((size_t)y * (size_t)width + (size_t)x) * (size_t)channels, from,
                   (size_t)channels);
        }
    return image;
}

static void write_square(const char *path, bn_format format, int channels, int frames, uint32_t plays,
                         bn_delay delay, const uint8_t *icc)
{
    bn_error err = {0};
    bn_part part;
    bn_encode_options options;
    bn_encode_options_default(&options, format);
    const bn_animation_info info = {.format = format, .width = 61, .height = 33, .plays = plays};
    bn_animation_writer *writer = NULL;
    assert_ok(bn_part_open(&part, path, &err), err);
    assert_ok(bn_animation_writer_open(&part, &info, &options, &writer, &err), err);
    for (int n = 0; n < frames; n++) {
        bn_image *frame = make_frame(61, 33, channels, n);
        if (icc) assert_ok(bn_image_set_icc(frame, icc, 200, &err), err);
        assert_ok(bn_animation_writer_add(writer, frame, delay, &err), err);
        bn_image_destroy(&frame);
    }
    assert_ok(bn_animation_writer_finish(writer, &err), err);
    bn_animation_writer_close(&writer);
    assert_int_not_equal(access(path, F_OK), 0); /* not before it is whole */
    assert_ok(bn_part_commit(&part, &err), err);
    bn_part_discard(&part);
}

static void check_square(const char *path, int channels, int frames, uint32_t plays, double seconds,
                         const uint8_t *icc)
{
    bn_error err = {0};
    bn_buffer file;
    bn_animation *animation = NULL;
    load(path, &file);
    assert_ok(bn_animation_open(file.data, file.size, NULL, &animation, &err), err);
    assert_int_equal(bn_animation_get_info(animation)->frames, frames);
    assert_int_equal(bn_animation_get_info(animation)->plays, plays);
    double sum = 0;
    for (int n = 0; n < frames; n++) {
        bn_image *frame = NULL, *wanted = make_frame(61, 33, channels, n);
        bn_delay delay;
        assert_ok(bn_animation_next(animation, &frame, &delay, &err), err);
        assert_non_null(frame);
        for (size_t i = 0; i < (size_t)61 * 33 * 4; i++) {
            const size_t pixel = i / 4, c = i % 4;
            const uint8_t *from = (const uint8_t *)wanted->pixels + pixel * (size_t)channels;
            const uint8_t want = channels == 1 ? (c < 3 ? from[0] : 255) : (int)c < channels ? from[c] : 255;
            if (((const uint8_t *)frame->pixels)[i] != want)
                fail_msg("%s, frame %d, sample %zu: %d, not %d", path, n, i,
                         ((const uint8_t *)frame->pixels)[i], want);
        }
        if (icc) {
            assert_int_equal(frame->icc_bytes, 200);
            assert_memory_equal(frame->icc, icc, 200);
        }
        sum += (double)delay.numerator / delay.denominator;
        bn_image_destroy(&frame);
        bn_image_destroy(&wanted);
    }
    assert_true(fabs(sum - seconds) < 1e-6); /* without a drift, whatever the format's clock */
    bn_animation_close(&animation);
    bn_buffer_free(&file);
    unlink(path);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    char path[64];
    uint8_t icc[200] = {0};
    memcpy(icc + 16, "RGB ", 4);
    snprintf(path, sizeof path, "%s/out", folder);
    const bn_delay thirtieth = {1, 30};
    static const bn_format formats[] = {BN_FORMAT_PNG, BN_FORMAT_WEBP, BN_FORMAT_GIF};
    static const int channels[] = {4, 3, 1};
    for (size_t f = 0; f < BN_COUNT(formats); f++)
        for (size_t c = 0; c < BN_COUNT(channels); c++)
            for (uint32_t plays = 0; plays < 3; plays++) {
                const uint8_t *profile = formats[f] != BN_FORMAT_GIF && channels[c] > 1 ? icc : NULL;
                write_square(path, formats[f], channels[c], 30, plays, thirtieth, profile);
                check_square(path, channels[c], 30, plays, 1, profile);
            }
    /* what GIFs hold is kept as it is; what players take for ten hundredths is not made */
    write_square(path, BN_FORMAT_GIF, 4, 10, 0, (bn_delay){1, 100}, NULL);
    check_square(path, 4, 10, 0, 0.1, NULL);
    write_square(path, BN_FORMAT_GIF, 4, 10, 0, (bn_delay){1, 200}, NULL);
    check_square(path, 4, 10, 0, 0.2, NULL);
}

static void a_frame_that_changes_nothing_keeps_its_time(void **state)
{
    (void)state;
    char path[64];
    bn_error err = {0};
    snprintf(path, sizeof path, "%s/still", folder);
    static const bn_format formats[] = {BN_FORMAT_PNG, BN_FORMAT_WEBP, BN_FORMAT_GIF};
    for (size_t f = 0; f < BN_COUNT(formats); f++) {
        bn_part part;
        bn_encode_options options;
        bn_encode_options_default(&options, formats[f]);
        const bn_animation_info info = {.format = formats[f], .width = 61, .height = 33};
        bn_animation_writer *writer = NULL;
        assert_ok(bn_part_open(&part, path, &err), err);
        assert_ok(bn_animation_writer_open(&part, &info, &options, &writer, &err), err);
        bn_image *frame = make_frame(61, 33, 4, 1), *other = make_frame(61, 32, 4, 1);
        for (int n = 0; n < 3; n++)
            assert_ok(bn_animation_writer_add(writer, frame, (bn_delay){20, 100}, &err), err);
        assert_int_equal(bn_animation_writer_add(writer, other, (bn_delay){20, 100}, &err),
                         BIREFNET_ERROR_ARGUMENT);
        assert_ok(bn_animation_writer_finish(writer, &err), err);
        bn_animation_writer_close(&writer);
        assert_ok(bn_part_commit(&part, &err), err);
        bn_part_discard(&part);
        bn_image_destroy(&frame);
        bn_image_destroy(&other);
        bn_buffer file;
        load(path, &file);
        bn_animation *animation = NULL;
        assert_ok(bn_animation_open(file.data, file.size, NULL, &animation, &err), err);
        double sum = 0;
        for (bn_delay delay;;) {
            assert_ok(bn_animation_next(animation, &frame, &delay, &err), err);
            if (!frame) break;
            sum += (double)delay.numerator / delay.denominator;
            bn_image_destroy(&frame);
        }
        assert_true(sum > 0.59999 && sum < 0.60001);
        bn_animation_close(&animation);
        bn_buffer_free(&file);
        unlink(path);
    }
}

static void what_is_given_up_leaves_nothing(void **state)
{
    (void)state;
    static const bn_format formats[] = {BN_FORMAT_PNG, BN_FORMAT_WEBP, BN_FORMAT_GIF};
    bn_error err = {0};
    char path[64];
    snprintf(path, sizeof path, "%s/half", folder);
    for (size_t f = 0; f < BN_COUNT(formats); f++) {
        bn_part part;
        bn_encode_options options;
        bn_encode_options_default(&options, formats[f]);
        const bn_animation_info info = {.format = formats[f], .width = 61, .height = 33};
        bn_animation_writer *writer = NULL;
        assert_ok(bn_part_open(&part, path, &err), err);
        assert_ok(bn_animation_writer_open(&part, &info, &options, &writer, &err), err);
        bn_image *frame = make_frame(61, 33, 4, 1);
        assert_ok(bn_animation_writer_add(writer, frame, (bn_delay){1, 10}, &err), err);
        bn_image_destroy(&frame);
        bn_animation_writer_close(&writer);
        bn_part_discard(&part);
    }
    const bn_animation_info wide = {.format = BN_FORMAT_WEBP, .width = 20000, .height = 33};
    bn_encode_options options;
    bn_encode_options_default(&options, BN_FORMAT_WEBP);
    bn_animation_writer *writer = NULL;
    bn_part part = {.fd = -1};
    assert_int_equal(bn_animation_writer_open(&part, &wide, &options, &writer, &err), BIREFNET_ERROR_LIMIT);
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(dir));) assert_true(entry->d_name[0] == '.');
    closedir(dir);
}

/* ---- memory ---- */

/* Write so many frames of 640x480 and read them again, in a process of its own: its peak, less the file that it holds. */
static uint64_t peak_of(bn_format format, int frames)
{
    enum { WIDTH = 640, HEIGHT = 480 };
    int ends[2], status = 0;
    uint64_t peak = 0;
    char path[64];
    snprintf(path, sizeof path, "%s/many", folder);
    assert_int_equal(pipe(ends), 0);
    malloc_trim(0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const uint64_t before = status_bytes("VmRSS");
        bn_error err = {0};
        bn_part part;
        bn_encode_options options;
        bn_encode_options_default(&options, format);
        const bn_animation_info info = {.format = format, .width = WIDTH, .height = HEIGHT};
        bn_animation_writer *writer = NULL;
        assert_ok(bn_part_open(&part, path, &err), err);
        assert_ok(bn_animation_writer_open(&part, &info, &options, &writer, &err), err);
        for (int n = 0; n < frames; n++) {
            bn_image *frame = make_frame(WIDTH, HEIGHT, 4, n);
            assert_ok(bn_animation_writer_add(writer, frame, (bn_delay){1, 10}, &err), err);
            bn_image_destroy(&frame);
        }
        assert_ok(bn_animation_writer_finish(writer, &err), err);
        bn_animation_writer_close(&writer);
        assert_ok(bn_part_commit(&part, &err), err);
        bn_part_discard(&part);
        bn_buffer file;
        load(path, &file);
        bn_animation *animation = NULL;
        assert_ok(bn_animation_open(file.data, file.size, NULL, &animation, &err), err);
        assert_int_equal(bn_animation_get_info(animation)->frames, frames);
        for (bn_delay delay;;) {
            bn_image *frame = NULL;
            assert_ok(bn_animation_next(animation, &frame, &delay, &err), err);
            if (!frame) break;
            bn_image_destroy(&frame);
        }
        bn_animation_close(&animation);
        peak = status_bytes("VmHWM") - before - file.size;
        _exit(write(ends[1], &peak, sizeof peak) == sizeof peak ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &peak, sizeof peak), sizeof peak);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    unlink(path);
    return peak;
}

static void memory_does_not_grow_with_frames(void **state)
{
    (void)state;
    static const bn_format formats[] = {BN_FORMAT_PNG, BN_FORMAT_WEBP, BN_FORMAT_GIF};
    if (!MEASURES) skip();
    for (size_t f = 0; f < BN_COUNT(formats); f++) {
        const uint64_t few = peak_of(formats[f], 20), many = peak_of(formats[f], 200);
        print_message("%s: 20 frames %llu KiB, 200 frames %llu KiB\n", bn_format_get_facts(formats[f])->name,
                      (unsigned long long)few >> 10, (unsigned long long)many >> 10);
        assert_true(many < few + few / 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_what_a_player_shows),
        cmocka_unit_test(stills_have_one_frame),
        cmocka_unit_test(animations_are_turned_upright),
        cmocka_unit_test(damage_and_limits_are_errors),
        cmocka_unit_test(a_profile_is_unpacked_once),
        cmocka_unit_test(avifs_of_very_many_frames_are_refused),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_frame_that_changes_nothing_keeps_its_time),
        cmocka_unit_test(what_is_given_up_leaves_nothing),
        cmocka_unit_test(memory_does_not_grow_with_frames),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
