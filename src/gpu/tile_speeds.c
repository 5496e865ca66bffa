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

/* The product that is timed: two pictures in a block of Swin-L's third stage at 1024, many tiles of every size for a large card. */
enum { ROWS = 8192, COLUMNS = 3072, DEPTH = 768, F16 = 2, MOST_REPEATS = 64, MOST_TEXT = 4096 };
#define ENOUGH_MS 2.0

typedef struct timing {
    bn_gpu *gpu;
    bn_gpu_buffer *a, *w, *dst;
} timing;

void bn_gpu_tile_speeds_usual(bn_gpu_tile_speeds *speeds)
{
    *speeds = (bn_gpu_tile_speeds){0};
    for (int i = 0; i < bn_gpu_tile_count; i++) speeds->worth[i] = bn_gpu_tiles[i].worth;
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

static bn_gpu_call call_of(const timing *t, const bn_gpu_tile *tile)
{
    const bn_gpu_shape shape = {
        .rows = ROWS, .columns = COLUMNS, .depth = DEPTH, .a_type = F16, .dst_type = F16, .aligned = true};
    bn_gpu_call call = {.kernel = BN_GPU_MATRIX_PRODUCT,
                        .groups = {1, 1, 1},
                        .span = {{t->a, 0}, {t->w, 0}, {NULL, 0}, {t->dst, 0}},
                        .number = {ROWS, COLUMNS, DEPTH, DEPTH, COLUMNS, 1}};
    bn_gpu_tile_constants(tile, bn_gpu_facts_of(t->gpu), &shape, 1, call.constant);
    bn_gpu_tile_groups(tile, &shape, 1, call.groups);
    return call;
}

/* ms of a call in each tile, 0 of those that are not done, the mean of repeats[tile]: a part of one list each, so that
 * everything is compiled at once. */
static bn_status time_tiles(const timing *t, const int *repeats, double *ms, bn_error *err)
{
    bn_gpu_list *list = NULL;
    bn_status status;
    BN_TRY_DONE(bn_gpu_list_create(t->gpu, &list, err));
    for (int i = 0; i < bn_gpu_tile_count; i++) {
        if (repeats[i] == 0) continue;
        const bn_gpu_call call = call_of(t, &bn_gpu_tiles[i]);
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

static bn_status measure_all(const timing *t, bn_gpu_tile_speeds *speeds, bn_error *err)
{
    int repeats[BN_GPU_TILES] = {0};
    double ms[BN_GPU_TILES];
    for (int i = 0; i < bn_gpu_tile_count; i++)
        repeats[i] = bn_gpu_tile_fits(&bn_gpu_tiles[i], bn_gpu_facts_of(t->gpu));
    BN_TRY(time_tiles(t, repeats, ms, err)); /* compiles, and wakes the device up */
    for (int i = 0; i < bn_gpu_tile_count; i++)
        if (repeats[i]) repeats[i] = (int)fmax(1, fmin(MOST_REPEATS, ceil(ENOUGH_MS / fmax(ms[i], 1e-3))));
    BN_TRY(time_tiles(t, repeats, ms, err));
    for (int i = 0; i < bn_gpu_tile_count; i++) {
        if (repeats[i] && ms[i] <= 0)
            return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "the device has no clock");
        speeds->worth[i] =
            repeats[i] ? (float)(1e-6 * ROWS * COLUMNS * DEPTH / ms[i]) : 0; /* 10^9 products a second */
    }
    return BIREFNET_OK;
}

bn_status bn_gpu_tile_speeds_measure(bn_gpu *gpu, bn_gpu_tile_speeds *speeds, bn_error *err)
{
    timing t = {.gpu = gpu};
    bn_status status;
    bn_gpu_tile_speeds_usual(speeds);
    BN_TRY_DONE(fill(gpu, (size_t)ROWS * DEPTH, &t.a, err));
    BN_TRY_DONE(fill(gpu, (size_t)COLUMNS * DEPTH, &t.w, err));
    BN_TRY_DONE(bn_gpu_buffer_create(gpu, (size_t)ROWS * COLUMNS * 2, &t.dst, err));
    BN_TRY_DONE(measure_all(&t, speeds, err));
done:
    bn_gpu_buffer_destroy(&t.a);
    bn_gpu_buffer_destroy(&t.w);
    bn_gpu_buffer_destroy(&t.dst);
    return status;
}

/* ---- remembering ------------------------------------------------------------------------------------------------------- */

/* One number a tile. */
static bool read_file(const char *path, bn_gpu_tile_speeds *speeds)
{
    bn_buffer text;
    bn_error ignored;
    bn_buffer_init(&text, MOST_TEXT);
    bool good = bn_file_read(path, &text, &ignored) == BIREFNET_OK && text.data;
    const char *next = good ? (const char *)text.data : "";
    for (int i = 0; i < bn_gpu_tile_count && good; i++) {
        char *end;
        const float worth = strtof(next, &end);
        good = end != next && worth >= 0 && worth < 1e9f;
        speeds->worth[i] = worth;
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
    for (int i = 0; i < bn_gpu_tile_count && status == BIREFNET_OK; i++)
        status = bn_buffer_printf(&text, &ignored, "%.6g\n", (double)speeds->worth[i]);
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
