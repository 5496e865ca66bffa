/* test_product.c - product.comp and sums.comp against sums in double precision: all loaders and types, odd sizes, slices,
 * batches, hostile numbers, and nothing written or counted outside of what a call names. */
#include "tests/test.h"

#include "base/half.h"
#include "base/seeded.h"
#include "base/size.h"
#include "gpu/gpu.h"
#include "nn/gpu/product.h"

#include <float.h>
#include <math.h>

#include "tests/gpu/device.h"

#define GUARD 64 /* elements before and behind what is written */
#define RELU  1u /* flags of result.glsl */
#define GELU  2u
#define ADD   4u
#define BIAS  8u

static bn_error err;

typedef enum fill { RANDOM, LARGE, ZEROS, SPIKES, TINY, NOT_FINITE, FILLS } fill;

typedef struct shape {
    bn_gpu_loader loader;
    int pictures, h, w; /* of A; ROWS: h * w rows */
    int in, out, kernel, stride, pad;
    int a_gap, dst_gap; /* elements between pixels */
    uint32_t flags;
    bn_type type, dst_type;
    int m, n, slice; /* tile; depth of a slice, 0: none */
} shape;

static const shape shapes[] = {
    {BN_GPU_ROWS, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, BN_F32, BN_F32, 32, 32, 0},
    {BN_GPU_ROWS, 1, 1, 3, 5, 7, 0, 0, 0, 1, 2, BIAS | RELU, BN_F32, BN_F32, 16, 16, 0},
    {BN_GPU_ROWS, 2, 1, 17, 48, 33, 0, 0, 0, 4, 3, BIAS | GELU, BN_F32, BN_F32, 32, 32, 0},
    {BN_GPU_ROWS, 3, 3, 11, 20, 65, 0, 0, 0, 0, 0, BIAS | ADD, BN_F32, BN_F32, 32, 64, 0},
    {BN_GPU_ROWS, 1, 5, 13, 96, 250, 0, 0, 0, 0, 2, BIAS, BN_F16, BN_F16, 64, 32, 0},
    {BN_GPU_ROWS, 2, 1, 65, 33, 63, 0, 0, 0, 2, 1, BIAS | GELU, BN_F16, BN_F16, 64, 64, 0},
    {BN_GPU_ROWS, 1, 7, 19, 72, 130, 0, 0, 0, 0, 0, ADD | RELU, BN_F16, BN_F32, 128, 128, 0},
    {BN_GPU_ROWS, 2, 1, 33, 100, 17, 0, 0, 0, 0, 5, BIAS | ADD, BN_F32, BN_F32, 32, 32, 48},
    {BN_GPU_TAPS, 1, 5, 6, 3, 9, 3, 1, 1, 0, 0, BIAS | RELU, BN_F32, BN_F32, 32, 32, 0},
    {BN_GPU_TAPS, 2, 9, 7, 8, 17, 3, 2, 1, 4, 1, BIAS, BN_F16, BN_F32, 32, 32, 0},
    {BN_GPU_TAPS, 1, 11, 13, 3, 24, 7, 4, 3, 1, 0, BIAS, BN_F16, BN_F16, 32, 32, 0},
    {BN_GPU_TAPS, 3, 4, 5, 20, 40, 3, 1, 1, 0, 4, BIAS | GELU, BN_F16, BN_F16, 64, 64, 64},
    {BN_GPU_TAPS, 1, 8, 8, 12, 5, 2, 2, 0, 0, 0, 0, BN_F32, BN_F32, 32, 32, 0},
    {BN_GPU_SAMPLES, 2, 6, 9, 8, 20, 3, 1, 1, 4, 3, BIAS | RELU, BN_F32, BN_F32, 64, 32, 0},
    {BN_GPU_SAMPLES, 1, 7, 5, 5, 9, 1, 1, 0, 1, 0, BIAS, BN_F32, BN_F32, 32, 32, 0},
    {BN_GPU_SAMPLES, 3, 5, 8, 16, 33, 7, 1, 3, 0, 0, BIAS | RELU, BN_F16, BN_F16, 64, 64, 0},
};

static int out_h(shape s)
{
    return s.loader == BN_GPU_ROWS ? s.h : (s.h + 2 * s.pad - s.kernel) / s.stride + 1;
}

static int out_w(shape s)
{
    return s.loader == BN_GPU_ROWS ? s.w : (s.w + 2 * s.pad - s.kernel) / s.stride + 1;
}

static int taps_of(shape s)
{
    return s.loader == BN_GPU_ROWS ? 1 : s.kernel * s.kernel;
}

static int rows_of(shape s)
{
    return out_h(s) * out_w(s);
}

/* What a case is made of, in float32 as the device sees it. */
typedef struct numbers {
    float *a, *weight, *bias, *offsets, *before;           /* weight [out padded][depth padded] */
    size_t a_count, weight_count, offset_count, dst_count; /* a, offsets, dst: of one picture */
    int a_stride, dst_stride, weight_stride, offset_stride;
} numbers;

static float *make(const char *name, size_t count, float scale, bn_type type)
{
    float *made = malloc(count * sizeof *made);
    assert_non_null(made);
    bn_seeded_fill(name, 1, 0, scale, 0, made, count);
    for (size_t i = 0; i < count && type == BN_F16; i++) made[i] = bn_half_widen(bn_half_round(made[i]));
    return made;
}

static float hostile(fill kind, bn_type type, size_t i, float value)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 1e37f, -1e37f, 1e-40f, -0.0f};
    float made = value;
    if (kind == LARGE) made = 1000 * value;
    if (kind == ZEROS) made = 0;
    if (kind == SPIKES) made = i % 97 == 5 ? 100 * value : 0;
    if (kind == TINY) made = value * 0x1p-20f;
    if (kind == NOT_FINITE && i % 211 == 3) made = odd[i / 211 % BN_COUNT(odd)];
    return type == BN_F16 ? bn_half_widen(bn_half_round(made)) : made;
}

/* Offsets up to three pixels, so that many taps lie outside of the map, some far away, some not a number. */
static void make_offsets(shape s, numbers *n)
{
    const int taps = taps_of(s);
    n->offset_stride = 3 * taps + 5;
    n->offset_count = (size_t)rows_of(s) * (size_t)n->offset_stride;
    n->offsets = make("offsets", n->offset_count * (size_t)s.pictures, 3, BN_F32);
    static const float odd[] = {1e9f, -1e30f, INFINITY, NAN, 0.0f, -1.0f};
    for (size_t i = 0; i < n->offset_count * (size_t)s.pictures; i++)
        if (i % 53 == 7 && (int)(i % (size_t)n->offset_stride) < 2 + 2 * taps)
            n->offsets[i] = odd[i / 53 % BN_COUNT(odd)];
}

static numbers make_numbers(shape s, fill kind)
{
    const size_t depth = (size_t)(taps_of(s) * s.in), pictures = (size_t)s.pictures;
    numbers n = {.a_stride = s.in + s.a_gap, .dst_stride = s.out + s.dst_gap};
    n.weight_stride = (int)bn_size_round_up(depth, BN_GPU_PACK_DEPTH);
    n.a_count = (size_t)(s.h * s.w) * (size_t)n.a_stride;
    n.a_count = bn_size_round_up(n.a_count, 4);
    n.dst_count = (size_t)rows_of(s) * (size_t)n.dst_stride + 3;
    n.a = make("a", n.a_count * pictures, 1, s.type);
    for (size_t i = 0; i < n.a_count * pictures; i++) {
        const bool gap =
            (int)(i % n.a_count) % n.a_stride >= s.in || i % n.a_count >= (size_t)(s.h * s.w * n.a_stride);
        n.a[i] = gap ? NAN : hostile(kind, s.type, i, n.a[i]);
    }
    const size_t rows = bn_size_round_up((size_t)s.out, BN_GPU_PACK_ROWS), width = (size_t)n.weight_stride;
    n.weight_count = rows * width;
    n.weight = make("weight", n.weight_count, 0.5f, s.type);
    for (size_t i = 0; i < n.weight_count; i++)
        if (i / width >= (size_t)s.out || i % width >= depth) n.weight[i] = 0;
    n.bias = make("bias", rows, 0.5f, BN_F32);
    n.before = make("before", 2 * GUARD + n.dst_count * pictures, 1, s.dst_type);
    make_offsets(s, &n);
    return n;
}

static void free_numbers(numbers *n)
{
    free(n->a);
    free(n->weight);
    free(n->bias);
    free(n->offsets);
    free(n->before);
}

/* ---- the sums wanted -------------------------------------------------------------------------------------------- */

static float pixel(shape s, const numbers *n, size_t picture, int y, int x, int channel)
{
    if (y < 0 || x < 0 || y >= s.h || x >= s.w) return 0;
    return n->a[picture * n->a_count + (size_t)((y * s.w + x) * n->a_stride + channel)];
}

/* As deform_taps of kernels_plain.c, but that a corner outside is not read. */
static double sample(shape s, const numbers *n, size_t picture, int row, int tap, int channel)
{
    const float *at = n->offsets + picture * n->offset_count + (size_t)(row * n->offset_stride);
    const float y = (float)(row / s.w + tap / s.kernel - s.kernel / 2) + at[2 + 2 * tap];
    const float x = (float)(row % s.w + tap % s.kernel - s.kernel / 2) + at[2 + 2 * tap + 1];
    const float strength = 2.0f / (1.0f + expf(-at[2 + 2 * taps_of(s) + tap]));
    if (!(y > -1 && x > -1 && y < (float)s.h && x < (float)s.w)) return 0;
    const int y0 = (int)floorf(y), x0 = (int)floorf(x);
    const float fy = y - (float)y0, fx = x - (float)x0;
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        const float weight = (i / 2 ? fy : 1 - fy) * (i % 2 ? fx : 1 - fx) * strength;
        if (weight != 0)
            sum += (double)weight * (double)pixel(s, n, picture, y0 + i / 2, x0 + i % 2, channel);
    }
    return sum;
}

static double operand(shape s, const numbers *n, size_t picture, int row, int tap, int channel)
{
    const int wide = out_w(s);
    if (s.loader == BN_GPU_ROWS) return (double)pixel(s, n, picture, row / s.w, row % s.w, channel);
    if (s.loader == BN_GPU_SAMPLES) return sample(s, n, picture, row, tap, channel);
    return (double)pixel(s, n, picture, row / wide * s.stride - s.pad + tap / s.kernel,
                         row % wide * s.stride - s.pad + tap % s.kernel, channel);
}

static double finish(shape s, double sum, double bias, double before)
{
    if (s.flags & BIAS) sum += bias;
    if (s.flags & ADD) sum += before;
    if ((s.flags & 3) == RELU) return sum < 0 ? 0 : sum;
    if ((s.flags & 3) == GELU) return sum > 10 ? sum : 0.5 * sum * (1 + erf(sum * sqrt(0.5)));
    return sum;
}

/* Element of the result, and how far off it may be. Where float32 may overflow on the way, anything goes: infinite. */
static double wanted(shape s, const numbers *n, size_t picture, int row, int column, double *allowed)
{
    const float *weight = n->weight + (size_t)column * (size_t)n->weight_stride;
    double sum = 0, size = 0;
    for (int tap = 0; tap < taps_of(s); tap++)
        for (int i = 0; i < s.in; i++) {
            const double term = operand(s, n, picture, row, tap, i) * (double)weight[tap * s.in + i];
            sum += term;
            size += fabs(term);
        }
    const double before =
        (double)n->before[GUARD + picture * n->dst_count + (size_t)(row * n->dst_stride + column)];
    const double value = finish(s, sum, (double)n->bias[column], before);
    *allowed = 3e-6 * (size + 1) + (s.dst_type == BN_F16 ? 0x1p-10 * fabs(value) + 0x1p-24 : 0);
    return size < FLT_MAX / 4 ? value : NAN;
}

/* ---- the device's ------------------------------------------------------------------------------------------------- */

static bn_gpu_buffer *upload(bn_gpu *gpu, const float *values, size_t count, bn_type type)
{
    uint16_t *halves = malloc(count * sizeof *halves);
    assert_non_null(halves);
    for (size_t i = 0; i < count; i++) halves[i] = bn_half_round(values[i]);
    bn_gpu_buffer *buffer = NULL;
    const size_t bytes = count * bn_type_size(type);
    assert_ok(bn_gpu_buffer_create(gpu, bytes, &buffer, &err), err);
    assert_ok(bn_gpu_upload(buffer, 0, type == BN_F16 ? (const void *)halves : values, bytes, &err), err);
    free(halves);
    return buffer;
}

typedef struct device_side {
    bn_gpu_buffer *a, *weight, *bias, *offsets, *dst, *sums;
    bn_gpu_list *list;
} device_side;

static bn_gpu_call product_call(shape s, const numbers *n, const device_side *d)
{
    const uint32_t rows = (uint32_t)rows_of(s), depth = (uint32_t)(taps_of(s) * s.in);
    const uint32_t slices = s.slice ? bn_gpu_groups(depth, (size_t)s.slice) : 1;
    bn_gpu_call call = {
        .kernel = BN_GPU_PRODUCT,
        .groups = {bn_gpu_groups((size_t)s.out, (size_t)s.n), bn_gpu_groups(rows, (size_t)s.m) * slices,
                   (uint32_t)s.pictures},
        .span = {{d->a, 0},
                 {d->weight, 0},
                 {d->bias, 0},
                 {d->dst, GUARD * bn_type_size(s.dst_type)},
                 {d->offsets, 0}},
        .step = {(uint32_t)n->a_count, 0, 0, (uint32_t)n->dst_count, (uint32_t)n->offset_count},
        .number = {rows, (uint32_t)s.out, depth, (uint32_t)n->a_stride, (uint32_t)n->dst_stride,
                   (uint32_t)n->weight_stride, (uint32_t)s.in, (uint32_t)s.h, (uint32_t)s.w,
                   (uint32_t)out_w(s), (uint32_t)(s.kernel | s.stride << 8 | s.pad << 16) | s.flags << 24,
                   (uint32_t)n->offset_stride, 2u | (uint32_t)(2 + 2 * taps_of(s)) << 16, (uint32_t)s.slice},
        .constant = {s.type, s.type, s.dst_type, s.loader, (uint32_t)s.m, (uint32_t)s.n,
                     s.in % 4 == 0 && n->a_stride % 4 == 0, 0}};
    if (s.slice) {
        call.span[3] = (bn_gpu_span){d->sums, 0};
        call.step[3] = slices * rows * (uint32_t)s.out;
    }
    return call;
}

static bn_gpu_call slices_call(shape s, const numbers *n, const device_side *d)
{
    const uint32_t rows = (uint32_t)rows_of(s), out = (uint32_t)s.out;
    const uint32_t slices = bn_gpu_groups((size_t)(taps_of(s) * s.in), (size_t)s.slice);
    return (bn_gpu_call){
        .kernel = BN_GPU_SUMS,
        .groups = {bn_gpu_groups((size_t)rows * out, 256), 1, (uint32_t)s.pictures},
        .span = {{d->sums, 0},
                 {NULL, 0},
                 {s.flags & BIAS ? d->bias : NULL, 0},
                 {d->dst, GUARD * bn_type_size(s.dst_type)}},
        .step = {slices * rows * out, 0, 0, (uint32_t)n->dst_count},
        .number = {[0] = rows, [1] = out, [4] = (uint32_t)n->dst_stride, [5] = slices},
        .constant = {[5] = (s.flags & 3) | (uint32_t)s.dst_type << 8 | (s.flags & ADD ? 1u : 0u) << 16}};
}

static device_side make_device_side(bn_gpu *gpu, shape s, const numbers *n)
{
    const size_t pictures = (size_t)s.pictures, dst = 2 * GUARD + n->dst_count * pictures;
    device_side d = {.a = upload(gpu, n->a, n->a_count * pictures, s.type),
                     .weight = upload(gpu, n->weight, n->weight_count, s.type),
                     .bias = upload(gpu, n->bias, bn_size_round_up((size_t)s.out, BN_GPU_PACK_ROWS), BN_F32),
                     .offsets = upload(gpu, n->offsets, n->offset_count * pictures, BN_F32),
                     .dst = upload(gpu, n->before, dst, s.dst_type)};
    if (s.slice) {
        const size_t slices = bn_gpu_groups((size_t)(taps_of(s) * s.in), (size_t)s.slice),
                     bytes = slices * (size_t)(rows_of(s) * s.out) * pictures * sizeof(float);
        assert_ok(bn_gpu_buffer_create(gpu, bytes, &d.sums, &err), err);
    }
    assert_ok(bn_gpu_list_create(gpu, &d.list, &err), err);
    const bn_gpu_call call = product_call(s, n, &d);
    assert_ok(bn_gpu_list_call(d.list, &call, &err), err);
    if (s.slice) {
        const bn_gpu_call after = slices_call(s, n, &d);
        bn_gpu_list_barrier(d.list);
        assert_ok(bn_gpu_list_call(d.list, &after, &err), err);
    }
    assert_ok(bn_gpu_list_end(d.list, &err), err);
    return d;
}

static void free_device_side(device_side *d)
{
    bn_gpu_list_destroy(&d->list);
    bn_gpu_buffer_destroy(&d->a);
    bn_gpu_buffer_destroy(&d->weight);
    bn_gpu_buffer_destroy(&d->bias);
    bn_gpu_buffer_destroy(&d->offsets);
    bn_gpu_buffer_destroy(&d->dst);
    bn_gpu_buffer_destroy(&d->sums);
}

/* ---- comparing ---------------------------------------------------------------------------------------------------- */

static void compare(const char *name, shape s, const numbers *n, const float *got)
{
    const size_t all = 2 * GUARD + n->dst_count * (size_t)s.pictures;
    for (size_t i = 0; i < all; i++) {
        const bool guard = i < GUARD || i >= all - GUARD;
        const size_t at = guard ? 0 : (i - GUARD) % n->dst_count,
                     picture = guard ? 0 : (i - GUARD) / n->dst_count;
        const int row = (int)at / n->dst_stride, column = (int)at % n->dst_stride;
        if (guard || row >= rows_of(s) || column >= s.out) {
            if (got[i] != n->before[i]) fail_msg("%s wrote outside: element %zu of %zu", name, i, all);
            continue;
        }
        double allowed = 0;
        double want = wanted(s, n, picture, row, column, &allowed);
        if (!isfinite(want)) continue; /* its neighbours are what counts */
        if (s.dst_type == BN_F16) want = BN_MAX(-65504.0, BN_MIN(65504.0, want));
        if (!(fabs((double)got[i] - want) <= allowed))
            fail_msg("%s: picture %zu, row %d, column %d is %.9g, not %.9g", name, picture, row, column,
                     (double)got[i], want);
    }
}

/* Run on what was in dst before; its elements as floats. */
static void run(shape s, const numbers *n, const device_side *d, float *got)
{
    const size_t count = 2 * GUARD + n->dst_count * (size_t)s.pictures;
    uint16_t *halves = malloc(count * sizeof *halves);
    assert_non_null(halves);
    const bool half = s.dst_type == BN_F16;
    for (size_t i = 0; i < count; i++) halves[i] = bn_half_round(n->before[i]);
    const size_t bytes = count * bn_type_size(s.dst_type);
    assert_ok(bn_gpu_upload(d->dst, 0, half ? (const void *)halves : n->before, bytes, &err), err);
    assert_ok(bn_gpu_list_run(d->list, NULL, NULL, &err), err);
    assert_ok(bn_gpu_download(d->dst, 0, half ? (void *)halves : got, bytes, &err), err);
    for (size_t i = 0; i < count && half; i++) got[i] = bn_half_widen(halves[i]);
    free(halves);
}

static void check(bn_gpu *gpu, size_t index, fill kind)
{
    const shape s = shapes[index];
    char name[80];
    snprintf(name, sizeof name, "shape %zu, numbers %d", index, (int)kind);
    numbers n = make_numbers(s, kind);
    device_side d = make_device_side(gpu, s, &n);
    const size_t count = 2 * GUARD + n.dst_count * (size_t)s.pictures;
    float *got = calloc(count, sizeof *got), *again = calloc(count, sizeof *again);
    assert_true(got && again);
    run(s, &n, &d, got);
    compare(name, s, &n, got);
    run(s, &n, &d, again);
    assert_memory_equal(got, again, count * sizeof *got);
    free(got);
    free(again);
    free_device_side(&d);
    free_numbers(&n);
}

static void sums_are_those_of_double_precision(void **state)
{
    (void)state;
    bn_gpu *gpu = test_device_open();
    for (size_t i = 0; i < BN_COUNT(shapes); i++)
        for (fill kind = RANDOM; kind < FILLS; kind++) check(gpu, i, kind);
    bn_gpu_close(&gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_are_those_of_double_precision)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
