/* foreground.c - the foreground's own colours by blur fusion: a wide estimate (box of 90), refined by a
 * narrow one (6).
 *
 * Rows stream through running sums: each thread owns a band of rows and keeps the wide column sums of one
 * row, eight rows of the first estimate, and the narrow column sums of one row. Time per pixel does not
 * depend on the boxes. */
#include "pixels/foreground.h"

#include "base/parallel.h"
#include "base/size.h"
#include "pixels/foreground_kernels.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The narrow box needs rows y - 3 .. y + 3 at one time. */
#define RING_ROWS 8

typedef struct estimating {
    const bn_foreground_kernels *kernels;
    const uint8_t *rgb, *matte;
    uint8_t *foreground;
    ptrdiff_t stride, matte_stride; /* bytes */
    int width, height;
    size_t plane;      /* elements of a row of sums or colours, margins and alignment included */
    int *mirrors;      /* [width + 91]: column of the photo for column i - 46 */
    const int *mirror; /* mirrors + 46 */
    uint8_t *zeros;    /* [3 * plane] */
    uint8_t *scratch;  /* [threads][thread_bytes] */
    size_t thread_bytes;
} estimating;

typedef struct band {
    int32_t *wide, *boxes, *narrow; /* sets of sums */
    uint16_t *ring;                 /* [RING_ROWS][6][plane] */
    int next;                       /* the row that the wide sums stand at; earlier ones are in the ring */
} band;

/* Reflect-101: ... 2 1 0 1 2 ... n-2 n-1 n-2 ..., for any distance from the image. */
static int mirror_index(int i, int count)
{
    if (count == 1) return 0;
    const int period = 2 * (count - 1);
    i = abs(i) % period;
    return i < count ? i : period - i;
}

static const uint8_t *photo_row(const estimating *e, int y)
{
    return e->rgb + mirror_index(y, e->height) * e->stride;
}

static const uint8_t *matte_row(const estimating *e, int y)
{
    return e->matte + mirror_index(y, e->height) * e->matte_stride;
}

static bn_estimate_row ring_row(const estimating *e, const band *b, int y)
{
    const size_t slot = (size_t)(mirror_index(y, e->height) % RING_ROWS);
    return (bn_estimate_row){b->ring + slot * 6 * e->plane, matte_row(e, y)};
}

/* Wide sums for the box around row y, from nothing. */
static void start_wide(const estimating *e, band *b, int y)
{
    memset(b->wide, 0, BN_FOREGROUND_SUMS * e->plane * sizeof *b->wide);
    for (int i = y - BN_WIDE_BEFORE; i <= y + BN_WIDE_AFTER; i++)
        e->kernels->slide_wide(b->wide, e->width, e->plane, photo_row(e, i), matte_row(e, i), e->zeros,
                               e->zeros);
    b->next = y;
}

/* First estimates up to and including row y, into the ring. */
static void advance_wide(const estimating *e, band *b, int y)
{
    for (; b->next <= y; b->next++) {
        e->kernels->sum_wide(b->wide, e->width, e->plane, e->mirror, b->boxes);
        e->kernels->estimate_wide(b->boxes, e->width, e->plane, photo_row(e, b->next), matte_row(e, b->next),
                                  ring_row(e, b, b->next).colours);
        const int in = b->next + 1 + BN_WIDE_AFTER, out = b->next - BN_WIDE_BEFORE;
        e->kernels->slide_wide(b->wide, e->width, e->plane, photo_row(e, in), matte_row(e, in),
                               photo_row(e, out), matte_row(e, out));
    }
}

static void start_narrow(const estimating *e, band *b, int y)
{
    memset(b->narrow, 0, BN_FOREGROUND_SUMS * e->plane * sizeof *b->narrow);
    memset(b->ring, 0, RING_ROWS * 6 * e->plane * sizeof *b->ring);
    /* rows above the image are mirrored to rows as far below its first one */
    advance_wide(e, b, BN_MIN(BN_MAX(y + BN_NARROW_AFTER, BN_NARROW_BEFORE), e->height - 1));
    uint16_t *none = b->ring + RING_ROWS * 6 * e->plane;
    memset(none, 0, 6 * e->plane * sizeof *none);
    const bn_estimate_row nothing = {none, e->zeros};
    for (int i = y - BN_NARROW_BEFORE; i <= y + BN_NARROW_AFTER; i++) {
        const bn_estimate_row row = ring_row(e, b, i);
        e->kernels->slide_narrow(b->narrow, e->width, e->plane, &row, &nothing);
    }
}

/* The mirrored columns beside each plane of the narrow sums. */
static void fill_margins(const estimating *e, const band *b)
{
    for (size_t plane = 0; plane < BN_FOREGROUND_SUMS; plane++) {
        int32_t *columns = b->narrow + plane * e->plane + BN_NARROW_BEFORE;
        for (int i = 1; i <= BN_NARROW_BEFORE; i++) columns[-i] = columns[e->mirror[-i]];
        for (int i = 0; i < BN_NARROW_AFTER; i++) columns[e->width + i] = columns[e->mirror[e->width + i]];
    }
}

static void estimate_band(void *context, size_t begin, size_t end, int thread)
{
    const estimating *e = context;
    const size_t sums = BN_FOREGROUND_SUMS * e->plane;
    int32_t *scratch = (int32_t *)(void *)(e->scratch + (size_t)thread * e->thread_bytes);
    band b = {scratch, scratch + sums, scratch + 2 * sums, (uint16_t *)(void *)(scratch + 3 * sums), 0};
    start_wide(e, &b, BN_MAX((int)begin - BN_NARROW_BEFORE, 0));
    start_narrow(e, &b, (int)begin);
    for (int y = (int)begin; y < (int)end; y++) {
        fill_margins(e, &b);
        e->kernels->estimate_narrow(b.narrow, e->width, e->plane, photo_row(e, y), matte_row(e, y),
                                    e->foreground + y * e->stride);
        advance_wide(e, &b, BN_MIN(y + 1 + BN_NARROW_AFTER, e->height - 1));
        const bn_estimate_row in = ring_row(e, &b, y + 1 + BN_NARROW_AFTER);
        const bn_estimate_row out = ring_row(e, &b, y - BN_NARROW_BEFORE);
        e->kernels->slide_narrow(b.narrow, e->width, e->plane, &in, &out);
    }
}

const bn_foreground_kernels *bn_foreground_kernels_for(bn_isa isa)
{
#if defined(__x86_64__)
    if (isa >= BN_ISA_AVX512) return &bn_foreground_kernels_avx512;
    if (isa >= BN_ISA_AVX2) return &bn_foreground_kernels_avx2;
#endif
    (void)isa;
    return &bn_foreground_kernels_plain;
}

static bn_status allocate(estimating *e, int threads, bn_error *err)
{
    const size_t mirrors = (size_t)e->width + 2 * (BN_WIDE_BEFORE + 1);
    e->plane = bn_size_round_up((size_t)e->width + BN_NARROW_BEFORE + BN_NARROW_AFTER, 16);
    e->thread_bytes = 3 * BN_FOREGROUND_SUMS * e->plane * sizeof(int32_t) +
                      (RING_ROWS + 1) * 6 * e->plane * sizeof(uint16_t);
    e->mirrors = malloc(mirrors * sizeof *e->mirrors);
    e->zeros = calloc(3, e->plane);
    size_t all = 0;
    e->scratch = bn_size_mul(e->thread_bytes, (size_t)threads, &all) ? malloc(all) : NULL;
    if (!e->mirrors || !e->zeros || !e->scratch) return bn_fail_memory(err, all, "foreground colours");
    for (size_t i = 0; i < mirrors; i++)
        e->mirrors[i] = mirror_index((int)i - (BN_WIDE_BEFORE + 1), e->width);
    e->mirror = e->mirrors + BN_WIDE_BEFORE + 1;
    return BIREFNET_OK;
}

bn_status bn_foreground_estimate(const uint8_t *rgb, const uint8_t *matte, int width, int height,
                                 ptrdiff_t stride_bytes, ptrdiff_t matte_stride_bytes, uint8_t *foreground,
                                 int threads, bn_isa isa, bn_error *err)
{
    if (!rgb || !matte || !foreground || width < 1 || width > INT_MAX / 4 || height < 1 ||
        stride_bytes < (ptrdiff_t)3 * width || matte_stride_bytes < width)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "foreground colours: %dx%d pixels, rows of %td and %td bytes", width, height,
                       stride_bytes, matte_stride_bytes);
    threads = BN_MIN(BN_MIN(threads > 0 ? threads : bn_cpu_threads(), BN_MAX_THREADS), height);
    estimating e = {
        .kernels = bn_foreground_kernels_for(isa),
        .rgb = rgb,
        .matte = matte,
        .foreground = foreground,
        .stride = stride_bytes,
        .matte_stride = matte_stride_bytes,
        .width = width,
        .height = height,
    };
    bn_status status;
    uint8_t *copy = NULL;
    BN_TRY_DONE(allocate(&e, threads, err));
    if (foreground == rgb) { /* rows are read again 90 rows after the result was written over them */
        const size_t bytes = (size_t)(height - 1) * (size_t)stride_bytes + 3 * (size_t)width;
        copy = malloc(bytes);
        if (!copy) {
            status = bn_fail_memory(err, bytes, "foreground colours");
            goto done;
        }
        memcpy(copy, rgb, bytes);
        e.rgb = copy;
    }
    bn_parallel_for(threads, (size_t)height, estimate_band, &e);
done:
    free(copy);
    free(e.mirrors);
    free(e.zeros);
    free(e.scratch);
    return status;
}
