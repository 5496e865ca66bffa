/* tile_speeds.c - see tile_speeds.h. */
#include "gpu/tile_speeds.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/size.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The product that is timed: a block of Swin-L's third stage at 1024, small enough for the caches of large cards. */
enum { ROWS = 4096, COLUMNS = 1536, DEPTH = 768, F16 = 2, MOST_REPEATS = 64, MOST_TEXT = 4096 };
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

/* ms of one call, the mean of `repeats`. */
static bn_status run(bn_gpu *gpu, const bn_gpu_call *call, int repeats, double *ms, bn_error *err)
{
    bn_gpu_list *list = NULL;
    bn_status status;
    BN_TRY_DONE(bn_gpu_list_create(gpu, &list, err));
    for (int i = 0; i < repeats; i++) {
        BN_TRY_DONE(bn_gpu_list_call(list, call, err));
        bn_gpu_list_barrier(list);
    }
    BN_TRY_DONE(bn_gpu_list_end(list, err));
    const double start = bn_clock_ms();
    BN_TRY_DONE(bn_gpu_list_run(list, NULL, NULL, err));
    const double wall = bn_clock_ms() - start, device = bn_gpu_list_part_ms(list, 0);
    *ms = (device > 0 ? device : wall) / repeats;
done:
    bn_gpu_list_destroy(&list);
    return status;
}

/* Products a ms, in millions. */
static bn_status rate_of(bn_gpu *gpu, const bn_gpu_call *call, double *rate, bn_error *err)
{
    double ms = 0;
    BN_TRY(run(gpu, call, 1, &ms, err));
    if (ms < ENOUGH_MS) {
        const int repeats = (int)fmin(MOST_REPEATS, ceil(ENOUGH_MS / fmax(ms, 1e-3)));
        BN_TRY(run(gpu, call, repeats, &ms, err));
    }
    *rate = 1e-6 * ROWS * COLUMNS * DEPTH / fmax(ms, 1e-6);
    return BIREFNET_OK;
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

/* The table's first of each size is timed, if it is large. */
static bool is_timed(int index, const bn_gpu_facts *facts)
{
    const bn_gpu_tile *tile = &bn_gpu_tiles[index];
    for (int i = 0; i < index; i++)
        if (bn_gpu_tiles[i].rows == tile->rows && bn_gpu_tiles[i].columns == tile->columns) return false;
    return tile->rows * tile->columns >= 128 * 64 && bn_gpu_tile_fits(tile, facts);
}

static bn_status measure_all(const timing *t, bn_gpu_tile_speeds *speeds, bn_error *err)
{
    const bn_gpu_facts *facts = bn_gpu_facts_of(t->gpu);
    double ratio = 0;
    int timed = 0;
    for (int i = 0; i < bn_gpu_tile_count; i++) {
        if (!is_timed(i, facts)) continue;
        double rate = 0;
        const bn_gpu_call call = call_of(t, &bn_gpu_tiles[i]);
        BN_TRY(rate_of(t->gpu, &call, &rate, err));
        speeds->worth[i] = (float)rate;
        ratio += rate / bn_gpu_tiles[i].worth;
        timed++;
    }
    for (int i = 0; i < bn_gpu_tile_count && timed > 0; i++)
        if (!is_timed(i, facts)) speeds->worth[i] = (float)(ratio / timed * bn_gpu_tiles[i].worth);
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

static uint64_t sum_of(const void *bytes, size_t count, uint64_t sum)
{
    for (size_t i = 0; i < count; i++) sum = (sum ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    return sum;
}

/* FOLDER/birefnet/tiles-SUM: of the device, its driver, our version and the table. false: no folder of the user's is known. */
static bool name_file(const bn_gpu_facts *facts, char folder[PATH_MAX], char path[PATH_MAX])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool is_given = cache && cache[0] == '/';
    if (!is_given && (!home || home[0] != '/')) return false;
    uint64_t sum = sum_of(BN_VERSION, strlen(BN_VERSION), 0xcbf29ce484222325u);
    sum = sum_of(facts->name, strlen(facts->name), sum);
    sum = sum_of(facts->driver, strlen(facts->driver), sum);
    sum = sum_of(bn_gpu_tiles, (size_t)bn_gpu_tile_count * sizeof *bn_gpu_tiles, sum);
    const int length =
        snprintf(folder, PATH_MAX, "%s%s/birefnet", is_given ? cache : home, is_given ? "" : "/.cache");
    return length < PATH_MAX &&
           snprintf(path, PATH_MAX, "%s/tiles-%016llx", folder, (unsigned long long)sum) < PATH_MAX;
}

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

static void write_file(const char *folder, const char *path, const bn_gpu_tile_speeds *speeds)
{
    bn_buffer text;
    bn_error ignored;
    bn_buffer_init(&text, MOST_TEXT);
    bn_status status = bn_folder_make(folder, &ignored);
    for (int i = 0; i < bn_gpu_tile_count && status == BIREFNET_OK; i++)
        status = bn_buffer_printf(&text, &ignored, "%.6g\n", (double)speeds->worth[i]);
    if (status == BIREFNET_OK) bn_file_write_atomic(path, text.data, text.size, &ignored);
    bn_buffer_free(&text);
}

void bn_gpu_tile_speeds_find(bn_gpu *gpu, bn_gpu_tile_speeds *speeds)
{
    const bn_gpu_facts *facts = bn_gpu_facts_of(gpu);
    char folder[PATH_MAX], path[PATH_MAX];
    bn_gpu_tile_speeds_usual(speeds);
    if (!facts->matrix || facts->kind == BN_GPU_SOFTWARE) return;
    const bool has_file = name_file(facts, folder, path);
    if (has_file && read_file(path, speeds)) return;
    bn_error ignored;
    if (bn_gpu_tile_speeds_measure(gpu, speeds, &ignored) != BIREFNET_OK)
        bn_gpu_tile_speeds_usual(speeds);
    else if (has_file)
        write_file(folder, path, speeds);
}
