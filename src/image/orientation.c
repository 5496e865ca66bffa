/* orientation.c - the eight ways to turn an image. */
#include "image/orientation.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

bool bn_orientation_swaps_sides(int orientation)
{
    return orientation >= 5 && orientation <= 8;
}

/* Upright pixel (x, y) is stored pixel (first + x * step_x + y * step_y), counted in pixels. */
typedef struct turn {
    const uint8_t *stored;
    uint8_t *upright;
    ptrdiff_t first, step_x, step_y;
    int width, height; /* upright */
} turn;

/* Tiles keep both the stored rows and the upright rows of a transposition in the cache. */
#define TILE_PX 32

static inline __attribute__((always_inline)) void turn_pixels(const turn *t, const size_t pixel_bytes)
{
    for (int top = 0; top < t->height; top += TILE_PX)
        for (int left = 0; left < t->width; left += TILE_PX)
            for (int y = top; y < BN_MIN(top + TILE_PX, t->height); y++) {
                uint8_t *out = t->upright + ((size_t)y * (size_t)t->width + (size_t)left) * pixel_bytes;
                ptrdiff_t from = t->first + left * t->step_x + y * t->step_y;
                const int right = BN_MIN(left + TILE_PX, t->width);
                for (int x = left; x < right; x++, out += pixel_bytes, from += t->step_x)
                    memcpy(out, t->stored + (size_t)from * pixel_bytes, pixel_bytes);
            }
}

static void turn_by_pixel_size(const turn *t, size_t pixel_bytes)
{
    switch (pixel_bytes) {
    case 3:
        turn_pixels(t, 3);
        break;
    case 4:
        turn_pixels(t, 4);
        break;
    case 6:
        turn_pixels(t, 6);
        break;
    case 8:
        turn_pixels(t, 8);
        break;
    default:
        turn_pixels(t, pixel_bytes);
        break;
    }
}

bn_status bn_image_orient(bn_image *image, int orientation, bn_error *err)
{
    if (orientation <= 1 || orientation > 8) return BIREFNET_OK;
    const ptrdiff_t width = image->width, height = image->height;
    const ptrdiff_t last_x = width - 1, last_row = (height - 1) * width;
    /* first, step_x, step_y for each orientation */
    const ptrdiff_t steps[9][3] = {
        [2] = {last_x, -1, width},   [3] = {last_row + last_x, -1, -width},
        [4] = {last_row, 1, -width}, [5] = {0, width, 1},
        [6] = {last_row, -width, 1}, [7] = {last_row + last_x, -width, -1},
        [8] = {last_x, width, -1},
    };
    const bool swaps = bn_orientation_swaps_sides(orientation);
    turn t = {
        .stored = image->pixels,
        .upright = malloc(bn_image_bytes(image)),
        .first = steps[orientation][0],
        .step_x = steps[orientation][1],
        .step_y = steps[orientation][2],
        .width = swaps ? image->height : image->width,
        .height = swaps ? image->width : image->height,
    };
    if (!t.upright)
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to turn an image of %dx%d pixels", image->width,
                       image->height);
    turn_by_pixel_size(&t, (size_t)image->channels * (size_t)(image->depth / 8));
    free(image->pixels);
    image->pixels = t.upright;
    image->width = t.width;
    image->height = t.height;
    if (swaps) image->density = (bn_density){image->density.y, image->density.x};
    return BIREFNET_OK;
}
