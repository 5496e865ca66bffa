/* stage.c - see stage.h. Colours are resized multiplied by their alpha, so that nothing of what is cut away comes in. */
#include "image/stage.h"

#include "base/size.h"
#include "image/codec_table.h"
#include "image/colour.h"
#include "pixels/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bn_box bn_stage_place(int subject_width, int subject_height, int width, int height, double fit_percent,
                      bn_align align)
{
    const int free_width = (int)fmax(1, floor(width * fit_percent / 100)),
              free_height = (int)fmax(1, floor(height * fit_percent / 100));
    const double scale = fmin((double)free_width / subject_width, (double)free_height / subject_height);
    bn_box place = {.width = (int)fmin(fmax(1, round(subject_width * scale)), free_width),
                    .height = (int)fmin(fmax(1, round(subject_height * scale)), free_height)};
    place.x = (width - place.width) / 2;
    place.y = align == BN_ALIGN_BOTTOM ? height - (height - free_height) / 2 - place.height
                                       : (height - place.height) / 2;
    return place;
}

/* Noise of the matte goes: below 13 nothing, from 39 on what it was, between in proportion. */
static unsigned clean(unsigned alpha)
{
    enum { NOTHING = 13, UNCHANGED = 39 };
    if (alpha < NOTHING) return 0;
    return alpha >= UNCHANGED ? alpha : (alpha - NOTHING) * UNCHANGED / (UNCHANGED - NOTHING);
}

static unsigned photo_alpha(const bn_image *photo, size_t pixel)
{
    if (photo->channels < 4) return 255;
    return photo->depth == 16 ? bn_sample_16_to_8(((const uint16_t *)photo->pixels)[4 * pixel + 3])
                              : ((const uint8_t *)photo->pixels)[4 * pixel + 3];
}

/* The subject's box as RGBA with colours multiplied by alpha; zeros where it reaches beyond the photo. */
static void cut_layer(const bn_image *photo, const uint8_t *rgb, const uint8_t *matte,
                      const uint8_t *foreground, bn_box box, uint8_t *layer)
{
    memset(layer, 0, (size_t)box.width * (size_t)box.height * 4);
    const int left = BN_MAX(box.x, 0), right = BN_MIN(box.x + box.width, photo->width);
    for (int y = BN_MAX(box.y, 0); y < BN_MIN(box.y + box.height, photo->height); y++)
        for (int x = left; x < right; x++) {
            const size_t from = (size_t)y * (size_t)photo->width + (size_t)x;
            const unsigned alpha = clean((matte[from] * photo_alpha(photo, from) + 127) / 255);
            const uint8_t *colour = foreground && matte[from] < 255 ? foreground : rgb;
            uint8_t *out = layer + 4 * ((size_t)(y - box.y) * (size_t)box.width + (size_t)(x - box.x));
            for (size_t k = 0; k < 3; k++) out[k] = (uint8_t)((colour[3 * from + k] * alpha + 127) / 255);
            out[3] = (uint8_t)alpha;
        }
}

/* The resized layer onto the canvas, its colours divided by alpha again. */
static void put_layer(const uint8_t *layer, bn_box place, bn_image *staged, uint8_t *staged_matte)
{
    const int left = BN_MAX(place.x, 0), right = BN_MIN(place.x + place.width, staged->width);
    uint8_t *pixels = staged->pixels;
    for (int y = BN_MAX(place.y, 0); y < BN_MIN(place.y + place.height, staged->height); y++)
        for (int x = left; x < right; x++) {
            const uint8_t *in =
                layer + 4 * ((size_t)(y - place.y) * (size_t)place.width + (size_t)(x - place.x));
            const size_t to = (size_t)y * (size_t)staged->width + (size_t)x;
            const unsigned alpha = in[3];
            staged_matte[to] = in[3];
            for (size_t k = 0; k < 3 && alpha > 0; k++)
                pixels[3 * to + k] = (uint8_t)BN_MIN(255, (in[k] * 255u + alpha / 2) / alpha);
        }
}

bn_status bn_stage_make(const bn_image *photo, const uint8_t *matte, const uint8_t *foreground,
                        bn_box subject, bn_box place, int canvas_width, int canvas_height, int threads,
                        bn_isa isa, bn_image **staged, uint8_t **staged_matte, bn_error *err)
{
    bn_rgb8 rgb = {0};
    bn_image *made = NULL;
    uint8_t *layer = NULL, *resized = NULL, *made_matte = NULL;
    bn_status status = BIREFNET_OK;
    const size_t layer_bytes = (size_t)subject.width * (size_t)subject.height * 4,
                 resized_bytes = (size_t)place.width * (size_t)place.height * 4;
    BN_TRY_DONE(bn_image_to_rgb8(photo, threads, &rgb, err));
    BN_TRY_DONE(bn_image_create(canvas_width, canvas_height, 3, 8, &made, err));
    layer = malloc(layer_bytes);
    resized = malloc(resized_bytes);
    made_matte = calloc((size_t)canvas_width, (size_t)canvas_height);
    if (!layer || !resized || !made_matte)
        BN_TRY_DONE(bn_fail_memory(err, layer_bytes + resized_bytes, "a canvas"));
    cut_layer(photo, rgb.pixels, matte, foreground, subject, layer);
    BN_TRY_DONE(bn_resize_u8(layer, subject.width, subject.height, 4, (ptrdiff_t)4 * subject.width, resized,
                             place.width, place.height, (ptrdiff_t)4 * place.width, BN_FILTER_BICUBIC,
                             threads, isa, err));
    put_layer(resized, place, made, made_matte);
    BN_TRY_DONE(bn_image_copy_facts(made, photo, err));
    *staged = made;
    *staged_matte = made_matte;
    made = NULL;
    made_matte = NULL;
done:
    bn_rgb8_release(&rgb);
    bn_image_destroy(&made);
    free(layer);
    free(resized);
    free(made_matte);
    return status;
}
