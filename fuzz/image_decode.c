/* image_decode.c - fuzz: any bytes to pixels, upright and as sRGB, under a small pixel limit.
 *
 * What comes out must be whole: every sample is read, and what is written as PNG must read back the same. */
#include "image/codec.h"
#include "image/colour.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
    if (!condition) abort();
}

static void check_round_trip(const bn_image *image)
{
    bn_encode_options options;
    bn_encode_options_default(&options, BN_FORMAT_PNG);
    bn_buffer file;
    bn_buffer_init(&file, 16u << 20);
    bn_image *back = NULL;
    check(bn_image_encode(image, &options, &file, NULL) == BIREFNET_OK);
    check(bn_image_decode(file.data, file.size, NULL, &back, NULL) == BIREFNET_OK);
    check(bn_image_bytes(back) == bn_image_bytes(image));
    check(memcmp(back->pixels, image->pixels, bn_image_bytes(image)) == 0);
    bn_image_destroy(&back);
    bn_buffer_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bn_decode_limits limits;
    bn_decode_limits_default(&limits);
    limits.max_pixels = 1u << 17;
    limits.allow_truncated = size % 2;
    bn_error err = {0};
    int width = 0, height = 0;
    bn_format format = BN_FORMAT_NONE;
    bn_image *image = NULL;
    const bn_status probed = bn_image_probe(data, size, &format, &width, &height, &err);
    check(probed == BIREFNET_OK || strlen(err.message) > 0);
    if (bn_image_decode(data, size, &limits, &image, &err) != BIREFNET_OK) {
        check(image == NULL && strlen(err.message) > 0);
        return 0;
    }
    check((uint64_t)image->width * (uint64_t)image->height <= limits.max_pixels);
    check(probed == BIREFNET_OK && format == image->source_format);
    bn_rgb8 rgb;
    if (bn_image_to_srgb(image, 1, &rgb, &err) == BIREFNET_OK) bn_rgb8_release(&rgb);
    check_round_trip(image);
    bn_image_destroy(&image);
    return 0;
}
