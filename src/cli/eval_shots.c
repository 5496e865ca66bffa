/* eval_shots.c - small pictures of the worst photos: the photo, the truth, each mask and where it is wrong. */
#include "cli/eval.h"

#include "base/size.h"
#include "image/colour.h"
#include "pixels/resample.h"

#include <stdlib.h>
#include <string.h>

#define SIDE_PX        320 /* of the longer side */
#define MAX_SHOT_BYTES ((size_t)1 << 20)

bool bn_eval_row_is_worse(const bn_eval_row *a, const bn_eval_row *b)
{
    const double *left = a->scores[0].value, *right = b->scores[0].value;
    if (left[BN_MEASURE_IOU] != right[BN_MEASURE_IOU]) return left[BN_MEASURE_IOU] < right[BN_MEASURE_IOU];
    return left[BN_MEASURE_MAE] > right[BN_MEASURE_MAE];
}

void bn_eval_shot_free(bn_eval_shot *shot)
{
    bn_buffer_free(&shot->photo);
    bn_buffer_free(&shot->truth);
    for (int m = 0; m < BN_EVAL_MODELS; m++) {
        bn_buffer_free(&shot->mask[m]);
        bn_buffer_free(&shot->difference[m]);
    }
}

static void init_shot(bn_eval_shot *shot, size_t row)
{
    *shot = (bn_eval_shot){.row = row};
    bn_buffer_init(&shot->photo, MAX_SHOT_BYTES);
    bn_buffer_init(&shot->truth, MAX_SHOT_BYTES);
    for (int m = 0; m < BN_EVAL_MODELS; m++) {
        bn_buffer_init(&shot->mask[m], MAX_SHOT_BYTES);
        bn_buffer_init(&shot->difference[m], MAX_SHOT_BYTES);
    }
}

/* A picture of one photo and the size at which the page shows it. */
typedef struct small {
    int from_width, from_height, width, height;
} small;

static small make_small(int width, int height)
{
    const double scale = BN_MIN(1.0, (double)SIDE_PX / BN_MAX(width, height));
    return (small){width, height, BN_MAX((int)(width * scale + 0.5), 1),
                   BN_MAX((int)(height * scale + 0.5), 1)};
}

/* *pixels uint8 [height][width][channels]: the caller frees them. */
static bn_status shrink(const small *size, const uint8_t *from, int channels, uint8_t **pixels, bn_error *err)
{
    const size_t bytes = (size_t)size->width * (size_t)size->height * (size_t)channels;
    *pixels = malloc(bytes);
    if (!*pixels) return bn_fail_memory(err, bytes, "a small picture");
    return bn_resize_u8(from, size->from_width, size->from_height, channels,
                        (ptrdiff_t)channels * size->from_width, *pixels, size->width, size->height,
                        (ptrdiff_t)channels * size->width, BN_FILTER_BILINEAR, 1, bn_cpu_isa(), err);
}

static bn_status encode(const small *size, const uint8_t *pixels, int channels, bn_buffer *out, bn_error *err)
{
    bn_encode_options options;
    bn_encode_options_default(&options, BN_FORMAT_WEBP);
    options.lossless = false;
    options.quality = 80;
    const bn_image view = bn_image_view(pixels, size->width, size->height, channels, 8);
    return bn_image_encode(&view, &options, out, err);
}

static bn_status encode_photo(const small *size, const bn_image *photo, uint8_t **pixels, bn_buffer *out,
                              bn_error *err)
{
    bn_rgb8 rgb = {0};
    BN_TRY(bn_image_to_srgb(photo, 1, &rgb, err));
    bn_status status = shrink(size, rgb.pixels, 3, pixels, err);
    if (status == BIREFNET_OK) status = encode(size, *pixels, 3, out, err);
    bn_rgb8_release(&rgb);
    return status;
}

static uint8_t blend(int photo, int colour, int share)
{
    return (uint8_t)((photo * (255 - share) + colour * share) / 255);
}

/* The photo in grey, red where the mask has too much, blue where too little; yellow where the truth is unknown. */
static void paint_difference(const uint8_t *photo, const uint8_t *truth, const uint8_t *mask, size_t pixels,
                             bool has_unknown, uint8_t *out)
{
    static const uint8_t much[3] = {230, 30, 30}, little[3] = {30, 90, 255}, unknown[3] = {235, 215, 90};
    for (size_t i = 0; i < pixels; i++) {
        const int grey = (photo[3 * i] * 3 + photo[3 * i + 1] * 6 + photo[3 * i + 2]) / 10 / 2 + 100;
        const int off = mask[i] - truth[i];
        const bool is_unknown = has_unknown && truth[i] == BN_TRUTH_UNKNOWN;
        const uint8_t *colour = is_unknown ? unknown : off > 0 ? much : little;
        const int share = is_unknown ? 110 : abs(off);
        for (size_t c = 0; c < 3; c++) out[3 * i + c] = blend(grey, colour[c], share);
    }
}

static bn_status encode_mask(const bn_eval *eval, const small *size, const uint8_t *photo,
                             const uint8_t *truth, const uint8_t *mask, bn_eval_shot *shot, int which,
                             bn_error *err)
{
    const size_t pixels = (size_t)size->width * (size_t)size->height;
    uint8_t *little = NULL, *painted = malloc(3 * pixels);
    bn_status status = BIREFNET_OK;
    if (!painted) BN_TRY_DONE(bn_fail_memory(err, 3 * pixels, "a small picture"));
    BN_TRY_DONE(shrink(size, mask, 1, &little, err));
    BN_TRY_DONE(encode(size, little, 1, &shot->mask[which], err));
    paint_difference(photo, truth, little, pixels, eval->has_unknown, painted);
    BN_TRY_DONE(encode(size, painted, 3, &shot->difference[which], err));
done:
    free(little);
    free(painted);
    return status;
}

/* Unknown pixels stay exactly that: the nearest pixel is taken, not a mean. */
static void shrink_truth(const small *size, const uint8_t *truth, uint8_t *out)
{
    for (int y = 0; y < size->height; y++)
        for (int x = 0; x < size->width; x++) {
            const size_t row = (size_t)((2 * y + 1) * (int64_t)size->from_height / (2 * size->height));
            const size_t column = (size_t)((2 * x + 1) * (int64_t)size->from_width / (2 * size->width));
            out[(size_t)y * (size_t)size->width + (size_t)x] = truth[row * (size_t)size->from_width + column];
        }
}

static bn_status make_shot(const bn_eval *eval, const bn_image *photo, const uint8_t *truth,
                           const uint8_t *const masks[BN_EVAL_MODELS], bn_eval_shot *shot, bn_error *err)
{
    const small size = make_small(photo->width, photo->height);
    uint8_t *rgb = NULL, *known = malloc((size_t)size.width * (size_t)size.height);
    bn_status status = BIREFNET_OK;
    if (!known) BN_TRY_DONE(bn_fail_memory(err, SIDE_PX * SIDE_PX, "a small picture"));
    BN_TRY_DONE(encode_photo(&size, photo, &rgb, &shot->photo, err));
    shrink_truth(&size, truth, known);
    BN_TRY_DONE(encode(&size, known, 1, &shot->truth, err));
    for (int m = 0; m < eval->model_count; m++)
        BN_TRY_DONE(encode_mask(eval, &size, rgb, known, masks[m], shot, m, err));
done:
    free(rgb);
    free(known);
    return status;
}

bn_status bn_eval_keep_shot(bn_eval *eval, size_t row, const bn_image *photo, const uint8_t *truth,
                            const uint8_t *const masks[BN_EVAL_MODELS], bn_error *err)
{
    int place = eval->shot_count;
    while (place > 0 && bn_eval_row_is_worse(&eval->rows[row], &eval->rows[eval->shots[place - 1].row]))
        place--;
    if (place == BN_EVAL_WORST) return BIREFNET_OK;
    bn_eval_shot shot;
    init_shot(&shot, row);
    const bn_status status = make_shot(eval, photo, truth, masks, &shot, err);
    if (status != BIREFNET_OK) {
        bn_eval_shot_free(&shot);
        return status;
    }
    memmove(&eval->shots[place + 1], &eval->shots[place], (size_t)(eval->shot_count - place) * sizeof shot);
    eval->shots[place] = shot;
    if (++eval->shot_count > BN_EVAL_WORST) bn_eval_shot_free(&eval->shots[--eval->shot_count]);
    return BIREFNET_OK;
}
