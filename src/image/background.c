/* background.c - covering a photo's frame with another picture. */
#include "image/background.h"

#include "base/size.h"
#include "image/colour.h"
#include "pixels/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest box in the middle of a picture that has the shape of width x height. */
static bn_box middle_of(const bn_image *picture, int width, int height)
{
    bn_box box = {0, 0, picture->width, picture->height};
    const double scale = fmax((double)width / picture->width, (double)height / picture->height);
    box.width = (int)BN_MAX(1, BN_MIN(box.width, (int)lround(width / scale)));
    box.height = (int)BN_MAX(1, BN_MIN(box.height, (int)lround(height / scale)));
    box.x = (picture->width - box.width) / 2;
    box.y = (picture->height - box.height) / 2;
    return box;
}

bn_status bn_background_cover(const bn_image *picture, const bn_image *photo, int threads, bn_isa isa,
                              uint8_t **rgb, bn_error *err)
{
    bn_rgb8 narrow = {0};
    bn_image *resized = NULL;
    bn_status status;
    const bn_box box = middle_of(picture, photo->width, photo->height);
    BN_TRY_DONE(bn_image_to_rgb8(picture, threads, &narrow, err));
    BN_TRY_DONE(bn_image_create(photo->width, photo->height, 3, 8, &resized, err));
    const ptrdiff_t stride = (ptrdiff_t)3 * picture->width;
    BN_TRY_DONE(bn_resize_u8(narrow.pixels + box.y * stride + 3 * (ptrdiff_t)box.x, box.width, box.height, 3,
                             stride, resized->pixels, photo->width, photo->height,
                             (ptrdiff_t)3 * photo->width, BN_FILTER_BICUBIC, threads, isa, err));
    BN_TRY_DONE(bn_image_set_icc(resized, picture->icc, picture->icc_bytes, err));
    BN_TRY_DONE(bn_image_match_profile(resized, photo, threads, err));
    *rgb = resized->pixels;
    resized->pixels = NULL;
done:
    bn_rgb8_release(&narrow);
    bn_image_destroy(&resized);
    return status;
}
