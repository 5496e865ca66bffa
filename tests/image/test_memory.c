/* test_memory.c - the most memory that decoding takes, measured: each codec's worst files, each in a process of its
 * own. */
#include "tests/image/process.h"
#include "tests/image/sample.h"
#include "tests/image/worst.h"

#include "base/file.h"
#include "image/animation_table.h"

#define SIDE       3008 /* tiles are multiples of 16 */
#define NOISE_SIDE 1504 /* of files that take long to make */
#define MAX_PIXELS ((uint64_t)SIDE * SIDE)

typedef struct outcome {
    bn_status status;
    uint64_t peak_bytes; /* above what the process had before */
    char message[200];
} outcome;

static void decode_file(const void *context, void *result)
{
    const bn_buffer *file = context;
    outcome *found = result;
    bn_error err = {0};
    bn_image *image = NULL;
    const bn_decode_limits limits = {.max_pixels = MAX_PIXELS};
    const uint64_t before = status_bytes("VmRSS");
    found->status = bn_image_decode(file->data, file->size, &limits, &image, &err);
    found->peak_bytes = status_bytes("VmHWM") - before;
    memcpy(found->message, err.message, sizeof found->message - 1);
}

/* Decodes or is refused as expected; takes no more than its header said, and no more than the limits allow. */
static void check(const char *name, bn_buffer *file, bn_status expected)
{
    bn_error err = {0};
    uint64_t need = 0;
    const uint64_t most = MAX_PIXELS * BN_DECODE_PIXEL_BYTES + file->size + BN_DECODE_FIXED_BYTES;
    const bn_decode_limits limits = {.max_pixels = MAX_PIXELS};
    const bn_status probed = bn_image_decode_bytes(file->data, file->size, &limits, &need, &err);
    outcome found = {0};
    run_in_child(decode_file, file, &found, sizeof found);
    print_message("%-24s %9zu bytes, peak %4llu MiB, said %4llu MiB: %s\n", name, file->size,
                  (unsigned long long)found.peak_bytes >> 20, (unsigned long long)need >> 20, found.message);
    if (found.status != expected) fail_msg("%s: %s", name, found.message);
    if (probed != BIREFNET_OK) assert_int_equal(probed, expected);
    if (expected == BIREFNET_OK) {
        assert_true(need <= most);
        if (MEASURES && found.peak_bytes > need) fail_msg("%s takes more memory than its header said", name);
    } else if (MEASURES && found.peak_bytes > BN_DECODE_FIXED_BYTES + 2 * file->size) {
        fail_msg("%s takes %llu bytes before it is refused", name, (unsigned long long)found.peak_bytes);
    }
    bn_buffer_free(file);
}

static void jpeg_is_bounded(void **state)
{
    (void)state;
    bn_buffer file;
    worst_jpeg(SIDE, &file);
    check("progressive CMYK", &file, BIREFNET_OK);
}

static void png_is_bounded(void **state)
{
    (void)state;
    bn_buffer file;
    worst_png(SIDE, SIDE, &file);
    check("interlaced RGBA16", &file, BIREFNET_OK);
    worst_png(BN_DECODE_MAX_SIDE, 9, &file);
    check("longest row", &file, BIREFNET_OK);
    worst_png(BN_DECODE_MAX_SIDE + 1, 1, &file);
    check("too long a row", &file, BIREFNET_ERROR_LIMIT);
}

static void gif_is_bounded(void **state)
{
    (void)state;
    bn_buffer file;
    bn_image *image = make_noise(NOISE_SIDE, NOISE_SIDE, 4, 8, 5);
    encode(image, BN_FORMAT_GIF, &file);
    bn_image_destroy(&image);
    check("transparent GIF", &file, BIREFNET_OK);
}

static void webp_is_bounded(void **state)
{
    (void)state;
    bn_buffer file;
    worst_webp(NOISE_SIDE, true, &file);
    check("lossless with alpha", &file, BIREFNET_OK);
    worst_webp(NOISE_SIDE, false, &file);
    check("lossy with alpha", &file, BIREFNET_OK);
    worst_webp_groups(512, &file);
    check("groups of codes", &file, BIREFNET_OK);
    worst_webp_groups(1024, &file);
    check("very many of them", &file, BIREFNET_ERROR_LIMIT);
}

static void avif_is_bounded(void **state)
{
    (void)state;
    bn_buffer file;
    worst_avif(SIDE, 1, &file);
    check("AVIF of 12 bits", &file, BIREFNET_OK);
    worst_avif(SIDE, 4, &file);
    check("AVIF of 16 tiles", &file, BIREFNET_OK);
    worst_avif(1024, 16, &file);
    check("AVIF of 256 tiny tiles", &file, BIREFNET_ERROR_LIMIT);
    worst_avif_frames(1200, 2, &file);
    check("AVIF of 2 frames", &file, BIREFNET_OK);
    worst_avif_frames(1200, 3, &file);
    check("AVIF of 3 frames", &file, BIREFNET_ERROR_LIMIT);
}

typedef struct frames_job {
    const bn_buffer *file;
    bn_decode_limits limits;
} frames_job;

static void read_frames(const void *context, void *peak)
{
    const frames_job *job = context;
    bn_error err = {0};
    bn_animation *animation = NULL;
    const uint64_t before = status_bytes("VmRSS");
    assert_ok(bn_animation_open(job->file->data, job->file->size, &job->limits, &animation, &err), err);
    for (bn_delay delay;;) {
        bn_image *frame = NULL;
        assert_ok(bn_animation_next(animation, &frame, &delay, &err), err);
        if (!frame) break;
        bn_image_destroy(&frame);
    }
    bn_animation_close(&animation);
    *(uint64_t *)peak = status_bytes("VmHWM") - before;
}

/* What reading all frames takes, in a process of its own. */
static uint64_t peak_of_frames(const bn_buffer *file, bn_decode_limits limits)
{
    const frames_job job = {file, limits};
    uint64_t peak = 0;
    run_in_child(read_frames, &job, &peak, sizeof peak);
    return peak;
}

/* Its frames are of 12 bits and full colour, with alpha; half as many do not take less. */
static void avif_sequences_are_bounded(void **state)
{
    (void)state;
    enum { PICTURE_SIDE = 640, FRAMES = 24 };
    const uint64_t pixels = (uint64_t)PICTURE_SIDE * PICTURE_SIDE;
    bn_buffer file, half;
    worst_avif_sequence(PICTURE_SIDE, FRAMES, &file);
    worst_avif_sequence(PICTURE_SIDE, FRAMES / 2, &half);
    const uint64_t need = pixels * bn_avif_frames.pixel_bytes + file.size + BN_DECODE_FIXED_BYTES,
                   peak = peak_of_frames(&file, (bn_decode_limits){.max_pixels = 1 << 24}),
                   half_peak = peak_of_frames(&half, (bn_decode_limits){.max_pixels = 1 << 24});
    print_message("AVIF of %d frames, peak %llu MiB, of half as many %llu MiB, allowed %llu MiB\n", FRAMES,
                  (unsigned long long)peak >> 20, (unsigned long long)half_peak >> 20,
                  (unsigned long long)need >> 20);
    if (MEASURES) assert_true(peak <= need && peak < half_peak + half_peak / 4);
    bn_buffer_free(&file);
    bn_buffer_free(&half);
}

static void tiff_is_bounded(void **state)
{
    (void)state;
    enum { WHOLE = PLANARCONFIG_CONTIG, PLANES = PLANARCONFIG_SEPARATE };
    static const struct {
        const char *name;
        worst_tiff_kind kind;
        bn_status expected;
    } kinds[] = {
        {"RGBA16 strip", {4, 16, PHOTOMETRIC_RGB, WHOLE, false}, BIREFNET_OK},
        {"RGBA16 planes", {4, 16, PHOTOMETRIC_RGB, PLANES, false}, BIREFNET_OK},
        {"16 samples, strip", {16, 16, PHOTOMETRIC_RGB, WHOLE, false}, BIREFNET_OK},
        {"16 samples, tile", {16, 16, PHOTOMETRIC_RGB, WHOLE, true}, BIREFNET_ERROR_LIMIT},
        {"16 planes, tiles", {16, 16, PHOTOMETRIC_RGB, PLANES, true}, BIREFNET_OK},
        {"palette strip", {1, 8, PHOTOMETRIC_PALETTE, WHOLE, false}, BIREFNET_OK},
        {"palette, 16 samples", {16, 8, PHOTOMETRIC_PALETTE, WHOLE, true}, BIREFNET_ERROR_LIMIT},
    };
    bn_buffer file;
    for (size_t i = 0; i < BN_COUNT(kinds); i++) {
        worst_tiff(SIDE, kinds[i].kind, &file);
        check(kinds[i].name, &file, kinds[i].expected);
    }
    worst_tiff_tags(&file);
    check("a thousand tags", &file, BIREFNET_ERROR_LIMIT);
}

/* By the encoder that is there, or not at all. */
static bool make_by(const char *encoder, int side, int depth, bn_buffer *file)
{
    bn_buffer png;
    bn_error err = {0};
    bn_image *image = depth == 16 ? make_noise(side, side, 4, 16, 3) : make_quarters(side, side);
    encode(image, BN_FORMAT_PNG, &png);
    bn_image_destroy(&image);
    char folder[] = "/tmp/birefnet-memory-XXXXXX", path[100], command[500];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.png", folder);
    assert_ok(bn_file_write(path, png.data, png.size, &err), err);
    bn_buffer_free(&png);
    snprintf(command, sizeof command, "cd %s && %s >/dev/null 2>&1", folder, encoder);
    const bool made = system(command) == 0;
    snprintf(path, sizeof path, "%s/a.out", folder);
    bn_buffer_init(file, 1 << 28);
    if (made) assert_ok(bn_file_read(path, file, &err), err);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    return made;
}

static bool make_heic(int side, bn_buffer *file)
{
    return make_by("heif-enc -p chroma=444 a.png -o a.heic && mv a.heic a.out", side, 8, file);
}

/* The first `size` bytes of what stands behind the name of a box. */
static void patch(bn_buffer *file, const char *box, size_t skip, const void *bytes, size_t size)
{
    uint8_t *at = memmem(file->data, file->size, box, 4);
    assert_non_null(at);
    memcpy(at + 4 + skip, bytes, size);
}

static void heif_is_bounded(void **state)
{
    (void)state;
    bn_buffer file;
    if (bn_format_missing(BN_FORMAT_HEIF)) skip();
    /* tiles on a sheet of 65535 x 65535 pixels, in a file that says 16 x 12 */
    read_sample("rgb8-grid.heic", &file);
    patch(&file, "idat", 4, "\xff\xff\xff\xff", 4);
    check("HEIC, vast sheet", &file, BIREFNET_ERROR_FORMAT);
    if (!make_heic(SIDE, &file)) {
        print_message("no heif-enc: large files are not tried\n");
        return;
    }
    check("HEIC", &file, BIREFNET_OK);
    /* the decoder is told of more pixels than the image has: that is counted, too */
    if (!make_heic(NOISE_SIDE, &file)) return;
    patch(&file, "ispe", 4, "\0\0\0\x10\0\0\0\x10", 8);
    uint64_t need = 0;
    bn_error err = {0};
    assert_ok(bn_image_decode_bytes(file.data, file.size, NULL, &need, &err), err);
    outcome found = {0};
    run_in_child(decode_file, &file, &found, sizeof found);
    assert_int_equal(found.status, BIREFNET_ERROR_FORMAT);
    assert_true(need > BN_DECODE_FIXED_BYTES + 8ull * NOISE_SIDE * NOISE_SIDE);
    if (MEASURES) assert_true(found.peak_bytes <= need);
    bn_buffer_free(&file);
}

static void jxl_is_bounded(void **state)
{
    (void)state;
    bn_buffer file;
    if (bn_format_missing(BN_FORMAT_JXL)) skip();
    if (!make_by("cjxl -e 2 -d 0 a.png a.jxl && mv a.jxl a.out", NOISE_SIDE, 16, &file)) {
        print_message("no cjxl: not tried\n");
        return;
    }
    check("JPEG XL, lossless", &file, BIREFNET_OK);
    if (make_by("cjxl -e 3 -p -d 1 a.png a.jxl && mv a.jxl a.out", NOISE_SIDE, 16, &file))
        check("JPEG XL, in passes", &file, BIREFNET_OK);
}

static void bitmaps_are_bounded(void **state)
{
    (void)state;
    bn_buffer file;
    read_sample("grey8-runs.bmp", &file);
    memcpy(file.data + 18, &(int32_t[2]){SIDE, SIDE},
           8); /* all pixels but some are those that nothing is said of */
    file.data[file.size - 1] = 1;
    check("BMP of few runs", &file, BIREFNET_OK);
    bn_buffer_init(&file, 1000);
    assert_int_equal(bn_buffer_printf(&file, NULL, "P6 %d %d 65535 ", SIDE, SIDE), BIREFNET_OK);
    check("PPM without samples", &file, BIREFNET_ERROR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_is_bounded), cmocka_unit_test(png_is_bounded),
        cmocka_unit_test(gif_is_bounded),  cmocka_unit_test(webp_is_bounded),
        cmocka_unit_test(avif_is_bounded), cmocka_unit_test(avif_sequences_are_bounded),
        cmocka_unit_test(tiff_is_bounded), cmocka_unit_test(heif_is_bounded),
        cmocka_unit_test(jxl_is_bounded),  cmocka_unit_test(bitmaps_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
