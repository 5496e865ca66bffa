/* winograd.c - see winograd.h. For some rows of the result at a time the rows that they read are turned into what stands at each point,
 * where that was not done for the rows before; they are multiplied point by point, and four neighbours are made of their sums. */
#include "nn/cpu/winograd.h"

#include "base/size.h"
#include "nn/cpu/kernels.h"
#include "nn/cpu/panel_pack.h"
#include "nn/cpu/winograd_filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP    BN_WINOGRAD_STEP
#define LEAST_W 64 /* narrower maps are small, and their weights many */
#define LEAST   16 /* channels in and out: fewer do not pay for the way there and back */
#define ROWS                                                                                                 \
    16 /* of the result that a call should do: the first read some that the call before had read, too */
#define CALL_TILES 128 /* of the result, multiplied at a time */

/* Where a row of the map comes from and goes to, for bn_gather_job: [taps][count]. */
typedef struct table {
    int taps, count;
    int32_t *pixels;
    float *weights;
} table;

struct bn_winograd {
    const bn_kernels *kernels;
    bn_conv_shape conv;
    int points, one;            /* see winograd_filter.h */
    bn_panels panels;           /* of one point: the taps along y */
    const float *weight, *bias; /* in the store: [points] of panels, [out] */
    float *zeros;               /* [in or out, what is more] */
    int tiles;                  /* four neighbours each, of a row */
    int rows, call_rows;        /* of the result; multiplied at a time */
    int ring;                   /* rows that are kept at their points: what call_rows read */
    table in,
        out; /* in: a row's pixels to [tiles][points]; out: [points][call_rows * tiles] to a row's pixels */
};

bool bn_winograd_takes(const bn_conv_shape *shape)
{
    return (shape->kernel == 3 || shape->kernel == BN_WINOGRAD_TAPS) && shape->stride == 1 &&
           shape->pad_side == shape->kernel / 2 && shape->w >= LEAST_W && shape->in >= LEAST &&
           shape->out >= LEAST && shape->activation != BN_GELU;
}

static int tiles_of(const bn_conv_shape *shape)
{
    return bn_ceil_div(shape->w, STEP);
}

/* Numbers of one row at its points. */
static size_t row_floats(const bn_conv_shape *shape)
{
    return (size_t)tiles_of(shape) * (size_t)(shape->kernel + STEP - 1) * (size_t)shape->in;
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

typedef struct pack_context {
    const bn_source *source;
    const bn_panels *panels;
} pack_context;

/* at[out][in][taps along y]: the filters' numbers at point p. */
static void filters_at(const bn_winograd_filter *f, int p, const float *plain, size_t filters, float *at)
{
    for (size_t i = 0; i < filters * (size_t)f->taps; i++) {
        double sum = 0;
        for (int x = 0; x < f->taps; x++)
            sum += f->filter[p][x] * (double)plain[i * (size_t)f->taps + (size_t)x];
        at[i] = (float)sum;
    }
}

/* Packed weights of all points, and behind them the bias [out]. */
static bn_status fill_packed(const void *context, float *numbers, bn_error *err)
{
    const pack_context *pack = context;
    const bn_panels *p = pack->panels;
    const bn_winograd_filter f = bn_winograd_filter_for(p->taps);
    const size_t floats = bn_panels_floats(p), filters = (size_t)p->out * (size_t)p->in,
                 count = filters * (size_t)p->taps;
    bn_plain_weights plain;
    float *at = malloc(count * sizeof *at);
    if (!at) return bn_fail_memory(err, count * sizeof *at, "weights");
    const bn_status status = bn_plain_weights_open(&plain, pack->source, count * (size_t)p->taps,
                                                   numbers + (size_t)f.points * floats, err);
    for (int point = 0; status == BIREFNET_OK && point < f.points; point++) {
        filters_at(&f, point, plain.numbers, filters, at);
        bn_panels_lay_out(p, at, numbers + (size_t)point * floats);
    }
    bn_plain_weights_close(&plain);
    free(at);
    return status;
}

static bn_status pack(bn_winograd *made, bn_pack_store *packs, const bn_source *source, bn_error *err)
{
    char key[224];
    snprintf(key, sizeof key, "%s.winograd%d.%d", source->key, STEP, made->panels.columns);
    const size_t floats = (size_t)made->points * bn_panels_floats(&made->panels);
    const pack_context context = {source, &made->panels};
    BN_TRY(bn_pack_floats(packs, key, floats + (size_t)made->panels.out, fill_packed, &context, &made->weight,
                          err));
    made->bias = bn_pack_store_counts(packs) ? made->weight : made->weight + floats;
    return BIREFNET_OK;
}

/* ---- making ------------------------------------------------------------------------------------------------------- */

static bool open_table(table *t, int taps, int count)
{
    const size_t entries = (size_t)taps * (size_t)count;
    *t = (table){taps, count, malloc(entries * sizeof *t->pixels), malloc(entries * sizeof *t->weights)};
    return t->pixels && t->weights;
}

/* Outside the map is zero. */
static void fill_in(bn_winograd *made, const bn_winograd_filter *f)
{
    const table *t = &made->in;
    for (int j = 0; j < t->taps; j++)
        for (int i = 0; i < t->count; i++) {
            const int x = i / made->points * STEP + j - made->conv.pad_side, p = i % made->points;
            const bool inside = x >= 0 && x < made->conv.w;
            t->pixels[j * t->count + i] = inside ? x : x < 0 ? 0 : made->conv.w - 1;
            t->weights[j * t->count + i] = inside ? (float)f->input[p][j] : 0;
        }
}

static void fill_out(bn_winograd *made, const bn_winograd_filter *f)
{
    const table *t = &made->out;
    for (int p = 0; p < t->taps; p++)
        for (int x = 0; x < t->count; x++) {
            t->pixels[p * t->count + x] = p * made->call_rows * made->tiles + x / STEP;
            t->weights[p * t->count + x] = (float)f->output[x % STEP][p];
        }
}

static bn_status open_tables(bn_winograd *made, bn_error *err)
{
    const bn_winograd_filter f = bn_winograd_filter_for(made->conv.kernel);
    const size_t most = (size_t)BN_MAX(made->conv.in, made->conv.out);
    made->one = f.one;
    made->zeros = calloc(most, sizeof *made->zeros);
    if (!made->zeros || !open_table(&made->in, f.points, made->tiles * f.points) ||
        !open_table(&made->out, f.points, made->conv.w))
        return bn_fail_memory(err, most, "a layer");
    fill_in(made, &f);
    fill_out(made, &f);
    return BIREFNET_OK;
}

bn_status bn_winograd_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                             bn_winograd **winograd, bn_error *err)
{
    bn_winograd *made = malloc(sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "a layer");
    *made = (bn_winograd){
        .kernels = shape->kernels,
        .conv = *shape,
        .points = shape->kernel + STEP - 1,
        .panels = bn_panels_make(shape->kernel, shape->in, shape->out, shape->kernels->product_columns),
        .tiles = tiles_of(shape),
        .rows = shape->h + shape->pad_top + shape->pad_bottom - shape->kernel + 1};
    made->call_rows = BN_MIN(BN_MAX(CALL_TILES / made->tiles, 1), made->rows);
    made->ring = made->call_rows + shape->kernel - 1;
    bn_status status = open_tables(made, err);
    if (status == BIREFNET_OK) status = pack(made, packs, source, err);
    if (status == BIREFNET_OK)
        *winograd = made;
    else
        bn_winograd_destroy(&made);
    return status;
}

void bn_winograd_destroy(bn_winograd **winograd)
{
    bn_winograd *self = *winograd;
    if (!self) return;
    free(self->in.pixels);
    free(self->in.weights);
    free(self->out.pixels);
    free(self->out.weights);
    free(self->zeros);
    free(self);
    *winograd = NULL;
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

/* Of a call's scratch: rows at their points, [ring][tiles][points][in]; sums, [points][call_rows * tiles][out]; pointers. */
typedef struct parts {
    float *rows, *sums;
    const float **at;
} parts;

static size_t rows_bytes(const bn_winograd *self)
{
    return bn_size_round_up((size_t)self->ring * row_floats(&self->conv) * sizeof(float), 64);
}

static size_t sums_bytes(const bn_winograd *self)
{
    const size_t tiles = (size_t)(self->call_rows * self->tiles);
    return bn_size_round_up((size_t)self->points * tiles * (size_t)self->conv.out * sizeof(float), 64);
}

size_t bn_winograd_scratch_bytes(const bn_winograd *self)
{
    return rows_bytes(self) + sums_bytes(self) +
           (size_t)(self->conv.kernel * self->call_rows * self->tiles) * sizeof(const float *);
}

/* Sums of rows of c numbers, as a table says. */
static void apply(const bn_winograd *self, const table *t, const float *src, int c, float *out)
{
    const bn_gather_job job = {.src = src,
                               .src_stride = c,
                               .src_type = BN_F32,
                               .c = c,
                               .taps = t->taps,
                               .count = t->count,
                               .plane = t->count,
                               .pixels = t->pixels,
                               .weights = t->weights,
                               .out = out,
                               .out_stride = c,
                               .out_type = BN_F32};
    self->kernels->gather(&job);
}

/* Row y of the map. */
static void to_points(const bn_winograd *self, const float *src, float *rows, int y)
{
    const ptrdiff_t row = (ptrdiff_t)self->conv.w * self->conv.in,
                    to = (ptrdiff_t)self->in.count * self->conv.in;
    apply(self, &self->in, src + y * row, self->conv.in, rows + y % self->ring * to);
}

/* at[tap][row * tiles + tile]: where the numbers at point p are that result row first + row reads by tap `tap`. */
static void point_at(const bn_winograd *self, const parts *of, int p, int first, int rows)
{
    const ptrdiff_t plane = (ptrdiff_t)self->call_rows * self->tiles;
    for (int tap = 0; tap < self->conv.kernel; tap++)
        for (int row = 0; row < rows; row++) {
            const int y = first + row + tap - self->conv.pad_top;
            const bool inside = y >= 0 && y < self->conv.h;
            const float **at = of->at + tap * plane + (ptrdiff_t)row * self->tiles;
            for (int tile = 0; tile < self->tiles; tile++)
                at[tile] =
                    inside
                        ? of->rows + ((y % self->ring * (ptrdiff_t)self->tiles + tile) * self->points + p) *
                                         self->conv.in
                        : self->zeros;
        }
}

static void multiply(const bn_winograd *self, const parts *of, int first, int rows, const float *bias)
{
    const ptrdiff_t plane = (ptrdiff_t)self->call_rows * self->tiles;
    for (int p = 0; p < self->points; p++) {
        point_at(self, of, p, first, rows);
        const bn_product_job job = {.panels = self->panels,
                                    .rows = of->at,
                                    .plane = plane,
                                    .count = rows * self->tiles,
                                    .weight = self->weight + (size_t)p * bn_panels_floats(&self->panels),
                                    .bias = p == self->one ? bias : self->zeros,
                                    .dst = of->sums + p * plane * self->conv.out,
                                    .dst_stride = self->conv.out};
        self->kernels->product(&job);
    }
}

static void from_points(const bn_winograd *self, const float *sums, float *dst)
{
    const ptrdiff_t count = (ptrdiff_t)self->conv.w * self->conv.out;
    apply(self, &self->out, sums, self->conv.out, dst);
    for (ptrdiff_t i = 0; self->conv.activation == BN_RELU && i < count; i++)
        dst[i] = dst[i] < 0 ? 0 : dst[i];
}

void bn_winograd_run(const bn_winograd *self, const float *src, float *dst, const float *bias, void *scratch)
{
    char *bytes = scratch;
    const parts of = {(float *)scratch, (float *)(bytes + rows_bytes(self)),
                      (const float **)(bytes + rows_bytes(self) + sums_bytes(self))};
    const ptrdiff_t row = (ptrdiff_t)self->conv.w * self->conv.out;
    for (int first = 0, y = 0; first < self->rows; first += self->call_rows) {
        const int rows = BN_MIN(self->call_rows, self->rows - first),
                  behind = BN_MIN(first + rows - 1 + self->conv.kernel - self->conv.pad_top, self->conv.h);
        for (; y < behind; y++) to_points(self, src, of.rows, y);
        multiply(self, &of, first, rows, bias ? bias : self->bias);
        for (int i = 0; i < rows; i++)
            from_points(self, of.sums + (ptrdiff_t)i * self->tiles * self->conv.out, dst + (first + i) * row);
    }
}
