/* gpu_products.c - products of the network on a graphics card's matrix cores: every shape with every tile, checked and timed.
 *
 *   bench_gpu_products [--device N] [--seconds S] [--tiny] [--all] [--only NAME] [--speeds]
 *
 * Prints for each shape the best tiles, TFLOP/s and the worst error of samples against float64; the last table has the best
 * tile by shape. --tiny: small shapes that a software device can do. Tiles that were slow for one shape of a kind are not
 * tried for the others, unless --all. --only: shapes whose names hold NAME. --speeds: only what a program measures when it
 * opens the device, and how long that takes. */
#include "bench/gpu_card.h"
#include "bench/gpu_products.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    A_ELEMENTS = 64 << 20,
    W_ELEMENTS = 12 << 20,
    MOST_PIECES = 32,
    SUM_BYTES = 128 << 20,
    KEPT = 6,
    MOST_TILES = 64
};

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
    const product *products = b->is_tiny ? tiny_products : full_products;
    const int count = b->is_tiny ? tiny_count : full_count;
    memset(may_try, true, sizeof may_try);
    bool seen[3] = {false};
    double sum_ms = 0, sum_tflop = 0;
    for (int i = 0; i < count; i++) {
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

static bool parse(int argc, char **argv, card_options *card, double *seconds, bench *b)
{
    for (int i = 1; i < argc; i++) {
        if (card_option(argc, argv, &i, card)) continue;
        if (strcmp(argv[i], "--all") == 0)
            b->all = true;
        else if (strcmp(argv[i], "--speeds") == 0)
            b->speeds = true;
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            *seconds = atof(argv[++i]);
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            b->only = argv[++i];
        else
            return false;
    }
    b->is_tiny = card->is_tiny;
    b->tiles = b->is_tiny ? tiny_tiles : bn_gpu_tiles;
    b->tile_count = b->is_tiny ? tiny_tile_count : bn_gpu_tile_count;
    b->until = now_s() + *seconds;
    return true;
}

static bn_status run(bench *b, bn_error *err)
{
    b->facts = bn_gpu_facts_of(b->gpu);
    printf("fragments %dx%dx%d, subgroups of %d, %d bytes shared\n", b->facts->matrix_m, b->facts->matrix_n,
           b->facts->matrix_k, b->facts->subgroup, b->facts->shared_bytes);
    if (!b->facts->matrix) return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "no matrix cores here");
    if (b->speeds) return show_speeds(b, err);
    BN_TRY(prepare(b, err));
    return run_all(b, err);
}

int main(int argc, char **argv)
{
    bench b = {0};
    card_options card = {0};
    double seconds = 55;
    if (!parse(argc, argv, &card, &seconds, &b)) {
        fprintf(stderr, "bench_gpu_products [--device N] [--seconds S] [--tiny] [--all] [--only NAME] "
                        "[--speeds]\n");
        return 2;
    }
    bn_error err = {0};
    bn_status status = card_open(&card, &b.gpu, &err);
    if (status == BIREFNET_OK) status = run(&b, &err);
    if (status != BIREFNET_OK) fprintf(stderr, "%s\n", err.message);
    if (b.wrong) fprintf(stderr, "%d products were wrong\n", b.wrong);
    forget(&b);
    return status == BIREFNET_OK && b.wrong == 0 ? 0 : 1;
}
