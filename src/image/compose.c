/* compose.c - one pixel of the cut-out after the other, at 8 or 16 bits. */
#include "image/compose.h"

#include "base/parallel.h"
#include "base/size.h"
#include "image/backdrop.h"
#include "image/background.h"
#include "image/codec_table.h"
#include "image/colour.h"
#include "image/compose_kernels.h"

#include <stdlib.h>
#include <string.h>

void bn_compose_options_default(bn_compose_options *options)
{
    *options = (bn_compose_options){.colour = {255, 255, 255, 255},
                                    .blur_percent = BN_BLUR_USUAL_PERCENT,
                                    .threads = 1,
                                    .isa = bn_cpu_isa()};
}

typedef struct composing {
    const bn_image *photo;
    const uint8_t *matte;
    ptrdiff_t matte_stride;
    const uint8_t *foreground; /* NULL: the photo's colours */
    const uint8_t *shadow;     /* NULL: none */
    uint8_t *background;       /* 8-bit RGB of the photo's size; NULL: the colour below */
    uint16_t colour[3];        /* of the background, in the photo's profile, 16 bits */
    unsigned colour_alpha;     /* 0 to 255; 0: transparent */
    bn_box box;                /* of the photo */
    bool keep_hidden;
    bn_cutout_row_fn cutout_row;
    bn_image *result;
} composing;

/* Samples of one image row, 8 or 16 bits; `depth` is a constant where this is inlined. */
static inline unsigned get(const void *row, size_t at, const int depth)
{
    return depth == 16 ? ((const uint16_t *)row)[at] : ((const uint8_t *)row)[at];
}

static inline void put(void *row, size_t at, unsigned value, const int depth)
{
    if (depth == 16)
        ((uint16_t *)row)[at] = (uint16_t)value;
    else
        ((uint8_t *)row)[at] = (uint8_t)value;
}

/* The estimated colour at the photo's depth. At 16 bits it is the photo's own value moved by what the
 * estimate moved its 8-bit value, so that nothing is lost where nothing was moved. */
static inline unsigned front_sample(const composing *c, const void *row, size_t pixel, size_t at,
                                    size_t channel, const int depth)
{
    const unsigned own = get(row, at + channel, depth);
    if (!c->foreground) return own;
    const unsigned estimate = c->foreground[3 * pixel + channel];
    if (depth == 8) return estimate;
    const int moved = (int)own + ((int)estimate - bn_sample_16_to_8(own)) * 257;
    return (unsigned)BN_MAX(0, BN_MIN(65535, moved));
}

static inline unsigned back_sample(const composing *c, size_t pixel, size_t channel, const int depth)
{
    if (!c->background) return depth == 16 ? c->colour[channel] : bn_sample_16_to_8(c->colour[channel]);
    const unsigned value = c->background[3 * pixel + channel];
    return depth == 16 ? value * 257 : value;
}

static inline __attribute__((always_inline)) void compose_row(const composing *c, int y, const int depth)
{
    const uint64_t most = depth == 16 ? 65535 : 255;
    const size_t in_channels = (size_t)c->photo->channels, out_channels = (size_t)c->result->channels;
    const uint8_t *matte = c->matte + (c->box.y + y) * c->matte_stride + c->box.x;
    const uint8_t *in =
        (const uint8_t *)c->photo->pixels + (size_t)(c->box.y + y) * bn_image_row_bytes(c->photo);
    uint8_t *out = (uint8_t *)c->result->pixels + (size_t)y * bn_image_row_bytes(c->result);
    const uint64_t colour_alpha = depth == 16 ? c->colour_alpha * 257 : c->colour_alpha;
    for (size_t x = 0; x < (size_t)c->box.width; x++) {
        const size_t from = ((size_t)c->box.x + x) * in_channels, to = x * out_channels;
        const size_t pixel = (size_t)(c->box.y + y) * (size_t)c->photo->width + (size_t)c->box.x + x;
        uint64_t alpha = depth == 16 ? matte[x] * 257u : matte[x];
        if (in_channels == 4) alpha = (alpha * get(in, from + 3, depth) + most / 2) / most;
        /* a shadow is black and lies on the background: lit is what shows of that, back_alpha both together */
        uint64_t lit = colour_alpha, back_alpha = colour_alpha;
        if (c->shadow) {
            const uint64_t dark = depth == 16 ? c->shadow[pixel] * 257u : c->shadow[pixel];
            lit = (colour_alpha * (most - dark) + most / 2) / most;
            back_alpha = lit + dark;
        }
        const uint64_t behind =
            (back_alpha * (most - alpha) + most / 2) / most; /* how much background shows */
        const uint64_t whole = alpha + behind;
        if (out_channels == 4) put(out, to + 3, (unsigned)whole, depth);
        if (whole == 0 && !c->keep_hidden) continue; /* the result begins as zeros */
        for (size_t k = 0; k < 3; k++) {
            uint64_t value =
                matte[x] == 255 ? get(in, from + k, depth) : front_sample(c, in, pixel, from, k, depth);
            if (behind > 0) {
                uint64_t back = back_sample(c, pixel, k, depth);
                if (c->shadow) back = (back * lit + back_alpha / 2) / back_alpha;
                value = (value * alpha + back * behind + whole / 2) / whole;
            }
            put(out, to + k, (unsigned)value, depth);
        }
    }
}

/* The usual cut-out of an 8-bit photo, for which there are faster loops. */
static bool is_usual(const composing *c)
{
    return c->photo->depth == 8 && c->photo->channels == 3 && c->result->channels == 4 &&
           c->colour_alpha == 0 && !c->shadow && !c->keep_hidden;
}

static void compose_usual_row(const composing *c, int y)
{
    const size_t first = (size_t)(c->box.y + y) * (size_t)c->photo->width + (size_t)c->box.x;
    const uint8_t *rgb = (const uint8_t *)c->photo->pixels + 3 * first;
    const uint8_t *matte = c->matte + (c->box.y + y) * c->matte_stride + c->box.x;
    uint8_t *out = (uint8_t *)c->result->pixels + (size_t)y * bn_image_row_bytes(c->result);
    c->cutout_row(rgb, c->foreground ? c->foreground + 3 * first : rgb, matte, c->box.width, out);
}

static void compose_rows(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const composing *c = context;
    for (size_t y = begin; y < end; y++) {
        if (is_usual(c))
            compose_usual_row(c, (int)y);
        else if (c->photo->depth == 16)
            compose_row(c, (int)y, 16);
        else
            compose_row(c, (int)y, 8);
    }
}

/* The background's colour, given as sRGB, in the photo's profile. */
static bn_status convert_colour(const bn_image *photo, const uint8_t *srgb, uint16_t *colour, bn_error *err)
{
    bn_image *pixel = NULL;
    BN_TRY(bn_image_create(1, 1, 3, 16, &pixel, err));
    uint16_t *samples = pixel->pixels;
    for (size_t k = 0; k < 3; k++) samples[k] = (uint16_t)(srgb[k] * 257);
    const bn_status status = bn_image_match_profile(pixel, photo, 1, err);
    memcpy(colour, samples, 3 * sizeof *colour);
    bn_image_destroy(&pixel);
    return status;
}

static bn_status blur_background(composing *c, const bn_compose_options *options, bn_error *err)
{
    bn_image *backdrop = NULL;
    BN_TRY(bn_backdrop_make(c->photo, c->matte, c->matte_stride, options->blur_percent, options->threads,
                            options->isa, &backdrop, err));
    const bn_status status =
        bn_background_cover(backdrop, c->photo, options->threads, options->isa, &c->background, err);
    bn_image_destroy(&backdrop);
    return status;
}

static bn_status prepare_background(composing *c, const bn_compose_options *options, bn_error *err)
{
    switch (options->background) {
    case BN_BACKGROUND_NONE:
        return BIREFNET_OK;
    case BN_BACKGROUND_COLOUR:
        c->colour_alpha = options->colour[3];
        return convert_colour(c->photo, options->colour, c->colour, err);
    case BN_BACKGROUND_IMAGE:
        c->colour_alpha = 255;
        if (!options->image) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "no background image was given");
        return bn_background_cover(options->image, c->photo, options->threads, options->isa, &c->background,
                                   err);
    case BN_BACKGROUND_BLUR:
        c->colour_alpha = 255;
        return blur_background(c, options, err);
    }
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "no such kind of background: %d", (int)options->background);
}

static bool box_is_inside(const bn_box *box, const bn_image *photo)
{
    return box->x >= 0 && box->y >= 0 && box->width >= 1 && box->height >= 1 &&
           box->x <= photo->width - box->width && box->y <= photo->height - box->height;
}

bn_status bn_compose(const bn_image *photo, const uint8_t *matte, ptrdiff_t matte_stride,
                     const uint8_t *foreground, const bn_compose_options *options, bn_image **result,
                     bn_error *err)
{
    composing c = {
        .photo = photo,
        .matte = matte,
        .matte_stride = matte_stride,
        .foreground = foreground,
        .shadow = options->shadow,
        .box = options->has_crop ? options->crop : (bn_box){0, 0, photo->width, photo->height},
        .keep_hidden = options->keep_hidden,
        .cutout_row = bn_cutout_row_for(options->isa),
    };
    if (photo->channels < 3)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "a cut-out is made from RGB or RGBA, not from grey");
    if (!box_is_inside(&c.box, photo))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the crop box %dx%d at %d,%d is not inside the photo",
                       c.box.width, c.box.height, c.box.x, c.box.y);
    bn_status status;
    BN_TRY_DONE(prepare_background(&c, options, err));
    const int channels = c.colour_alpha == 255 ? 3 : 4; /* a shadow on nothing has alpha */
    BN_TRY_DONE(bn_image_create(c.box.width, c.box.height, channels, photo->depth, &c.result, err));
    BN_TRY_DONE(bn_image_copy_facts(c.result, photo, err));
    bn_parallel_for(options->threads, (size_t)c.box.height, compose_rows, &c);
    *result = c.result;
    c.result = NULL;
done:
    free(c.background);
    bn_image_destroy(&c.result);
    return status;
}
