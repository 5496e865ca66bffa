/* matte.c - thresholds and boxes of mattes. */
#include "image/compose.h"

#include "base/size.h"

void bn_matte_threshold(uint8_t *matte, int width, int height, ptrdiff_t stride_bytes, int level)
{
    for (int y = 0; y < height; y++) {
        uint8_t *row = matte + y * stride_bytes;
        for (int x = 0; x < width; x++) row[x] = row[x] >= level ? 255 : 0;
    }
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
