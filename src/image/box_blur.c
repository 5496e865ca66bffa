/* box_blur.c - see box_blur.h. */
#include "image/box_blur.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* One running-sum box blur along a line of `count` pixels, `step` bytes apart. */
static void blur_line(uint8_t *line, ptrdiff_t step, int count, int channels, int radius, uint8_t *copy)
{
    const size_t pixel = (size_t)channels;
    for (int i = 0; i < count; i++) memcpy(copy + pixel * (size_t)i, line + i * step, pixel);
    const int64_t box = 2 * (int64_t)radius + 1;
    for (int c = 0; c < channels; c++) {
        int64_t sum = box / 2;
        for (int k = -radius; k <= radius; k++) sum += copy[channels * BN_MAX(0, BN_MIN(k, count - 1)) + c];
        for (int i = 0; i < count; i++) {
            line[i * step + c] = (uint8_t)(sum / box);
            sum += copy[channels * BN_MIN(i + radius + 1, count - 1) + c] -
                   copy[channels * BN_MAX(i - radius, 0) + c];
        }
    }
}

bn_status bn_box_blur(uint8_t *pixels, int width, int height, int channels, int radius_x, int radius_y,
                      bn_error *err)
{
    const size_t bytes = (size_t)channels * (size_t)BN_MAX(width, height);
    uint8_t *copy = malloc(bytes);
    if (!copy) return bn_fail_memory(err, bytes, "a line of a background");
    const ptrdiff_t row = (ptrdiff_t)channels * width;
    for (int pass = 0; pass < 3; pass++) {
        for (int y = 0; y < height && radius_x > 0; y++)
            blur_line(pixels + y * row, channels, width, channels, radius_x, copy);
        for (int x = 0; x < width && radius_y > 0; x++)
            blur_line(pixels + (ptrdiff_t)channels * x, row, height, channels, radius_y, copy);
    }
    free(copy);
    return BIREFNET_OK;
}
