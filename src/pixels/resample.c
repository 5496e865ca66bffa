/* resample.c - antialiased resizing in two passes of fixed-point weights, across first and then down, as
 * Pillow.
 *
 * Each thread makes a band of output rows. Input rows are resized across sixteen at a time into a ring that
 * holds the rows that the next output row needs, so memory does not grow with the image's height. */
#include "pixels/resample.h"

#include "base/parallel.h"
#include "base/size.h"
#include "pixels/resample_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- weights ------------------------------------------------------------------------------------------- */

static double filter_support(bn_filter filter)
{
    return filter == BN_FILTER_BICUBIC ? 2 : 1;
}

static double filter_value(bn_filter filter, double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (filter == BN_FILTER_BILINEAR) return x < 1 ? 1 - x : 0;
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static void free_taps(bn_taps *taps)
{
    free(taps->first);
    free(taps->count);
    free(taps->weights);
}

/* The weights of one output sample, in floating point and then fixed. scratch: [taps->most] */
static void weigh_sample(bn_taps *taps, int at, int in, double scale, bn_filter filter, double *scratch)
{
    const double stretch = fmax(scale, 1), support = filter_support(filter) * stretch;
    const double centre = (at + 0.5) * scale;
    const int first = BN_MAX((int)(centre - support + 0.5), 0);
    const int count = BN_MIN((int)(centre + support + 0.5), in) - first;
    double sum = 0;
    for (int k = 0; k < count; k++) {
        scratch[k] = filter_value(filter, (k + first - centre + 0.5) * (1 / stretch));
        sum += scratch[k];
    }
    int32_t *weights = taps->weights + (size_t)at * (size_t)taps->most;
    for (int k = 0; k < count; k++) {
        const double weight = sum != 0 ? scratch[k] / sum : scratch[k];
        weights[k] = (int32_t)((weight < 0 ? -0.5 : 0.5) + weight * (1 << BN_RESAMPLE_BITS));
    }
    taps->first[at] = first;
    taps->count[at] = count;
}

static bn_status make_taps(int in, int out, bn_filter filter, bn_taps *taps, bn_error *err)
{
    const double scale = (double)in / out;
    const double most = ceil(filter_support(filter) * fmax(scale, 1)) * 2 + 1;
    *taps = (bn_taps){.out = out, .most = (int)most};
    size_t weights = 0;
    double *scratch = NULL;
    if (most > 1e9 || !bn_size_mul((size_t)out, (size_t)taps->most * sizeof(int32_t), &weights))
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "cannot resize %d pixels to %d", in, out);
    taps->first = malloc((size_t)out * sizeof *taps->first);
    taps->count = malloc((size_t)out * sizeof *taps->count);
    taps->weights = malloc(weights);
    scratch = malloc((size_t)taps->most * sizeof *scratch);
    const bool complete = taps->first && taps->count && taps->weights && scratch;
    for (int i = 0; complete && i < out; i++) weigh_sample(taps, i, in, scale, filter, scratch);
    free(scratch);
    return complete ? BIREFNET_OK : bn_fail_memory(err, weights, "the weights of resizing");
}

/* ---- bands --------------------------------------------------------------------------------------------- */

typedef struct resizing {
    const uint8_t *src;
    uint8_t *dst;
    ptrdiff_t src_stride, dst_stride;
    int src_width, src_height, dst_width, channels;
    bn_taps across, down;
    bool changes_width, changes_height;
    const bn_resample_kernels *kernels;
    int ring_rows;    /* rows of a thread's ring */
    size_t row_bytes; /* of an output row */
    size_t in_columns_bytes, out_columns_bytes, thread_bytes;
    uint8_t *scratch;     /* [threads][thread_bytes] */
    const uint8_t **rows; /* [threads][down.most] */
} resizing;

/* One thread's part of the scratch memory. */
typedef struct band {
    uint8_t *in_columns, *out_columns, *ring;
    const uint8_t **rows;
    int next; /* input rows before this one are in the ring, or were */
} band;

static uint8_t *ring_row(const resizing *r, const band *b, int y)
{
    return b->ring + (size_t)(y % r->ring_rows) * r->row_bytes;
}

static const uint8_t *source_row(const resizing *r, int y)
{
    return r->src + BN_MIN(y, r->src_height - 1) * r->src_stride;
}

/* Resize rows next .. next + 15 across, into the ring. Rows behind the last are made of the last and not
 * used. */
static void fill_ring(const resizing *r, band *b)
{
    const uint8_t *in[BN_RESAMPLE_LANES];
    uint8_t *out[BN_RESAMPLE_LANES];
    for (int i = 0; i < BN_RESAMPLE_LANES; i++) {
        in[i] = source_row(r, b->next + i);
        out[i] = ring_row(r, b, b->next + i);
    }
    r->kernels->gather(in, (size_t)r->src_width * (size_t)r->channels, b->in_columns);
    r->kernels->across(&r->across, r->channels, b->in_columns, b->out_columns);
    r->kernels->scatter(b->out_columns, r->row_bytes, out);
    b->next += BN_RESAMPLE_LANES;
}

static void resize_band(void *context, size_t begin, size_t end, int thread)
{
    const resizing *r = context;
    uint8_t *scratch = r->scratch + (size_t)thread * r->thread_bytes;
    band b = {
        .in_columns = scratch,
        .out_columns = scratch + r->in_columns_bytes,
        .ring = scratch + r->in_columns_bytes + r->out_columns_bytes,
        .rows = r->rows + (size_t)thread * (size_t)r->down.most,
        .next = r->down.first[begin],
    };
    for (size_t y = begin; y < end; y++) {
        const int first = r->down.first[y], count = r->down.count[y];
        for (int k = 0; k < count; k++) {
            while (r->changes_width && b.next <= first + k) fill_ring(r, &b);
            b.rows[k] = r->changes_width ? ring_row(r, &b, first + k) : source_row(r, first + k);
        }
        uint8_t *out = r->dst + (ptrdiff_t)y * r->dst_stride;
        if (r->changes_height)
            r->kernels->down(b.rows, r->down.weights + y * (size_t)r->down.most, count, r->row_bytes, out);
        else
            memcpy(out, b.rows[0], r->row_bytes);
    }
}

/* An axis of unchanged length: each output is its input. */
static void make_straight(bn_taps *taps)
{
    for (int i = 0; i < taps->out; i++) taps->first[i] = i, taps->count[i] = 1;
}

const bn_resample_kernels *bn_resample_kernels_for(bn_isa isa)
{
#if defined(__x86_64__)
    if (isa >= BN_ISA_AVX512) return &bn_resample_kernels_avx512;
    if (isa >= BN_ISA_AVX2) return &bn_resample_kernels_avx2;
#endif
    (void)isa;
    return &bn_resample_kernels_plain;
}

static bn_status allocate_scratch(resizing *r, int threads, bn_error *err)
{
    r->ring_rows = r->down.most + 2 * BN_RESAMPLE_LANES;
    size_t ring = 0, all = 0;
    r->row_bytes = (size_t)r->dst_width * (size_t)r->channels;
    r->in_columns_bytes = (size_t)r->src_width * (size_t)r->channels * BN_RESAMPLE_LANES;
    r->out_columns_bytes = r->row_bytes * BN_RESAMPLE_LANES;
    if (!r->changes_width) r->in_columns_bytes = r->out_columns_bytes = 0, r->ring_rows = 1;
    if (!bn_size_mul(r->row_bytes, (size_t)r->ring_rows, &ring) ||
        !bn_size_add(ring, r->in_columns_bytes + r->out_columns_bytes, &r->thread_bytes) ||
        !bn_size_mul(r->thread_bytes, (size_t)threads, &all))
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "an image is too large to resize");
    r->scratch = malloc(all);
    r->rows = malloc((size_t)threads * (size_t)r->down.most * sizeof *r->rows);
    return r->scratch && r->rows ? BIREFNET_OK : bn_fail_memory(err, all, "resizing");
}

bn_status bn_resize_u8(const uint8_t *src, int src_width, int src_height, int channels, ptrdiff_t src_stride,
                       uint8_t *dst, int dst_width, int dst_height, ptrdiff_t dst_stride, bn_filter filter,
                       int threads, bn_isa isa, bn_error *err)
{
    if (src_width < 1 || src_height < 1 || dst_width < 1 || dst_height < 1 || channels < 1 || channels > 4)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "cannot resize %dx%d to %dx%d", src_width, src_height,
                       dst_width, dst_height);
    threads = BN_MIN(BN_MAX(BN_MIN(threads, BN_MAX_THREADS), 1), dst_height);
    resizing r = {
        .src = src,
        .dst = dst,
        .src_stride = src_stride,
        .dst_stride = dst_stride,
        .src_width = src_width,
        .src_height = src_height,
        .dst_width = dst_width,
        .channels = channels,
        .changes_width = src_width != dst_width,
        .changes_height = src_height != dst_height,
        .kernels = bn_resample_kernels_for(isa),
    };
    bn_status status;
    BN_TRY_DONE(make_taps(src_width, dst_width, filter, &r.across, err));
    BN_TRY_DONE(make_taps(src_height, dst_height, filter, &r.down, err));
    if (!r.changes_height) make_straight(&r.down);
    BN_TRY_DONE(allocate_scratch(&r, threads, err));
    bn_parallel_for(threads, (size_t)dst_height, resize_band, &r);
done:
    free_taps(&r.across);
    free_taps(&r.down);
    free(r.scratch);
    free(r.rows);
    return status;
}
