/* gpu_products.c - products of the network on a graphics card's matrix cores: every shape with every tile, checked and timed.
 *
 *   bench_gpu_products [--device N] [--seconds S] [--tiny] [--all] [--only NAME] [--speeds]
 *
 * Prints for each shape the best tiles, TFLOP/s and the worst error of samples against float64; the last table has the best
 * tile by shape. --tiny: small shapes that a software device can do. Tiles that were slow for one shape of a kind are not
 * tried for the others, unless --all. --only: shapes whose names hold NAME. --speeds: only what a program measures when it
 * opens the device, and how long that takes. */
#include "bench/gpu_products.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    A_ELEMENTS = 64 << 20,
    W_ELEMENTS = 12 << 20,
    MOST_PIECES = 32,
    SUM_BYTES = 128 << 20,
    KEPT = 6,
    MOST_TILES = 64
};

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
    {"stage 4 fc1", ROWS, 1024, 1536, 6144, 0, GELU, F16, false, 2},
    {"stage 4 fc2", ROWS, 1024, 6144, 1536, 0, LINEAR, F32, true, 2},
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
    operands operands;
    size_t dst_bytes, sum_bytes;
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

static bn_gpu_shape shape_of(const product *p)
{
    return (bn_gpu_shape){.rows = product_rows(p),
                          .columns = p->out,
                          .depth = product_depth(p),
                          .loader = (int)p->loader,
                          .activation = p->activation,
                          .a_type = F16,
                          .dst_type = p->dst_type,
                          .add = p->add,
                          .aligned = p->out % 8 == 0 && product_dst_stride(p) % 8 == 0};
}

static double tflop(const product *p)
{
    return 2e-12 * product_rows(p) * p->out * product_depth(p);
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
                                              (uint32_t)(pieces > 1 ? shape.columns : product_dst_stride(p)),
                                              (uint32_t)pieces,
                                              (uint32_t)p->size,
                                              (uint32_t)p->size,
                                              (uint32_t)p->size,
                                              (uint32_t)p->in,
                                              (uint32_t)(p->kernel | 1 << 8 | p->kernel / 2 << 16),
                                              (uint32_t)product_offset_stride(p),
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
        .number = {(uint32_t)shape.rows, (uint32_t)shape.columns, 0, 0, (uint32_t)product_dst_stride(p),
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
        *worst = fmax(*worst, sample_error(p, &samples[i], got));
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
    choose_samples(&b->operands, p, samples);
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
    if (first_of_kind && !b->all && !b->is_tiny) drop_slow(b, ms, (int)p->loader);
    if (count == 0) best[0] = (result){.ms = INFINITY};
    printf("%-16s %6d x %5d x %5d", p->name, product_rows(p), product_depth(p), p->out);
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
    operands *o = &b->operands;
    o->a_count = b->is_tiny ? 1 << 16 : A_ELEMENTS;
    o->w_count = b->is_tiny ? 1 << 17 : W_ELEMENTS;
    o->bias_count = 8192;
    o->offset_count = b->is_tiny ? 1 << 13 : 65536 * 148;
    b->dst_bytes = b->is_tiny ? 1 << 18 : 160 << 20;
    b->sum_bytes = b->is_tiny ? 1 << 18 : SUM_BYTES;
    BN_TRY(operands_fill(o, err));
    BN_TRY(upload_new(b->gpu, o->a, o->a_count * 2, &b->a_buffer, err));
    BN_TRY(upload_new(b->gpu, o->w, o->w_count * 2, &b->w_buffer, err));
    BN_TRY(upload_new(b->gpu, o->bias, o->bias_count * 4, &b->bias_buffer, err));
    BN_TRY(upload_new(b->gpu, o->offsets, o->offset_count * 4, &b->offset_buffer, err));
    BN_TRY(upload_new(b->gpu, NULL, b->dst_bytes, &b->dst_buffer, err));
    return upload_new(b->gpu, NULL, b->sum_bytes, &b->sum_buffer, err);
}

static void forget(bench *b)
{
    bn_gpu_buffer **buffers[] = {&b->a_buffer,      &b->w_buffer,   &b->bias_buffer,
                                 &b->offset_buffer, &b->dst_buffer, &b->sum_buffer};
    for (size_t i = 0; i < BN_COUNT(buffers); i++) bn_gpu_buffer_destroy(buffers[i]);
    operands_free(&b->operands);
    bn_gpu_close(&b->gpu);
}

static bn_status show_speeds(const bench *b, bn_error *err)
{
    bn_gpu_tile_speeds speeds;
    const double start = now_s();
    BN_TRY(bn_gpu_tile_speeds_measure(b->gpu, &speeds, err));
    printf("tiles timed in %.2f s\n", now_s() - start);
    printf("TFLOP/s by rows, taps, samples (table)\n");
    for (int i = 0; i < b->tile_count; i++) {
        print_tile(b, &(result){.tile = i, .pieces = 1});
        for (int kind = 0; kind < BN_GPU_LOADERS; kind++)
            printf(" %6.1f", 2e-3 * (double)speeds.worth[kind][i]);
        printf(" (%d)\n", b->tiles[i].worth);
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
