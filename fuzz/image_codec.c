/* image_codec.c - fuzz: any bytes to pixels through one codec (FORMAT, by the build), upright and as sRGB, under a small
 * pixel limit.
 *
 * What comes out must be whole: every sample is read, and what is written as PNG must read back the same. Memory beyond
 * what the limits promise is a crash: fuzz/image.cmake gives the fuzzer the same numbers. */
#include "image/codec.h"
#include "image/codec_table.h"
#include "image/colour.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_PIXELS (1u << 17)

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

static void check_image(bn_image *image, uint64_t need)
{
    bn_rgb8 rgb;
    check((uint64_t)image->width * (uint64_t)image->height <= MAX_PIXELS);
    check(image->source_format == FORMAT);
    check(need <= (uint64_t)MAX_PIXELS * BN_DECODE_PIXEL_BYTES + BN_DECODE_FIXED_BYTES + (1u << 20));
    if (bn_image_to_srgb(image, 1, &rgb, NULL) == BIREFNET_OK) bn_rgb8_release(&rgb);
    check_round_trip(image);
    bn_image_destroy(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bn_decode_limits limits;
    bn_decode_limits_default(&limits);
    limits.max_pixels = MAX_PIXELS;
    limits.allow_truncated = size % 2;
    limits.refused = ~(1u << FORMAT);
    bn_error err = {0};
    int width = 0, height = 0;
    uint64_t need = 0;
    bn_format format = BN_FORMAT_NONE;
    bn_image *image = NULL;
    if (bn_format_from_bytes(data, size) != FORMAT) return 0;
    const bn_status probed = bn_image_probe(data, size, &format, &width, &height, &err);
    check(probed == BIREFNET_OK || strlen(err.message) > 0);
    const bn_status measured = bn_image_decode_bytes(data, size, &limits, &need, &err);
    if (bn_image_decode(data, size, &limits, &image, &err) == BIREFNET_OK) {
        check(probed == BIREFNET_OK && measured == BIREFNET_OK && format == FORMAT);
        check_image(image, need);
    } else {
        check(image == NULL && strlen(err.message) > 0);
    }
    return 0;
}
