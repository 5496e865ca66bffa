/* picture.c - see picture.h. */
#include "cutout/picture.h"

#include "base/clock.h"
#include "base/size.h"
#include "image/backdrop.h"
#include "image/colour.h"
#include "pixels/foreground.h"
#include "image/stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The subject's box holds every pixel that is at least this visible: fainter ones are the matte's noise. */
#define CROP_LEVEL 13

/* On a canvas, what is smaller than this share of the largest piece is a crumb, and gone. */
#define LEAST_SHARE 0.005

bn_status bn_picture_check_size(const bn_cutout_options *options, bn_cutout *cutout, int width, int height,
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

static bn_box whole_of(int width, int height)
{
    return (bn_box){0, 0, width, height};
}

bn_status bn_picture_find_subject(const bn_cutout_options *options, uint8_t *matte, int width, int height,
                                  bool *found, bn_box *box, bn_error *err)
{
    if (options->canvas.used)
        BN_TRY(bn_matte_drop_islands(matte, width, height, CROP_LEVEL, LEAST_SHARE, options->threads,
                                     options->isa, err));
    *found = bn_matte_find_box(matte, width, height, width, CROP_LEVEL, box);
    return BIREFNET_OK;
}

/* Around the subject; the margin that was asked for is kept here, or on the canvas. */
static bn_status choose_box(const bn_cutout_options *options, bn_cutout *cutout, bn_box *box, bn_error *err)
{
    const int width = cutout->width, height = cutout->height;
    bool found = true;
    *box = whole_of(width, height);
    if (!options->crop && !options->canvas.used) return BIREFNET_OK;
    if (options->has_subject)
        *box = options->subject;
    else
        BN_TRY(bn_picture_find_subject(options, cutout->matte, width, height, &found, box, err));
    cutout->empty = !found;
    if (!found)
        *box = whole_of(width, height);
    else if (!options->canvas.used)
        bn_box_grow(box, options->crop_margin_px, options->crop_margin_percent, width, height);
    return BIREFNET_OK;
}

/* The photo's own backdrop is made before the subject leaves it. */
static bn_status make_backdrop(const bn_cutout_options *options, const bn_cutout *cutout, bn_image **backdrop,
                               bn_compose_options *how, bn_error *err)
{
    if (how->background != BN_BACKGROUND_BLUR) return BIREFNET_OK;
    BN_TRY(bn_backdrop_make(cutout->image, cutout->matte, cutout->width, options->background.blur_percent,
                            options->threads, options->isa, backdrop, err));
    how->background = BN_BACKGROUND_IMAGE;
    how->image = *backdrop;
    return BIREFNET_OK;
}

static void note_enlarging(bn_cutout *cutout, bn_box box, bn_box place)
{
    const double times = (double)place.width / box.width;
    if (times > 1.5 && !cutout->empty && !cutout->note[0])
        snprintf(cutout->note, sizeof cutout->note,
                 "the subject has %dx%d pixels in the photo and was enlarged %.1f times", box.width,
                 box.height, times);
}

/* Where the subject in `box`, with the margin of a crop around it, stands. */
static bn_box place_subject(const bn_cutout_options *options, bn_box box, int width, int height)
{
    const int longer = BN_MAX(box.width, box.height);
    const int margin = options->crop_margin_px + (int)(longer * options->crop_margin_percent / 100);
    const int wide = box.width + 2 * margin, high = box.height + 2 * margin;
    const bn_box all =
        bn_stage_place(wide, high, width, height, options->canvas.fit_percent, options->canvas.align);
    const double scale_x = (double)all.width / wide, scale_y = (double)all.height / high;
    return (bn_box){.x = all.x + (int)round(margin * scale_x),
                    .y = all.y + (int)round(margin * scale_y),
                    .width = (int)fmax(1, round(box.width * scale_x)),
                    .height = (int)fmax(1, round(box.height * scale_y))};
}

/* The subject in `box` onto the canvas: image and matte are the canvas's from here on. */
static bn_status move_to_canvas(const bn_cutout_options *options, bn_cutout *cutout,
                                const uint8_t *foreground, bn_box box, bn_error *err)
{
    const bn_placement *canvas = &options->canvas;
    const int width = canvas->width > 0 ? canvas->width : cutout->width,
              height = canvas->height > 0 ? canvas->height : cutout->height;
    bn_image *staged = NULL;
    uint8_t *matte = NULL;
    const bn_box place = place_subject(options, box, width, height);
    BN_TRY(bn_stage_make(cutout->image, cutout->matte, foreground, box, place, width, height,
                         options->threads, options->isa, &staged, &matte, err));
    note_enlarging(cutout, box, place);
    bn_image_destroy(&cutout->image);
    free(cutout->matte);
    cutout->image = staged;
    cutout->matte = matte;
    return BIREFNET_OK;
}

static bn_status compose(const bn_cutout_options *options, const bn_cutout *cutout, const uint8_t *foreground,
                         bn_compose_options *how, bn_image **result, bn_error *err)
{
    uint8_t *shadow = NULL;
    bn_status status;
    BN_TRY_DONE(bn_shadow_make(options->shadow, cutout->matte, cutout->image->width, cutout->image->height,
                               options->threads, options->isa, &shadow, err));
    how->shadow = shadow;
    BN_TRY_DONE(bn_compose(cutout->image, cutout->matte, cutout->image->width, foreground, how, result, err));
done:
    free(shadow);
    return status;
}

bn_status bn_picture_make(const bn_cutout_options *options, bn_cutout *cutout, bn_image **result, bn_box *box,
                          bn_error *err)
{
    bn_status status = BIREFNET_OK;
    uint8_t *foreground = NULL;
    bn_image *copy = NULL, *backdrop = NULL;
    bn_compose_options how;
    double start = bn_clock_ms();
    bn_box subject;
    BN_TRY_DONE(choose_box(options, cutout, &subject, err));
    if (options->want_cutout && options->refine)
        BN_TRY_DONE(estimate_foreground(cutout, options->threads, options->isa, &foreground, err));
    cutout->times.refine_ms = bn_clock_ms() - start;
    start = bn_clock_ms();
    bn_compose_options_default(&how);
    how.threads = options->threads;
    how.isa = options->isa;
    BN_TRY_DONE(
        bn_background_prepare(&options->background, cutout->image, options->threads, &how, &copy, err));
    *box = subject;
    if (options->canvas.used) {
        if (options->want_cutout) BN_TRY_DONE(make_backdrop(options, cutout, &backdrop, &how, err));
        BN_TRY_DONE(move_to_canvas(options, cutout, foreground, subject, err));
        free(foreground);
        foreground = NULL;
        *box = whole_of(cutout->image->width, cutout->image->height);
    } else {
        how.has_crop = options->crop && !cutout->empty;
        how.crop = subject;
    }
    cutout->result_width = box->width;
    cutout->result_height = box->height;
    BN_TRY_DONE(bn_picture_check_size(options, cutout, box->width, box->height, err));
    if (options->want_cutout) BN_TRY_DONE(compose(options, cutout, foreground, &how, result, err));
    cutout->times.compose_ms += bn_clock_ms() - start;

done:
    bn_image_destroy(&copy);
    bn_image_destroy(&backdrop);
    free(foreground);
    return status;
}
