/* test_codecs.c - writing and reading back, limits, bombs, truncation. */
#include "tests/image/pictures.h"

#include "base/cpu.h"

#include <libdeflate.h>
#include <time.h>

/* ---- writing ------------------------------------------------------------------------------------------- */

static void lossless_formats_give_every_sample_back(void **state)
{
    (void)state;
    static const bn_format formats[] = {BN_FORMAT_PNG, BN_FORMAT_TIFF, BN_FORMAT_WEBP};
    static const int sizes[][2] = {{1, 1}, {7, 5}, {64, 48}, {3, 300}};
    void *icc;
    cmsUInt32Number icc_bytes;
    make_wide_profile(&icc, &icc_bytes);
    for (size_t f = 0; f < BN_COUNT(formats); f++)
        for (int depth = 8; depth <= 16; depth += 8)
            for (int channels = 1; channels <= 4; channels++)
                for (size_t s = 0; s < BN_COUNT(sizes); s++) {
                    if (channels == 2 || (formats[f] == BN_FORMAT_WEBP && depth == 16)) continue;
                    bn_error err = {0};
                    bn_image *image = make_noise(sizes[s][0], sizes[s][1], channels, depth, 1 + s);
                    if (channels > 1) assert_ok(bn_image_set_icc(image, icc, icc_bytes, &err), err);
                    bn_buffer file;
                    encode(image, formats[f], &file);
                    assert_int_equal(bn_format_from_bytes(file.data, file.size), formats[f]);
                    bn_image *back = decode(&file);
                    assert_int_equal(back->width, image->width);
                    assert_int_equal(back->height, image->height);
                    assert_int_equal(back->depth, depth);
                    assert_int_equal(back->channels, channels == 4 ? 4 : 3);
                    if (back->icc_bytes != image->icc_bytes)
                        fail_msg("%s: the profile is lost", bn_format_get_facts(formats[f])->name);
                    if (channels > 1) assert_memory_equal(back->icc, icc, icc_bytes);
                    const size_t pixels = (size_t)image->width * (size_t)image->height,
                                 bytes = (size_t)depth / 8;
                    for (size_t i = 0; i < pixels * (size_t)back->channels; i++) {
                        const size_t from = channels == 1 ? i / 3 : i;
                        assert_memory_equal((uint8_t *)back->pixels + i * bytes,
                                            (uint8_t *)image->pixels + from * bytes, bytes);
                    }
                    bn_image_destroy(&back);
                    bn_image_destroy(&image);
                    bn_buffer_free(&file);
                }
    free(icc);
}

static void png_levels_and_threads_hold_the_same_pixels(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_image *images[] = {make_quarters(301, 200), make_noise(77, 31, 4, 16, 7), make_noise(5, 2, 1, 8, 7)};
    for (size_t i = 0; i < BN_COUNT(images); i++) {
        bn_image *image = images[i];
        bn_buffer first;
        encode(image, BN_FORMAT_PNG, &first);
        for (int compression = 1; compression <= 9; compression += 4)
            for (int threads = 1; threads <= 5; threads += 2) {
                bn_encode_options options;
                bn_encode_options_default(&options, BN_FORMAT_PNG);
                options.compression = compression;
                options.threads = threads;
                bn_buffer file;
                bn_buffer_init(&file, 1 << 24);
                assert_ok(bn_image_encode(image, &options, &file, &err), err);
                if (compression == 1) {
                    assert_int_equal(file.size, first.size);
                    assert_memory_equal(file.data, first.data, first.size);
                }
                bn_image *back = decode(&file);
                const int repeat = image->channels == 1 ? 3 : 1; /* grey comes back as RGB */
                for (int k = 0; k < image->width * image->height * image->channels * repeat; k++)
                    assert_int_equal(sample_at(back, k), sample_at(image, k / repeat));
                bn_image_destroy(&back);
                bn_buffer_free(&file);
            }
        bn_buffer_free(&first);
        bn_image_destroy(&images[i]);
    }
}

static void the_format_asked_for_is_written(void **state)
{
    (void)state;
    bn_image *image = make_quarters(40, 30);
    for (bn_format format = BN_FORMAT_NONE + 1; format < BN_FORMATS; format++) {
        const bn_format_facts *facts = bn_format_get_facts(format);
        char path[64];
        snprintf(path, sizeof path, "/a.b/photo.%s", facts->suffixes[0]);
        assert_int_equal(bn_format_from_path(path), format);
        assert_int_equal(bn_format_from_name(facts->name), format);
        assert_int_equal(bn_format_from_mime(facts->mime), format);
        if (!facts->writes) continue;
        bn_buffer file;
        encode(image, format, &file);
        assert_int_equal(bn_format_from_bytes(file.data, file.size), format);
        bn_image *back = decode(&file);
        for (size_t i = 0; i < bn_image_bytes(image); i += 3 * 40 * 7 + 21) {
            const int difference = ((uint8_t *)back->pixels)[i] - ((uint8_t *)image->pixels)[i];
            assert_in_range(abs(difference), 0, facts->writes && format == BN_FORMAT_JPEG ? 12 : 0);
        }
        bn_image_destroy(&back);
        bn_buffer_free(&file);
    }
    assert_int_equal(bn_format_from_path("/photos.png/photo"), BN_FORMAT_NONE);
    assert_int_equal(bn_format_from_name("JPG"), BN_FORMAT_JPEG);
    assert_int_equal(bn_format_from_mime("image/jpeg; charset=binary"), BN_FORMAT_JPEG);
    bn_image_destroy(&image);
}

static void what_a_format_cannot_hold_is_refused(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer file;
    bn_buffer_init(&file, 1 << 20);
    bn_encode_options options;
    bn_image *image = make_noise(20, 10, 4, 8, 3);
    bn_encode_options_default(&options, BN_FORMAT_JPEG);
    assert_int_equal(bn_image_encode(image, &options, &file, &err), BIREFNET_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "no transparency"));
    for (size_t i = 3; i < bn_image_bytes(image); i += 4) ((uint8_t *)image->pixels)[i] = 255;
    assert_ok(bn_image_encode(image, &options, &file, &err), err);
    options.format = BN_FORMAT_AVIF;
    assert_int_equal(bn_image_encode(image, &options, &file, &err), BIREFNET_ERROR_ARGUMENT);
    options.format = BN_FORMAT_PNG;
    options.quality = 0;
    assert_int_equal(bn_image_encode(image, &options, &file, &err), BIREFNET_ERROR_ARGUMENT);
    bn_image_destroy(&image);
    image = make_noise(16400, 1, 3, 8, 3);
    bn_encode_options_default(&options, BN_FORMAT_WEBP);
    assert_int_equal(bn_image_encode(image, &options, &file, &err), BIREFNET_ERROR_LIMIT);
    bn_buffer_free(&file);

    /* a buffer that is too small, for every format */
    for (bn_format format = BN_FORMAT_NONE + 1; format < BN_FORMATS; format++) {
        if (!bn_format_get_facts(format)->writes || format == BN_FORMAT_WEBP) continue;
        bn_encode_options_default(&options, format);
        for (size_t room = 0; room < 400; room += 57) {
            bn_buffer_init(&file, room);
            assert_int_equal(bn_image_encode(image, &options, &file, &err), BIREFNET_ERROR_LIMIT);
            bn_buffer_free(&file);
        }
    }
    bn_image_destroy(&image);
}

/* ---- hostile files ------------------------------------------------------------------------------------- */

static void assert_refused_as_too_large(const char *what, const void *bytes, size_t size)
{
    bn_error err = {0};
    bn_image *image = NULL;
    const size_t before = bn_peak_rss_bytes();
    const bn_status status = bn_image_decode(bytes, size, NULL, &image, &err);
    if (status != BIREFNET_ERROR_LIMIT) fail_msg("%s: status %d, %s", what, (int)status, err.message);
    assert_null(image);
    if (bn_peak_rss_bytes() - before > 32u << 20) fail_msg("%s: memory was taken", what);
}

static void patch_pair(bn_buffer *file, const uint8_t *old, const uint8_t *new, size_t count)
{
    for (size_t at = 0; at + count <= file->size; at++)
        if (!memcmp(file->data + at, old, count)) {
            memcpy(file->data + at, new, count);
            return;
        }
    fail_msg("nothing to patch");
}

static void bombs_are_refused_before_they_go_off(void **state)
{
    (void)state;
    bn_buffer file;
    bn_image *image = make_noise(40, 30, 3, 8, 2);

    encode(image, BN_FORMAT_PNG, &file);
    memcpy(file.data + 16, "\0\0\xea\x60\0\0\xea\x60", 8); /* 60000 x 60000 */
    const uint32_t crc = libdeflate_crc32(0, file.data + 12, 17);
    for (int i = 0; i < 4; i++) file.data[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    assert_refused_as_too_large("PNG", file.data, file.size);
    bn_buffer_free(&file);

    encode(image, BN_FORMAT_GIF, &file);
    memcpy(file.data + 6, "\x60\xea\x60\xea", 4);
    assert_refused_as_too_large("GIF's screen", file.data, file.size);
    memcpy(file.data + 6, "\x28\0\x1e\0", 4);
    patch_pair(&file, (const uint8_t *)",\0\0\0\0\x28\0\x1e\0", (const uint8_t *)",\0\0\0\0\x60\xea\x60\xea",
               9);
    assert_refused_as_too_large("GIF's frame", file.data, file.size);
    bn_buffer_free(&file);

    encode(image, BN_FORMAT_JPEG, &file);
    patch_pair(&file, (const uint8_t *)"\x08\0\x1e\0\x28\x03", (const uint8_t *)"\x08\xea\x60\xea\x60\x03",
               6);
    assert_refused_as_too_large("JPEG", file.data, file.size);
    bn_buffer_free(&file);

    encode(image, BN_FORMAT_TIFF, &file);
    patch_pair(&file, (const uint8_t *)"\0\1\3\0\1\0\0\0\x28\0", (const uint8_t *)"\0\1\3\0\1\0\0\0\x60\xea",
               10);
    patch_pair(&file, (const uint8_t *)"\1\1\3\0\1\0\0\0\x1e\0", (const uint8_t *)"\1\1\3\0\1\0\0\0\x60\xea",
               10);
    assert_refused_as_too_large("TIFF", file.data, file.size);
    bn_buffer_free(&file);

    encode(image, BN_FORMAT_WEBP, &file);
    assert_memory_equal(file.data + 12, "VP8L", 4);
    memcpy(file.data + 21, "\xff\xff\xff\x0f", 4); /* 14 bits each: 16384 x 16384 */
    assert_refused_as_too_large("WebP", file.data, file.size);
    bn_buffer_free(&file);

    make_avif(image, 0, 0, 0, &file);
    patch_pair(&file, (const uint8_t *)"ispe\0\0\0\0\0\0\0\x28\0\0\0\x1e",
               (const uint8_t *)"ispe\0\0\0\0\0\0\x30\0\0\0\x30\0", 16);
    assert_refused_as_too_large("AVIF", file.data, file.size);
    bn_buffer_free(&file);
    bn_image_destroy(&image);
}

static void limits_are_exact(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_image *image = make_noise(40, 30, 3, 8, 2), *back = NULL;
    for (bn_format format = BN_FORMAT_NONE + 1; format < BN_FORMATS; format++) {
        if (!bn_format_get_facts(format)->writes) continue;
        bn_buffer file;
        encode(image, format, &file);
        bn_decode_limits limits;
        bn_decode_limits_default(&limits);
        limits.max_pixels = 1199;
        assert_int_equal(bn_image_decode(file.data, file.size, &limits, &back, &err), BIREFNET_ERROR_LIMIT);
        limits.max_pixels = 1200;
        assert_ok(bn_image_decode(file.data, file.size, &limits, &back, &err), err);
        bn_image_destroy(&back);
        limits.refused = 1u << format;
        assert_int_equal(bn_image_decode(file.data, file.size, &limits, &back, &err),
                         BIREFNET_ERROR_UNSUPPORTED);
        limits.refused = ~limits.refused;
        assert_ok(bn_image_decode(file.data, file.size, &limits, &back, &err), err);
        bn_image_destroy(&back);
        bn_buffer_free(&file);
    }
    bn_image_destroy(&image);
}

static void a_cut_off_photo_is_never_half_grey_unless_asked(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_image *photo = make_quarters(320, 240), *back = NULL;
    bn_buffer file;
    encode(photo, BN_FORMAT_JPEG, &file);
    for (size_t part = 1; part < 16; part++) {
        const size_t length = file.size * part / 16;
        assert_int_equal(bn_image_decode(file.data, length, NULL, &back, &err), BIREFNET_ERROR_FORMAT);
        assert_memory_equal(err.message, "truncated JPEG: ", 16);
    }
    bn_decode_limits limits;
    bn_decode_limits_default(&limits);
    limits.allow_truncated = true;
    assert_ok(bn_image_decode(file.data, file.size * 3 / 4, &limits, &back, &err), err);
    assert_int_equal(back->height, 240);
    for (int i = 0; i < 3 * 320 * 16; i++)
        assert_in_range(abs(((uint8_t *)back->pixels)[i] - ((uint8_t *)photo->pixels)[i]), 0, 12);
    bn_image_destroy(&back);

    /* only the end marker missing: whole */
    assert_ok(bn_image_decode(file.data, file.size - 2, NULL, &back, &err), err);
    bn_image_destroy(&back);
    bn_buffer_free(&file);
    bn_image_destroy(&photo);
}

/* Megabytes of these two bytes behind the header of a BMP of one row, as run lengths; its row ends in them or not. */
static double time_runs(const char *bytes)
{
    enum { PAIRS = 1 << 20, HEADERS = 14 + 40 + 8 };
    bn_error err = {0};
    bn_buffer file;
    bn_image *image = NULL;
    struct timespec start, end;
    const uint8_t head[HEADERS] = {
        'B', 'M', [10] = HEADERS, [14] = 40, [18] = 3, [22] = 1, [26] = 1, [28] = 8, [30] = 1, [46] = 2};
    bn_buffer_init(&file, 1 << 22);
    assert_ok(bn_buffer_append(&file, head, sizeof head, &err), err);
    for (int i = 0; i < PAIRS; i++) assert_ok(bn_buffer_append(&file, bytes, 2, &err), err);
    assert_ok(bn_buffer_append(&file, "\0\1", 2, &err), err);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    assert_ok(bn_image_decode(file.data, file.size, NULL, &image, &err), err);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    bn_image_destroy(&image);
    bn_buffer_free(&file);
    return (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
}

/* Long ones take no more time than short ones. */
static void runs_outside_of_the_rows_cost_nothing(void **state)
{
    (void)state;
    const double short_ms = time_runs("\1\1"), long_ms = time_runs("\xff\1");
    print_message("runs of 1 %.2f ms, of 255 %.2f ms\n", short_ms, long_ms);
    assert_true(long_ms < 8 * short_ms + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_outside_of_the_rows_cost_nothing),
        cmocka_unit_test(lossless_formats_give_every_sample_back),
        cmocka_unit_test(png_levels_and_threads_hold_the_same_pixels),
        cmocka_unit_test(the_format_asked_for_is_written),
        cmocka_unit_test(what_a_format_cannot_hold_is_refused),
        cmocka_unit_test(bombs_are_refused_before_they_go_off),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(a_cut_off_photo_is_never_half_grey_unless_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
