/* bench_network.c - runs a network on a seeded picture, several times, and takes medians. */
#include "cli/bench_network.h"

#include "base/clock.h"
#include "base/seeded.h"
#include "base/size.h"
#include "nn/cpu/pack.h"
#include "nn/cpu/peak.h"
#include "model/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *times, int count)
{
    qsort(times, (size_t)count, sizeof *times, ascending);
    return times[count / 2];
}

/* ---- the floor --------------------------------------------------------------------------------------------------- */

#define FLOOR_SIDE 2048
#define FLOOR_RUNS 5

static bn_status load_seeded(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)err;
    if (weight) bn_seeded_fill(source->key, 1, 0, 1, 0, weight, (size_t)FLOOR_SIDE * FLOOR_SIDE);
    if (bias) memset(bias, 0, FLOOR_SIDE * sizeof *bias);
    return BIREFNET_OK;
}

/* Rate of one product of 2048 x 2048 matrices, operands and result in `type`, as a layer of a network: the median. */
static bn_status time_product(bn_isa isa, bn_type type, int threads, double *gflops, bn_error *err)
{
    const bn_source source = {.key = "floor", .load = load_seeded};
    const bn_graph_options options = {.type = type, .isa = isa, .threads = threads};
    bn_graph_options with_store = options;
    bn_pack_store *packs = NULL;
    bn_graph *graph = NULL;
    bn_status status = BIREFNET_OK;
    double times[FLOOR_RUNS];
    BN_TRY_DONE(bn_pack_store_create(&packs, err));
    with_store.packs = packs;
    BN_TRY_DONE(bn_graph_create(&with_store, &graph, err));
    const bn_map x = bn_graph_map(graph, 1, FLOOR_SIDE, FLOOR_SIDE, type);
    bn_graph_input(graph, x);
    bn_graph_keep(graph, bn_layer_linear(graph, x, FLOOR_SIDE, &source, BN_LINEAR, type));
    BN_TRY_DONE(bn_graph_finish(graph, err));
    memset(bn_graph_data(graph, x), 0, (size_t)FLOOR_SIDE * FLOOR_SIDE * bn_type_size(type));
    for (int i = -1; i < FLOOR_RUNS; i++) {
        const double before = bn_clock_ms();
        BN_TRY_DONE(bn_graph_run(graph, NULL, NULL, err));
        if (i >= 0) times[i] = bn_clock_ms() - before;
    }
    *gflops = 2.0 * FLOOR_SIDE * FLOOR_SIDE * FLOOR_SIDE / median(times, FLOOR_RUNS) * 1e-6;
done:
    bn_graph_destroy(&graph);
    bn_pack_store_destroy(&packs);
    return status;
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static void fill_planes(birefnet_session *session, const birefnet_session_info *info)
{
    const size_t pixels = (size_t)info->width * (size_t)info->height * (size_t)info->batch;
    bn_seeded_fill("bench", 1, 0, 2, 0, bn_session_input(session), 3 * pixels);
}

/* What a run takes: on a card a photo's bytes, as photos go there. Other memory of inputs is used for other things during a run. */
static void fill_picture(birefnet_session *session, const birefnet_session_info *info)
{
    uint8_t *photo = bn_session_photo(session);
    if (!photo) {
        fill_planes(session, info);
        return;
    }
    const size_t bytes = 3 * (size_t)info->width * (size_t)info->height * (size_t)info->batch;
    for (size_t i = 0; i < bytes; i++) photo[i] = (uint8_t)((uint32_t)i * 2654435761u >> 24);
}

static bn_status run_picture(birefnet_session *session, bn_error *err)
{
    return bn_session_photo(session) ? bn_session_run_photo(session, err)
                                     : bn_session_run_inplace(session, err);
}

static bn_status open_both(const bn_bench_options *options, birefnet_precision precision,
                           birefnet_model **model, birefnet_session **session, bn_error *err)
{
    birefnet_model_options how = options->model;
    how.precision = precision;
    const birefnet_session_options size = {.width = options->width,
                                           .height = options->height,
                                           .threads = options->threads,
                                           .batch = options->batch};
    BN_TRY(birefnet_model_open(options->model_path, &how, model, err));
    return birefnet_session_open(*model, &size, session, err);
}

static int asked_to_stop(void *user, const char *part, double done)
{
    (void)part;
    (void)done;
    return ((const bn_bench_options *)user)->stop();
}

static __attribute__((format(printf, 2, 3))) void tell(const bn_bench_options *options, const char *format,
                                                       ...)
{
    char line[160];
    va_list args;
    if (!options->say) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    options->say(options->user, line);
}

static bn_status time_runs(birefnet_session *session, const bn_bench_options *options,
                           bn_bench_result *result, bn_error *err)
{
    const bn_graph *graph = bn_session_graph(session);
    const int runs = BN_MAX(options->runs, 1);
    const double start = bn_clock_ms();
    bn_load before_runs, behind_runs;
    bn_status status = BIREFNET_OK;
    result->parts = BN_MIN(bn_graph_parts(graph), BN_BENCH_MAX_PARTS);
    double *times = calloc((size_t)(result->parts + 2) * (size_t)runs, sizeof *times);
    if (!times) return bn_fail_memory(err, (size_t)runs * sizeof *times, "times");
    double *outside = times + (result->parts + 1) * runs;
    bn_load_now(&before_runs);
    for (int i = -1; i < runs; i++) {
        if (options->budget_ms > 0 && i > 0 && bn_clock_ms() - start > options->budget_ms) break;
        fill_picture(session, &result->session);
        const double before = bn_clock_ms();
        BN_TRY_DONE(run_picture(session, err));
        const double spent = bn_clock_ms() - before;
        if (i < 0) {
            result->first_ms = spent;
            tell(options, "warming up: %.0f ms", spent);
            continue;
        }
        tell(options, "run %d of %d: %.0f ms", i + 1, runs, spent);
        result->runs = i + 1;
        times[i] = spent;
        outside[i] = spent - bn_session_card_ms(session);
        for (int p = 0; p < result->parts; p++)
            times[(p + 1) * runs + i] = bn_graph_part_stats(graph, p).last_ms;
    }
    bn_load_now(&behind_runs);
    result->load = bn_load_between(&before_runs, &behind_runs);
    result->median_ms = median(times, result->runs);
    result->min_ms = times[0];
    result->outside_ms = median(outside, result->runs);
    for (int p = 0; p < result->parts; p++) {
        const bn_part_stats stats = bn_graph_part_stats(graph, p);
        result->part[p] =
            (bn_bench_part){stats.name,      median(times + (p + 1) * runs, result->runs),
                            stats.giga_macs, bn_graph_balance(graph, p, result->session.threads),
                            stats.calls,     stats.mib};
    }
    result->balance = bn_graph_balance(graph, -1, result->session.threads);
done:
    free(times);
    return status;
}

/* How far results are from float32's on the same picture. */
static bn_status compare_with_f32(const bn_bench_options *options, birefnet_session *session,
                                  bn_bench_result *result, bn_error *err)
{
    birefnet_model *model = NULL;
    birefnet_session *exact = NULL;
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(open_both(options, BIREFNET_PRECISION_F32, &model, &exact, err));
    if (bn_session_photo(session)) { /* a CPU's last run was of these planes */
        fill_planes(session, &result->session);
        BN_TRY_DONE(bn_session_run_inplace(session, err));
    }
    fill_planes(exact, &result->session);
    BN_TRY_DONE(bn_session_run_inplace(exact, err));
    const float *got = bn_session_logits(session), *wanted = bn_session_logits(exact);
    const size_t pixels = (size_t)result->session.width * (size_t)result->session.height;
    double sum = 0, worst = 0, same = 0;
    for (size_t i = 0; i < pixels; i++) {
        const double error = fabs(1 / (1 + exp(-(double)got[i])) - 1 / (1 + exp(-(double)wanted[i])));
        sum += error;
        worst = BN_MAX(worst, error);
        same += (got[i] > 0) == (wanted[i] > 0);
    }
    result->sigmoid_mean = sum / (double)pixels;
    result->sigmoid_max = worst;
    result->agree = same / (double)pixels;
done:
    birefnet_session_close(&exact);
    birefnet_model_close(&model);
    return status;
}

/* What a card is known for: the fastest of the tiles that were timed when it was first opened, with matrix cores only. */
static void note_card(const birefnet_model *model, bn_bench_result *result)
{
    bn_gpu_packs *packs = model->device.packs;
    const bn_gpu_facts *facts = bn_gpu_facts_of(model->device.gpu);
    result->on_card = true;
    result->weights = bn_gpu_packs_times(packs);
    if (!facts->matrix || facts->kind == BN_GPU_SOFTWARE || model->type != BN_F16) return;
    const bn_gpu_tile_speeds *speeds = bn_gpu_packs_tiles(packs);
    double fastest = 0; /* 10^9 multiply-accumulates a second */
    for (int i = 0; i < bn_gpu_tile_count; i++) fastest = BN_MAX(fastest, (double)speeds->worth[0][i]);
    result->peak_gflops = 2 * fastest;
    if (fastest > 0) result->floor_ms = 1e3 * result->session.giga_macs / fastest;
}

bn_status bn_bench_run(const bn_bench_options *options, bn_bench_result *result, bn_error *err)
{
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    bn_status status = BIREFNET_OK;
    *result = (bn_bench_result){0};
    const double before = bn_clock_ms();
    BN_TRY_DONE(open_both(options, options->model.precision, &model, &session, err));
    result->open_ms = bn_clock_ms() - before;
    tell(options, "opened: %.0f ms", result->open_ms);
    if (options->stop) birefnet_session_set_progress(session, asked_to_stop, (void *)(uintptr_t)options);
    birefnet_session_get_info(session, &result->session);
    birefnet_model_get_info(model, &result->model);
    const bn_type type = model->cpu_type;
    const int threads = result->session.threads;
    const bool with_floor = options->with_floor && !model->device.gpu; /* which is a CPU's */
    if (model->device.gpu) note_card(model, result);
    if (with_floor) result->peak_gflops = bn_peak_gflops(model->isa, type, threads);
    BN_TRY_DONE(time_runs(session, options, result, err));
    result->peak_rss_bytes = bn_peak_rss_bytes();
    if (options->compare_precision) BN_TRY_DONE(compare_with_f32(options, session, result, err));
    birefnet_session_close(&session);
    if (with_floor) {
        result->peak_gflops = BN_MAX(result->peak_gflops, bn_peak_gflops(model->isa, type, threads));
        result->floor_ms = 2e3 * result->session.giga_macs / result->peak_gflops;
        BN_TRY_DONE(time_product(model->isa, type, threads, &result->product_gflops, err));
    }
done:
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    return status;
}
