/* fill.c - see fill.h. */
#include "image/fill.h"

#include "base/size.h"

#include <stdlib.h>

/* Sides halve to 1: 2^31 has 32 levels. */
#define MAX_LEVELS 32

typedef struct level {
    float *rgbw; /* [height][width][4] */
    int width, height;
} level;

static float *pixel_of(const level *at, int x, int y)
{
    return at->rgbw +
           4 * ((size_t)BN_MIN(y, at->height - 1) * (size_t)at->width + (size_t)BN_MIN(x, at->width - 1));
}

/* Sums of four pixels; where more than one whole pixel is known of them, scaled to one. */
static void pull(const level *from, level *to)
{
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++) {
            float *out = pixel_of(to, x, y);
            for (int k = 0; k < 4; k++) out[k] = 0;
            for (int i = 0; i < 4; i++) {
                const int px = 2 * x + i % 2, py = 2 * y + i / 2;
                if (px >= from->width || py >= from->height) continue;
                const float *in = pixel_of(from, px, py);
                for (int k = 0; k < 4; k++) out[k] += in[k];
            }
            const float scale = out[3] > 1 ? 1 / out[3] : 1;
            for (int k = 0; k < 4; k++) out[k] *= scale;
        }
}

/* Colours of the coarse level between the centres of its pixels, weights 9 3 3 1 of 16. */
static void sample(const level *coarse, int x, int y, float colour[3])
{
    const int nx = x / 2, ny = y / 2;
    const int fx = BN_MAX(nx + (x % 2 ? 1 : -1), 0), fy = BN_MAX(ny + (y % 2 ? 1 : -1), 0);
    const float *a = pixel_of(coarse, nx, ny), *b = pixel_of(coarse, fx, ny);
    const float *c = pixel_of(coarse, nx, fy), *d = pixel_of(coarse, fx, fy);
    for (int k = 0; k < 3; k++) colour[k] = (9 * a[k] + 3 * b[k] + 3 * c[k] + d[k]) / 16;
}

static void push(const level *coarse, level *to)
{
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++) {
            float *out = pixel_of(to, x, y), colour[3];
            if (out[3] >= 1) continue;
            sample(coarse, x, y, colour);
            for (int k = 0; k < 3; k++) out[k] += (1 - out[3]) * colour[k];
            out[3] = 1;
        }
}

bn_status bn_fill_holes(float *rgbw, int width, int height, bn_error *err)
{
    level levels[MAX_LEVELS] = {{rgbw, width, height}};
    bn_status status = BIREFNET_OK;
    int count = 1;
    for (; levels[count - 1].width > 1 || levels[count - 1].height > 1; count++) {
        level *next = &levels[count];
        *next =
            (level){.width = (levels[count - 1].width + 1) / 2, .height = (levels[count - 1].height + 1) / 2};
        const size_t bytes = (size_t)next->width * (size_t)next->height * 4 * sizeof(float);
        next->rgbw = malloc(bytes);
        if (!next->rgbw) BN_TRY_DONE(bn_fail_memory(err, bytes, "a background"));
        pull(&levels[count - 1], next);
    }
    float *top = levels[count - 1].rgbw;
    if (top[3] <= 0) goto done; /* nothing is known */
    for (int k = 0; k < 4; k++) top[k] /= k < 3 ? top[3] : 1;
    top[3] = 1;
    for (int i = count - 2; i >= 0; i--) push(&levels[i + 1], &levels[i]);
done:
    for (int i = 1; i < BN_MIN(count + 1, MAX_LEVELS); i++) free(levels[i].rgbw);
    return status;
}
