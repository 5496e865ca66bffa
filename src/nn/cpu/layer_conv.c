/* layer_conv.c - convolutions, in bands of output rows that one thread each does. */
#include "nn/cpu/layers.h"

#include "base/size.h"
#include "nn/cpu/lanes.h"
#include "nn/cpu/product.h"

#include <stdlib.h>

#define CONV_PIXELS 512 /* of a band where there are many */
#define CONV_ROWS   4
#define CONV_SHAPES 16
#define BAND_PIECES 4 /* for each thread, where bands may be large */

/* A convolution is done in bands of output rows, one thread each, for the same reason as products are done in pieces
 * (products.h): oneDNN would choose its order of sums by the number of threads. */
typedef struct conv_band {
    int first_in, first_out; /* rows */
    int product;             /* index */
} conv_band;

typedef struct conv_op {
    bn_op op;
    bn_map x, dst;
    conv_band *bands;
    int band_count, product_count;
    bn_conv_shape shape[CONV_SHAPES]; /* the first band's, those in the middle, the last one's */
    bn_product *product[CONV_SHAPES];
    bn_lane_memory scratch;
} conv_op;

static bn_status conv_rows(const void *self, const bn_graph *graph, size_t piece, int thread)
{
    const conv_op *op = self;
    const conv_band *band = &op->bands[piece];
    return bn_product_run_lane(
        op->product[band->product], thread,
        bn_map_at(graph, op->x, (size_t)(band->first_in * op->x.w) * (size_t)op->x.stride),
        bn_map_at(graph, op->dst, (size_t)(band->first_out * op->dst.w) * (size_t)op->dst.stride), NULL,
        bn_lane_memory_of(graph, &op->scratch, thread), NULL);
}

static bn_status conv_run(bn_op *op, bn_graph *graph, bn_error *err)
{
    const conv_op *self = (conv_op *)op;
    return bn_lanes_run(self, graph, (size_t)self->band_count, conv_rows, err);
}

static void conv_destroy(bn_op *op)
{
    conv_op *self = (conv_op *)op;
    for (int i = 0; i < self->product_count; i++) bn_product_destroy(&self->product[i]);
    free(self->bands);
}

/* Index of the product for a band of this shape, made if there is none yet; the graph fails on failure. */
static int conv_product_for(conv_op *op, bn_graph *graph, const bn_conv_shape *shape, const bn_source *source)
{
    for (int i = 0; i < op->product_count; i++)
        if (op->shape[i].h == shape->h && op->shape[i].pad_top == shape->pad_top &&
            op->shape[i].pad_bottom == shape->pad_bottom)
            return i;
    if (bn_graph_failed(graph)) return 0;
    if (op->product_count == CONV_SHAPES) {
        bn_graph_fail(graph, BIREFNET_ERROR_INTERNAL, "more than %d shapes of one convolution", CONV_SHAPES);
        return 0;
    }
    const bn_status status = bn_conv_create(bn_graph_packs(graph), shape, source,
                                            &op->product[op->product_count], bn_graph_error(graph));
    if (status != BIREFNET_OK) {
        bn_graph_set_failed(graph, status);
        return 0;
    }
    op->shape[op->product_count] = *shape;
    return op->product_count++;
}

/* The band of output rows first .. first + rows - 1: which input rows it reads, and how many lie outside. */
static bn_conv_shape conv_shape(const conv_op *op, const bn_graph *graph, bn_conv_params params, int first,
                                int rows)
{
    const int top = first * params.stride - params.pad,
              bottom = top + (rows - 1) * params.stride + params.kernel;
    return (bn_conv_shape){.h = BN_MIN(bottom, op->x.h) - BN_MAX(top, 0),
                           .w = op->x.w,
                           .in = op->x.c,
                           .out = params.out,
                           .kernel = params.kernel,
                           .stride = params.stride,
                           .pad_top = BN_MAX(-top, 0),
                           .pad_bottom = BN_MAX(bottom - op->x.h, 0),
                           .pad_side = params.pad,
                           .src_type = op->x.type,
                           .dst_type = params.type,
                           .activation = params.activation,
                           .kernels = bn_graph_kernels(graph),
                           .lanes = bn_graph_threads(graph)};
}

static void lay_out_conv_band(conv_op *op, bn_graph *graph, bn_conv_params params, int first, int rows,
                              const bn_source *source)
{
    const bn_conv_shape shape = conv_shape(op, graph, params, first, rows);
    op->bands[op->band_count++] = (conv_band){BN_MAX(first * params.stride - params.pad, 0), first,
                                              conv_product_for(op, graph, &shape, source)};
}

/* Rows of a band of an h x w map: see bn_lane_rows. wanted: bn_conv_rows. */
static int band_rows(const bn_graph *graph, int h, int w, size_t weights, int wanted)
{
    if (wanted > 0) return BN_MIN(wanted, BN_MAX(h / (BAND_PIECES * bn_graph_threads(graph)), 1));
    const int most = BN_MAX((CONV_PIXELS + w - 1) / w, CONV_ROWS);
    return BN_MIN(BN_MIN(most, h),
                  BN_MAX(bn_lane_share(graph, h * w, weights) / w, (BN_LANE_LEAST + w - 1) / w));
}

bn_map bn_cpu_conv(bn_graph *graph, bn_map x, bn_conv_params params, const bn_source *source)
{
    const int k = params.kernel, s = params.stride, p = params.pad;
    const bn_map dst =
        bn_graph_map(graph, (x.h + 2 * p - k) / s + 1, (x.w + 2 * p - k) / s + 1, params.out, params.type);
    conv_op *op = bn_graph_append(graph, sizeof *op, conv_run, conv_destroy);
    if (!op) return dst;
    op->x = x;
    op->dst = dst;
    const bn_conv_shape whole = conv_shape(op, graph, params, 0, dst.h);
    const int rows = band_rows(graph, dst.h, dst.w, (size_t)(k * k) * (size_t)x.c * (size_t)params.out,
                               bn_conv_rows(&whole));
    op->bands = calloc((size_t)((dst.h + rows - 1) / rows), sizeof *op->bands);
    if (!op->bands) {
        bn_graph_fail(graph, BIREFNET_ERROR_MEMORY, "cannot allocate the bands of a convolution");
        return dst;
    }
    for (int first = 0; first < dst.h; first += rows)
        lay_out_conv_band(op, graph, params, first, BN_MIN(rows, dst.h - first), source);
    bn_graph_touch(graph, x);
    bn_graph_touch(graph, dst);
    size_t scratch = 0;
    for (int i = 0; i < op->product_count; i++)
        scratch = BN_MAX(scratch, bn_product_scratch_bytes(op->product[i]));
    op->scratch = bn_lane_memory_make(graph, scratch);
    const double filters = params.useful ? params.useful : params.out;
    bn_graph_work(graph, filters * bn_map_pixels(dst) * x.c * k * k, (size_t)dst.h, (size_t)rows);
    return dst;
}
