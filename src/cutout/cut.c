/* cut.c - birefnet_cut: the whole way of a photo for programs that use the library. The words of its options are those of
 * the command line (words.h, background.h, shops.h). */
#include "cutout/cut.h"

#include "base/sized.h"
#include "cutout/shops.h"
#include "cutout/words.h"
#include "image/colour.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void birefnet_cut_options_default_sized(birefnet_cut_options *options, size_t size_bytes)
{
    const birefnet_cut_options defaults = {
        .size = size_bytes, .format = "png", .refine = 1, .max_pixels = BN_DECODE_MAX_PIXELS};
    if (options) bn_sized_write(options, size_bytes, &defaults, sizeof defaults);
}

bn_status bn_cut_read(const birefnet_cut_options *from, birefnet_cut_options *to, bn_error *err)
{
    birefnet_cut_options_default(to);
    BN_TRY(bn_sized_read(to, sizeof *to, from, BN_SIZED_UNTIL(birefnet_cut_options, sure), err));
    if (to->max_pixels == 0) to->max_pixels = BN_DECODE_MAX_PIXELS;
    return BIREFNET_OK;
}

static bn_status not_understood(const char *option, const char *word, bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s: '%s' is not understood", option, word);
}

static bn_status choose_metadata(const char *word, bn_encode_options *encoding, bn_error *err)
{
    static const char *const names[] = {"none", "safe", "all"};
    for (bn_metadata level = BN_METADATA_NONE; level <= BN_METADATA_ALL; level++)
        if (strcmp(word, names[level]) == 0) {
            encoding->metadata = level;
            return BIREFNET_OK;
        }
    return not_understood("metadata", word, err);
}

static bool parse_sure(const char *word, bn_sure *sure)
{
    int used = 0;
    sure->used =
        sscanf(word, "%d,%d,%d%n", &sure->foreground, &sure->background, &sure->erode_px, &used) == 3 &&
        !word[used] && sure->foreground >= 0 && sure->foreground <= 255 && sure->background >= 0 &&
        sure->background <= 255 && sure->erode_px >= 0 && sure->erode_px <= 10000;
    return sure->used;
}

static bn_status choose_picture(const birefnet_cut_options *from, bn_cutout_options *to, bn_error *err)
{
    const bn_shop *shop = from->shop ? bn_shop_find(from->shop) : NULL;
    if (from->shop && !shop) return not_understood("shop", from->shop, err);
    if (shop) bn_shop_apply(shop, to);
    if (from->canvas && !bn_placement_parse(from->canvas, &to->canvas))
        return not_understood("canvas", from->canvas, err);
    if (from->fit && !bn_fit_parse(from->fit, &to->canvas)) return not_understood("fit", from->fit, err);
    if (from->align && !bn_align_parse(from->align, &to->canvas))
        return not_understood("align", from->align, err);
    if (from->shadow && !bn_shadow_parse(from->shadow, &to->shadow))
        return not_understood("shadow", from->shadow, err);
    if (from->crop && !bn_crop_parse(*from->crop ? from->crop : NULL, to))
        return not_understood("crop", from->crop, err);
    if (from->sure && !parse_sure(from->sure, &to->sure)) return not_understood("sure", from->sure, err);
    if (from->background && !bn_background_parse(from->background, &to->background))
        return not_understood("background", from->background, err);
    return BIREFNET_OK;
}

static bn_status choose_encoding(const birefnet_cut_options *from, bn_cutout_options *to, bn_error *err)
{
    const bn_format format = bn_format_from_name(from->format ? from->format : "png");
    if (format == BN_FORMAT_NONE) return not_understood("format", from->format, err);
    if (from->quality < 0 || from->quality > 100)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "a quality is 1 to 100, or 0, not %d", from->quality);
    bn_encode_options_default(&to->cutout_encoding, format);
    if (from->quality > 0) {
        to->cutout_encoding.quality = from->quality;
        to->cutout_encoding.lossless = false;
    }
    if (from->metadata) BN_TRY(choose_metadata(from->metadata, &to->cutout_encoding, err));
    to->mask_encoding = to->cutout_encoding;
    return BIREFNET_OK;
}

bn_status bn_cut_choose(const birefnet_cut_options *from, bn_cutout_options *to, bn_error *err)
{
    if (!(from->threshold >= 0 && from->threshold <= 1))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "a threshold is 0 to 1, not %g", from->threshold);
    bn_cutout_options_default(to);
    to->limits.max_pixels = from->max_pixels;
    to->refine = from->refine != 0;
    to->threshold = (int)ceil(from->threshold * 255);
    to->want_cutout = from->mask_only == 0;
    to->want_mask = from->mask_only != 0;
    BN_TRY(choose_encoding(from, to, err));
    BN_TRY(choose_picture(from, to, err));
    if (from->to_srgb) to->to_srgb = true;
    return BIREFNET_OK;
}

bn_status bn_cut_open_backdrop(const birefnet_cut_options *from, bn_cutout_options *to, bn_image **backdrop,
                               bn_error *err)
{
    if (!from->background_image) return BIREFNET_OK;
    BN_TRY(bn_error_prefix(
        err,
        bn_image_decode(from->background_image, from->background_image_bytes, &to->limits, backdrop, err),
        "the background"));
    BN_TRY(bn_image_make_srgb(*backdrop, to->threads, NULL, err));
    to->background = (bn_background){.kind = BN_BACKGROUND_IMAGE, .image = *backdrop};
    return BIREFNET_OK;
}

birefnet_status birefnet_cut(birefnet_session *session, const void *bytes, size_t size,
                             const birefnet_cut_options *options, void **result, size_t *result_bytes,
                             birefnet_error *error)
{
    if (!session || !bytes || !result || !result_bytes)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT,
                       "a session, a photo and places for the result are needed");
    birefnet_session_info info;
    birefnet_cut_options read;
    bn_cutout_options chosen;
    bn_cutout cutout = {0};
    bn_image *backdrop = NULL;
    bn_status status;
    BN_TRY_DONE(bn_cut_read(options, &read, error));
    BN_TRY_DONE(bn_cut_choose(&read, &chosen, error));
    birefnet_session_get_info(session, &info);
    chosen.threads = info.threads;
    BN_TRY_DONE(bn_cut_open_backdrop(&read, &chosen, &backdrop, error));
    BN_TRY_DONE(bn_cutout_options_check(&chosen, error));
    BN_TRY_DONE(bn_cutout_run(bytes, size, session, &chosen, &cutout, error));
    bn_buffer *file = chosen.want_cutout ? &cutout.cutout : &cutout.mask;
    *result = file->data;
    *result_bytes = file->size;
    *file = (bn_buffer){0};
done:
    bn_cutout_release(&cutout);
    bn_image_destroy(&backdrop);
    return status;
}

void birefnet_free(void *bytes)
{
    free(bytes); /* buffers are malloc's */
}
