/* canvas.c - where the frames of an animation are drawn upon one another, and what writers of frames share. */
#include "image/animation_table.h"

#include "base/size.h"

#include <math.h>
#include <string.h>

bn_status bn_canvas_create(bn_canvas *canvas, int width, int height, bn_error *err)
{
    *canvas = (bn_canvas){0};
    return bn_image_create(width, height, 4, 8, &canvas->image, err);
}

void bn_canvas_release(bn_canvas *canvas)
{
    bn_image_destroy(&canvas->image);
    bn_image_destroy(&canvas->before);
}

static uint8_t *pixel_at(const bn_image *image, int x, int y)
{
    return (uint8_t *)image->pixels + (size_t)y * bn_image_row_bytes(image) + (size_t)x * 4;
}

/* from NULL: transparent. */
static void fill_box(bn_image *image, const bn_image *from, bn_box box)
{
    const size_t bytes = (size_t)box.width * 4;
    for (int y = box.y; y < box.y + box.height; y++) {
        if (from)
            memcpy(pixel_at(image, box.x, y), pixel_at(from, box.x, y), bytes);
        else
            memset(pixel_at(image, box.x, y), 0, bytes);
    }
}

static bn_box cut_to(const bn_image *image, bn_box box)
{
    const int left = BN_MIN(BN_MAX(box.x, 0), image->width), top = BN_MIN(BN_MAX(box.y, 0), image->height);
    const int64_t right = BN_MIN((int64_t)box.x + box.width, (int64_t)image->width);
    const int64_t bottom = BN_MIN((int64_t)box.y + box.height, (int64_t)image->height);
    return (bn_box){left, top, (int)BN_MAX(right - left, 0), (int)BN_MAX(bottom - top, 0)};
}

bn_status bn_canvas_begin(bn_canvas *canvas, bn_box box, bn_disposal disposal, bn_error *err)
{
    if (canvas->disposal == BN_DISPOSAL_CLEAR)
        fill_box(canvas->image, NULL, canvas->box);
    else if (canvas->disposal == BN_DISPOSAL_RESTORE)
        fill_box(canvas->image, canvas->before, canvas->box);
    canvas->box = cut_to(canvas->image, box);
    canvas->disposal = BN_DISPOSAL_KEEP;
    if (disposal == BN_DISPOSAL_RESTORE) {
        if (!canvas->before)
            BN_TRY(bn_image_create(canvas->image->width, canvas->image->height, 4, 8, &canvas->before, err));
        fill_box(canvas->before, canvas->image, canvas->box);
    }
    canvas->disposal = disposal;
    return BIREFNET_OK;
}

bn_status bn_canvas_copy(const bn_canvas *canvas, bn_image **frame, bn_error *err)
{
    const bn_image *image = canvas->image;
    BN_TRY(bn_image_create(image->width, image->height, 4, 8, frame, err));
    memcpy((*frame)->pixels, image->pixels, bn_image_bytes(image));
    return BIREFNET_OK;
}

uint32_t bn_ticks_next(bn_ticks *ticks, bn_delay delay, unsigned per_second, uint32_t least, uint32_t most)
{
    ticks->end_s += (double)delay.numerator / BN_MAX(delay.denominator, 1u);
    double count = round(ticks->end_s * per_second) - ticks->end_ticks;
    count = BN_MIN(BN_MAX(count, (double)least), (double)most);
    ticks->end_ticks += count;
    return (uint32_t)count;
}

bn_status bn_image_cut(const bn_image *image, bn_box box, bn_image **cut, bn_error *err)
{
    BN_TRY(bn_image_create(box.width, box.height, image->channels, image->depth, cut, err));
    const size_t pixel = (size_t)image->channels * (size_t)(image->depth / 8);
    const size_t from = bn_image_row_bytes(image), to = bn_image_row_bytes(*cut);
    const uint8_t *first = (const uint8_t *)image->pixels + (size_t)box.y * from + (size_t)box.x * pixel;
    for (size_t y = 0; y < (size_t)box.height; y++)
        memcpy((uint8_t *)(*cut)->pixels + y * to, first + y * from, to);
    return BIREFNET_OK;
}
