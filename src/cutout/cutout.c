/* cutout.c - the three steps of a photo's way. */
#include "cutout/cutout.h"

#include "base/clock.h"
#include "base/size.h"
#include "cutout/picture.h"
#include "image/colour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bn_cutout_options_default(bn_cutout_options *options)
{
    *options = (bn_cutout_options){.refine = true,
                                   .want_cutout = true,
                                   .canvas = {.fit_percent = 90},
                                   .threads = 1,
                                   .isa = bn_cpu_isa()};
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

static bn_status check_canvas(const bn_cutout_options *options, bn_error *err)
{
    const bn_placement *canvas = &options->canvas;
    if (!canvas->used || canvas->width == 0) return BIREFNET_OK;
    if ((uint64_t)canvas->width * (uint64_t)canvas->height > options->limits.max_pixels)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "a canvas of %dx%d has more than %.4g megapixels",
                       canvas->width, canvas->height, (double)options->limits.max_pixels / 1e6);
    bn_cutout nothing = {0};
    return bn_picture_check_size(options, &nothing, canvas->width, canvas->height, err);
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
    return check_canvas(options, err);
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
    cutout->frames = cutout->image->source_frames;
    cutout->width = cutout->image->width;
    cutout->height = cutout->image->height;
    const bool frame_is_known = !options->crop && (!options->canvas.used || options->canvas.width == 0);
    if (frame_is_known) BN_TRY(bn_picture_check_size(options, cutout, cutout->width, cutout->height, err));
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
    birefnet_session_get_info(session, &info);
    cutout->times.card_ms = info.card_ms;
    if (options->sure.used)
        BN_TRY_DONE(bn_matte_settle(cutout->matte, width, height, width, &options->sure, err));
    cutout->times.network_ms = bn_clock_ms() - start;

done:
    bn_rgb8_release(&rgb);
    return status;
}

enum { MAX_BATCH = 64 }; /* as birefnet_session_options has it */

/* The photo in sRGB, and room for its matte. */
static bn_status begin_member(const bn_cutout_member *member, int threads, bn_rgb8 *rgb,
                              birefnet_photo *photo, bn_error *err)
{
    bn_cutout *cutout = member->cutout;
    const size_t bytes = (size_t)cutout->width * (size_t)cutout->height;
    BN_TRY(bn_image_to_srgb(cutout->image, BN_MAX(threads, member->options->threads), rgb, err));
    if (rgb->note[0]) memcpy(cutout->note, rgb->note, sizeof cutout->note);
    cutout->matte = malloc(bytes);
    if (!cutout->matte) return bn_fail_memory(err, bytes, "the matte");
    *photo = (birefnet_photo){.rgb = rgb->pixels,
                              .width = cutout->width,
                              .height = cutout->height,
                              .stride_bytes = (ptrdiff_t)3 * cutout->width,
                              .matte = cutout->matte,
                              .matte_stride_bytes = cutout->width};
    return BIREFNET_OK;
}

static bn_status settle_member(const bn_cutout_member *member, bn_error *err)
{
    bn_cutout *cutout = member->cutout;
    const bn_sure *sure = &member->options->sure;
    if (!sure->used) return BIREFNET_OK;
    return bn_matte_settle(cutout->matte, cutout->width, cutout->height, cutout->width, sure, err);
}

static bn_status run_batch(birefnet_session *session, const bn_cutout_member *members, int count, int threads,
                           bn_rgb8 *rgb, bn_error *err)
{
    birefnet_photo photos[MAX_BATCH];
    for (int i = 0; i < count; i++) BN_TRY(begin_member(&members[i], threads, &rgb[i], &photos[i], err));
    BN_TRY(birefnet_session_mattes(session, photos, count, err));
    for (int i = 0; i < count; i++) BN_TRY(settle_member(&members[i], err));
    return BIREFNET_OK;
}

bn_status bn_cutout_matte_batch(birefnet_session *session, const bn_cutout_member *members, int count,
                                bn_error *err)
{
    const double start = bn_clock_ms();
    bn_rgb8 rgb[MAX_BATCH] = {0};
    birefnet_session_info info;
    birefnet_session_get_info(session, &info);
    if (count != info.batch || count > MAX_BATCH)
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "%d photos for a session of %d", count, info.batch);
    const bn_status status = run_batch(session, members, count, info.threads, rgb, err);
    birefnet_session_get_info(session, &info);
    for (int i = 0; i < count; i++) {
        bn_cutout *cutout = members[i].cutout;
        bn_rgb8_release(&rgb[i]);
        cutout->network_width = info.width;
        cutout->network_height = info.height;
        cutout->times.network_ms = (bn_clock_ms() - start) / count;
        cutout->times.card_ms = info.card_ms / count;
        if (status == BIREFNET_OK) continue;
        free(cutout->matte);
        cutout->matte = NULL;
    }
    return status;
}

/* The matte becomes what is in the box of it, rows tight. */
static void keep_box(bn_cutout *cutout, int matte_width, bn_box box)
{
    const size_t width = (size_t)box.width, stride = (size_t)matte_width;
    const uint8_t *first = cutout->matte + (size_t)box.y * stride + (size_t)box.x;
    for (size_t y = 0; y < (size_t)box.height; y++)
        memmove(cutout->matte + y * width, first + y * stride, width);
}

static bn_status encode_mask(const bn_cutout_options *options, bn_cutout *cutout, bn_error *err)
{
    bn_image view = bn_image_view(cutout->matte, cutout->result_width, cutout->result_height, 1, 8);
    view.density = cutout->density;
    bn_buffer_init(&cutout->mask, BN_ENCODED_MAX_BYTES);
    return bn_image_encode(&view, &options->mask_encoding, &cutout->mask, err);
}

bn_status bn_cutout_finish(const bn_cutout_options *options, bn_cutout *cutout, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    bn_image *result = NULL;
    BN_TRY_DONE(bn_cutout_render(options, cutout, &result, err));
    cutout->density = cutout->image->density;
    bn_image_destroy(&cutout->image); /* encoding needs its memory more */
    const double start = bn_clock_ms();
    if (options->want_cutout) {
        bn_encode_options encoding = options->cutout_encoding;
        encoding.threads = options->threads;
        bn_buffer_init(&cutout->cutout, BN_ENCODED_MAX_BYTES);
        BN_TRY_DONE(bn_image_encode(result, &encoding, &cutout->cutout, err));
    }
    if (options->want_mask) BN_TRY_DONE(encode_mask(options, cutout, err));
    cutout->times.encode_ms = bn_clock_ms() - start;

done:
    bn_image_destroy(&result);
    return status;
}

bn_status bn_cutout_render(const bn_cutout_options *options, bn_cutout *cutout, bn_image **result,
                           bn_error *err)
{
    bn_box box;
    const double start = bn_clock_ms();
    *result = NULL;
    if (options->threshold > 0)
        bn_matte_threshold(cutout->matte, cutout->width, cutout->height, cutout->width, options->threshold);
    cutout->times.compose_ms = bn_clock_ms() - start;
    BN_TRY(bn_picture_make(options, cutout, result, &box, err));
    keep_box(cutout, cutout->image->width, box);
    return BIREFNET_OK;
}

bn_status bn_cutout_find_subject(const bn_cutout_options *options, uint8_t *matte, int width, int height,
                                 bool *found, bn_box *box, bn_error *err)
{
    if (options->threshold > 0) bn_matte_threshold(matte, width, height, width, options->threshold);
    return bn_picture_find_subject(options, matte, width, height, found, box, err);
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
