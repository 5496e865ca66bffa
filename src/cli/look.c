/* look.c - options to settings of cut-outs. */
#include "cli/look.h"

#include "base/file.h"
#include "cli/model.h"
#include "image/colour.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

static bn_status open_backdrop(const char *path, const bn_decode_limits *limits, bn_image **image,
                               bn_error *err)
{
    bn_buffer bytes;
    bn_status status;
    struct stat facts;
    bn_buffer_init(&bytes, (size_t)1 << 30);
    if (stat(path, &facts) != 0 && !strpbrk(path, "./"))
        BN_TRY_DONE(
            bn_fail(err, BIREFNET_ERROR_ARGUMENT, "'%s' is neither a colour, blur, nor a file", path));
    BN_TRY_DONE(bn_file_read(path, &bytes, err));
    BN_TRY_DONE(
        bn_error_prefix(err, bn_image_decode(bytes.data, bytes.size, limits, image, err), "%s", path));
    status = bn_image_make_srgb(*image, 1, NULL, err);

done:
    bn_buffer_free(&bytes);
    return status;
}

bn_status bn_values_choose_background(const bn_values *values, bn_cutout_options *cutout, bn_image **backdrop,
                                      bn_error *err)
{
    const char *text = values->text[BN_OPTION_BACKGROUND];
    if (!text || bn_background_parse(text, &cutout->background)) return BIREFNET_OK;
    const bn_status status = open_backdrop(text, &cutout->limits, backdrop, err);
    cutout->background = (bn_background){.kind = BN_BACKGROUND_IMAGE, .image = *backdrop};
    return bn_error_prefix(err, status, "--background");
}

bn_status bn_values_choose_size(const bn_values *values, bn_resolution *size, bn_error *err)
{
    const char *text = values->text[BN_OPTION_RESOLUTION];
    if (!text || (bn_resolution_parse(text, size) && !size->native)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                   "--resolution takes WIDTHxHEIGHT, each from %d to %d, here, not '%s'",
                   BN_RESOLUTION_MIN_PX, BN_RESOLUTION_MAX_PX, text);
}

bn_status bn_values_choose_look(const bn_values *values, bn_cutout_options *cutout, bn_resolution *resolution,
                                bn_error *err)
{
    cutout->isa = bn_values_isa(values);
    cutout->limits.max_pixels = (uint64_t)(values->number[BN_OPTION_MAX_PIXELS] * 1e6);
    cutout->refine = !values->given[BN_OPTION_NO_REFINE];
    if (values->given[BN_OPTION_THRESHOLD])
        cutout->threshold = (int)ceil(values->number[BN_OPTION_THRESHOLD] * 255);
    const char *text = values->text[BN_OPTION_RESOLUTION];
    if (text && !bn_resolution_parse(text, resolution))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "--resolution takes WIDTHxHEIGHT, each from %d to %d, or native, not '%s'",
                       BN_RESOLUTION_MIN_PX, BN_RESOLUTION_MAX_PX, text);
    return BIREFNET_OK;
}
