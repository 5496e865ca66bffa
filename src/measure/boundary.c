/* boundary.c - boundary IoU: the overlap of the bands that run along the inside of both outlines.
 *
 * Cheng, Girshick, Dollar, Berg, Kirillov, "Boundary IoU: improving object-centric image segmentation evaluation",
 * CVPR 2021; the band is 2 % of the diagonal wide. Where the truth is unknown it is taken to be what the mask says, and
 * such pixels do not count. */
#include "measure/families.h"

#include "base/size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHARE_OF_DIAGONAL 0.02

/* out[x]: whether all of in[x - radius .. x + radius] is set; beyond the row nothing is. */
static void erode_row(const uint8_t *in, uint8_t *out, int width, int radius)
{
    int run = 0; /* set pixels up to and including x + radius, without a gap */
    for (int x = 0; x < BN_MIN(radius, width); x++) run = in[x] ? run + 1 : 0;
    for (int x = 0; x < width; x++) {
        const int ahead = x + radius;
        run = ahead < width && in[ahead] ? run + 1 : 0;
        out[x] = run > 2 * radius;
    }
}

/* bytes [height][width] of 0 and 1, in place: 1 where the whole square of 2 radius + 1 pixels was. Scratch: runs
 * int [width], row uint8 [width]. */
static void erode(uint8_t *bytes, int width, int height, int radius, int *runs, uint8_t *row)
{
    const size_t stride = (size_t)width;
    for (int y = 0; y < height; y++) {
        erode_row(bytes + (size_t)y * stride, row, width, radius);
        memcpy(bytes + (size_t)y * stride, row, stride);
    }
    memset(runs, 0, stride * sizeof *runs);
    for (int ahead = 0; ahead < height + radius;
         ahead++) { /* row `ahead - radius` is decided when `ahead` is seen */
        const uint8_t *seen = ahead < height ? bytes + (size_t)ahead * stride : NULL;
        const int y = ahead - radius;
        for (size_t x = 0; x < stride; x++) {
            runs[x] = seen && seen[x] ? runs[x] + 1 : 0;
            if (y >= 0) bytes[(size_t)y * stride + x] = runs[x] > 2 * radius;
        }
    }
}

/* band: 1 where `is_set` and some pixel within the radius, or the border, is not. */
static void make_band(const uint8_t *is_set, uint8_t *band, const bn_mask_pair *pair, int radius, int *runs,
                      uint8_t *row)
{
    memcpy(band, is_set, bn_pair_pixels(pair));
    erode(band, pair->width, pair->height, radius, runs, row);
    for (size_t i = 0; i < bn_pair_pixels(pair); i++) band[i] = is_set[i] && !band[i];
}

bn_status bn_boundary_iou(const bn_mask_pair *pair, double *value, bn_error *err)
{
    const size_t pixels = bn_pair_pixels(pair), width = (size_t)pair->width;
    const int radius = BN_MAX((int)rint(SHARE_OF_DIAGONAL * hypot(pair->width, pair->height)), 1);
    bn_status status = BIREFNET_OK;
    uint8_t *is_set = malloc(pixels), *bands[2] = {malloc(pixels), malloc(pixels)}, *row = malloc(width);
    int *runs = malloc(width * sizeof *runs);
    if (!is_set || !bands[0] || !bands[1] || !row || !runs)
        BN_TRY_DONE(bn_fail_memory(err, 3 * pixels, "the bands along the outlines"));
    for (size_t i = 0; i < pixels; i++) is_set[i] = pair->mask[i] >= BN_SUBJECT_FROM;
    make_band(is_set, bands[0], pair, radius, runs, row);
    for (size_t i = 0; i < pixels; i++)
        if (bn_is_known(pair, i)) is_set[i] = pair->truth[i] >= BN_SUBJECT_FROM;
    make_band(is_set, bands[1], pair, radius, runs, row);
    size_t both = 0, either = 0;
    for (size_t i = 0; i < pixels; i++) {
        if (!bn_is_known(pair, i)) continue;
        both += bands[0][i] & bands[1][i];
        either += bands[0][i] | bands[1][i];
    }
    *value = either > 0 ? (double)both / (double)either : 1;
done:
    free(is_set);
    free(bands[0]);
    free(bands[1]);
    free(row);
    free(runs);
    return status;
}
