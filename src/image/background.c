/* background.c - covering a photo's frame with another picture, or with a blurred copy of the photo. */
#include "image/background.h"

#include "base/size.h"
#include "image/colour.h"
#include "image/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bn_status allocate_rgb(int width, int height, uint8_t **rgb, bn_error *err)
{
    const size_t bytes = (size_t)width * (size_t)height * 3;
    *rgb = malloc(bytes);
    return *rgb ? BIREFNET_OK : bn_fail_memory(err, bytes, "a background");
}

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

/* One running-sum box blur along a line of `count` pixels of RGB, `step` bytes apart; edges repeat. */
static void blur_line(uint8_t *line, ptrdiff_t step, int count, int radius, uint8_t *copy)
{
    for (int i = 0; i < count; i++) memcpy(copy + 3 * (size_t)i, line + i * step, 3);
    const int box = 2 * radius + 1;
    for (int c = 0; c < 3; c++) {
        int sum = box / 2;
        for (int k = -radius; k <= radius; k++) sum += copy[3 * BN_MAX(0, BN_MIN(k, count - 1)) + c];
        for (int i = 0; i < count; i++) {
            line[i * step + c] = (uint8_t)(sum / box);
            sum += copy[3 * BN_MIN(i + radius + 1, count - 1) + c] - copy[3 * BN_MAX(i - radius, 0) + c];
        }
    }
}

/* Three boxes come close to a Gaussian. */
static bn_status blur_small(uint8_t *rgb, int width, int height, int radius, bn_error *err)
{
    uint8_t *copy = malloc(3 * (size_t)BN_MAX(width, height));
    if (!copy) return bn_fail_memory(err, 3 * (size_t)BN_MAX(width, height), "a line of a background");
    const ptrdiff_t row = (ptrdiff_t)3 * width;
    for (int pass = 0; pass < 3; pass++) {
        for (int y = 0; y < height; y++) blur_line(rgb + y * row, 3, width, radius, copy);
        for (int x = 0; x < width; x++) blur_line(rgb + (ptrdiff_t)3 * x, row, height, radius, copy);
    }
    free(copy);
    return BIREFNET_OK;
}

bn_status bn_background_blur(const bn_image *photo, double radius_px, int threads, bn_isa isa, uint8_t **rgb,
                             bn_error *err)
{
    /* blurred at a size where the radius is a few pixels: time does not depend on the radius */
    const double small_radius = 6, shrink = fmax(1, radius_px / small_radius);
    const int width = (int)fmax(1, photo->width / shrink), height = (int)fmax(1, photo->height / shrink);
    const int radius = (int)fmax(1, round(radius_px / shrink));
    bn_rgb8 narrow = {0};
    uint8_t *small = NULL, *made = NULL;
    bn_status status;
    BN_TRY_DONE(bn_image_to_rgb8(photo, threads, &narrow, err));
    BN_TRY_DONE(allocate_rgb(width, height, &small, err));
    BN_TRY_DONE(allocate_rgb(photo->width, photo->height, &made, err));
    const ptrdiff_t stride = (ptrdiff_t)3 * photo->width, small_stride = (ptrdiff_t)3 * width;
    BN_TRY_DONE(bn_resize_u8(narrow.pixels, photo->width, photo->height, 3, stride, small, width, height,
                             small_stride, BN_FILTER_BILINEAR, threads, isa, err));
    BN_TRY_DONE(blur_small(small, width, height, radius, err));
    BN_TRY_DONE(bn_resize_u8(small, width, height, 3, small_stride, made, photo->width, photo->height, stride,
                             BN_FILTER_BICUBIC, threads, isa, err));
    *rgb = made;
    made = NULL;
done:
    bn_rgb8_release(&narrow);
    free(small);
    free(made);
    return status;
}
