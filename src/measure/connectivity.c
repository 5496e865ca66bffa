/* connectivity.c - the connectivity error of soft masks: parts that hang in the air cost more.
 *
 * Rhemann et al., CVPR 2009 (see matting.c): steps of 0.1, four neighbours, differences from 0.15 on count. */
#include "measure/families.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 10 /* levels 1/10 to 10/10 */
#define UNSET 255

typedef struct connectivity {
    const bn_mask_pair *pair;
    uint8_t *
        level; /* [pixels]: tenths up to which a pixel hangs together with the largest part; UNSET: not yet known */
    uint8_t *state; /* [pixels]: what the flood knows of it */
    int32_t *queue; /* [pixels]: parts one behind the other, each in the order in which it was found */
} connectivity;

enum { BELOW, WAITING, FOUND, LARGEST };

static void visit(connectivity *self, size_t pixel, size_t *end)
{
    if (self->state[pixel] != WAITING) return;
    self->state[pixel] = FOUND;
    self->queue[(*end)++] = (int32_t)pixel;
}

/* Flood the part that holds `seed` from queue[end] on; returns the new end. */
static size_t flood(connectivity *self, size_t seed, size_t end)
{
    const size_t width = (size_t)self->pair->width, pixels = bn_pair_pixels(self->pair);
    size_t next = end;
    visit(self, seed, &end);
    for (; next < end; next++) {
        const size_t pixel = (size_t)self->queue[next], x = pixel % width;
        if (x > 0) visit(self, pixel - 1, &end);
        if (x + 1 < width) visit(self, pixel + 1, &end);
        if (pixel >= width) visit(self, pixel - width, &end);
        if (pixel + width < pixels) visit(self, pixel + width, &end);
    }
    return end;
}

/* Pixels outside the largest part in which both masks reach `tenths` hang together only up to the step before. */
static void settle(connectivity *self, int tenths)
{
    const bn_mask_pair *pair = self->pair;
    const size_t pixels = bn_pair_pixels(pair);
    size_t end = 0, largest = 0, largest_pixels = 0;
    for (size_t i = 0; i < pixels; i++)
        self->state[i] =
            pair->mask[i] * STEPS >= 255 * tenths && pair->truth[i] * STEPS >= 255 * tenths ? WAITING : BELOW;
    for (size_t i = 0; i < pixels; i++) {
        if (self->state[i] != WAITING) continue;
        const size_t begin = end;
        end = flood(self, i, begin);
        if (end - begin <= largest_pixels) continue;
        largest = begin;
        largest_pixels = end - begin;
    }
    for (size_t i = 0; i < largest_pixels; i++) self->state[self->queue[largest + i]] = LARGEST;
    for (size_t i = 0; i < pixels; i++)
        if (self->level[i] == UNSET && self->state[i] != LARGEST) self->level[i] = (uint8_t)(tenths - 1);
}

/* 1 less how far the pixel rises above the level at which it hangs together. */
static double connected(uint8_t value, uint8_t level)
{
    const double rise = value / 255.0 - level / (double)STEPS;
    return rise >= 0.15 ? 1 - rise : 1;
}

bn_status bn_matting_connectivity(const bn_mask_pair *pair, double *value, bn_error *err)
{
    const size_t pixels = bn_pair_pixels(pair);
    bn_status status = BIREFNET_OK;
    connectivity self = {.pair = pair,
                         .level = malloc(pixels),
                         .state = malloc(pixels),
                         .queue = malloc(pixels * sizeof *self.queue)};
    if (!self.level || !self.state || !self.queue)
        BN_TRY_DONE(bn_fail_memory(err, pixels * sizeof *self.queue, "connected parts"));
    memset(self.level, UNSET, pixels);
    for (int tenths = 1; tenths <= STEPS; tenths++) settle(&self, tenths);
    double sum = 0;
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t level = self.level[i] == UNSET ? STEPS : self.level[i];
        const double off = connected(pair->mask[i], level) - connected(pair->truth[i], level);
        sum += off < 0 ? -off : off;
    }
    *value = sum / 1000;
done:
    free(self.level);
    free(self.state);
    free(self.queue);
    return status;
}
