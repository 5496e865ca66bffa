/* tile_speeds.c - see tile_speeds.h. */
#include "gpu/tile_speeds.h"

#include "base/file.h"
#include "base/seeded.h"
#include "base/size.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F16 = 2, MOST_REPEATS = 64, MOST_TEXT = 8192, ALL_FIRST = 1 };
#define ENOUGH_MS 2.0

/* The products that are timed, with many tiles of every size for a large card: rows as two pictures have them in a block of
 * Swin-L's third stage at 1024; a filter, and taps that are sampled, over a quarter of such a picture. */
typedef struct load {
    int rows, columns, depth, channels, size, kernel;
} load;
static const load loads[BN_GPU_LOADERS] = {
    {8192, 3072, 768, 768, 0, 0}, {128 * 128, 768, 9 * 64, 64, 128, 3}, {256 * 256, 256, 9 * 64, 64, 256, 3}};
enum {
    A_COUNT = 8192 * 768,
    W_COUNT = 3072 * 768,
    DST_COUNT = 8192 * 3072,
    OFFSETS = 27,
    OFFSET_COUNT = 65536 * OFFSETS
};

typedef struct timing {
    bn_gpu *gpu;
    bn_gpu_buffer *a, *w, *dst, *offsets;
} timing;

void bn_gpu_tile_speeds_usual(bn_gpu_tile_speeds *speeds)
{
    *speeds = (bn_gpu_tile_speeds){0};
    for (int loader = 0; loader < BN_GPU_LOADERS; loader++)
        for (int i = 0; i < bn_gpu_tile_count; i++) speeds->worth[loader][i] = bn_gpu_tiles[i].worth;
}

/* ---- measuring ------------------------------------------------------------------------------------------------------- */

/* Numbers between -2 and 2: zeros would be faster than what is real. */
static bn_status fill(bn_gpu *gpu, size_t count, bn_gpu_buffer **buffer, bn_error *err)
{
    uint16_t *halves = malloc(count * sizeof *halves);
    if (!halves) return bn_fail_memory(err, count * sizeof *halves, "numbers");
    uint32_t bits = 1;
    for (size_t i = 0; i < count; i++) {
        bits = bits * 1664525u + 1013904223u;
        halves[i] = (uint16_t)((bits >> 16 & 0x8fff) | 0x3000);
    }
    bn_status status = bn_gpu_buffer_create(gpu, count * sizeof *halves, buffer, err);
    if (status == BIREFNET_OK) status = bn_gpu_upload(*buffer, 0, halves, count * sizeof *halves, err);
    free(halves);
    return status;
}

static bn_gpu_call call_of(const timing *t, int loader, const bn_gpu_tile *tile)
{
    const load *l = &loads[loader];
    const bn_gpu_shape shape = {.rows = l->rows,
                                .columns = l->columns,
                                .depth = l->depth,
                                .loader = loader,
                                .a_type = F16,
                                .dst_type = F16,
                                .aligned = true};
    const uint32_t size = (uint32_t)l->size, kernel = (uint32_t)l->kernel, channels = (uint32_t)l->channels;
    bn_gpu_call call = {.kernel = BN_GPU_MATRIX_PRODUCT,
                        .groups = {1, 1, 1},
                        .span = {{t->a, 0}, {t->w, 0}, {NULL, 0}, {t->dst, 0}, {t->offsets, 0}},
                        .number = {(uint32_t)l->rows, (uint32_t)l->columns, (uint32_t)l->depth, channels,
                                   (uint32_t)l->columns, 1, size, size, size, channels,
                                   kernel | 1 << 8 | kernel / 2 << 16, OFFSETS, 0, 2 * kernel * kernel}};
    bn_gpu_tile_constants(tile, bn_gpu_facts_of(t->gpu), &shape, 1, call.constant);
    bn_gpu_tile_groups(tile, &shape, 1, call.groups);
    return call;
}

/* ms of a call in each tile, 0 of those that are not done, the mean of repeats[tile]: a part of one list each, so that
 * everything is compiled at once. */
static bn_status time_tiles(const timing *t, int loader, const int *repeats, double *ms, bn_error *err)
{
    bn_gpu_list *list = NULL;
    bn_status status;
    BN_TRY_DONE(bn_gpu_list_create(t->gpu, &list, err));
    for (int i = 0; i < bn_gpu_tile_count; i++) {
        if (repeats[i] == 0) continue;
        const bn_gpu_call call = call_of(t, loader, &bn_gpu_tiles[i]);
        BN_TRY_DONE(bn_gpu_list_part(list, "tile", err));
        for (int k = 0; k < repeats[i]; k++) {
            BN_TRY_DONE(bn_gpu_list_call(list, &call, err));
            bn_gpu_list_barrier(list);
        }
    }
    BN_TRY_DONE(bn_gpu_list_end(list, err));
    BN_TRY_DONE(bn_gpu_list_run(list, NULL, NULL, err));
    for (int i = 0, part = 0; i < bn_gpu_tile_count; i++)
        ms[i] = repeats[i] ? bn_gpu_list_part_ms(list, part++) / repeats[i] : 0;
done:
    bn_gpu_list_destroy(&list);
    return status;
}

/* Filters are timed in fewer tiles: what suits the driver's compiler there is much the same. */
static bool is_timed(const timing *t, int loader, const bn_gpu_tile *tile)
{
    return bn_gpu_tile_fits(tile, bn_gpu_facts_of(t->gpu)) &&
           (loader == 0 || (tile->order == ALL_FIRST && tile->prefetch));
}

static bn_status measure(const timing *t, int loader, float *worth, bn_error *err)
{
    const double products = 1e-6 * loads[loader].rows * loads[loader].columns * loads[loader].depth;
    int repeats[BN_GPU_TILES] = {0};
    double ms[BN_GPU_TILES];
    for (int i = 0; i < bn_gpu_tile_count; i++) repeats[i] = is_timed(t, loader, &bn_gpu_tiles[i]);
    BN_TRY(time_tiles(t, loader, repeats, ms, err)); /* compiles, and wakes the device up */
    for (int i = 0; i < bn_gpu_tile_count; i++)
        if (repeats[i]) repeats[i] = (int)fmax(1, fmin(MOST_REPEATS, ceil(ENOUGH_MS / fmax(ms[i], 1e-3))));
    BN_TRY(time_tiles(t, loader, repeats, ms, err));
    for (int i = 0; i < bn_gpu_tile_count; i++) {
        if (repeats[i] && ms[i] <= 0)
            return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "the device has no clock");
        worth[i] = repeats[i] ? (float)(products / ms[i]) : 0; /* 10^9 products a second */
    }
    return BIREFNET_OK;
}

/* ---- without matrix cores ------------------------------------------------------------------------------------------- */

enum { PLAIN_TILE = 128, PACK_ROWS = 256, PACK_DEPTH = 32 };

static bn_gpu_call plain_call(const timing *t, int rows, int columns, int depth)
{
    const uint32_t m = (uint32_t)rows, n = (uint32_t)columns, k = (uint32_t)depth;
    return (bn_gpu_call){
        .kernel = BN_GPU_PRODUCT,
        .groups = {(n + PLAIN_TILE - 1) / PLAIN_TILE, (m + PLAIN_TILE - 1) / PLAIN_TILE, 1},
        .span = {{t->a, 0}, {t->w, 0}, {NULL, 0}, {t->dst, 0}},
        .number = {m, n, k, k, n, (k + PACK_DEPTH - 1) / PACK_DEPTH * PACK_DEPTH, k, m, 1, m},
        .constant = {F16, F16, F16, 0, PLAIN_TILE, PLAIN_TILE, depth % 4 == 0,
                     bn_gpu_facts_of(t->gpu)->kind != BN_GPU_SOFTWARE}};
}

static bn_status time_plain(const timing *t, const bn_gpu_call *call, int repeats, double *ms, bn_error *err)
{
    bn_gpu_list *list = NULL;
    bn_status status;
    BN_TRY_DONE(bn_gpu_list_create(t->gpu, &list, err));
    for (int i = 0; i < repeats; i++) {
        BN_TRY_DONE(bn_gpu_list_call(list, call, err));
        bn_gpu_list_barrier(list);
    }
    BN_TRY_DONE(bn_gpu_list_end(list, err));
    BN_TRY_DONE(bn_gpu_list_run(list, NULL, NULL, err));
    *ms = bn_gpu_list_part_ms(list, 0) / repeats;
    if (*ms <= 0) status = bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "the device has no clock");
done:
    bn_gpu_list_destroy(&list);
    return status;
}

bn_status bn_gpu_plain_speed(bn_gpu *gpu, int rows, int columns, int depth, float *worth, bn_error *err)
{
    timing t = {.gpu = gpu};
    const size_t m = (size_t)rows, n = (size_t)columns, k = (size_t)depth;
    double ms = 0;
    bn_status status;
    BN_TRY_DONE(fill(gpu, m * k, &t.a, err));
    BN_TRY_DONE(fill(gpu, bn_size_round_up(n, PACK_ROWS) * bn_size_round_up(k, PACK_DEPTH), &t.w, err));
    BN_TRY_DONE(bn_gpu_buffer_create(gpu, m * n * 2, &t.dst, err));
    const bn_gpu_call call = plain_call(&t, rows, columns, depth);
    BN_TRY_DONE(time_plain(&t, &call, 1, &ms, err)); /* compiles, and wakes the device up */
    BN_TRY_DONE(time_plain(&t, &call, (int)fmax(1, fmin(MOST_REPEATS, ceil(ENOUGH_MS / ms))), &ms, err));
    *worth = (float)(1e-6 * rows * columns * depth / ms);
done:
    bn_gpu_buffer_destroy(&t.a);
    bn_gpu_buffer_destroy(&t.w);
    bn_gpu_buffer_destroy(&t.dst);
    return status;
}

void bn_gpu_tile_speeds_settle(bn_gpu_tile_speeds *speeds, float plain_worth)
{
    float best = 0;
    for (int i = 0; i < bn_gpu_tile_count; i++) best = BN_MAX(best, speeds->worth[0][i]);
    if (plain_worth > best) *speeds = (bn_gpu_tile_speeds){0};
}

/* ---- both ------------------------------------------------------------------------------------------------------------ */

bn_status bn_gpu_tile_speeds_measure(bn_gpu *gpu, bn_gpu_tile_speeds *speeds, bn_error *err)
{
    timing t = {.gpu = gpu};
    bn_status status;
    bn_gpu_tile_speeds_usual(speeds);
    BN_TRY_DONE(fill(gpu, A_COUNT, &t.a, err));
    BN_TRY_DONE(fill(gpu, W_COUNT, &t.w, err));
    BN_TRY_DONE(fill(gpu, 2 * OFFSET_COUNT, &t.offsets, err)); /* as float32 most are near 0 */
    BN_TRY_DONE(bn_gpu_buffer_create(gpu, DST_COUNT * 2, &t.dst, err));
    for (int loader = 0; loader < BN_GPU_LOADERS; loader++)
        BN_TRY_DONE(measure(&t, loader, speeds->worth[loader], err));
    float plain;
    BN_TRY_DONE(bn_gpu_plain_speed(gpu, loads[0].rows, loads[0].columns, loads[0].depth, &plain, err));
    bn_gpu_tile_speeds_settle(speeds, plain);
done:
    bn_gpu_buffer_destroy(&t.a);
    bn_gpu_buffer_destroy(&t.w);
    bn_gpu_buffer_destroy(&t.offsets);
    bn_gpu_buffer_destroy(&t.dst);
    return status;
}

/* ---- remembering ------------------------------------------------------------------------------------------------------- */

/* One number a tile, loader by loader. */
static bool read_file(const char *path, bn_gpu_tile_speeds *speeds)
{
    bn_buffer text;
    bn_error ignored;
    bn_buffer_init(&text, MOST_TEXT);
    bool good = bn_file_read(path, &text, &ignored) == BIREFNET_OK && text.data;
    const char *next = good ? (const char *)text.data : "";
    for (int i = 0; i < BN_GPU_LOADERS * bn_gpu_tile_count && good; i++) {
        char *end;
        const float worth = strtof(next, &end);
        good = end != next && worth >= 0 && worth < 1e9f;
        speeds->worth[i / bn_gpu_tile_count][i % bn_gpu_tile_count] = worth;
        next = end;
    }
    bn_buffer_free(&text);
    return good;
}

/* `path` is as it was, in the end. */
static void write_file(char *path, const bn_gpu_tile_speeds *speeds)
{
    bn_buffer text;
    bn_error ignored;
    bn_buffer_init(&text, MOST_TEXT);
    char *name = strrchr(path, '/');
    *name = '\0';
    bn_status status = bn_folder_make(path, &ignored);
    *name = '/';
    for (int i = 0; i < BN_GPU_LOADERS * bn_gpu_tile_count && status == BIREFNET_OK; i++)
        status = bn_buffer_printf(&text, &ignored, "%.6g\n",
                                  (double)speeds->worth[i / bn_gpu_tile_count][i % bn_gpu_tile_count]);
    if (status == BIREFNET_OK) bn_file_write_atomic(path, text.data, text.size, &ignored);
    bn_buffer_free(&text);
}

void bn_gpu_tile_speeds_find(bn_gpu *gpu, bn_gpu_tile_speeds *speeds)
{
    const bn_gpu_facts *facts = bn_gpu_facts_of(gpu);
    char path[PATH_MAX], kind[64];
    bn_gpu_tile_speeds_usual(speeds);
    if (!facts->matrix || facts->kind == BN_GPU_SOFTWARE) return;
    /* of this table: our version stays the same while we change it */
    snprintf(kind, sizeof kind, "tiles-%016llx",
             (unsigned long long)bn_fnv1a64(bn_gpu_tiles, (size_t)bn_gpu_tile_count * sizeof *bn_gpu_tiles));
    const bool has_file = bn_gpu_cache_path(gpu, kind, path, sizeof path);
    if (has_file && read_file(path, speeds)) return;
    bn_error ignored;
    if (bn_gpu_tile_speeds_measure(gpu, speeds, &ignored) != BIREFNET_OK)
        bn_gpu_tile_speeds_usual(speeds);
    else if (has_file)
        write_file(path, speeds);
}
