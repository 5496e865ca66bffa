/* test_codecs.c - writing and reading back, orientation, profiles, CMYK, bombs, truncation. */
#include "tests/test.h"

#include "base/cpu.h"
#include "base/seeded.h"
#include "base/size.h"
#include "image/codec.h"
#include "image/colour.h"

#include <avif/avif.h>
#include <jpeglib.h>
#include <lcms2.h>
#include <libdeflate.h>
#include <webp/mux.h>

/* ---- making pictures ----------------------------------------------------------------------------------- */

/* Random samples over a coarse pattern, the same for the same seed. */
static bn_image *make_noise(int width, int height, int channels, int depth, uint64_t seed)
{
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_image_create(width, height, channels, depth, &image, &err), err);
    const size_t samples = (size_t)width * (size_t)height * (size_t)channels;
    float *random = malloc(samples * sizeof *random);
    bn_seeded_fill("noise", seed, 0, 0.5f, 0.5f, random, samples);
    for (size_t i = 0; i < samples; i++) {
        if (depth == 16)
            ((uint16_t *)image->pixels)[i] = (uint16_t)(random[i] * 65535);
        else
            ((uint8_t *)image->pixels)[i] = (uint8_t)(random[i] * 255);
    }
    free(random);
    return image;
}

/* Four quarters: red, green / blue, yellow; survives lossy codecs. */
static bn_image *make_quarters(int width, int height)
{
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_image_create(width, height, 3, 8, &image, &err), err);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *p = (uint8_t *)image->pixels + 3 * (y * width + x);
            const int right = x >= width / 2, low = y >= height / 2;
            p[0] = right == low ? 220 : 20;
            p[1] = right ? 220 : 20;
            p[2] = low && !right ? 220 : 20;
            if (low && !right) p[0] = 20;
        }
    return image;
}

static void encode(const bn_image *image, bn_format format, bn_buffer *out)
{
    bn_error err = {0};
    bn_encode_options options;
    bn_encode_options_default(&options, format);
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_image_encode(image, &options, out, &err), err);
}

static bn_image *decode(const bn_buffer *file)
{
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_image_decode(file->data, file->size, NULL, &image, &err), err);
    return image;
}

/* Gamma 1.8 and primaries wider than sRGB's. *bytes is freed by the caller. */
static void make_wide_profile(void **bytes, cmsUInt32Number *size)
{
    const cmsCIExyY white = {0.3127, 0.3290, 1};
    const cmsCIExyYTRIPLE primaries = {{0.72, 0.27, 1}, {0.17, 0.77, 1}, {0.13, 0.04, 1}};
    cmsToneCurve *curve = cmsBuildGamma(NULL, 1.8);
    cmsToneCurve *curves[3] = {curve, curve, curve};
    cmsHPROFILE profile = cmsCreateRGBProfile(&white, &primaries, curves);
    cmsFreeToneCurve(curve);
    assert_true(cmsSaveProfileToMem(profile, NULL, size));
    *bytes = malloc(*size);
    assert_true(cmsSaveProfileToMem(profile, *bytes, size));
    cmsCloseProfile(profile);
}

static int sample_at(const bn_image *image, int at)
{
    return image->depth == 16 ? ((uint16_t *)image->pixels)[at] : ((uint8_t *)image->pixels)[at];
}

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
    bn_image *image = make_quarters(301, 200);
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
            assert_memory_equal(back->pixels, image->pixels, bn_image_bytes(image));
            bn_image_destroy(&back);
            bn_buffer_free(&file);
        }
    bn_buffer_free(&first);
    bn_image_destroy(&image);
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

/* ---- orientation --------------------------------------------------------------------------------------- */

/* The image as a camera would store it that was held so that EXIF says `orientation`, after the words of the standard:
 * which side of the scene the stored row 0 and column 0 are. */
static bn_image *store_turned(const bn_image *scene, int orientation)
{
    bn_error err = {0};
    bn_image *stored = NULL;
    const int swaps = orientation >= 5;
    assert_ok(bn_image_create(swaps ? scene->height : scene->width, swaps ? scene->width : scene->height, 3,
                              8, &stored, &err),
              err);
    /* [orientation]: row 0 is at the scene's bottom (right for the last four); column 0 at its right (bottom) */
    static const int row_flips[9] = {0, 0, 0, 1, 1, 0, 1, 1, 0},
                     column_flips[9] = {0, 0, 1, 1, 0, 0, 0, 1, 1};
    for (int row = 0; row < stored->height; row++)
        for (int column = 0; column < stored->width; column++) {
            const int r = row_flips[orientation] ? stored->height - 1 - row : row;
            const int c = column_flips[orientation] ? stored->width - 1 - column : column;
            const int x = swaps ? r : c, y = swaps ? c : r;
            memcpy((uint8_t *)stored->pixels + 3 * (row * stored->width + column),
                   (const uint8_t *)scene->pixels + 3 * (y * scene->width + x), 3);
        }
    return stored;
}

static size_t make_exif(int orientation, uint8_t out[26])
{
    static const uint8_t block[26] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1};
    memcpy(out, block, sizeof block);
    out[19] = (uint8_t)orientation;
    return sizeof block;
}

static void insert(bn_buffer *file, size_t at, const void *bytes, size_t count)
{
    bn_error err = {0};
    assert_ok(bn_buffer_reserve(file, count, &err), err);
    memmove(file->data + at + count, file->data + at, file->size - at);
    memcpy(file->data + at, bytes, count);
    file->size += count;
}

static void tag_jpeg(bn_buffer *file, int orientation)
{
    uint8_t segment[36] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0};
    make_exif(orientation, segment + 10);
    insert(file, 2, segment, sizeof segment);
}

static void tag_png(bn_buffer *file, int orientation)
{
    uint8_t chunk[38] = {0, 0, 0, 26, 'e', 'X', 'I', 'f'};
    make_exif(orientation, chunk + 8);
    const uint32_t crc = libdeflate_crc32(0, chunk + 4, 30);
    for (int i = 0; i < 4; i++) chunk[34 + i] = (uint8_t)(crc >> (24 - 8 * i));
    insert(file, 33, chunk, sizeof chunk); /* behind the signature and IHDR */
}

static void tag_webp(bn_buffer *file, int orientation)
{
    bn_error err = {0};
    uint8_t exif[26];
    const WebPData plain = {file->data, file->size}, data = {exif, make_exif(orientation, exif)};
    WebPData tagged;
    WebPMux *mux = WebPMuxCreate(&plain, 1);
    assert_int_equal(WebPMuxSetChunk(mux, "EXIF", &data, 1), WEBP_MUX_OK);
    assert_int_equal(WebPMuxAssemble(mux, &tagged), WEBP_MUX_OK);
    WebPMuxDelete(mux);
    file->size = 0;
    assert_ok(bn_buffer_append(file, tagged.bytes, tagged.size, &err), err);
    WebPDataClear(&tagged);
}

/* Our TIFFs are little-endian and have the tag, with the value 1. */
static void tag_tiff(bn_buffer *file, int orientation)
{
    static const uint8_t entry[] = {0x12, 0x01, 3, 0, 1, 0, 0, 0, 1, 0};
    for (size_t at = 0; at + sizeof entry <= file->size; at++)
        if (!memcmp(file->data + at, entry, sizeof entry)) {
            file->data[at + 8] = (uint8_t)orientation;
            return;
        }
    fail_msg("the TIFF has no orientation");
}

static void assert_same_picture(const char *what, const bn_image *got, const bn_image *wanted, int tolerance)
{
    if (got->width != wanted->width || got->height != wanted->height)
        fail_msg("%s: %dx%d, should be %dx%d", what, got->width, got->height, wanted->width, wanted->height);
    for (size_t i = 0; i < bn_image_bytes(wanted); i++)
        if (abs(((uint8_t *)got->pixels)[i] - ((uint8_t *)wanted->pixels)[i]) > tolerance)
            fail_msg("%s: byte %zu is %d, should be %d", what, i, ((uint8_t *)got->pixels)[i],
                     ((uint8_t *)wanted->pixels)[i]);
}

static void every_orientation_comes_out_upright(void **state)
{
    (void)state;
    const struct {
        bn_format format;
        void (*tag)(bn_buffer *, int);
        int tolerance;
    } formats[] = {
        {BN_FORMAT_JPEG, tag_jpeg, 12},
        {BN_FORMAT_PNG, tag_png, 0},
        {BN_FORMAT_WEBP, tag_webp, 0},
        {BN_FORMAT_TIFF, tag_tiff, 0},
    };
    bn_image *scene = make_quarters(96, 64);
    for (size_t f = 0; f < BN_COUNT(formats); f++)
        for (int orientation = 1; orientation <= 8; orientation++) {
            char what[64];
            snprintf(what, sizeof what, "%s, orientation %d", bn_format_get_facts(formats[f].format)->name,
                     orientation);
            bn_image *stored = store_turned(scene, orientation);
            bn_buffer file;
            encode(stored, formats[f].format, &file);
            formats[f].tag(&file, orientation);
            int width = 0, height = 0;
            bn_error err = {0};
            assert_ok(bn_image_probe(file.data, file.size, NULL, &width, &height, &err), err);
            assert_int_equal(width, scene->width);
            assert_int_equal(height, scene->height);
            bn_image *back = decode(&file);
            if (back->source_orientation != orientation) fail_msg("%s: not seen", what);
            assert_same_picture(what, back, scene, formats[f].tolerance);
            bn_image_destroy(&back);
            bn_image_destroy(&stored);
            bn_buffer_free(&file);
        }
    bn_image_destroy(&scene);
}

static void make_avif(const bn_image *image, avifTransformFlags flags, int angle, int mode, bn_buffer *out)
{
    bn_error err = {0};
    avifImage *yuv =
        avifImageCreate((uint32_t)image->width, (uint32_t)image->height, 8, AVIF_PIXEL_FORMAT_YUV444);
    yuv->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_IDENTITY;
    yuv->transformFlags = flags;
    yuv->irot.angle = (uint8_t)angle;
    yuv->imir.mode = (uint8_t)mode;
    avifRGBImage rgb;
    avifRGBImageSetDefaults(&rgb, yuv);
    rgb.depth = 8;
    rgb.format = AVIF_RGB_FORMAT_RGB;
    rgb.pixels = image->pixels;
    rgb.rowBytes = (uint32_t)bn_image_row_bytes(image);
    assert_int_equal(avifImageRGBToYUV(yuv, &rgb), AVIF_RESULT_OK);
    avifEncoder *encoder = avifEncoderCreate();
    encoder->minQuantizer = encoder->maxQuantizer = 0;
    encoder->speed = 10;
    avifRWData written = AVIF_DATA_EMPTY;
    assert_int_equal(avifEncoderWrite(encoder, yuv, &written), AVIF_RESULT_OK);
    bn_buffer_init(out, 1 << 24);
    assert_ok(bn_buffer_append(out, written.data, written.size, &err), err);
    avifRWDataFree(&written);
    avifEncoderDestroy(encoder);
    avifImageDestroy(yuv);
}

/* Turning by irot (quarters against the clock), then mirroring by imir, of a picture's copy. */
static bn_image *turn_by_boxes(const bn_image *picture, int quarters, int mirror_mode)
{
    bn_error err = {0};
    bn_image *turned = NULL;
    assert_ok(bn_image_create(quarters % 2 ? picture->height : picture->width,
                              quarters % 2 ? picture->width : picture->height, 3, 8, &turned, &err),
              err);
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++) {
            int to_x = x, to_y = y, width = picture->width, height = picture->height;
            for (int q = 0; q < quarters; q++) { /* a quarter against the clock: right becomes top */
                const int old_x = to_x, old_width = width;
                to_x = to_y;
                to_y = old_width - 1 - old_x;
                width = height;
                height = old_width;
            }
            if (mirror_mode == 0) to_y = height - 1 - to_y;
            if (mirror_mode == 1) to_x = width - 1 - to_x;
            memcpy((uint8_t *)turned->pixels + 3 * (to_y * width + to_x),
                   (const uint8_t *)picture->pixels + 3 * (y * picture->width + x), 3);
        }
    return turned;
}

static void avif_rotation_and_mirror_boxes_are_applied(void **state)
{
    (void)state;
    bn_image *picture = make_quarters(24, 16);
    for (int quarters = 0; quarters < 4; quarters++)
        for (int mode = -1; mode < 2; mode++) {
            char what[64];
            snprintf(what, sizeof what, "irot %d, imir %d", quarters, mode);
            bn_buffer file;
            const avifTransformFlags flags =
                (quarters ? AVIF_TRANSFORM_IROT : 0u) | (mode >= 0 ? AVIF_TRANSFORM_IMIR : 0u);
            make_avif(picture, flags, quarters, BN_MAX(mode, 0), &file);
            bn_image *back = decode(&file), *wanted = turn_by_boxes(picture, quarters, mode);
            assert_same_picture(what, back, wanted, 0);
            bn_image_destroy(&back);
            bn_image_destroy(&wanted);
            bn_buffer_free(&file);
        }
    bn_image_destroy(&picture);
}

/* ---- colour -------------------------------------------------------------------------------------------- */

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

/* A printing profile whose table says: Lab lightness falls with black ink and with the mean of the others, a and b 0. */
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
            /* plainly: (255 - C)(255 - K) / 255; by the profile: grey of lightness (1 - 40/255)(1 - 260/765) = 56 % */
            const int plain[3] = {46, 164, 215}, grey[3] = {133, 133, 133};
            for (int c = 0; c < 3; c++) assert_in_range(p[c] - (with_profile ? grey : plain)[c] + 4, 0, 8);
            bn_image_destroy(&image);
            bn_buffer_free(&file);
        }
    free(icc);
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

static void the_pixel_limit_is_exact(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lossless_formats_give_every_sample_back),
        cmocka_unit_test(png_levels_and_threads_hold_the_same_pixels),
        cmocka_unit_test(the_format_asked_for_is_written),
        cmocka_unit_test(what_a_format_cannot_hold_is_refused),
        cmocka_unit_test(every_orientation_comes_out_upright),
        cmocka_unit_test(avif_rotation_and_mirror_boxes_are_applied),
        cmocka_unit_test(a_wide_profile_is_kept_and_converted_for_the_network),
        cmocka_unit_test(an_srgb_profile_changes_nothing_and_a_broken_one_is_noted),
        cmocka_unit_test(cmyk_photos_become_srgb),
        cmocka_unit_test(bombs_are_refused_before_they_go_off),
        cmocka_unit_test(the_pixel_limit_is_exact),
        cmocka_unit_test(a_cut_off_photo_is_never_half_grey_unless_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
