/* weighted.c - the weighted F-measure.
 *
 * Margolin, Zelnik-Manor, Tal, "How to evaluate foreground maps?", CVPR 2014; beta 1. Errors inside the subject are
 * forgiven where their neighbourhood is right; errors outside weigh more the farther they lie from it. */
#include "measure/families.h"

#include "base/size.h"
#include "measure/nearest.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RADIUS      3 /* of the Gaussian window, 7 x 7, its deviation is 5 */
#define ROWS        (2 * RADIUS + 1)
#define DEVIATION   5.0
#define HALF_WAY_PX 5.0 /* distance at which the weight of an error outside is half way from 1 to 2 */

typedef struct weighted {
    const bn_mask_pair *pair;
    bn_nearest *nearest;
    uint8_t *subject; /* [pixels] */
    uint8_t *spread;  /* [pixels]: errors, 0 to 255; outside the subject that of its nearest pixel */
    int32_t *pixels;  /* [width] */
    int64_t *squares; /* [width]: distances */
    float *blurred;   /* [ROWS][width]: rows of `spread`, blurred along the row; row y lies at y % ROWS */
    double kernel[ROWS];
    double inside, outside; /* sums of weighted errors */
} weighted;

static void free_weighted(weighted *self)
{
    bn_nearest_destroy(&self->nearest);
    free(self->subject);
    free(self->spread);
    free(self->pixels);
    free(self->squares);
    free(self->blurred);
}

static bn_status make_weighted(const bn_mask_pair *pair, weighted *self, bn_error *err)
{
    const size_t pixels = bn_pair_pixels(pair), width = (size_t)pair->width;
    *self = (weighted){.pair = pair,
                       .subject = malloc(pixels),
                       .spread = malloc(pixels),
                       .pixels = malloc(width * sizeof *self->pixels),
                       .squares = malloc(width * sizeof *self->squares),
                       .blurred = malloc(ROWS * width * sizeof *self->blurred)};
    if (!self->subject || !self->spread || !self->pixels || !self->squares || !self->blurred)
        return bn_fail_memory(err, 2 * pixels, "weighted errors");
    for (size_t i = 0; i < pixels; i++)
        self->subject[i] = bn_is_known(pair, i) && pair->truth[i] >= BN_SUBJECT_FROM;
    double sum = 0;
    for (int i = 0; i < ROWS; i++)
        sum += self->kernel[i] = exp(-(i - RADIUS) * (i - RADIUS) / (2 * DEVIATION * DEVIATION));
    for (int i = 0; i < ROWS; i++) self->kernel[i] /= sum;
    return BIREFNET_OK;
}

/* 0 to 255. */
static uint8_t error_at(const weighted *self, size_t pixel)
{
    if (!bn_is_known(self->pair, pixel)) return 0;
    const uint8_t mask = self->pair->mask[pixel];
    return self->subject[pixel] ? (uint8_t)(255 - mask) : mask;
}

/* `spread`, and the sum of what lies outside. */
static void weigh_outside(weighted *self)
{
    const int width = self->pair->width;
    for (int y = 0; y < self->pair->height; y++) {
        const size_t first = (size_t)y * (size_t)width;
        bn_nearest_row(self->nearest, y, self->pixels, self->squares);
        for (int x = 0; x < width; x++) {
            const size_t i = first + (size_t)x;
            self->spread[i] = error_at(self, (size_t)self->pixels[x]);
            if (self->subject[i]) continue;
            const double importance = 2 - exp(log(0.5) / HALF_WAY_PX * sqrt((double)self->squares[x]));
            self->outside += error_at(self, i) / 255.0 * importance;
        }
    }
}

static void blur_row(weighted *self, int y)
{
    const int width = self->pair->width;
    float *out = self->blurred + (size_t)(y % ROWS) * (size_t)width;
    const uint8_t *in = self->spread + (size_t)y * (size_t)width;
    for (int x = 0; x < width; x++) {
        double sum = 0;
        for (int k = BN_MAX(-RADIUS, -x); k <= BN_MIN(RADIUS, width - 1 - x); k++)
            sum += self->kernel[k + RADIUS] * in[x + k];
        out[x] = (float)(sum / 255);
    }
}

/* The sum of errors of the subject: each, or the mean around it where that is less. Beyond the picture there are none. */
static void weigh_inside(weighted *self)
{
    const int width = self->pair->width, height = self->pair->height;
    for (int y = 0; y < BN_MIN(RADIUS, height); y++) blur_row(self, y);
    for (int y = 0; y < height; y++) {
        if (y + RADIUS < height) blur_row(self, y + RADIUS);
        for (int x = 0; x < width; x++) {
            const size_t i = (size_t)y * (size_t)width + (size_t)x;
            if (!self->subject[i]) continue;
            double around = 0;
            for (int k = BN_MAX(-RADIUS, -y); k <= BN_MIN(RADIUS, height - 1 - y); k++)
                around += self->kernel[k + RADIUS] *
                          self->blurred[(size_t)((y + k) % ROWS) * (size_t)width + (size_t)x];
            self->inside += BN_MIN(error_at(self, i) / 255.0, around);
        }
    }
}

/* Where there is no subject the paper's fractions are 0/0: nothing found is right. */
static double without_subject(const bn_mask_pair *pair)
{
    for (size_t i = 0; i < bn_pair_pixels(pair); i++)
        if (bn_is_known(pair, i) && pair->mask[i] >= BN_SUBJECT_FROM) return 0;
    return 1;
}

bn_status bn_weighted_f(const bn_mask_pair *pair, double *value, bn_error *err)
{
    weighted self;
    size_t subjects = 0;
    bn_status status = make_weighted(pair, &self, err);
    if (status != BIREFNET_OK) goto done;
    for (size_t i = 0; i < bn_pair_pixels(pair); i++) subjects += self.subject[i];
    *value = without_subject(pair);
    if (subjects == 0) goto done;
    BN_TRY_DONE(bn_nearest_create(self.subject, pair->width, pair->height, &self.nearest, err));
    weigh_outside(&self);
    weigh_inside(&self);
    const double hits = (double)subjects - self.inside;
    const double recall = hits / (double)subjects, precision = hits / (hits + self.outside + DBL_EPSILON);
    *value = 2 * recall * precision / (recall + precision + DBL_EPSILON);
done:
    free_weighted(&self);
    return status;
}
