/* quantise.c - a palette by splitting boxes of greatest error and k-means, pixels to it by error
 * diffusion. */
#include "image/quantise.h"

#include "base/size.h"
#include "image/codec_table.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* ---- counting colours ---------------------------------------------------------------------------------- */

#define BIN_BITS    5 /* a channel */
#define BINS        (1 << (3 * BIN_BITS))
#define EXACT_SLOTS 1024

typedef struct colour_bin {
    double weight; /* pixels */
    double sum[3]; /* of their samples; after counting: the mean */
} colour_bin;

typedef struct census {
    colour_bin *bins; /* [BINS], then only the `used` ones in front */
    int used;
    uint32_t exact[EXACT_SLOTS]; /* open addressing; 0xff000000 | rgb, 0 is free */
    int distinct;                /* colours in exact; counts one beyond 256 and then stops */
    bool any_transparent;
} census;

static uint32_t pack_rgb(const uint8_t *p)
{
    return 0xff000000u | (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static size_t find_slot(const census *c, uint32_t packed)
{
    size_t slot = (packed * 2654435761u) >> 22;
    while (c->exact[slot] != 0 && c->exact[slot] != packed) slot = (slot + 1) % EXACT_SLOTS;
    return slot;
}

static size_t bin_of(const uint8_t *p)
{
    const int drop = 8 - BIN_BITS;
    return ((size_t)(p[0] >> drop) << 2 * BIN_BITS) | ((size_t)(p[1] >> drop) << BIN_BITS) |
           (size_t)(p[2] >> drop);
}

static void count_row(census *c, const uint8_t *rgba, int width)
{
    for (int x = 0; x < width; x++) {
        const uint8_t *p = rgba + 4 * (size_t)x;
        if (p[3] < 128) {
            c->any_transparent = true;
            continue;
        }
        colour_bin *bin = &c->bins[bin_of(p)];
        bin->weight += 1;
        for (int i = 0; i < 3; i++) bin->sum[i] += p[i];
        if (c->distinct > 256) continue;
        const size_t slot = find_slot(c, pack_rgb(p));
        if (c->exact[slot] != 0) continue;
        c->exact[slot] = pack_rgb(p);
        c->distinct++;
    }
}

/* Bins in use to the front, sums to means. */
static void close_census(census *c)
{
    for (int i = 0; i < BINS; i++) {
        colour_bin bin = c->bins[i];
        if (bin.weight == 0) continue;
        for (int k = 0; k < 3; k++) bin.sum[k] /= bin.weight;
        c->bins[c->used++] = bin;
    }
}

/* ---- choosing the palette ------------------------------------------------------------------------------ */

typedef struct colour_box {
    int first, count; /* bins */
    int axis;         /* of the greatest variance */
    double mean;      /* along it */
    double error;     /* sum of squared distances to the box's mean; what the next split should lower */
} colour_box;

static colour_box measure_box(const colour_bin *bins, int first, int count)
{
    double weight = 0, sum[3] = {0}, squares[3] = {0};
    for (int i = first; i < first + count; i++)
        for (int k = 0; k < 3; k++) {
            sum[k] += bins[i].weight * bins[i].sum[k];
            squares[k] += bins[i].weight * bins[i].sum[k] * bins[i].sum[k];
            weight += k == 0 ? bins[i].weight : 0;
        }
    colour_box box = {.first = first, .count = count};
    double most = -1;
    for (int k = 0; k < 3; k++) {
        const double error = squares[k] - sum[k] * sum[k] / weight;
        box.error += error;
        if (error > most) most = error, box.axis = k, box.mean = sum[k] / weight;
    }
    return box;
}

/* Bins up to the mean to the front; returns how many. */
static int partition_box(colour_bin *bins, const colour_box *box)
{
    int left = box->first;
    for (int i = box->first; i < box->first + box->count; i++) {
        if (bins[i].sum[box->axis] > box->mean) continue;
        const colour_bin swap = bins[i];
        bins[i] = bins[left];
        bins[left++] = swap;
    }
    return left - box->first;
}

/* means: [wanted][3]; returns how many colours were made. */
static int split_boxes(census *c, int wanted, float (*means)[3])
{
    colour_box boxes[256];
    int count = 0;
    if (c->used > 0) boxes[count++] = measure_box(c->bins, 0, c->used);
    while (count > 0 && count < wanted) {
        int worst = 0;
        for (int i = 1; i < count; i++)
            if (boxes[i].error > boxes[worst].error) worst = i;
        const colour_box box = boxes[worst];
        const int left = partition_box(c->bins, &box);
        if (left == 0 || left == box.count) break; /* the worst box holds one colour: done */
        boxes[worst] = measure_box(c->bins, box.first, left);
        boxes[count++] = measure_box(c->bins, box.first + left, box.count - left);
    }
    for (int i = 0; i < count; i++) {
        double weight = 0, sum[3] = {0};
        for (int b = boxes[i].first; b < boxes[i].first + boxes[i].count; b++) {
            weight += c->bins[b].weight;
            for (int k = 0; k < 3; k++) sum[k] += c->bins[b].weight * c->bins[b].sum[k];
        }
        for (int k = 0; k < 3; k++) means[i][k] = (float)(sum[k] / weight);
    }
    return count;
}

static int nearest(float (*means)[3], int count, float r, float g, float b)
{
    int best = 0;
    float least = FLT_MAX;
    for (int i = 0; i < count; i++) {
        const float dr = means[i][0] - r, dg = means[i][1] - g, db = means[i][2] - b;
        const float distance = dr * dr + dg * dg + db * db;
        if (distance < least) least = distance, best = i;
    }
    return best;
}

/* A few rounds of k-means over the bins: moves each colour to the middle of those that chose it. */
static void settle_means(const census *c, float (*means)[3], int count)
{
    for (int round = 0; round < 4; round++) {
        double weight[256] = {0}, sum[256][3] = {{0}};
        for (int i = 0; i < c->used; i++) {
            const colour_bin *bin = &c->bins[i];
            const int at = nearest(means, count, (float)bin->sum[0], (float)bin->sum[1], (float)bin->sum[2]);
            weight[at] += bin->weight;
            for (int k = 0; k < 3; k++) sum[at][k] += bin->weight * bin->sum[k];
        }
        for (int i = 0; i < count; i++)
            for (int k = 0; k < 3 && weight[i] > 0; k++) means[i][k] = (float)(sum[i][k] / weight[i]);
    }
}

/* ---- pixels to indices --------------------------------------------------------------------------------- */

#define LOOKUP_BITS 6 /* a channel */

typedef struct mapping {
    bn_quantised *q;
    int first;           /* first index that is a colour: 1 behind the transparent one, else 0 */
    const census *exact; /* not NULL: every colour is in the palette */
    uint8_t slot_index[EXACT_SLOTS];
    float means[256][3];
    int16_t *lookup;    /* [1 << 3 * LOOKUP_BITS] nearest colour of a cell's middle; -1 not yet known */
    int16_t *errors[2]; /* [width + 2][3] sixteenths carried to this row and the next */
} mapping;

static int find_index(mapping *m, const uint8_t *rgb)
{
    if (m->exact) return m->slot_index[find_slot(m->exact, pack_rgb(rgb))];
    const int drop = 8 - LOOKUP_BITS;
    const int cell = (rgb[0] >> drop) << 2 * LOOKUP_BITS | (rgb[1] >> drop) << LOOKUP_BITS | rgb[2] >> drop;
    if (m->lookup[cell] < 0) {
        float middle[3];
        for (int k = 0; k < 3; k++) middle[k] = (float)((rgb[k] >> drop << drop) + (1 << (drop - 1)));
        const int colours = m->q->colours - m->first;
        m->lookup[cell] = (int16_t)(m->first + nearest(m->means, colours, middle[0], middle[1], middle[2]));
    }
    return m->lookup[cell];
}

/* Rows run to and fro, so that errors do not all drift one way. */
static void map_row(mapping *m, const uint8_t *rgba, int width, int y, bool dither, uint8_t *indices)
{
    const int direction = dither && y % 2 ? -1 : 1;
    int16_t *here = m->errors[0] + 3, *below = m->errors[1] + 3;
    for (int i = 0, x = direction > 0 ? 0 : width - 1; i < width; i++, x += direction) {
        const uint8_t *p = rgba + 4 * (size_t)x;
        if (p[3] < 128) {
            indices[x] = 0;
            continue;
        }
        uint8_t wanted[3];
        for (int k = 0; k < 3; k++) {
            const int value = p[k] + (dither ? here[3 * x + k] / 16 : 0);
            wanted[k] = (uint8_t)BN_MAX(0, BN_MIN(255, value));
        }
        const int index = find_index(m, wanted);
        indices[x] = (uint8_t)index;
        for (int k = 0; dither && k < 3; k++) {
            const int error = wanted[k] - m->q->palette[index][k];
            here[3 * (x + direction) + k] = (int16_t)(here[3 * (x + direction) + k] + 7 * error);
            below[3 * (x - direction) + k] = (int16_t)(below[3 * (x - direction) + k] + 3 * error);
            below[3 * x + k] = (int16_t)(below[3 * x + k] + 5 * error);
            below[3 * (x + direction) + k] = (int16_t)(below[3 * (x + direction) + k] + error);
        }
    }
    const size_t row_bytes = ((size_t)width + 2) * 3 * sizeof(int16_t);
    m->errors[0] = below - 3;
    m->errors[1] = here - 3;
    memset(m->errors[1], 0, row_bytes);
}

static void take_exact_palette(const census *c, mapping *m)
{
    m->exact = c;
    for (size_t slot = 0; slot < EXACT_SLOTS; slot++) {
        if (c->exact[slot] == 0) continue;
        const int index = m->q->colours++;
        m->slot_index[slot] = (uint8_t)index;
        for (int k = 0; k < 3; k++) m->q->palette[index][k] = (uint8_t)(c->exact[slot] >> (16 - 8 * k));
    }
}

static void make_palette(census *c, mapping *m)
{
    close_census(c);
    const int count = split_boxes(c, 256 - m->first, m->means);
    settle_means(c, m->means, count);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < 3; k++) m->q->palette[m->first + i][k] = (uint8_t)(m->means[i][k] + 0.5f);
    m->q->colours = m->first + count;
}

static bn_status count_image(const bn_image *image, census *c, uint8_t *line, bn_error *err)
{
    c->bins = calloc(BINS, sizeof *c->bins);
    if (!c->bins) return bn_fail_memory(err, BINS * sizeof *c->bins, "counting colours");
    for (int y = 0; y < image->height; y++) {
        bn_image_copy_row_8(image, y, 4, line);
        count_row(c, line, image->width);
    }
    return BIREFNET_OK;
}

static bn_status allocate_mapping(mapping *m, int width, int height, bn_error *err)
{
    const size_t cells = (size_t)1 << 3 * LOOKUP_BITS, row = ((size_t)width + 2) * 3;
    m->lookup = malloc(cells * sizeof *m->lookup);
    for (int i = 0; i < 2; i++) m->errors[i] = calloc(row, sizeof *m->errors[i]);
    m->q->indices = malloc((size_t)width * (size_t)height);
    if (!m->lookup || !m->errors[0] || !m->errors[1] || !m->q->indices)
        return bn_fail_memory(err, (size_t)width * (size_t)height, "a palette image");
    memset(m->lookup, 0xff, cells * sizeof *m->lookup);
    return BIREFNET_OK;
}

bn_status bn_quantise(const bn_image *image, bool dither, bn_quantised *result, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    census *c = calloc(1, sizeof *c);
    mapping *m = calloc(1, sizeof *m);
    uint8_t *line = malloc((size_t)image->width * 4);
    *result = (bn_quantised){0};
    if (!c || !m || !line) {
        status = bn_fail_memory(err, sizeof *c + sizeof *m + (size_t)image->width * 4, "choosing a palette");
        goto done;
    }
    BN_TRY_DONE(count_image(image, c, line, err));
    m->q = result;
    result->has_transparent = c->any_transparent;
    result->colours = m->first = c->any_transparent ? 1 : 0;
    const bool fits = c->distinct <= 256 - m->first;
    if (fits)
        take_exact_palette(c, m);
    else
        make_palette(c, m);
    BN_TRY_DONE(allocate_mapping(m, image->width, image->height, err));
    for (int y = 0; y < image->height; y++) {
        bn_image_copy_row_8(image, y, 4, line);
        map_row(m, line, image->width, y, dither && !fits,
                result->indices + (size_t)y * (size_t)image->width);
    }
done:
    free(line);
    if (c) free(c->bins);
    free(c);
    if (m) free(m->lookup), free(m->errors[0]), free(m->errors[1]);
    free(m);
    if (status != BIREFNET_OK) bn_quantised_free(result);
    return status;
}

void bn_quantised_free(bn_quantised *quantised)
{
    free(quantised->indices);
    *quantised = (bn_quantised){0};
}
