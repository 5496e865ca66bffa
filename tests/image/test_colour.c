/* test_colour.c - colour profiles and ink. */
#include "tests/image/pictures.h"
#include "tests/image/process.h"

#include "image/codec_table.h"
#include "image/colour.h"
#include "image/described.h"

#include <jpeglib.h>
#include <libdeflate.h>
#include <math.h>

static void a_wide_profile_is_kept_and_converted_for_the_network(void **state)
{
    (void)state;
    bn_error err = {0};
    void *icc;
    cmsUInt32Number icc_bytes;
    make_wide_profile(&icc, &icc_bytes);
    cmsHPROFILE wide = cmsOpenProfileFromMem(icc, icc_bytes), srgb = cmsCreate_sRGBProfile();
    cmsHTRANSFORM exact =
        cmsCreateTransform(wide, TYPE_RGB_DBL, srgb, TYPE_RGB_DBL, INTENT_RELATIVE_COLORIMETRIC, 0);
    for (int depth = 8; depth <= 16; depth += 8)
        for (int channels = 3; channels <= 4; channels++) {
            bn_image *image = make_noise(31, 17, channels, depth, 9);
            assert_ok(bn_image_set_icc(image, icc, icc_bytes, &err), err);
            bn_rgb8 rgb;
            assert_ok(bn_image_to_srgb(image, 2, &rgb, &err), err);
            assert_string_equal(rgb.note, "");
            bn_rgb8 own; /* what the network sees begins at 8 bits */
            assert_ok(bn_image_to_rgb8(image, 1, &own, &err), err);
            if (depth == 8 && channels == 3) assert_ptr_equal(own.pixels, image->pixels);
            for (int i = 0; i < 31 * 17; i++) {
                double in[3], out[3];
                for (int c = 0; c < 3; c++) in[c] = own.pixels[3 * i + c] / 255.0;
                cmsDoTransform(exact, in, out, 1);
                for (int c = 0; c < 3; c++) {
                    const double wanted = 255 * BN_MAX(0.0, BN_MIN(1.0, out[c]));
                    if (wanted - rgb.pixels[3 * i + c] > 1.1 || rgb.pixels[3 * i + c] - wanted > 1.1)
                        fail_msg("%d bits, %d channels: pixel %d is %d, should be %.1f", depth, channels, i,
                                 rgb.pixels[3 * i + c], wanted);
                }
            }
            bn_rgb8_release(&own);

            /* in place, at the image's own depth */
            bn_image *before = make_noise(31, 17, channels, depth, 9);
            assert_ok(bn_image_make_srgb(image, 1, NULL, &err), err);
            assert_null(image->icc);
            for (int i = 0; i < 31 * 17; i++) {
                double in[3], out[3];
                const double most = depth == 16 ? 65535 : 255;
                for (int c = 0; c < 3; c++) in[c] = sample_at(before, i * channels + c) / most;
                cmsDoTransform(exact, in, out, 1);
                for (int c = 0; c < 3; c++) {
                    const double off =
                        sample_at(image, i * channels + c) - most * BN_MAX(0.0, BN_MIN(1.0, out[c]));
                    if (off > 1.1 || off < -1.1) fail_msg("%d bits: pixel %d is off by %.1f", depth, i, off);
                }
                if (channels == 4)
                    assert_int_equal(sample_at(image, i * 4 + 3), sample_at(before, i * 4 + 3));
            }
            bn_image_destroy(&before);
            bn_rgb8_release(&rgb);
            bn_image_destroy(&image);
        }
    cmsDeleteTransform(exact);
    cmsCloseProfile(wide);
    cmsCloseProfile(srgb);
    free(icc);
}

static void put_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* `plain` with one more chunk behind its header. */
static void insert_png_chunk(const bn_buffer *plain, const char *type, const void *data, size_t size,
                             bn_buffer *out)
{
    enum { SIGNATURE_AND_HEADER = 8 + 25 };
    bn_error err = {0};
    uint8_t number[4], *chunk = malloc(size + 4);
    memcpy(chunk, type, 4);
    memcpy(chunk + 4, data, size);
    assert_ok(bn_buffer_append(out, plain->data, SIGNATURE_AND_HEADER, &err), err);
    put_u32(number, (uint32_t)size);
    assert_ok(bn_buffer_append(out, number, 4, &err), err);
    assert_ok(bn_buffer_append(out, chunk, size + 4, &err), err);
    put_u32(number, libdeflate_crc32(0, chunk, size + 4));
    assert_ok(bn_buffer_append(out, number, 4, &err), err);
    assert_ok(
        bn_buffer_append(out, plain->data + SIGNATURE_AND_HEADER, plain->size - SIGNATURE_AND_HEADER, &err),
        err);
    free(chunk);
}

static void insert_png_profile(const bn_buffer *plain, const uint8_t *icc, size_t icc_bytes, bn_buffer *out)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(1);
    uint8_t data[8192] = "p\0"; /* name, its zero, method 0 */
    const size_t packed = libdeflate_zlib_compress(compressor, icc, icc_bytes, data + 3, sizeof data - 3);
    assert_true(packed > 0);
    libdeflate_free_compressor(compressor);
    insert_png_chunk(plain, "iCCP", data, 3 + packed, out);
}

static uint8_t *make_grey_profile(double gamma, cmsUInt32Number *size)
{
    cmsToneCurve *curve = cmsBuildGamma(NULL, gamma);
    cmsHPROFILE grey = cmsCreateGrayProfile(cmsD50_xyY(), curve);
    cmsFreeToneCurve(curve);
    assert_true(cmsSaveProfileToMem(grey, NULL, size));
    uint8_t *icc = malloc(*size);
    assert_true(cmsSaveProfileToMem(grey, icc, size));
    cmsCloseProfile(grey);
    return icc;
}

static bn_image *make_ramp(int channels, int depth)
{
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_image_create(256, 2, channels, depth, &image, &err), err);
    for (int i = 0; i < 512 * channels; i++) {
        const int value = i / channels % 256;
        if (depth == 16)
            ((uint16_t *)image->pixels)[i] = (uint16_t)(value * 257);
        else
            ((uint8_t *)image->pixels)[i] = (uint8_t)value;
    }
    return image;
}

/* What lcms2 makes of grey by the profile itself. */
static void assert_looks_so(bn_image *image, const uint8_t *icc, cmsUInt32Number icc_bytes)
{
    bn_error err = {0};
    cmsHPROFILE grey = cmsOpenProfileFromMem(icc, icc_bytes), srgb = cmsCreate_sRGBProfile();
    cmsHTRANSFORM exact = cmsCreateTransform(grey, TYPE_GRAY_DBL, srgb, TYPE_RGB_DBL, INTENT_PERCEPTUAL, 0);
    assert_non_null(image->icc);
    const double most = image->depth == 16 ? 65535 : 255, unit = most / 255;
    assert_ok(bn_image_make_srgb(image, 1, NULL, &err), err);
    for (int i = 0; i < 256; i++) {
        double in = i / 255.0, out[3];
        cmsDoTransform(exact, &in, out, 1);
        for (int c = 0; c < 3; c++) {
            const double off = sample_at(image, i * image->channels + c) - most * out[c];
            if (off > 1.1 * unit || off < -1.1 * unit)
                fail_msg("grey %d is off by %.2f of 255", i, off / unit);
        }
    }
    cmsDeleteTransform(exact);
    cmsCloseProfile(grey);
    cmsCloseProfile(srgb);
}

static void a_grey_profile_is_honoured(void **state)
{
    (void)state;
    bn_error err = {0};
    cmsUInt32Number icc_bytes;
    uint8_t *icc = make_grey_profile(1.8, &icc_bytes);
    for (int depth = 8; depth <= 16; depth += 8)
        for (int channels = 3; channels <= 4; channels++) {
            bn_image *image = make_ramp(channels, depth);
            assert_ok(bn_image_adopt_icc(image, icc, icc_bytes, &err), err);
            /* kept with kept pixels: what is written says the same */
            bn_buffer file;
            encode(image, BN_FORMAT_PNG, &file);
            bn_image *back = decode(&file);
            assert_memory_equal(back->pixels, image->pixels, bn_image_bytes(image));
            assert_looks_so(back, icc, icc_bytes);
            assert_looks_so(image, icc, icc_bytes);
            bn_buffer_free(&file);
            bn_image_destroy(&back);
            bn_image_destroy(&image);
        }
    bn_image *coloured = make_noise(9, 9, 3, 8, 1);
    assert_ok(bn_image_adopt_icc(coloured, icc, icc_bytes, &err), err);
    assert_null(coloured->icc);
    bn_image_destroy(&coloured);
    free(icc);
}

/* A PNG whose own samples are grey. */
static void a_grey_png_with_a_profile_is_read(void **state)
{
    (void)state;
    cmsUInt32Number icc_bytes;
    uint8_t *icc = make_grey_profile(1.8, &icc_bytes);
    for (int depth = 8; depth <= 16; depth += 8) {
        bn_image *ramp = make_ramp(1, depth);
        bn_buffer plain, file;
        encode(ramp, BN_FORMAT_PNG, &plain);
        bn_buffer_init(&file, 1 << 20);
        insert_png_profile(&plain, icc, icc_bytes, &file);
        bn_image *image = decode(&file);
        assert_int_equal(image->channels, 3);
        assert_looks_so(image, icc, icc_bytes);
        bn_image_destroy(&image);
        bn_image_destroy(&ramp);
        bn_buffer_free(&plain);
        bn_buffer_free(&file);
    }
    free(icc);
}

/* A PNG of one chunk more, decoded and made sRGB; red, green, blue of its pixel (200, 100, 50). */
static void read_described(const char *type, const void *data, size_t size, int depth, int out[3])
{
    bn_error err = {0};
    bn_image *plain = NULL;
    bn_buffer bare, file;
    assert_ok(bn_image_create(4, 4, 3, depth, &plain, &err), err);
    static const int colour[3] = {200, 100, 50};
    for (int i = 0; i < 48; i++) {
        if (depth == 16)
            ((uint16_t *)plain->pixels)[i] = (uint16_t)(colour[i % 3] * 257);
        else
            ((uint8_t *)plain->pixels)[i] = (uint8_t)colour[i % 3];
    }
    encode(plain, BN_FORMAT_PNG, &bare);
    bn_buffer_init(&file, 1 << 20);
    insert_png_chunk(&bare, type, data, size, &file);
    bn_image *image = decode(&file);
    assert_ok(bn_image_make_srgb(image, 1, NULL, &err), err);
    for (int c = 0; c < 3; c++)
        out[c] = depth == 16 ? (sample_at(image, c) + 128) / 257 : sample_at(image, c);
    bn_image_destroy(&plain);
    bn_image_destroy(&image);
    bn_buffer_free(&bare);
    bn_buffer_free(&file);
}

static void assert_near(const int got[3], int red, int green, int blue)
{
    const int wanted[3] = {red, green, blue};
    for (int c = 0; c < 3; c++)
        if (abs(got[c] - wanted[c]) > 1)
            fail_msg("(%d, %d, %d), should be (%d, %d, %d)", got[0], got[1], got[2], red, green, blue);
}

/* Values by the formulas of PNG's specification, H.273 and IEC 61966-2-1, worked out by hand:
 * 200 ^ 1.8, Display P3's matrix, and the like. */
static void numbers_describe_colours(void **state)
{
    (void)state;
    int got[3];
    read_described("gAMA", "\0\0\xb1\x8f", 4, 8, got); /* 0.45455: sRGB is meant */
    assert_near(got, 200, 100, 50);
    read_described("gAMA", "\0\0\xd9\x03", 4, 8, got); /* 1 / 1.8 */
    assert_near(got, 210, 119, 65);
    read_described("gAMA", "\0\1\x86\xa0", 4, 16, got); /* linear */
    assert_near(got, 229, 168, 122);
    read_described("cICP", "\1\15\0\1", 4, 8, got);
    assert_near(got, 200, 100, 50);
    read_described("cICP", "\14\15\0\1", 4, 8, got); /* Display P3 */
    assert_near(got, 215, 93, 31);
    read_described("cICP", "\1\1\0\1", 4, 8, got); /* a camera's curve counts as sRGB's */
    assert_near(got, 200, 100, 50);
}

/* Grey of so much light, from 203 cd/m2 as 1, by the formulas of hdr.h and IEC 61966-2-1. */
static double fitted(double light)
{
    const double k = 0.5, p = (1000 / 203.0 - k) / (1 - k), r = (light - k) / (1 - k);
    const double fit = light <= k ? light : k + (1 - k) * r * (1 + r / (p * p)) / (1 + r);
    return fit >= 1 ? 1 : fit <= 0.0031308 ? 12.92 * fit : 1.055 * pow(fit, 1 / 2.4) - 0.055;
}

static void bright_light_is_made_to_fit(void **state)
{
    (void)state;
    bn_error err = {0};
    /* BT.2100: PQ of 0, 20.3, 203, 1000 cd/m2; HLG of 75 % is 203 cd/m2 on a screen of 1000 (BT.2408) */
    static const struct {
        double value, light;
        unsigned transfer;
    } cases[] = {{0, 0, 16},    {0.3583, 0.1, 16}, {0.58069, 1, 16}, {0.75183, 1000 / 203.0, 16},
                 {0.9, 40, 16}, {0, 0, 18},        {0.75, 1, 18},    {1, 1000 / 203.0, 18}};
    for (size_t i = 0; i < BN_COUNT(cases); i++)
        for (unsigned primaries = 1; primaries <= 9; primaries += 8) {
            bn_image *image = NULL;
            assert_ok(bn_image_create(2, 2, 4, 16, &image, &err), err);
            for (int s = 0; s < 16; s++)
                ((uint16_t *)image->pixels)[s] = (uint16_t)(s % 4 == 3 ? 1234 : cases[i].value * 65535 + 0.5);
            assert_ok(bn_image_adopt_cicp(image, primaries, cases[i].transfer, &err), err);
            assert_null(image->icc);
            for (int s = 0; s < 16; s++) {
                const double wanted = s % 4 == 3 ? 1234 : fitted(cases[i].light) * 65535;
                if (fabs(sample_at(image, s) - wanted) > 200)
                    fail_msg("case %zu: %d, should be %.0f", i, sample_at(image, s), wanted);
            }
            bn_image_destroy(&image);
        }
}

static void an_srgb_profile_changes_nothing_and_a_broken_one_is_noted(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_image *image = make_noise(20, 20, 3, 8, 5);
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    cmsUInt32Number size = 0;
    cmsSaveProfileToMem(srgb, NULL, &size);
    uint8_t *icc = malloc(size);
    cmsSaveProfileToMem(srgb, icc, &size);
    cmsCloseProfile(srgb);
    assert_ok(bn_image_set_icc(image, icc, size, &err), err);
    bn_rgb8 rgb;
    assert_ok(bn_image_to_srgb(image, 1, &rgb, &err), err);
    assert_ptr_equal(rgb.pixels, image->pixels);
    bn_rgb8_release(&rgb);
    memset(icc + 40, 0xee, size - 40);
    assert_ok(bn_image_set_icc(image, icc, size, &err), err);
    assert_ok(bn_image_to_srgb(image, 1, &rgb, &err), err);
    assert_non_null(strstr(rgb.note, "profile"));
    assert_memory_equal(rgb.pixels, image->pixels, bn_image_bytes(image));
    bn_rgb8_release(&rgb);
    free(icc);
    bn_image_destroy(&image);
}

/* A CMYK JPEG of one colour, with or without Adobe's marker, which says that ink is stored upside down. */
/* A scanner's profile whose one table claims 255 x 255 x 255 colours, in 300 bytes. */
static size_t make_boasting_profile(uint8_t icc[300])
{
    enum { SIZE = 300, TABLE_AT = 144 };
    memset(icc, 0, SIZE);
    put_u32(icc, SIZE);
    put_u32(icc + 8, 0x04300000);
    memcpy(icc + 12, "scnrRGB XYZ ", 12);
    memcpy(icc + 36, "acsp", 4);
    put_u32(icc + 68, 0xf6d6);
    put_u32(icc + 72, 0x10000);
    put_u32(icc + 76, 0xd32d);
    put_u32(icc + 128, 1);
    memcpy(icc + 132, "A2B0", 4);
    put_u32(icc + 136, TABLE_AT);
    put_u32(icc + 140, SIZE - TABLE_AT);
    memcpy(icc + TABLE_AT, "mft2\0\0\0\0\3\3\377", 11);
    for (int i = 0; i < 3; i++) put_u32(icc + TABLE_AT + 12 + 16 * i, 0x10000); /* the identity */
    icc[TABLE_AT + 49] = icc[TABLE_AT + 51] = 2;                                /* entries of a curve */
    for (size_t i = 0; i < 6; i++) icc[TABLE_AT + 54 + 4 * (i / 2) + i % 2] = 255;
    return SIZE;
}

/* Bytes of memory that using an image's profile adds. */
static void use_profile(const void *image, void *added)
{
    bn_rgb8 rgb;
    const uint64_t before = status_bytes("VmPeak");
    if (bn_image_to_srgb(image, 1, &rgb, NULL) != BIREFNET_OK)
        abort(); /* the parent sees that nothing comes */
    *(uint64_t *)added = status_bytes("VmPeak") - before;
}

static void a_profile_gets_no_more_memory_than_it_can_fill(void **state)
{
    (void)state;
    uint8_t icc[300];
    bn_image *image = NULL;
    assert_int_equal(bn_image_create(7, 5, 3, 8, &image, NULL), BIREFNET_OK);
    assert_int_equal(bn_image_adopt_icc(image, icc, make_boasting_profile(icc), NULL), BIREFNET_OK);
    uint64_t added = 0;
    run_in_child(use_profile, image, &added, sizeof added);
    if (MEASURES && added > (uint64_t)40 << 20) fail_msg("%llu bytes", (unsigned long long)added);
    bn_image_destroy(&image);
}

static void make_cmyk_jpeg(const uint8_t ink[4], bool adobe, const void *icc, unsigned icc_bytes,
                           bn_buffer *out)
{
    bn_error err = {0};
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *written = NULL;
    unsigned long written_bytes = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &written, &written_bytes);
    info.image_width = info.image_height = 16;
    info.input_components = 4;
    info.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 100, TRUE);
    info.write_Adobe_marker = adobe;
    jpeg_start_compress(&info, TRUE);
    if (icc) jpeg_write_icc_profile(&info, icc, icc_bytes);
    uint8_t line[64];
    for (int i = 0; i < 64; i++) line[i] = adobe ? (uint8_t)(255 - ink[i % 4]) : ink[i % 4];
    JSAMPROW row = line;
    for (int y = 0; y < 16; y++) jpeg_write_scanlines(&info, &row, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    bn_buffer_init(out, 1 << 24);
    assert_ok(bn_buffer_append(out, written, written_bytes, &err), err);
    free(written);
}

/* A printing profile whose table says: Lab lightness falls with black ink and with the mean of the others, a
 * and b 0. */
static cmsInt32Number ink_to_grey(const cmsUInt16Number in[], cmsUInt16Number out[], void *cargo)
{
    (void)cargo;
    const double light = (1 - in[3] / 65535.0) * (1 - (in[0] + in[1] + in[2]) / 3 / 65535.0);
    out[0] = (cmsUInt16Number)(light * 65535);
    out[1] = out[2] = 0x8080;
    return TRUE;
}

static void make_ink_profile(void **bytes, cmsUInt32Number *size)
{
    cmsHPROFILE profile = cmsCreateProfilePlaceholder(NULL);
    cmsSetProfileVersion(profile, 4.2);
    cmsSetDeviceClass(profile, cmsSigOutputClass);
    cmsSetColorSpace(profile, cmsSigCmykData);
    cmsSetPCS(profile, cmsSigLabData);
    cmsPipeline *table = cmsPipelineAlloc(NULL, 4, 3);
    cmsStage *stage = cmsStageAllocCLut16bit(NULL, 9, 4, 3, NULL);
    cmsStageSampleCLut16bit(stage, ink_to_grey, NULL, 0);
    /* a table must stand between curves to be written */
    cmsPipelineInsertStage(table, cmsAT_END, cmsStageAllocToneCurves(NULL, 4, NULL));
    cmsPipelineInsertStage(table, cmsAT_END, stage);
    cmsPipelineInsertStage(table, cmsAT_END, cmsStageAllocToneCurves(NULL, 3, NULL));
    assert_true(cmsWriteTag(profile, cmsSigAToB0Tag, table));
    cmsPipelineFree(table);
    assert_true(cmsSaveProfileToMem(profile, NULL, size));
    *bytes = malloc(*size);
    assert_true(cmsSaveProfileToMem(profile, *bytes, size));
    cmsCloseProfile(profile);
}

static void cmyk_photos_become_srgb(void **state)
{
    (void)state;
    static const uint8_t ink[4] = {200, 60, 0, 40};
    void *icc;
    cmsUInt32Number icc_bytes;
    make_ink_profile(&icc, &icc_bytes);
    for (int adobe = 0; adobe < 2; adobe++)
        for (int with_profile = 0; with_profile < 2; with_profile++) {
            bn_buffer file;
            make_cmyk_jpeg(ink, adobe, with_profile ? icc : NULL, icc_bytes, &file);
            bn_image *image = decode(&file);
            assert_true(image->source_was_cmyk);
            assert_null(image->icc);
            assert_int_equal(image->channels, 3);
            const uint8_t *p = image->pixels;
            /* plainly: (255 - C)(255 - K) / 255; by the profile: grey of lightness (1 - 40/255)(1 - 260/765)
             * = 56 % */
            const int plain[3] = {46, 164, 215}, grey[3] = {133, 133, 133};
            for (int c = 0; c < 3; c++) assert_in_range(p[c] - (with_profile ? grey : plain)[c] + 4, 0, 8);
            bn_image_destroy(&image);
            bn_buffer_free(&file);
        }
    free(icc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_profile_gets_no_more_memory_than_it_can_fill), /* forks: before there are threads */
        cmocka_unit_test(a_wide_profile_is_kept_and_converted_for_the_network),
        cmocka_unit_test(a_grey_profile_is_honoured),
        cmocka_unit_test(a_grey_png_with_a_profile_is_read),
        cmocka_unit_test(numbers_describe_colours),
        cmocka_unit_test(bright_light_is_made_to_fit),
        cmocka_unit_test(an_srgb_profile_changes_nothing_and_a_broken_one_is_noted),
        cmocka_unit_test(cmyk_photos_become_srgb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
