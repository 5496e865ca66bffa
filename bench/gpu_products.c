/* gpu_products.c - products of the network on a graphics card's matrix cores: every shape with every tile, checked and timed.
 *
 *   bench_gpu_products [--device N] [--seconds S] [--tiny] [--all] [--only NAME] [--speeds]
 *
 * Prints for each shape the best tiles, TFLOP/s and the worst error of samples against float64; the last table has the best
 * tile by shape. --tiny: small shapes that a software device can do. Tiles that were slow for one shape of a kind are not
 * tried for the others, unless --all. --only: shapes whose names hold NAME. --speeds: only what a program measures when it opens the device, and how long
 * that takes. */
#include "gpu/tile_speeds.h"

#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SAMPLES = 24,
    A_ELEMENTS = 64 << 20,
    W_ELEMENTS = 12 << 20,
    MOST_PIECES = 32,
    SUM_BYTES = 128 << 20,
    KEPT = 6,
    MOST_TILES = 64
};
enum { F32 = 0, F16 = 2, LINEAR = 0, RELU = 1, GELU = 2 };
typedef enum loader { ROWS, TAPS, SAMPLED } loader;

typedef struct product {
    const char *name;
    loader loader;
    int size;   /* of the square map that is filtered; rows otherwise */
    int in;     /* channels of A */
    int out;    /* columns */
    int kernel; /* of a filter */
    int activation, dst_type;
    bool add;
    int times; /* in a picture at 1024, both sizes of the backbone */
} product;

/* Swin-L at 1024: T x C of four stages for the whole picture and half of it, then the decoder. */
static const product full[] = {
    {"stage 3 fc1", ROWS, 4096, 768, 3072, 0, GELU, F16, false, 18},
    {"stage 3 fc2", ROWS, 4096, 3072, 768, 0, LINEAR, F32, true, 18},
    {"stage 3 qkv", ROWS, 4096, 768, 2304, 0, LINEAR, F16, false, 18},
    {"stage 3 proj", ROWS, 4096, 768, 768, 0, LINEAR, F32, true, 18},
    {"stage 1 qkv", ROWS, 65536, 192, 576, 0, LINEAR, F16, false, 2},
    {"stage 1 fc1", ROWS, 65536, 192, 768, 0, GELU, F16, false, 2},
    {"stage 1 fc2", ROWS, 65536, 768, 192, 0, LINEAR, F32, true, 2},
    {"stage 1 proj", ROWS, 65536, 192, 192, 0, LINEAR, F32, true, 2},
    {"stage 2 fc1", ROWS, 16384, 384, 1536, 0, GELU, F16, false, 4},
    {"stage 2 fc2", ROWS, 16384, 1536, 384, 0, LINEAR, F32, true, 4},
    {"stage 2 qkv", ROWS, 16384, 384, 1152, 0, LINEAR, F16, false, 4},
    {"stage 4 fc1", ROWS, 1024, 1536, 6144, 0, GELU, F16, false, 20},
    {"stage 4 fc2", ROWS, 1024, 6144, 1536, 0, LINEAR, F32, true, 20},
    {"stage 4 proj", ROWS, 1024, 1536, 1536, 0, LINEAR, F32, true, 2},
    {"half 3 fc1", ROWS, 1024, 768, 3072, 0, GELU, F16, false, 18},
    {"half 3 fc2", ROWS, 1024, 3072, 768, 0, LINEAR, F32, true, 18},
    {"half 4 fc1", ROWS, 256, 1536, 6144, 0, GELU, F16, false, 2},
    {"half 4 fc2", ROWS, 256, 6144, 1536, 0, LINEAR, F32, true, 2},
    {"deform join", ROWS, 65536, 1024, 64, 0, RELU, F16, false, 1},
    {"conv 480 at 256", TAPS, 256, 480, 64, 3, RELU, F16, false, 1},
    {"conv 960 at 128", TAPS, 128, 960, 64, 3, RELU, F16, false, 1},
    {"conv 1920 at 64", TAPS, 64, 1920, 64, 3, RELU, F16, false, 1},
    {"conv 5760 at 32", TAPS, 32, 5760, 64, 3, RELU, F16, false, 1},
    {"deform 7x7", SAMPLED, 256, 64, 256, 7, RELU, F16, false, 1},
    {"deform 3x3", SAMPLED, 256, 64, 256, 3, RELU, F16, false, 1},
    {"offsets 7x7", TAPS, 256, 64, 160, 7, LINEAR, F32, false, 1},
    {"conv 64 to 384", TAPS, 256, 64, 384, 3, LINEAR, F16, false, 1},
    {"conv 64 to 3072", TAPS, 32, 64, 3072, 3, LINEAR, F16, false, 1},
    {"4096^3", ROWS, 4096, 4096, 4096 - 1024, 0, LINEAR, F16, false, 0},
};

/* Odd sizes on purpose: edges of tiles, depths that are no multiple of a step, columns that are none of 8. */
static const product tiny[] = {
    {"rows", ROWS, 100, 96, 80, 0, GELU, F16, false, 1},
    {"rows, added", ROWS, 65, 72, 132, 0, LINEAR, F32, true, 1},
    {"few columns", ROWS, 40, 64, 13, 0, RELU, F32, false, 1},
    {"deep", ROWS, 33, 520, 40, 0, LINEAR, F16, true, 1},
    {"taps", TAPS, 9, 40, 24, 3, RELU, F16, false, 1},
    {"sampled", SAMPLED, 9, 16, 24, 3, RELU, F16, false, 1},
};

/* What a software device compiles in seconds; ragged ones, too. */
static const bn_gpu_tile tiny_tiles[] = {{32, 32, 32, 2, 2, 2, 2, 1, 1},
                                         {32, 32, 32, 2, 2, 1, 0, 1, 1},
                                         {48, 32, 16, 3, 2, 2, 1, 1, 1},
                                         {32, 16, 16, 2, 1, 1, 1, 0, 1},
                                         {16, 32, 16, 1, 2, 2, 2, 0, 1}};

typedef struct bench {
    bn_gpu *gpu;
    const bn_gpu_facts *facts;
    uint16_t *a, *w; /* what the device has, too: random, and any shape's */
    float *bias, *offsets;
    size_t a_count, w_count, offset_count, dst_bytes, sum_bytes;
    bn_gpu_buffer *a_buffer, *w_buffer, *bias_buffer, *offset_buffer, *dst_buffer, *sum_buffer;
    const bn_gpu_tile *tiles;
    int tile_count;
    double until;
    bool all, is_tiny, speeds;
    const char *only;
    int wrong;
} bench;

typedef struct result {
    double ms;
    int tile, pieces;
} result;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- shapes -------------------------------------------------------------------------------------------------------- */

static int rows_of(const product *p)
{
    return p->loader == ROWS ? p->size : p->size * p->size;
}

static int depth_of(const product *p)
{
    return p->loader == ROWS ? p->in : p->kernel * p->kernel * p->in;
}

static int weight_stride(const product *p)
{
    return (depth_of(p) + 31) / 32 * 32;
}

static int dst_stride(const product *p)
{
    return p->out + (p->out % 8 ? 3 : 8);
}

static int offset_stride(const product *p)
{
    return 3 * p->kernel * p->kernel + 1;
}

static bn_gpu_shape shape_of(const product *p)
{
    return (bn_gpu_shape){.rows = rows_of(p),
                          .columns = p->out,
                          .depth = depth_of(p),
                          .loader = p->loader,
                          .activation = p->activation,
                          .a_type = F16,
                          .dst_type = p->dst_type,
                          .add = p->add,
                          .aligned = p->out % 8 == 0 && dst_stride(p) % 8 == 0};
}

static double tflop(const product *p)
{
    return 2e-12 * rows_of(p) * p->out * depth_of(p);
}

/* ---- numbers --------------------------------------------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* f16 of sign, 10 bits of fraction and an exponent of 2^-4 .. 2^-1: any bits will do, and need no conversion. */
static void fill_halves(uint16_t *to, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i += 4) {
        const uint64_t bits = random_next(&seed);
        for (size_t k = 0; k < 4 && i + k < count; k++) {
            const uint16_t sixteen = (uint16_t)(bits >> 16 * k);
            to[i + k] = (uint16_t)((sixteen & 0x83ff) | (11 + (sixteen >> 10 & 3)) << 10);
        }
    }
}

static void fill_floats(float *to, size_t count, float scale, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) to[i] = scale * ((float)(random_next(&seed) >> 40) * 0x1p-23f - 1.0f);
}

static float half_value(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float size = exponent == 0    ? ldexpf((float)fraction, -24)
                       : exponent == 31 ? (fraction ? NAN : INFINITY)
                                        : ldexpf((float)(fraction | 1024), exponent - 25);
    return bits & 0x8000 ? -size : size;
}

/* ---- what is right ----------------------------------------------------------------------------------------------------- */

static float a_pixel(const bench *b, const product *p, int y, int x, int channel)
{
    if (y < 0 || x < 0 || y >= p->size || x >= p->size) return 0.0f;
    return half_value(b->a[((size_t)y * (size_t)p->size + (size_t)x) * (size_t)p->in + (size_t)channel]);
}

static double sampled(const bench *b, const product *p, int row, int tap, int channel)
{
    const int k = p->kernel;
    const float *offsets = b->offsets + (size_t)row * (size_t)offset_stride(p);
    const float y = (float)(row / p->size + tap / k - k / 2) + offsets[2 * tap],
                x = (float)(row % p->size + tap % k - k / 2) + offsets[2 * tap + 1];
    if (!(y > -1 && x > -1 && y < (float)p->size && x < (float)p->size)) return 0.0;
    const float strength = 2.0f / (1.0f + expf(-offsets[2 * k * k + tap])), fy = y - floorf(y),
                fx = x - floorf(x);
    const int y0 = (int)floorf(y), x0 = (int)floorf(x);
    return (double)strength *
           ((1.0 - (double)fy) * ((1.0 - (double)fx) * (double)a_pixel(b, p, y0, x0, channel) +
                                  (double)fx * (double)a_pixel(b, p, y0, x0 + 1, channel)) +
            (double)fy * ((1.0 - (double)fx) * (double)a_pixel(b, p, y0 + 1, x0, channel) +
                          (double)fx * (double)a_pixel(b, p, y0 + 1, x0 + 1, channel)));
}

static double operand(const bench *b, const product *p, int row, int k)
{
    if (p->loader == ROWS) return (double)half_value(b->a[(size_t)row * (size_t)p->in + (size_t)k]);
    const int tap = k / p->in, channel = k % p->in, pad = p->kernel / 2;
    if (p->loader == SAMPLED) return sampled(b, p, row, tap, channel);
    return (double)a_pixel(b, p, row / p->size + tap / p->kernel - pad, row % p->size + tap % p->kernel - pad,
                           channel);
}

static double wanted(const bench *b, const product *p, int row, int column, double old)
{
    double sum = (double)b->bias[column];
    for (int k = 0; k < depth_of(p); k++)
        sum += operand(b, p, row, k) *
               (double)half_value(b->w[(size_t)column * (size_t)weight_stride(p) + (size_t)k]);
    if (p->add) sum += old;
    if (p->activation == RELU) return fmax(sum, 0.0);
    return p->activation == GELU ? 0.5 * sum * (1.0 + erf(sum * M_SQRT1_2)) : sum;
}

/* ---- calls ----------------------------------------------------------------------------------------------------------- */

static bn_gpu_call product_call(const bench *b, const product *p, const bn_gpu_tile *tile, int pieces)
{
    const bn_gpu_shape shape = shape_of(p);
    bn_gpu_call call = {.kernel = BN_GPU_MATRIX_PRODUCT,
                        .groups = {1, 1, 1},
                        .span = {{b->a_buffer, 0},
                                 {b->w_buffer, 0},
                                 {pieces > 1 ? NULL : b->bias_buffer, 0},
                                 {pieces > 1 ? b->sum_buffer : b->dst_buffer, 0},
                                 {b->offset_buffer, 0}}};
    const int taps = p->kernel * p->kernel;
    const uint32_t numbers[BN_GPU_NUMBERS] = {(uint32_t)shape.rows,
                                              (uint32_t)shape.columns,
                                              (uint32_t)shape.depth,
                                              (uint32_t)p->in,
                                              (uint32_t)(pieces > 1 ? shape.columns : dst_stride(p)),
                                              (uint32_t)pieces,
                                              (uint32_t)p->size,
                                              (uint32_t)p->size,
                                              (uint32_t)p->size,
                                              (uint32_t)p->in,
                                              (uint32_t)(p->kernel | 1 << 8 | p->kernel / 2 << 16),
                                              (uint32_t)offset_stride(p),
                                              0,
                                              (uint32_t)(2 * taps)};
    memcpy(call.number, numbers, sizeof numbers);
    bn_gpu_tile_constants(tile, b->facts, &shape, pieces, call.constant);
    bn_gpu_tile_groups(tile, &shape, pieces, call.groups);
    return call;
}

static bn_gpu_call sums_call(const bench *b, const product *p, int pieces)
{
    const bn_gpu_shape shape = shape_of(p);
    bn_gpu_call call = {
        .kernel = BN_GPU_SUMS,
        .groups = {(uint32_t)(((size_t)shape.rows * (size_t)shape.columns + 255) / 256), 1, 1},
        .span = {{b->sum_buffer, 0}, {NULL, 0}, {b->bias_buffer, 0}, {b->dst_buffer, 0}},
        .number = {(uint32_t)shape.rows, (uint32_t)shape.columns, 0, 0, (uint32_t)dst_stride(p),
                   (uint32_t)pieces}};
    call.constant[5] = (uint32_t)p->activation | (uint32_t)p->dst_type << 8 | (uint32_t)p->add << 16;
    return call;
}

static bn_status record(const bench *b, const product *p, const result *how, int repeats, bn_gpu_list *list,
                        bn_error *err)
{
    const bn_gpu_call call = product_call(b, p, &b->tiles[how->tile], how->pieces),
                      sums = sums_call(b, p, how->pieces);
    BN_TRY(bn_gpu_list_part(list, "product", err));
    for (int i = 0; i < repeats; i++) {
        BN_TRY(bn_gpu_list_call(list, &call, err));
        bn_gpu_list_barrier(list);
        if (how->pieces == 1) continue;
        BN_TRY(bn_gpu_list_call(list, &sums, err));
        bn_gpu_list_barrier(list);
    }
    return bn_gpu_list_end(list, err);
}

/* ms of the fastest of some runs of `repeats` products. */
static bn_status measure(const bench *b, const product *p, result *how, int repeats, int runs, bn_error *err)
{
    bn_gpu_list *list = NULL;
    bn_status status;
    BN_TRY_DONE(bn_gpu_list_create(b->gpu, &list, err));
    BN_TRY_DONE(record(b, p, how, repeats, list, err));
    how->ms = INFINITY;
    for (int i = 0; i < runs; i++) {
        const double start = now_s();
        BN_TRY_DONE(bn_gpu_list_run(list, NULL, NULL, err));
        const double wall = 1e3 * (now_s() - start), ms = bn_gpu_list_part_ms(list, 0);
        how->ms = fmin(how->ms, (ms > 0 ? ms : wall) / repeats);
    }
done:
    bn_gpu_list_destroy(&list);
    return status;
}

/* ---- checking ---------------------------------------------------------------------------------------------------------- */

typedef struct sample {
    int row, column;
    double want;
} sample;

/* Corners first, the rest anywhere. */
static void choose_samples(const bench *b, const product *p, sample *samples)
{
    uint64_t seed = 7;
    for (int i = 0; i < SAMPLES; i++) {
        const int rows = rows_of(p), columns = p->out;
        samples[i].row = i < 4 ? (i & 1) * (rows - 1) : (int)(random_next(&seed) % (uint64_t)rows);
        samples[i].column = i < 4 ? (i >> 1) * (columns - 1) : (int)(random_next(&seed) % (uint64_t)columns);
        samples[i].want = wanted(b, p, samples[i].row, samples[i].column, 0.5);
    }
}

static size_t sample_bytes(const product *p, const sample *s)
{
    const size_t at = (size_t)s->row * (size_t)dst_stride(p) + (size_t)s->column;
    return at * (p->dst_type == F16 ? 2 : 4);
}

static double error_of(const product *p, const sample *s, const void *got)
{
    float value;
    if (p->dst_type == F16) {
        uint16_t half;
        memcpy(&half, got, sizeof half);
        value = half_value(half);
    } else {
        memcpy(&value, got, sizeof value);
    }
    const double error = fabs((double)value - s->want) / (1.0 + fabs(s->want));
    return isfinite(error) ? error : INFINITY;
}

/* The worst relative error of samples after one run over dst = 0.5 there. */
static bn_status check(const bench *b, const product *p, const result *how, const sample *samples,
                       double *worst, bn_error *err)
{
    const float single = 0.5f;
    const uint16_t half = 0x3800;
    const size_t bytes = p->dst_type == F16 ? sizeof half : sizeof single;
    const void *old = p->dst_type == F16 ? (const void *)&half : (const void *)&single;
    for (int i = 0; i < SAMPLES; i++)
        BN_TRY(bn_gpu_upload(b->dst_buffer, sample_bytes(p, &samples[i]), old, bytes, err));
    result once = *how;
    BN_TRY(measure(b, p, &once, 1, 1, err));
    *worst = 0;
    for (int i = 0; i < SAMPLES; i++) {
        char got[4];
        BN_TRY(bn_gpu_download(b->dst_buffer, sample_bytes(p, &samples[i]), got, bytes, err));
        *worst = fmax(*worst, error_of(p, &samples[i], got));
    }
    return BIREFNET_OK;
}

/* ---- one shape --------------------------------------------------------------------------------------------------------- */

/* Slow tiles are tried once a kind of pipeline: pipelines take longer than products. */
static bool may_try[3][MOST_TILES];

static bool is_sensible(const bench *b, const product *p, const bn_gpu_tile *tile, int pieces)
{
    if (!bn_gpu_tile_fits(tile, b->facts)) return false;
    if (b->is_tiny) return pieces <= 2;
    if (tile->columns > 64 && tile->columns >= 2 * p->out) return false;
    uint32_t groups[2];
    const bn_gpu_shape shape = shape_of(p);
    bn_gpu_tile_groups(tile, &shape, 1, groups);
    const uint32_t tiles = groups[0] * groups[1];
    const size_t bytes = (size_t)shape.rows * (size_t)shape.columns * 4 * (size_t)pieces;
    return pieces == 1 || (tiles * (uint32_t)pieces <= 600 && tiles < 264 && bytes <= SUM_BYTES &&
                           shape.depth / pieces >= 256);
}

static void insert(result *best, int *count, result r)
{
    int at = *count < KEPT ? (*count)++ : KEPT;
    if (at == KEPT && best[KEPT - 1].ms <= r.ms) return;
    if (at == KEPT) at = KEPT - 1;
    while (at > 0 && best[at - 1].ms > r.ms) {
        best[at] = best[at - 1];
        at--;
    }
    best[at] = r;
}

static void print_tile(const bench *b, const result *r)
{
    const bn_gpu_tile *t = &b->tiles[r->tile];
    char name[64];
    snprintf(name, sizeof name, "%dx%dx%d %dx%d b%d o%d p%d", t->rows, t->columns, t->depth, t->along_rows,
             t->along_columns, t->buffers, t->order, t->prefetch);
    printf("%-24s /%-2d", name, r->pieces);
}

/* About a millisecond on a fast card. */
static int repeats_of(const bench *b, const product *p)
{
    return b->is_tiny ? 1 : (int)fmin(50, ceil(1e-3 / (tflop(p) / 200)));
}

static bn_status try_tile(bench *b, const product *p, int tile, const sample *samples, result *best,
                          int *count, bn_error *err)
{
    for (int pieces = 1; pieces <= MOST_PIECES; pieces *= 2) {
        if (!is_sensible(b, p, &b->tiles[tile], pieces)) continue;
        result r = {.tile = tile, .pieces = pieces};
        double worst;
        const double start = now_s();
        BN_TRY(check(b, p, &r, samples, &worst, err));
        const double seconds = now_s() - start;
        if (worst > 0.01) {
            b->wrong++;
            printf("  WRONG by %.3g: ", worst);
            print_tile(b, &r);
            printf("\n");
            continue;
        }
        BN_TRY(measure(b, p, &r, repeats_of(b, p), b->is_tiny ? 1 : 3, err));
        if (b->all) {
            printf("    ");
            print_tile(b, &r);
            printf(" %8.4f ms %7.1f TFLOP/s, error %.2g, first run %.2f s\n", r.ms, tflop(p) / r.ms * 1e3,
                   worst, seconds);
        }
        insert(best, count, r);
    }
    return BIREFNET_OK;
}

/* Of those that were tried for a big product, the ones that come near the best go on. */
static void drop_slow(const bench *b, const double *ms, int kind)
{
    double best = INFINITY;
    for (int i = 0; i < b->tile_count; i++) best = fmin(best, ms[i]);
    for (int i = 0; i < b->tile_count; i++)
        if (ms[i] > 1.5 * best && isfinite(ms[i]) && b->tiles[i].columns > 64) may_try[kind][i] = false;
}

/* What the program would take, by the table. */
static bn_status show_chosen(const bench *b, const product *p, double best_ms, bn_error *err)
{
    const bn_gpu_shape shape = shape_of(p);
    bn_gpu_tile_speeds speeds;
    bn_gpu_tile_speeds_usual(&speeds);
    const int pieces = bn_gpu_tile_pieces(&shape);
    const bn_gpu_tile *tile = bn_gpu_tile_choose(b->facts, &speeds, &shape, pieces);
    if (!tile || b->is_tiny) return BIREFNET_OK;
    result r = {.tile = (int)(tile - bn_gpu_tiles), .pieces = pieces};
    BN_TRY(measure(b, p, &r, repeats_of(b, p), 3, err));
    printf("                                chosen %7.4f ms %6.1f ", r.ms, tflop(p) / r.ms * 1e3);
    print_tile(b, &r);
    printf(" %.2f of the best\n", best_ms / r.ms);
    return BIREFNET_OK;
}

/* All pipelines of a shape at once, on all cores. */
static bn_status compile(const bench *b, const product *p, bn_error *err)
{
    bn_gpu_list *list = NULL;
    bn_status status;
    BN_TRY_DONE(bn_gpu_list_create(b->gpu, &list, err));
    for (int tile = 0; tile < b->tile_count; tile++)
        for (int pieces = 1; pieces <= 2; pieces++) {
            if (!may_try[p->loader][tile] || !is_sensible(b, p, &b->tiles[tile], pieces)) continue;
            const bn_gpu_call call = product_call(b, p, &b->tiles[tile], pieces),
                              sums = sums_call(b, p, pieces);
            BN_TRY_DONE(bn_gpu_list_call(list, &call, err));
            if (pieces > 1) BN_TRY_DONE(bn_gpu_list_call(list, &sums, err));
        }
    status = bn_gpu_list_end(list, err);
done:
    bn_gpu_list_destroy(&list);
    return status;
}

static bn_status run_product(bench *b, const product *p, bool first_of_kind, result *best, bn_error *err)
{
    sample samples[SAMPLES];
    choose_samples(b, p, samples);
    const double start = now_s();
    if (start < b->until) BN_TRY(compile(b, p, err));
    const double compiled = now_s() - start;
    double ms[MOST_TILES];
    int count = 0;
    for (int i = 0; i < b->tile_count; i++) {
        ms[i] = INFINITY;
        if (!may_try[p->loader][i] || now_s() > b->until) continue;
        result of_tile[KEPT];
        int tried = 0;
        BN_TRY(try_tile(b, p, i, samples, of_tile, &tried, err));
        for (int k = 0; k < tried; k++) insert(best, &count, of_tile[k]);
        if (tried) ms[i] = of_tile[0].ms;
    }
    if (first_of_kind && !b->all && !b->is_tiny) drop_slow(b, ms, p->loader);
    if (count == 0) best[0] = (result){.ms = INFINITY};
    printf("%-16s %6d x %5d x %5d", p->name, rows_of(p), depth_of(p), p->out);
    if (compiled > 0.5) printf(" compiled in %.1f s\n%39s", compiled, "");
    for (int i = 0; i < (count < 3 ? count : 3); i++) {
        printf("%s %7.4f ms %6.1f ", i ? "\n                                       " : "", best[i].ms,
               tflop(p) / best[i].ms * 1e3);
        print_tile(b, &best[i]);
    }
    printf("\n");
    fflush(stdout);
    return BIREFNET_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

static bn_status upload_new(bn_gpu *gpu, const void *from, size_t bytes, bn_gpu_buffer **buffer,
                            bn_error *err)
{
    BN_TRY(bn_gpu_buffer_create(gpu, bytes, buffer, err));
    return from ? bn_gpu_upload(*buffer, 0, from, bytes, err) : BIREFNET_OK;
}

static bn_status prepare(bench *b, bn_error *err)
{
    b->a_count = b->is_tiny ? 1 << 16 : A_ELEMENTS;
    b->w_count = b->is_tiny ? 1 << 17 : W_ELEMENTS;
    b->offset_count = b->is_tiny ? 1 << 13 : 65536 * 148;
    b->dst_bytes = b->is_tiny ? 1 << 18 : 160 << 20;
    b->sum_bytes = b->is_tiny ? 1 << 18 : SUM_BYTES;
    const size_t bias_count = 8192;
    b->a = malloc(b->a_count * 2), b->w = malloc(b->w_count * 2);
    b->bias = malloc(bias_count * 4), b->offsets = malloc(b->offset_count * 4);
    if (!b->a || !b->w || !b->bias || !b->offsets) return bn_fail_memory(err, b->a_count * 2, "numbers");
    fill_halves(b->a, b->a_count, 1);
    fill_halves(b->w, b->w_count, 2);
    fill_floats(b->bias, bias_count, 1.0f, 3);
    fill_floats(b->offsets, b->offset_count, 2.0f, 4);
    BN_TRY(upload_new(b->gpu, b->a, b->a_count * 2, &b->a_buffer, err));
    BN_TRY(upload_new(b->gpu, b->w, b->w_count * 2, &b->w_buffer, err));
    BN_TRY(upload_new(b->gpu, b->bias, bias_count * 4, &b->bias_buffer, err));
    BN_TRY(upload_new(b->gpu, b->offsets, b->offset_count * 4, &b->offset_buffer, err));
    BN_TRY(upload_new(b->gpu, NULL, b->dst_bytes, &b->dst_buffer, err));
    return upload_new(b->gpu, NULL, b->sum_bytes, &b->sum_buffer, err);
}

static void forget(bench *b)
{
    bn_gpu_buffer **buffers[] = {&b->a_buffer,      &b->w_buffer,   &b->bias_buffer,
                                 &b->offset_buffer, &b->dst_buffer, &b->sum_buffer};
    for (size_t i = 0; i < BN_COUNT(buffers); i++) bn_gpu_buffer_destroy(buffers[i]);
    free(b->a), free(b->w), free(b->bias), free(b->offsets);
    bn_gpu_close(&b->gpu);
}

static bn_status show_speeds(const bench *b, bn_error *err)
{
    bn_gpu_tile_speeds speeds;
    const double start = now_s();
    BN_TRY(bn_gpu_tile_speeds_measure(b->gpu, &speeds, err));
    printf("tiles timed in %.2f s\n", now_s() - start);
    for (int i = 0; i < b->tile_count; i++) {
        print_tile(b, &(result){.tile = i, .pieces = 1});
        printf(" %.1f TFLOP/s (table: %d)\n", 2e-3 * (double)speeds.worth[i], b->tiles[i].worth);
    }
    return BIREFNET_OK;
}

static bn_status run_all(bench *b, bn_error *err)
{
    const product *products = b->is_tiny ? tiny : full;
    const size_t count = b->is_tiny ? BN_COUNT(tiny) : BN_COUNT(full);
    memset(may_try, true, sizeof may_try);
    bool seen[3] = {false};
    double sum_ms = 0, sum_tflop = 0;
    for (size_t i = 0; i < count; i++) {
        const product *p = &products[i];
        if (b->only && !strstr(p->name, b->only)) continue;
        result best[KEPT];
        BN_TRY(run_product(b, p, !seen[p->loader], best, err));
        BN_TRY(show_chosen(b, p, best[0].ms, err));
        seen[p->loader] = true;
        sum_ms += p->times * best[0].ms;
        sum_tflop += p->times * tflop(p);
    }
    printf("best tiles, times in a picture: %.3f ms, %.1f TFLOP/s\n", sum_ms, sum_tflop / sum_ms * 1e3);
    return BIREFNET_OK;
}

static bool parse(int argc, char **argv, int *device, double *seconds, bench *b)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tiny") == 0)
            b->is_tiny = true;
        else if (strcmp(argv[i], "--all") == 0)
            b->all = true;
        else if (strcmp(argv[i], "--speeds") == 0)
            b->speeds = true;
        else if (strcmp(argv[i], "--device") == 0 && i + 1 < argc)
            *device = atoi(argv[++i]);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            *seconds = atof(argv[++i]);
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            b->only = argv[++i];
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    bench b = {0};
    int device = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    double seconds = 55;
    if (!parse(argc, argv, &device, &seconds, &b)) {
        fprintf(stderr, "bench_gpu_products [--device N] [--seconds S] [--tiny] [--all] [--only NAME] "
                        "[--speeds]\n");
        return 2;
    }
    b.tiles = b.is_tiny ? tiny_tiles : bn_gpu_tiles;
    b.tile_count = b.is_tiny ? (int)BN_COUNT(tiny_tiles) : bn_gpu_tile_count;
    b.until = now_s() + seconds;
    bn_error err = {0};
    bn_status status;
    BN_TRY_DONE(bn_gpu_open(device, &b.gpu, &err));
    b.facts = bn_gpu_facts_of(b.gpu);
    printf("%s, %s: fragments %dx%dx%d, subgroups of %d, %d bytes shared\n", b.facts->name, b.facts->driver,
           b.facts->matrix_m, b.facts->matrix_n, b.facts->matrix_k, b.facts->subgroup, b.facts->shared_bytes);
    if (!b.facts->matrix)
        status = bn_fail(&err, BIREFNET_ERROR_UNSUPPORTED, "no matrix cores here");
    else if (b.speeds)
        status = show_speeds(&b, &err);
    else if ((status = prepare(&b, &err)) == BIREFNET_OK)
        status = run_all(&b, &err);
done:
    if (status != BIREFNET_OK) fprintf(stderr, "%s\n", err.message);
    if (b.wrong) fprintf(stderr, "%d products were wrong\n", b.wrong);
    forget(&b);
    return status == BIREFNET_OK && b.wrong == 0 ? 0 : 1;
}
