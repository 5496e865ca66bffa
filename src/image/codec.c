/* codec.c - choosing the codec by content or by name; limits, turning and rows for all of them. */
#include "image/codec.h"

#include "base/size.h"
#include "image/codec_table.h"
#include "image/kind.h"
#include "image/orientation.h"
#include "image/profile.h"

#include <string.h>

static const bn_codec *const codecs[BN_FORMATS] = {
    [BN_FORMAT_JPEG] = &bn_jpeg_codec, [BN_FORMAT_PNG] = &bn_png_codec,   [BN_FORMAT_WEBP] = &bn_webp_codec,
    [BN_FORMAT_GIF] = &bn_gif_codec,   [BN_FORMAT_AVIF] = &bn_avif_codec, [BN_FORMAT_TIFF] = &bn_tiff_codec,
    [BN_FORMAT_HEIF] = &bn_heif_codec, [BN_FORMAT_BMP] = &bn_bmp_codec,   [BN_FORMAT_PNM] = &bn_pnm_codec,
    [BN_FORMAT_JXL] = &bn_jxl_codec,
};

void bn_decode_limits_default(bn_decode_limits *limits)
{
    *limits = (bn_decode_limits){.max_pixels = BN_DECODE_MAX_PIXELS};
}

void bn_encode_options_default(bn_encode_options *options, bn_format format)
{
    *options = (bn_encode_options){
        .format = format, .quality = 90, .lossless = true, .compression = 1, .dither = true, .threads = 1};
}

bn_status bn_limits_check(const bn_decode_limits *limits, uint64_t width, uint64_t height, bn_error *err)
{
    if (width == 0 || height == 0)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "an image without pixels (%llux%llu)",
                       (unsigned long long)width, (unsigned long long)height);
    uint64_t pixels = 0;
    if (width > BN_DECODE_MAX_SIDE || height > BN_DECODE_MAX_SIDE)
        return bn_fail(err, BIREFNET_ERROR_LIMIT,
                       "the image has %llux%llu pixels, the limit for a side is %d",
                       (unsigned long long)width, (unsigned long long)height, BN_DECODE_MAX_SIDE);
    if (!bn_size_mul(width, height, &pixels) || pixels > limits->max_pixels)
        return bn_fail(
            err, BIREFNET_ERROR_LIMIT, "the image has %llux%llu pixels, the limit is %.4g megapixels",
            (unsigned long long)width, (unsigned long long)height, (double)limits->max_pixels / 1e6);
    return BIREFNET_OK;
}

/* Red, green and blue are the same everywhere, as where they were made of grey. */
static bool is_grey(const bn_image *image)
{
    const size_t channels = (size_t)image->channels,
                 samples = bn_image_bytes(image) / (size_t)(image->depth / 8);
    const uint8_t *p8 = image->pixels;
    const uint16_t *p16 = image->pixels;
    for (size_t i = 0; channels >= 3 && i < samples; i += channels)
        if (image->depth == 16 ? p16[i] != p16[i + 1] || p16[i] != p16[i + 2]
                               : p8[i] != p8[i + 1] || p8[i] != p8[i + 2])
            return false;
    return true;
}

bn_status bn_image_adopt_icc(bn_image *image, const void *bytes, size_t size, bn_error *err)
{
    enum { HEADER_BYTES = 128, AT_COLOUR_SPACE = 16 };
    if (!bytes || size < HEADER_BYTES || size > BN_PROFILE_MAX_BYTES) return BIREFNET_OK;
    const uint8_t *space = (const uint8_t *)bytes + AT_COLOUR_SPACE;
    if (memcmp(space, "RGB ", 4) == 0) return bn_image_set_icc(image, bytes, size, err);
    bn_profile profile;
    if (memcmp(space, "GRAY", 4) != 0 || !is_grey(image) || !bn_profile_of_grey(bytes, size, &profile))
        return BIREFNET_OK;
    const bn_status status = bn_image_set_icc(image, profile.bytes, profile.size, err);
    bn_profile_free(&profile);
    return status;
}

/* Sums that would overflow become UINT64_MAX. */
static uint64_t sum_bytes(uint64_t pixels, uint64_t pixel_bytes, uint64_t more_bytes, size_t file_bytes)
{
    uint64_t bytes = 0;
    if (!bn_size_mul(pixels, pixel_bytes, &bytes) || !bn_size_add(bytes, more_bytes, &bytes) ||
        !bn_size_add(bytes, file_bytes + BN_DECODE_FIXED_BYTES, &bytes))
        return UINT64_MAX;
    return bytes;
}

/* The limits allow the codec that is hungriest by the pixel as many pixels as they say. */
static bn_status check_memory(uint64_t need, size_t file_bytes, const bn_decode_limits *limits, bn_error *err)
{
    const uint64_t most = sum_bytes(limits->max_pixels, BN_DECODE_PIXEL_BYTES, 0, file_bytes);
    if (need <= most) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_LIMIT, "decoding the image could take %.4g MB, the limit is %.4g MB",
                   (double)need / 1e6, (double)most / 1e6);
}

/* What it is; or "starts with 2e 73 6e 64 ".snd"", for a person to guess from. */
static bn_status fail_unknown(const uint8_t *bytes, size_t size, const bn_kind *kind, bn_error *err)
{
    if (size == 0) return bn_fail(err, BIREFNET_ERROR_FORMAT, "not an image that can be read (it is empty)");
    if (kind && kind->is_picture)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "this is %s, which is not read here", kind->name);
    if (kind) return bn_fail(err, BIREFNET_ERROR_FORMAT, "this is %s, not an image", kind->name);
    char text[13] = {0}, hex[40] = {0};
    const size_t shown = BN_MIN(size, sizeof text - 1);
    for (size_t i = 0; i < shown; i++) {
        text[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '.';
        static const char digits[] = "0123456789abcdef";
        hex[3 * i] = digits[bytes[i] >> 4];
        hex[3 * i + 1] = digits[bytes[i] & 15];
        hex[3 * i + 2] = i + 1 < shown ? ' ' : '\0';
    }
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "not an image that can be read (starts with %s, \"%s\")", hex,
                   text);
}

/* A format that is read; kinds that only look like one are not. */
static bn_status find_format(const uint8_t *bytes, size_t size, bn_format *format, bn_error *err)
{
    const bn_kind *kind = bn_kind_of(bytes, size);
    *format = bn_format_from_bytes(bytes, size);
    return kind || !codecs[*format] ? fail_unknown(bytes, size, kind, err) : BIREFNET_OK;
}

const char *bn_format_missing(bn_format format)
{
    return codecs[format] && codecs[format]->missing ? codecs[format]->missing() : NULL;
}

bn_status bn_image_read_header(const void *bytes, size_t size, bn_format *format, bn_image_header *header,
                               bn_error *err)
{
    BN_TRY(find_format(bytes, size, format, err));
    *header = (bn_image_header){.orientation = 1};
    return codecs[*format]->probe(bytes, size, header, err);
}

bn_status bn_image_probe(const void *bytes, size_t size, bn_format *format, int *width, int *height,
                         bn_error *err)
{
    bn_format found;
    bn_image_header header;
    BN_TRY(bn_image_read_header(bytes, size, &found, &header, err));
    const bool swaps = bn_orientation_swaps_sides(header.orientation);
    if (format) *format = found;
    if (width) *width = swaps ? header.height : header.width;
    if (height) *height = swaps ? header.width : header.height;
    return BIREFNET_OK;
}

bn_status bn_image_decode_bytes(const void *bytes, size_t size, const bn_decode_limits *limits,
                                uint64_t *need, bn_error *err)
{
    bn_decode_limits defaults;
    bn_decode_limits_default(&defaults);
    if (!limits) limits = &defaults;
    bn_format format;
    BN_TRY(find_format(bytes, size, &format, err));
    if (limits->refused & 1u << format)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "images of format %s are not accepted here",
                       bn_format_get_facts(format)->name);
    bn_image_header header = {.orientation = 1};
    BN_TRY(codecs[format]->probe(bytes, size, &header, err));
    const uint64_t width = (uint64_t)header.width, height = (uint64_t)header.height;
    *need = sum_bytes(width * height, codecs[format]->pixel_bytes, header.extra_bytes, size);
    BN_TRY(bn_limits_check(limits, width, height, err));
    return check_memory(*need, size, limits, err);
}

bn_status bn_image_decode(const void *bytes, size_t size, const bn_decode_limits *limits, bn_image **image,
                          bn_error *err)
{
    bn_decode_limits defaults;
    bn_decode_limits_default(&defaults);
    if (!limits) limits = &defaults;
    uint64_t need = 0;
    BN_TRY(bn_image_decode_bytes(bytes, size, limits, &need, err));
    const bn_format format = bn_format_from_bytes(bytes, size);
    bn_image *made = NULL;
    BN_TRY(codecs[format]->decode(bytes, size, limits, &made, err));
    made->source_format = format;
    const bn_status status = bn_image_orient(made, made->source_orientation, err);
    if (status != BIREFNET_OK)
        bn_image_destroy(&made);
    else
        *image = made;
    return status;
}

bn_status bn_encode_check_size(bn_format format, int width, int height, bn_error *err)
{
    const bn_format_facts *facts = bn_format_get_facts(format);
    if (facts->max_side_px == 0 || (width <= facts->max_side_px && height <= facts->max_side_px))
        return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_LIMIT,
                   "the result would have %dx%d pixels, and %s holds at most %d a side (png and tiff more)",
                   width, height, facts->name, facts->max_side_px);
}

bn_status bn_image_encode(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                          bn_error *err)
{
    const bn_format_facts *facts = bn_format_get_facts(options->format);
    if (!facts->writes)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "images cannot be written as %s", facts->name);
    if (options->quality < 1 || options->quality > 100 || options->compression < 1 ||
        options->compression > 9)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "quality is 1 to 100 and compression 1 to 9, not %d and %d", options->quality,
                       options->compression);
    BN_TRY(bn_encode_check_size(options->format, image->width, image->height, err));
    return codecs[options->format]->encode(image, options, out, err);
}

void bn_image_unpremultiply(bn_image *image)
{
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    const unsigned most = image->depth == 16 ? 65535 : 255;
    for (size_t i = 0; i < 4 * pixels; i += 4)
        for (size_t c = 0; c < 3; c++) {
            uint8_t *p8 = image->pixels;
            uint16_t *p16 = image->pixels;
            const unsigned alpha = most == 255 ? p8[i + 3] : p16[i + 3],
                           value = most == 255 ? p8[i + c] : p16[i + c];
            const unsigned straight = alpha == 0 ? 0 : BN_MIN(most, (value * most + alpha / 2) / alpha);
            if (most == 255)
                p8[i + c] = (uint8_t)straight;
            else
                p16[i + c] = (uint16_t)straight;
        }
}

static unsigned sample_8(const bn_image *image, size_t at)
{
    if (image->depth == 16) return bn_sample_16_to_8(((const uint16_t *)image->pixels)[at]);
    return ((const uint8_t *)image->pixels)[at];
}

void bn_image_copy_row_8(const bn_image *image, int y, int channels, uint8_t *out)
{
    const size_t have = (size_t)image->channels, want = (size_t)channels, width = (size_t)image->width;
    const size_t row = (size_t)y * width * have;
    if (have == want && image->depth == 8) {
        memcpy(out, (const uint8_t *)image->pixels + row, width * have);
        return;
    }
    for (size_t x = 0; x < width; x++)
        for (size_t c = 0; c < want; c++) {
            const size_t from = have == 1 && c < 3 ? 0 : c;
            out[x * want + c] = (uint8_t)(from < have ? sample_8(image, row + x * have + from) : 255);
        }
}
