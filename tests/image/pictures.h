/* pictures.h - images that several tests of this folder make, write and read. */
#ifndef BN_TESTS_IMAGE_PICTURES_H
#define BN_TESTS_IMAGE_PICTURES_H

#include "tests/test.h"

#include "base/seeded.h"
#include "base/size.h"
#include "image/avif_compat.h"
#include "image/codec.h"

#include <lcms2.h>

/* Random samples over a coarse pattern, the same for the same seed. */
static inline bn_image *make_noise(int width, int height, int channels, int depth, uint64_t seed)
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
static inline bn_image *make_quarters(int width, int height)
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

static inline void encode(const bn_image *image, bn_format format, bn_buffer *out)
{
    bn_error err = {0};
    bn_encode_options options;
    bn_encode_options_default(&options, format);
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_image_encode(image, &options, out, &err), err);
}

static inline bn_image *decode(const bn_buffer *file)
{
    bn_error err = {0};
    bn_image *image = NULL;
    assert_ok(bn_image_decode(file->data, file->size, NULL, &image, &err), err);
    return image;
}

/* Lossless, with the boxes that say how to turn it; flags 0: none. */
static inline void make_avif(const bn_image *image, avifTransformFlags flags, int angle, int mode,
                             bn_buffer *out)
{
    bn_error err = {0};
    avifImage *yuv =
        avifImageCreate((uint32_t)image->width, (uint32_t)image->height, 8, AVIF_PIXEL_FORMAT_YUV444);
    yuv->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_IDENTITY;
    yuv->transformFlags = flags;
    yuv->irot.angle = (uint8_t)angle;
    yuv->imir.BN_AVIF_MIRROR_AXIS = (uint8_t)mode;
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

/* Gamma 1.8 and primaries wider than sRGB's. *bytes is freed by the caller. */
static inline void make_wide_profile(void **bytes, cmsUInt32Number *size)
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

static inline int sample_at(const bn_image *image, int at)
{
    return image->depth == 16 ? ((uint16_t *)image->pixels)[at] : ((uint8_t *)image->pixels)[at];
}

static inline uint8_t *make_bytes(size_t count, const char *name, uint64_t seed)
{
    float *random = malloc(count * sizeof *random);
    uint8_t *bytes = malloc(count);
    bn_seeded_fill(name, seed, 0, 127.99f, 128, random, count);
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)random[i];
    free(random);
    return bytes;
}

typedef enum matte_kind {
    MATTE_NOISE,
    MATTE_EMPTY,
    MATTE_FULL,
    MATTE_FAINT,
    MATTE_HARD,
    MATTE_KINDS
} matte_kind;

static inline uint8_t *make_matte(int width, int height, matte_kind kind)
{
    uint8_t *matte = make_bytes((size_t)(width * height), "matte", 3);
    for (int i = 0; i < width * height; i++) switch (kind) {
        case MATTE_EMPTY:
            matte[i] = 0;
            break;
        case MATTE_FULL:
            matte[i] = 255;
            break;
        case MATTE_FAINT:
            matte[i] = matte[i] > 250;
            break;
        case MATTE_HARD:
            matte[i] = (i / width / 20 + i % width / 20) % 2 ? 255 : 0;
            break;
        default:
            break;
        }
    return matte;
}

#endif
