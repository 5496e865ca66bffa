/* gpu_attention.c - attention and layer norm of the network on a graphics card: every shape of Swin-L at 1024, and of PVT, with
 * each way to share out the work, timed; what matrix cores give is held to the plain kernel.
 *
 *   bench_gpu_attention [--device N] [--tiny]
 *
 * Prints for each shape ms of a call by subgroups and quads of a row, TFLOP/s of the best, the largest difference from the
 * plain kernel (of numbers up to 1), then ms of all calls of a picture. --tiny: shapes that a software device can do. */
#include "bench/gpu_card.h"

#include "base/half.h"
#include "base/seeded.h"
#include "base/size.h"
#include "nn/gpu/attention.h"
#include "nn/gpu/window_bias.h"
#include "nn/map.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct shape {
    const char *name;
    int size, window, heads, times; /* of a square map; calls of a picture */
} shape;

static const shape full[] = {
    {"stage 1", 256, 12, 6, 2},        {"stage 2", 128, 12, 12, 2},      {"stage 3", 64, 12, 24, 18},
    {"stage 4", 32, 12, 48, 2},        {"half, stage 1", 128, 12, 6, 2}, {"half, stage 2", 64, 12, 12, 2},
    {"half, stage 3", 32, 12, 24, 18}, {"half, stage 4", 16, 12, 48, 2}, {"windows of 7", 256, 7, 6, 0},
};
static const shape tiny[] = {{"tiny", 6, 4, 2, 1}};

enum { DIM = 32, RUNS = 5 };

typedef struct bench {
    bn_gpu *gpu;
    const bn_gpu_facts *facts;
    bn_gpu_buffer *qkv, *mixed, *padding, *table, *bias, *hidden, *stream, *gamma;
    bn_error err;
} bench;

static void stop(const bench *b)
{
    fprintf(stderr, "%s\n", b->err.message);
    exit(1);
}

static void ok(const bench *b, bn_status status)
{
    if (status != BIREFNET_OK) stop(b);
}

static size_t tokens_of(const shape *s)
{
    return (size_t)s->size * (size_t)s->size;
}

/* `count` numbers of a seed, of this type, on the device; numbers NULL: random ones. */
static bn_gpu_buffer *upload(bench *b, const char *name, const float *numbers, size_t count, bn_type type)
{
    bn_gpu_buffer *buffer = NULL;
    float *made = malloc(count * sizeof *made);
    uint16_t *halves = malloc(count * sizeof *halves);
    if (!made || !halves) exit(1);
    if (numbers)
        memcpy(made, numbers, count * sizeof *made);
    else
        bn_seeded_fill(name, 1, 0, 1, 0, made, count);
    for (size_t i = 0; i < count; i++) halves[i] = bn_half_round(made[i]);
    const size_t bytes = count * bn_type_size(type);
    ok(b, bn_gpu_buffer_create(b->gpu, bytes, &buffer, &b->err));
    ok(b, bn_gpu_upload(buffer, 0, type == BN_F16 ? (void *)halves : (void *)made, bytes, &b->err));
    free(made);
    free(halves);
    return buffer;
}

/* ms of a call: the fastest of some runs of a list of them. */
static double time_call(bench *b, const bn_gpu_call *call, int repeats)
{
    bn_gpu_list *list = NULL;
    ok(b, bn_gpu_list_create(b->gpu, &list, &b->err));
    ok(b, bn_gpu_list_part(list, "calls", &b->err));
    for (int i = 0; i < repeats; i++) {
        ok(b, bn_gpu_list_call(list, call, &b->err));
        bn_gpu_list_barrier(list);
    }
    ok(b, bn_gpu_list_end(list, &b->err));
    double best = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        ok(b, bn_gpu_list_run(list, NULL, NULL, &b->err));
        best = fmin(best, bn_gpu_list_part_ms(list, 0) / repeats);
    }
    bn_gpu_list_destroy(&list);
    return best;
}

static uint32_t bits(float value)
{
    uint32_t made;
    memcpy(&made, &value, sizeof made);
    return made;
}

/* ---- windows ------------------------------------------------------------------------------------------------- */

static bn_window_shape bias_shape(const bench *b, const shape *s)
{
    const int tokens = s->window * s->window;
    return (bn_window_shape){s->window,
                             s->window / 2,
                             s->heads,
                             bn_gpu_matrix_round_up(b->facts, tokens),
                             BN_MAX(b->facts->matrix_m, 1),
                             BN_MAX(b->facts->matrix_n, 1),
                             1.0f / sqrtf(DIM)};
}

static void upload_biases(bench *b, const shape *s)
{
    const bn_window_shape w = bias_shape(b, s);
    const size_t heads = (size_t)s->heads, places = (size_t)((2 * s->window - 1) * (2 * s->window - 1)),
                 count = bn_window_bias_count(&w);
    float *table = malloc(places * heads * sizeof *table), *turned = malloc(places * heads * sizeof *turned),
          *bias = malloc((heads + 4) * count * sizeof *bias);
    if (!table || !turned || !bias) exit(1);
    bn_seeded_fill("table", 1, 0, 1, 0, table, places * heads);
    for (size_t i = 0; i < places * heads; i++) turned[i % heads * places + i / heads] = table[i];
    bn_window_bias_fill(&w, table, NULL, bias);
    bn_window_hidden_fill(&w, NULL, NULL, bias + heads * count);
    b->table = upload(b, "table", turned, places * heads, BN_F32);
    b->bias = upload(b, "bias", bias, heads * count, BN_F16);
    b->hidden = upload(b, "hidden", bias + heads * count, 4 * count, BN_F16);
    free(table);
    free(turned);
    free(bias);
}

static bn_gpu_call window_call(const bench *b, const shape *s, bool matrix, int subgroups, int pitch)
{
    const bn_window_shape w = bias_shape(b, s);
    const int windows = (s->size + s->window - 1) / s->window, c = s->heads * DIM;
    const bn_gpu_facts *f = b->facts;
    bn_gpu_call call = {.kernel = matrix ? BN_GPU_MATRIX_WINDOW : BN_GPU_WINDOW,
                        .groups = {(uint32_t)(windows * s->heads), (uint32_t)windows, 1},
                        .span = {{b->qkv, 0},
                                 {b->mixed, 0},
                                 {b->padding, 0},
                                 {matrix ? b->bias : b->table, 0},
                                 {matrix ? b->hidden : NULL, 0}},
                        .number = {(uint32_t)s->size, (uint32_t)s->size, (uint32_t)w.shift, (uint32_t)(3 * c),
                                   (uint32_t)c, (uint32_t)s->heads,
                                   bits(matrix ? w.scale * BN_GPU_LOG2_E : w.scale)}};
    const uint32_t on_matrix[BN_GPU_CONSTANTS] = {DIM,
                                                  (uint32_t)s->window,
                                                  (uint32_t)w.padded,
                                                  (uint32_t)(f->matrix_m | f->matrix_n << 8 |
                                                             f->matrix_k << 16) |
                                                      (uint32_t)f->subgroup << 24,
                                                  (uint32_t)subgroups,
                                                  (uint32_t)pitch,
                                                  0,
                                                  (uint32_t)(subgroups * f->subgroup)},
                   plain[BN_GPU_CONSTANTS] = {BN_F16,
                                              DIM,
                                              (uint32_t)s->window,
                                              (uint32_t)bn_size_round_up((size_t)(s->window * s->window), 16),
                                              48,
                                              1,
                                              f->kind == BN_GPU_SOFTWARE ? 1 : 8};
    memcpy(call.constant, matrix ? on_matrix : plain, sizeof plain);
    return call;
}

static uint16_t *results(bench *b, const shape *s, const bn_gpu_call *call)
{
    const size_t bytes = tokens_of(s) * (size_t)(s->heads * DIM) * 2;
    uint16_t *made = malloc(bytes);
    if (!made) exit(1);
    memset(made, 0xff, bytes);
    ok(b, bn_gpu_upload(b->mixed, 0, made, bytes, &b->err));
    time_call(b, call, 1);
    ok(b, bn_gpu_download(b->mixed, 0, made, bytes, &b->err));
    return made;
}

static double difference(bench *b, const shape *s, const bn_gpu_call *a, const bn_gpu_call *other)
{
    uint16_t *one = results(b, s, a), *two = results(b, s, other);
    double most = 0;
    for (size_t i = 0; i < tokens_of(s) * (size_t)(s->heads * DIM); i++) {
        const double off = fabs((double)bn_half_widen(one[i]) - (double)bn_half_widen(two[i]));
        if (!(off <= most)) most = off;
    }
    free(one);
    free(two);
    return most;
}

/* Returns ms of the best. */
static double run_windows(bench *b, const shape *s, int repeats)
{
    const int pitches[] = {DIM / 8, DIM / 8 + 1}, c = s->heads * DIM;
    upload_biases(b, s);
    const bn_gpu_call plain = window_call(b, s, false, 0, 0);
    double best = time_call(b, &plain, repeats);
    printf("%-14s plain %8.4f ms", s->name, best);
    const int blocks = bias_shape(b, s).padded / BN_MAX(b->facts->matrix_m, 1);
    for (int subgroups = 1; b->facts->matrix_half && subgroups <= BN_MIN(blocks, 9); subgroups++)
        for (size_t i = 0; i < BN_COUNT(pitches); i++) {
            if (blocks % subgroups != 0 || 48 * bias_shape(b, s).padded * pitches[i] > b->facts->shared_bytes)
                continue;
            const bn_gpu_call call = window_call(b, s, true, subgroups, pitches[i]);
            const double ms = time_call(b, &call, repeats);
            printf(" | %d/%d %.4f", subgroups, pitches[i], ms);
            if (ms < best) best = ms;
        }
    const double macs = 2.0 * (double)tokens_of(s) * s->window * s->window * c;
    printf(" | %.1f TFLOP/s", 2e-9 * macs / best);
    if (b->facts->matrix_half) {
        const bn_gpu_call call = window_call(b, s, true, 1, DIM / 8);
        printf(", off by %.2g", difference(b, s, &plain, &call));
    }
    printf("\n");
    bn_gpu_buffer_destroy(&b->table);
    bn_gpu_buffer_destroy(&b->bias);
    bn_gpu_buffer_destroy(&b->hidden);
    return best;
}

/* ---- all keys ------------------------------------------------------------------------------------------------- */

enum { WIDE = 64 }; /* elements of a head */

/* PVT's first stages at 1024: queries, keys, heads. */
static const int all_keys[][3] = {{65536, 1024, 1}, {16384, 1024, 2}, {4096, 1024, 5}};

static bn_gpu_call attend_call(const bench *b, const int *s, bool matrix, int tile, int subgroups)
{
    const bn_gpu_facts *f = b->facts;
    const uint32_t c = (uint32_t)(s[2] * WIDE), queries = matrix ? (uint32_t)(subgroups * f->matrix_m) : 128;
    const float scale = 1.0f / sqrtf(WIDE);
    bn_gpu_call call = {.kernel = matrix ? BN_GPU_MATRIX_ATTEND : BN_GPU_ATTEND,
                        .groups = {((uint32_t)s[0] + queries - 1) / queries * (uint32_t)s[2], 1, 1},
                        .span = {{b->qkv, 0}, {b->mixed, 0}, {b->qkv, 0}},
                        .number = {(uint32_t)s[0], (uint32_t)s[1], c, c, 2 * c, (uint32_t)s[2],
                                   bits(matrix ? scale * BN_GPU_LOG2_E : scale)}};
    const uint32_t on_matrix[BN_GPU_CONSTANTS] = {WIDE,
                                                  (uint32_t)tile,
                                                  bn_gpu_matrix_fragment(f),
                                                  (uint32_t)subgroups,
                                                  WIDE / 8 + 1,
                                                  0,
                                                  0,
                                                  (uint32_t)(subgroups * f->subgroup)},
                   plain[BN_GPU_CONSTANTS] = {BN_F16, WIDE, 32, 128, 1, 8};
    memcpy(call.constant, matrix ? on_matrix : plain, sizeof plain);
    return call;
}

static void run_all_keys(bench *b, const int *s, int repeats)
{
    const bn_gpu_call plain = attend_call(b, s, false, 0, 0);
    printf("%d queries, %d keys, %d heads: plain %.4f ms", s[0], s[1], s[2], time_call(b, &plain, 2));
    double best = INFINITY;
    for (int subgroups = 2; b->facts->matrix_half && subgroups <= 8; subgroups *= 2)
        for (int tile = 32; tile <= 128; tile *= 2) {
            if ((subgroups * b->facts->matrix_m + 2 * tile) * (WIDE / 8 + 1) * 16 > b->facts->shared_bytes)
                continue;
            const bn_gpu_call call = attend_call(b, s, true, tile, subgroups);
            const double ms = time_call(b, &call, repeats);
            printf(" | %d/%d %.4f", subgroups, tile, ms);
            best = fmin(best, ms);
        }
    printf(" | %.1f TFLOP/s\n", 4e-9 * s[0] * s[1] * s[2] * WIDE / best);
}

/* ---- norm ---------------------------------------------------------------------------------------------------- */

static void run_norm(bench *b, const shape *s, int repeats)
{
    const uint32_t c = (uint32_t)(s->heads * DIM), rows = (uint32_t)tokens_of(s);
    printf("%-14s norm of %u x %u:", s->name, rows, c);
    for (uint32_t threads = 8; threads <= 128; threads *= 2) {
        const bn_gpu_call call = {.kernel = BN_GPU_NORM,
                                  .groups = {(rows + 128 / threads - 1) / (128 / threads), 1, 1},
                                  .span = {{b->stream, 0}, {b->qkv, 0}, {b->gamma, 0}},
                                  .number = {rows, c, c, bits(1e-5f)},
                                  .constant = {BN_F16, c, threads, 1, 0}};
        const double ms = time_call(b, &call, repeats);
        printf(" %u threads %.4f ms %.0f GB/s", threads, ms, 6e-6 * rows * c / ms);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    bench b = {0};
    card_options card;
    if (!card_options_read(argc, argv, "bench_gpu_attention", &card)) return 2;
    const bool is_tiny = card.is_tiny;
    const shape *shapes = is_tiny ? tiny : full;
    const int count = is_tiny ? (int)BN_COUNT(tiny) : (int)BN_COUNT(full), repeats = is_tiny ? 1 : 20;
    ok(&b, card_open(&card, &b.gpu, &b.err));
    b.facts = bn_gpu_facts_of(b.gpu);
    const size_t most = tokens_of(&shapes[0]) * (size_t)(shapes[0].heads * DIM);
    b.qkv = upload(&b, "qkv", NULL, 3 * most, BN_F16);
    b.mixed = upload(&b, "mixed", NULL, most, BN_F16);
    b.stream = upload(&b, "stream", NULL, most, BN_F32);
    b.padding = upload(&b, "padding", NULL, 3 * 1536, BN_F16);
    b.gamma = upload(&b, "gamma", NULL, 2 * 1536, BN_F32);
    double sum = 0;
    for (int i = 0; i < count; i++) sum += shapes[i].times * run_windows(&b, &shapes[i], repeats);
    printf("windows of a picture: %.3f ms\n", sum);
    for (size_t i = 0; !is_tiny && i < BN_COUNT(all_keys); i++) run_all_keys(&b, all_keys[i], repeats);
    for (int i = 0; i < (is_tiny ? 1 : 4); i++) run_norm(&b, &shapes[i], repeats);
    bn_gpu_buffer *all[] = {b.qkv, b.mixed, b.stream, b.padding, b.gamma};
    for (size_t i = 0; i < BN_COUNT(all); i++) bn_gpu_buffer_destroy(&all[i]);
    bn_gpu_close(&b.gpu);
    return 0;
}
