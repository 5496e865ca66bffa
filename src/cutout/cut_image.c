/* cut_image.c - birefnet_decode, birefnet_cut_image and birefnet_encode: the steps of birefnet_cut over pixels in memory, for
 * programs and languages that have their own. */
#include "cutout/cut.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* ---- between the public image and ours ---- */

/* *image becomes the caller's: its pixels and its profile move. */
static void give(bn_image *image, birefnet_image *result)
{
    *result = (birefnet_image){.width = image->width,
                               .height = image->height,
                               .channels = image->channels,
                               .depth = image->depth,
                               .stride_bytes = (ptrdiff_t)bn_image_row_bytes(image),
                               .pixels = image->pixels,
                               .icc = image->icc,
                               .icc_bytes = image->icc_bytes};
    image->pixels = NULL;
    image->icc = NULL;
}

static void copy_row(const bn_image *to, const void *from, void *row, bool grey)
{
    if (!grey) {
        memcpy(row, from, bn_image_row_bytes(to));
        return;
    }
    const size_t width = (size_t)to->width;
    for (size_t x = 0; x < width; x++)
        for (size_t channel = 0; channel < 3; channel++)
            if (to->depth == 8)
                ((uint8_t *)row)[3 * x + channel] = ((const uint8_t *)from)[x];
            else
                memcpy((uint8_t *)row + 2 * (3 * x + channel), (const uint8_t *)from + 2 * x, 2);
}

/* A copy with tight rows; grey becomes RGB where `expand` says so. */
static bn_status take(const birefnet_image *from, bool expand, bn_image **image, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    bn_image *made = NULL;
    const bool grey = expand && from->channels == 1;
    BN_TRY_DONE(
        bn_image_create(from->width, from->height, grey ? 3 : from->channels, from->depth, &made, err));
    const size_t row_bytes = bn_image_row_bytes(made);
    if (!from->pixels || from->stride_bytes < (ptrdiff_t)(grey ? row_bytes / 3 : row_bytes)) {
        status = bn_fail(err, BIREFNET_ERROR_ARGUMENT, "no pixels, or rows of %td bytes, which are too few",
                         from->stride_bytes);
        goto done;
    }
    for (size_t y = 0; y < (size_t)from->height; y++)
        copy_row(made, (const uint8_t *)from->pixels + y * (size_t)from->stride_bytes,
                 (uint8_t *)made->pixels + y * row_bytes, grey);
    if (from->icc && from->icc_bytes <= BN_PROFILE_MAX_BYTES)
        BN_TRY_DONE(bn_image_set_icc(made, from->icc, from->icc_bytes, err));
    *image = made;
    made = NULL;
done:
    bn_image_destroy(&made);
    return status;
}

/* ---- the public functions ---- */

void birefnet_image_release(birefnet_image *image)
{
    if (!image) return;
    free(image->pixels);
    free(image->icc);
    *image = (birefnet_image){0};
}

birefnet_status birefnet_decode(const void *bytes, size_t size, uint64_t max_pixels, birefnet_image *image,
                                birefnet_error *error)
{
    if (!bytes || !image)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "bytes and a place for the image are needed");
    bn_decode_limits limits;
    bn_image *decoded = NULL;
    bn_decode_limits_default(&limits);
    if (max_pixels > 0) limits.max_pixels = max_pixels;
    BN_TRY(bn_image_decode(bytes, size, &limits, &decoded, error));
    give(decoded, image);
    bn_image_destroy(&decoded);
    return BIREFNET_OK;
}

/* Decoded pixels to *result, which is the cut-out or the mask. */
static bn_status run(birefnet_session *session, bn_image **photo, const bn_cutout_options *options,
                     birefnet_image *result, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    bn_cutout cutout = {0};
    bn_image *made = NULL;
    BN_TRY_DONE(bn_cutout_take(photo, options, &cutout, err));
    BN_TRY_DONE(bn_cutout_matte(session, options, &cutout, err));
    BN_TRY_DONE(bn_cutout_render(options, &cutout, &made, err));
    if (options->want_cutout) {
        give(made, result);
    } else {
        bn_image mask = bn_image_view(cutout.matte, cutout.result_width, cutout.result_height, 1, 8);
        give(&mask, result);
        cutout.matte = NULL;
    }
done:
    bn_image_destroy(&made);
    bn_cutout_release(&cutout);
    return status;
}

static bn_status check_pixels(const birefnet_image *photo, uint64_t max_pixels, bn_error *err)
{
    if (photo->width < 1 || photo->height < 1)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "a photo of %d x %d pixels", photo->width,
                       photo->height);
    if ((uint64_t)photo->width * (uint64_t)photo->height > max_pixels)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "a photo of %d x %d has more than %.4g megapixels",
                       photo->width, photo->height, (double)max_pixels / 1e6);
    return BIREFNET_OK;
}

birefnet_status birefnet_cut_image(birefnet_session *session, const birefnet_image *photo,
                                   const birefnet_cut_options *options, birefnet_image *result,
                                   birefnet_error *error)
{
    if (!session || !photo || !result)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT,
                       "a session, a photo and a place for the result are needed");
    bn_status status = BIREFNET_OK;
    birefnet_session_info info;
    birefnet_cut_options read;
    bn_cutout_options chosen;
    bn_image *backdrop = NULL, *copy = NULL;
    BN_TRY_DONE(bn_cut_read(options, &read, error));
    BN_TRY_DONE(bn_cut_choose(&read, &chosen, error));
    birefnet_session_get_info(session, &info);
    chosen.threads = info.threads;
    /* pixels hold whatever the options ask for: no format's limits */
    chosen.cutout_encoding.format = chosen.mask_encoding.format = BN_FORMAT_PNG;
    BN_TRY_DONE(bn_cut_open_backdrop(&read, &chosen, &backdrop, error));
    BN_TRY_DONE(bn_cutout_options_check(&chosen, error));
    BN_TRY_DONE(check_pixels(photo, chosen.limits.max_pixels, error));
    BN_TRY_DONE(take(photo, true, &copy, error));
    BN_TRY_DONE(run(session, &copy, &chosen, result, error));
done:
    bn_image_destroy(&copy);
    bn_image_destroy(&backdrop);
    return status;
}

birefnet_status birefnet_encode(const birefnet_image *image, const birefnet_cut_options *options,
                                void **result, size_t *result_bytes, birefnet_error *error)
{
    if (!image || !result || !result_bytes)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "an image and places for the result are needed");
    bn_status status = BIREFNET_OK;
    birefnet_cut_options read;
    bn_cutout_options chosen;
    bn_image *copy = NULL;
    bn_buffer file = {0};
    BN_TRY_DONE(bn_cut_read(options, &read, error));
    BN_TRY_DONE(bn_cut_choose(&read, &chosen, error));
    BN_TRY_DONE(take(image, false, &copy, error));
    BN_TRY_DONE(bn_encode_check_size(chosen.cutout_encoding.format, image->width, image->height, error));
    bn_buffer_init(&file, BN_ENCODED_MAX_BYTES);
    BN_TRY_DONE(bn_image_encode(copy, &chosen.cutout_encoding, &file, error));
    *result = file.data;
    *result_bytes = file.size;
    file = (bn_buffer){0};
done:
    bn_buffer_free(&file);
    bn_image_destroy(&copy);
    return status;
}
