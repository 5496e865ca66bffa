/* touch_up.c - see touch_up.h. */
#include "cutout/touch_up.h"

#include <stdlib.h>

static bn_status check_size(int width, int height, const bn_cutout *cutout, bn_error *err)
{
    if (width == cutout->width && height == cutout->height) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "The mask is %d x %d pixels, the photo %d x %d", width, height,
                   cutout->width, cutout->height);
}

bn_status bn_touch_up_check(const void *bytes, size_t size, const bn_cutout *cutout, bn_error *err)
{
    bn_format format;
    int width, height;
    BN_TRY(bn_image_probe(bytes, size, &format, &width, &height, err));
    if (format != BN_FORMAT_PNG)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "A mask is a PNG, not %s",
                       bn_format_get_facts(format)->name);
    return check_size(width, height, cutout, err);
}

/* Brightness of RGB or RGBA samples, 0 to 255, and 0 where they are transparent. Grey stays exactly what it was. */
static void take_row8(const uint8_t *from, size_t channels, size_t count, uint8_t *to)
{
    for (size_t x = 0; x < count; x++, from += channels) {
        const unsigned light = channels < 3 ? from[0] : ((unsigned)from[0] + from[1] + from[2] + 1) / 3;
        const unsigned alpha = channels == 4 ? from[3] : 255;
        to[x] = (uint8_t)((light * alpha + 127) / 255);
    }
}

static void take_row16(const uint16_t *from, size_t channels, size_t count, uint8_t *to)
{
    for (size_t x = 0; x < count; x++, from += channels) {
        const uint64_t light = channels < 3 ? from[0] : ((uint64_t)from[0] + from[1] + from[2] + 1) / 3;
        const uint64_t alpha = channels == 4 ? from[3] : 65535;
        to[x] = (uint8_t)((light * alpha + 65535u * 257u / 2) / (65535u * 257u));
    }
}

static void take_rows(const bn_image *mask, uint8_t *matte)
{
    const size_t width = (size_t)mask->width, row_bytes = bn_image_row_bytes(mask);
    const uint8_t *row = mask->pixels;
    for (size_t y = 0; y < (size_t)mask->height; y++, row += row_bytes) {
        if (mask->depth == 16)
            take_row16((const uint16_t *)(const void *)row, (size_t)mask->channels, width, matte + y * width);
        else
            take_row8(row, (size_t)mask->channels, width, matte + y * width);
    }
}

bn_status bn_touch_up_decode(const void *bytes, size_t size, const bn_cutout_options *options,
                             bn_cutout *cutout, bn_error *err)
{
    bn_image *mask = NULL;
    BN_TRY(bn_image_decode(bytes, size, &options->limits, &mask, err));
    const size_t matte_bytes = (size_t)mask->width * (size_t)mask->height; /* fits: the image holds more */
    bn_status status = check_size(mask->width, mask->height, cutout, err);
    uint8_t *matte = status == BIREFNET_OK ? malloc(matte_bytes) : NULL;
    if (status == BIREFNET_OK && !matte) status = bn_fail_memory(err, matte_bytes, "the matte");
    if (status == BIREFNET_OK) take_rows(mask, matte);
    bn_image_destroy(&mask);
    cutout->matte = matte;
    return status;
}
