/* smooth.c - an exponential average over time, gated by how much each pixel has changed. */
#include "cutout/smooth.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* The share of the old matte by difference, in 1/65536. */
static void make_weights(double strength, int32_t weights[256])
{
    for (int d = 0; d < 256; d++) {
        const double still = d < BN_SMOOTH_RANGE ? 1 - (double)d / BN_SMOOTH_RANGE : 0;
        weights[d] = (int32_t)(65536 * strength * still + 0.5);
    }
}

static void blend(const bn_smooth *smooth, const uint8_t *now, uint8_t *matte)
{
    int32_t weights[256];
    make_weights(smooth->strength, weights);
    const size_t channels = (size_t)smooth->frame->channels;
    const size_t pixels = (size_t)smooth->frame->width * (size_t)smooth->frame->height;
    const uint8_t *before = smooth->frame->pixels;
    for (size_t i = 0; i < pixels; i++) {
        int most = 0;
        for (size_t c = 0; c < channels; c++)
            most = BN_MAX(most, abs(now[i * channels + c] - before[i * channels + c]));
        const int32_t step = weights[most] * (smooth->matte[i] - matte[i]);
        matte[i] = (uint8_t)((65536 * matte[i] + step + 32768) / 65536); /* never negative */
    }
}

static bool is_alike(const bn_image *a, const bn_image *b)
{
    return a && a->width == b->width && a->height == b->height && a->channels == b->channels;
}

bn_status bn_smooth_apply(bn_smooth *smooth, const bn_image *frame, uint8_t *matte, bn_error *err)
{
    if (smooth->strength <= 0) return BIREFNET_OK;
    if (frame->depth != 8)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "frames of %d bits are not smoothed", frame->depth);
    const size_t pixels = (size_t)frame->width * (size_t)frame->height;
    if (is_alike(smooth->frame, frame)) {
        blend(smooth, frame->pixels, matte);
    } else {
        bn_smooth_release(smooth);
        BN_TRY(bn_image_create(frame->width, frame->height, frame->channels, 8, &smooth->frame, err));
        smooth->matte = malloc(pixels);
        if (!smooth->matte) return bn_fail_memory(err, pixels, "the last matte");
    }
    memcpy(smooth->frame->pixels, frame->pixels, bn_image_bytes(frame));
    memcpy(smooth->matte, matte, pixels);
    return BIREFNET_OK;
}

void bn_smooth_release(bn_smooth *smooth)
{
    bn_image_destroy(&smooth->frame);
    free(smooth->matte);
    smooth->matte = NULL;
}
