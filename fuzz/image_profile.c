/* image_profile.c - fuzz: any bytes as the colour profile of an image, to sRGB and back, and as the profile of ink. */
#include "image/cmyk.h"
#include "image/codec_table.h"
#include "image/colour.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bn_image *make(int channels, int depth, const uint8_t *icc, size_t size)
{
    bn_image *image = NULL;
    if (bn_image_create(7, 5, channels, depth, &image, NULL) != BIREFNET_OK) abort();
    uint8_t *bytes = image->pixels;
    const bool grey = size > 20 && memcmp(icc + 16, "GRAY", 4) == 0; /* such profiles are for grey pixels */
    for (size_t i = 0; i < bn_image_bytes(image); i++) bytes[i] = (uint8_t)(grey ? 99 : i * 37);
    if (bn_image_adopt_icc(image, icc, size, NULL) != BIREFNET_OK) abort();
    return image;
}

/* One kind of image each time, by the bytes: a profile takes milliseconds, mostly of tables. */
static void use_with_image(const uint8_t *icc, size_t size)
{
    const int channels = size % 4 < 2 ? 3 : 4, depth = size % 2 ? 16 : 8;
    bn_image *image = make(channels, depth, icc, size), *plain = make(channels, depth, NULL, 0);
    bn_rgb8 rgb;
    if (bn_image_to_srgb(image, 1, &rgb, NULL) != BIREFNET_OK) abort();
    bn_rgb8_release(&rgb);
    if (bn_image_match_profile(plain, image, 1, NULL) != BIREFNET_OK) abort();
    if (bn_image_make_srgb(image, 1, NULL, NULL) != BIREFNET_OK || image->icc) abort();
    bn_image_destroy(&image);
    bn_image_destroy(&plain);
}

static void use_with_ink(const uint8_t *icc, size_t size)
{
    bn_cmyk *cmyk = NULL;
    uint8_t ink[4 * 256], rgb[3 * 256];
    for (size_t i = 0; i < sizeof ink; i++) ink[i] = (uint8_t)(i * 29);
    if (bn_cmyk_create(icc, size, size / 4 % 2, &cmyk, NULL) != BIREFNET_OK) abort();
    bn_cmyk_convert(cmyk, ink, rgb, 256);
    bn_cmyk_destroy(&cmyk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    use_with_image(data, size);
    use_with_ink(data, size);
    return 0;
}
