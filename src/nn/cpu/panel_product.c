/* panel_product.c - our own products: weights packed into panels (panels.h), rows handed to the kernel some at a time.
 *
 * A convolution is the same sum with kernel^2 taps for each row: rows are output pixels, and the kernel is told for each
 * tap where the input pixel's channels lie, or a row of zeros outside the picture. Nothing is gathered. */
#include "nn/cpu/panel_product.h"

#include "base/size.h"
#include "nn/cpu/kernels.h"
#include "nn/cpu/panel_pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 128 /* at a time: with BN_PANEL_DEPTH terms of each they fill half of a small level-2 cache */

struct bn_panel_product {
    const bn_kernels *kernels;
    bn_panels panels;
    const float *weight, *bias; /* in the store */
    float *zeros;               /* [in], for convolutions */
    bn_conv_shape conv;         /* kernel 1 and h 1 for matrices */
    int rows, row_width;        /* of the result: pixels; of a row of them */
    ptrdiff_t src_stride, dst_stride;
    bn_activation activation;
    bool add;
};

/* ---- packing ----------------------------------------------------------------------------------------------------- */

typedef struct pack_context {
    const bn_source *source;
    const bn_panels *panels;
} pack_context;

/* Packed weights, and behind them the bias [out]. */
static bn_status fill_packed(const void *context, float *numbers, bn_error *err)
{
    const pack_context *pack = context;
    const bn_panels *p = pack->panels;
    bn_plain_weights plain;
    const size_t count = (size_t)p->out * (size_t)p->in * (size_t)p->taps;
    const bn_status status =
        bn_plain_weights_open(&plain, pack->source, count, numbers + bn_panels_floats(p), err);
    if (status == BIREFNET_OK) bn_panels_lay_out(p, plain.numbers, numbers);
    bn_plain_weights_close(&plain);
    return status;
}

static bn_status pack(bn_panel_product *made, bn_pack_store *packs, const bn_source *source, bn_error *err)
{
    char key[224];
    snprintf(key, sizeof key, "%s.panels%d", source->key, made->panels.columns);
    const size_t floats = bn_panels_floats(&made->panels);
    const size_t biases = (size_t)made->panels.out;
    const pack_context context = {source, &made->panels};
    BN_TRY(bn_pack_floats(packs, key, floats + biases, fill_packed, &context, &made->weight, err));
    made->bias = bn_pack_store_counts(packs) ? made->weight : made->weight + floats;
    return BIREFNET_OK;
}

/* ---- making ------------------------------------------------------------------------------------------------------- */

static bn_status make(bn_panel_product what, bn_pack_store *packs, const bn_source *source,
                      bn_panel_product **product, bn_error *err)
{
    bn_panel_product *made = malloc(sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "a layer");
    *made = what;
    made->zeros = calloc((size_t)what.panels.in, sizeof *made->zeros);
    bn_status status = made->zeros ? BIREFNET_OK : bn_fail_memory(err, (size_t)what.panels.in, "a layer");
    if (status == BIREFNET_OK) status = pack(made, packs, source, err);
    if (status == BIREFNET_OK)
        *product = made;
    else
        bn_panel_product_destroy(&made);
    return status;
}

bn_status bn_panel_matmul_create(bn_pack_store *packs, const bn_matmul_shape *shape, const bn_source *source,
                                 bn_panel_product **product, bn_error *err)
{
    const bn_panel_product what = {
        .kernels = shape->kernels,
        .panels = bn_panels_make(1, shape->in, shape->out, shape->kernels->product_columns),
        .conv = {.h = 1, .w = shape->rows, .kernel = 1, .stride = 1},
        .rows = shape->rows,
        .row_width = shape->rows,
        .src_stride = shape->src_stride,
        .dst_stride = shape->dst_stride,
        .activation = shape->activation,
        .add = shape->add};
    return make(what, packs, source, product, err);
}

bn_status bn_panel_conv_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                               bn_panel_product **product, bn_error *err)
{
    const int k = shape->kernel, s = shape->stride;
    const int out_h = (shape->h + shape->pad_top + shape->pad_bottom - k) / s + 1;
    const int out_w = (shape->w + 2 * shape->pad_side - k) / s + 1;
    const bn_panel_product what = {
        .kernels = shape->kernels,
        .panels = bn_panels_make(k * k, shape->in, shape->out, shape->kernels->product_columns),
        .conv = *shape,
        .rows = out_h * out_w,
        .row_width = out_w,
        .src_stride = shape->in,
        .dst_stride = shape->out,
        .activation = shape->activation};
    return make(what, packs, source, product, err);
}

void bn_panel_product_destroy(bn_panel_product **product)
{
    if (!*product) return;
    free((*product)->zeros);
    free(*product);
    *product = NULL;
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

size_t bn_panel_product_scratch_bytes(const bn_panel_product *product)
{
    return (size_t)product->panels.taps * ROWS * sizeof(const float *);
}

/* rows[tap * ROWS + r]: where the input of tap `tap` of result row first + r lies. */
static void point_at_rows(const bn_panel_product *p, const float *src, int first, int count,
                          const float **rows)
{
    const bn_conv_shape *c = &p->conv;
    for (int r = 0; r < count; r++) {
        const int top = (first + r) / p->row_width * c->stride - c->pad_top,
                  left = (first + r) % p->row_width * c->stride - c->pad_side;
        for (int tap = 0; tap < p->panels.taps; tap++) {
            const int y = top + tap / c->kernel, x = left + tap % c->kernel;
            const bool inside = y >= 0 && y < c->h && x >= 0 && x < c->w;
            rows[(ptrdiff_t)tap * ROWS + r] =
                inside ? src + ((ptrdiff_t)y * c->w + x) * p->src_stride : p->zeros;
        }
    }
}

void bn_panel_product_run(const bn_panel_product *product, const float *src, float *dst, const float *bias,
                          void *scratch)
{
    const float **rows = scratch;
    bn_product_job job = {.panels = product->panels,
                          .rows = rows,
                          .plane = ROWS,
                          .weight = product->weight,
                          .bias = bias ? bias : product->bias,
                          .dst_stride = product->dst_stride,
                          .add = product->add,
                          .activation = product->activation};
    for (int first = 0; first < product->rows; first += ROWS) {
        job.count = BN_MIN(ROWS, product->rows - first);
        job.dst = dst + first * product->dst_stride;
        point_at_rows(product, src, first, job.count, rows);
        product->kernels->product(&job);
    }
}
