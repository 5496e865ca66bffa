/* cutout.c - the three steps of a photo's way. */
#include "cutout/cutout.h"

#include "base/clock.h"
#include "base/size.h"
#include "image/colour.h"
#include "image/foreground.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An encoded result is never larger than this; the largest photo allowed by default is 100 MP, 800 MB at 16 bits. */
#define MAX_ENCODED_BYTES ((size_t)4 << 30)

/* The subject's box holds every pixel that is at least this visible: fainter ones are the matte's noise. */
#define CROP_LEVEL 13

void bn_cutout_options_default(bn_cutout_options *options)
{
    *options = (bn_cutout_options){.refine = true, .want_cutout = true, .threads = 1, .isa = bn_cpu_isa()};
    bn_decode_limits_default(&options->limits);
    bn_encode_options_default(&options->cutout_encoding, BN_FORMAT_PNG);
    bn_encode_options_default(&options->mask_encoding, BN_FORMAT_PNG);
}

static bool result_has_alpha(const bn_cutout_options *options)
{
    const bn_background *background = &options->background;
    return background->kind == BN_BACKGROUND_NONE ||
           (background->kind == BN_BACKGROUND_COLOUR && background->colour[3] < 255);
}

bn_status bn_cutout_options_check(const bn_cutout_options *options, bn_error *err)
{
    const bn_format_facts *cutout = bn_format_get_facts(options->cutout_encoding.format);
    const bn_format_facts *mask = bn_format_get_facts(options->mask_encoding.format);
    if (options->want_cutout && !cutout->writes)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "cannot write %s", cutout->name);
    if (options->want_mask && !mask->writes)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "cannot write %s", mask->name);
    if (options->want_cutout && !cutout->has_alpha && result_has_alpha(options))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "%s cannot hold transparency: choose png, webp, gif or tiff, or an opaque background",
                       cutout->name);
    return BIREFNET_OK;
}

static bn_status check_result_size(const bn_cutout_options *options, bn_cutout *cutout, int width, int height,
                                   bn_error *err)
{
    const bn_format formats[] = {options->want_cutout ? options->cutout_encoding.format : BN_FORMAT_NONE,
                                 options->want_mask ? options->mask_encoding.format : BN_FORMAT_NONE};
    for (size_t i = 0; i < BN_COUNT(formats); i++) {
        if (bn_encode_check_size(formats[i], width, height, err) == BIREFNET_OK) continue;
        cutout->side_limit_px = bn_format_get_facts(formats[i])->max_side_px;
        return BIREFNET_ERROR_LIMIT;
    }
    return BIREFNET_OK;
}

bn_status bn_cutout_decode(const void *bytes, size_t size, const bn_cutout_options *options,
                           bn_cutout *cutout, bn_error *err)
{
    const double start = bn_clock_ms();
    bn_image *image = NULL;
    BN_TRY(bn_image_decode(bytes, size, &options->limits, &image, err));
    BN_TRY(bn_cutout_take(&image, options, cutout, err));
    cutout->times.decode_ms = bn_clock_ms() - start;
    return BIREFNET_OK;
}

bn_status bn_cutout_take(bn_image **image, const bn_cutout_options *options, bn_cutout *cutout, bn_error *err)
{
    cutout->image = *image;
    *image = NULL;
    if (options->to_srgb) BN_TRY(bn_image_make_srgb(cutout->image, options->threads, cutout->note, err));
    cutout->format = cutout->image->source_format;
    cutout->width = cutout->image->width;
    cutout->height = cutout->image->height;
    if (!options->crop) BN_TRY(check_result_size(options, cutout, cutout->width, cutout->height, err));
    return BIREFNET_OK;
}

bn_status bn_cutout_matte(birefnet_session *session, const bn_cutout_options *options, bn_cutout *cutout,
                          bn_error *err)
{
    const double start = bn_clock_ms();
    const int width = cutout->width, height = cutout->height;
    birefnet_session_info info;
    birefnet_session_get_info(session, &info);
    cutout->network_width = info.width;
    cutout->network_height = info.height;

    bn_rgb8 rgb = {0};
    BN_TRY(bn_image_to_srgb(cutout->image, BN_MAX(info.threads, options->threads), &rgb, err));
    if (rgb.note[0]) memcpy(cutout->note, rgb.note, sizeof cutout->note);
    bn_status status = BIREFNET_OK;
    const size_t matte_bytes = (size_t)width * (size_t)height; /* fits: the image holds more */
    cutout->matte = malloc(matte_bytes);
    if (!cutout->matte) {
        status = bn_fail_memory(err, matte_bytes, "the matte");
        goto done;
    }
    BN_TRY_DONE(birefnet_session_matte(session, rgb.pixels, width, height, (ptrdiff_t)3 * width,
                                       cutout->matte, width, err));
    cutout->times.network_ms = bn_clock_ms() - start;

done:
    bn_rgb8_release(&rgb);
    return status;
}

/* *foreground is uint8 [height][width][3] in the photo's own colour space; the caller frees it. */
static bn_status estimate_foreground(const bn_cutout *cutout, int threads, bn_isa isa, uint8_t **foreground,
                                     bn_error *err)
{
    const int width = cutout->width, height = cutout->height;
    bn_rgb8 rgb = {0};
    BN_TRY(bn_image_to_rgb8(cutout->image, threads, &rgb, err));
    bn_status status;
    uint8_t *out = rgb.owned; /* in place where the pixels are a copy anyway */
    size_t bytes = 0;
    if (!out) {
        if (!bn_size_mul((size_t)width * (size_t)height, 3, &bytes) || !(out = malloc(bytes))) {
            status = bn_fail_memory(err, bytes, "the foreground's colours");
            goto done;
        }
    }
    status = bn_foreground_estimate(rgb.pixels, cutout->matte, width, height, (ptrdiff_t)3 * width, width,
                                    out, threads, isa, err);
    if (out == rgb.owned) rgb.owned = NULL;
    if (status == BIREFNET_OK)
        *foreground = out;
    else
        free(out);

done:
    bn_rgb8_release(&rgb);
    return status;
}

static bn_box whole_photo(const bn_cutout *cutout)
{
    return (bn_box){0, 0, cutout->width, cutout->height};
}

static bn_box choose_box(const bn_cutout_options *options, bn_cutout *cutout)
{
    bn_box box = whole_photo(cutout);
    if (!options->crop) return box;
    cutout->empty =
        !bn_matte_find_box(cutout->matte, cutout->width, cutout->height, cutout->width, CROP_LEVEL, &box);
    if (cutout->empty) return whole_photo(cutout);
    bn_box_grow(&box, options->crop_margin_px, options->crop_margin_percent, cutout->width, cutout->height);
    return box;
}

static bn_status encode_mask(const bn_cutout_options *options, bn_cutout *cutout, bn_box box, bn_error *err)
{
    const size_t width = (size_t)box.width, stride = (size_t)cutout->width;
    const uint8_t *first = cutout->matte + (size_t)box.y * stride + (size_t)box.x;
    uint8_t *tight = NULL;
    if (width < stride) {
        tight = malloc(width * (size_t)box.height);
        if (!tight) return bn_fail_memory(err, width * (size_t)box.height, "the cropped mask");
        for (size_t y = 0; y < (size_t)box.height; y++) memcpy(tight + y * width, first + y * stride, width);
    }
    const bn_image view = bn_image_view(tight ? tight : first, box.width, box.height, 1, 8);
    bn_buffer_init(&cutout->mask, MAX_ENCODED_BYTES);
    const bn_status status = bn_image_encode(&view, &options->mask_encoding, &cutout->mask, err);
    free(tight);
    return status;
}

static bn_status compose(const bn_cutout_options *options, bn_cutout *cutout, bn_box box, bn_image **result,
                         bn_error *err)
{
    bn_status status;
    uint8_t *foreground = NULL;
    bn_image *backdrop = NULL;
    const double start = bn_clock_ms();
    if (options->refine)
        BN_TRY_DONE(estimate_foreground(cutout, options->threads, options->isa, &foreground, err));
    const double refined = bn_clock_ms();
    cutout->times.refine_ms = refined - start;

    bn_compose_options how;
    bn_compose_options_default(&how);
    how.threads = options->threads;
    how.isa = options->isa;
    how.has_crop = options->crop && !cutout->empty;
    how.crop = box;
    BN_TRY_DONE(
        bn_background_prepare(&options->background, cutout->image, options->threads, &how, &backdrop, err));
    BN_TRY_DONE(bn_compose(cutout->image, cutout->matte, cutout->width, foreground, &how, result, err));
    cutout->times.compose_ms += bn_clock_ms() - refined;

done:
    bn_image_destroy(&backdrop);
    free(foreground);
    return status;
}

bn_status bn_cutout_finish(const bn_cutout_options *options, bn_cutout *cutout, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    bn_image *result = NULL;
    double start = bn_clock_ms();
    if (options->threshold > 0)
        bn_matte_threshold(cutout->matte, cutout->width, cutout->height, cutout->width, options->threshold);
    const bn_box box = choose_box(options, cutout);
    cutout->result_width = box.width;
    cutout->result_height = box.height;
    cutout->times.compose_ms = bn_clock_ms() - start;

    BN_TRY_DONE(check_result_size(options, cutout, box.width, box.height, err));
    if (options->want_cutout) BN_TRY_DONE(compose(options, cutout, box, &result, err));
    bn_image_destroy(&cutout->image); /* encoding needs its memory more */
    start = bn_clock_ms();
    if (options->want_cutout) {
        bn_encode_options encoding = options->cutout_encoding;
        encoding.threads = options->threads;
        bn_buffer_init(&cutout->cutout, MAX_ENCODED_BYTES);
        BN_TRY_DONE(bn_image_encode(result, &encoding, &cutout->cutout, err));
    }
    if (options->want_mask) BN_TRY_DONE(encode_mask(options, cutout, box, err));
    cutout->times.encode_ms = bn_clock_ms() - start;

done:
    bn_image_destroy(&result);
    return status;
}

bn_status bn_cutout_render(const bn_cutout_options *options, bn_cutout *cutout, bn_image **result,
                           bn_error *err)
{
    const bn_box all = {0, 0, cutout->width, cutout->height};
    bn_cutout_options whole = *options;
    whole.crop = false;
    *result = NULL;
    if (options->threshold > 0)
        bn_matte_threshold(cutout->matte, cutout->width, cutout->height, cutout->width, options->threshold);
    cutout->result_width = all.width;
    cutout->result_height = all.height;
    return options->want_cutout ? compose(&whole, cutout, all, result, err) : BIREFNET_OK;
}

bn_status bn_cutout_run(const void *bytes, size_t size, birefnet_session *session,
                        const bn_cutout_options *options, bn_cutout *cutout, bn_error *err)
{
    BN_TRY(bn_cutout_decode(bytes, size, options, cutout, err));
    BN_TRY(bn_cutout_matte(session, options, cutout, err));
    return bn_cutout_finish(options, cutout, err);
}

void bn_cutout_release(bn_cutout *cutout)
{
    bn_image_destroy(&cutout->image);
    free(cutout->matte);
    bn_buffer_free(&cutout->cutout);
    bn_buffer_free(&cutout->mask);
    *cutout = (bn_cutout){0};
}
