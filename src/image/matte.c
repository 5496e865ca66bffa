/* matte.c - thresholds, sure parts and boxes of mattes. */
#include "image/compose.h"

#include "base/size.h"

#include <stdlib.h>

void bn_matte_threshold(uint8_t *matte, int width, int height, ptrdiff_t stride_bytes, int level)
{
    for (int y = 0; y < height; y++) {
        uint8_t *row = matte + y * stride_bytes;
        for (int x = 0; x < width; x++) row[x] = row[x] >= level ? 255 : 0;
    }
}

/* One line of zeros and ones, `step` bytes apart: a one stays where all of the window around it are ones. */
static void erode_line(uint8_t *line, int count, size_t step, int window, uint8_t beyond)
{
    const int after = window - 1 - window / 2;
    int run = beyond ? window : 0;
    for (int i = 0; i < count + after; i++) {
        run = (i < count ? line[(size_t)i * step] : beyond) ? BN_MIN(run + 1, window) : 0;
        if (i >= after) line[(size_t)(i - after) * step] = run == window;
    }
}

static void erode(uint8_t *plane, int width, int height, int window, uint8_t beyond)
{
    for (int y = 0; y < height; y++)
        erode_line(plane + (size_t)y * (size_t)width, width, 1, BN_MIN(window, 2 * width), beyond);
    for (int x = 0; x < width; x++)
        erode_line(plane + x, height, (size_t)width, BN_MIN(window, 2 * height), beyond);
}

bn_status bn_matte_settle(uint8_t *matte, int width, int height, ptrdiff_t stride_bytes, const bn_sure *sure,
                          bn_error *err)
{
    const size_t bytes = (size_t)width * (size_t)height;
    uint8_t *plane = malloc(bytes);
    if (!plane) return bn_fail_memory(err, bytes, "what is sure of a matte");
    for (int part = 0; part < 2; part++) { /* background, foreground */
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                const uint8_t value = matte[y * stride_bytes + x];
                plane[(size_t)y * (size_t)width + (size_t)x] =
                    part ? value > sure->foreground : value < sure->background;
            }
        if (sure->erode_px > 1) erode(plane, width, height, sure->erode_px, part == 0);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                if (plane[(size_t)y * (size_t)width + (size_t)x])
                    matte[y * stride_bytes + x] = part ? 255 : 0;
    }
    free(plane);
    return BIREFNET_OK;
}

bool bn_matte_find_box(const uint8_t *matte, int width, int height, ptrdiff_t stride_bytes, int level,
                       bn_box *box)
{
    int left = width, right = -1, top = height, bottom = -1;
    for (int y = 0; y < height; y++) {
        const uint8_t *row = matte + y * stride_bytes;
        int first = 0, last = width - 1;
        while (first < width && row[first] < level) first++;
        if (first == width) continue;
        while (row[last] < level) last--;
        left = BN_MIN(left, first);
        right = BN_MAX(right, last);
        top = BN_MIN(top, y);
        bottom = y;
    }
    if (bottom < 0) return false;
    *box = (bn_box){left, top, right - left + 1, bottom - top + 1};
    return true;
}

void bn_box_grow(bn_box *box, int margin_px, double margin_percent, int width, int height)
{
    const int longer = BN_MAX(box->width, box->height);
    const double wanted = (double)margin_px + (double)longer * margin_percent / 100 + 0.5;
    const int margin = (int)BN_MAX(0.0, BN_MIN(wanted, (double)BN_MAX(width, height)));
    const int left = BN_MAX(box->x - margin, 0), top = BN_MAX(box->y - margin, 0);
    const int right = BN_MIN(box->x + box->width, width - margin) + margin;
    const int bottom = BN_MIN(box->y + box->height, height - margin) + margin;
    *box = (bn_box){left, top, BN_MIN(right, width) - left, BN_MIN(bottom, height) - top};
}
