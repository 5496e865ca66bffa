/* bench.c - `birefnet bench`: the network's times by parts, and those of a whole photo. */
#include "cli/commands.h"

#include "base/file.h"
#include "base/size.h"
#include "cli/bench_network.h"
#include "cli/model.h"
#include "cutout/cutout.h"
#include "cutout/sessions.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define STAGES 5
static const char *const stage_names[STAGES] = {"decode", "network", "refine", "compose", "encode"};

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* One way of the photo; its stages in ms. */
static bn_status time_once(const bn_buffer *photo, birefnet_session *session,
                           const bn_cutout_options *options, double ms[STAGES], bn_error *err)
{
    bn_cutout cutout = {0};
    const bn_status status = bn_cutout_run(photo->data, photo->size, session, options, &cutout, err);
    const bn_cutout_times *times = &cutout.times;
    const double stages[STAGES] = {times->decode_ms, times->network_ms, times->refine_ms, times->compose_ms,
                                   times->encode_ms};
    for (int i = 0; i < STAGES; i++) ms[i] = stages[i];
    bn_cutout_release(&cutout);
    return status;
}

/* The middle times of the photo's stages over `runs` ways, after one that is not counted. */
static bn_status time_photo(const char *path, const bn_bench_options *bench, int threads, json_t **json,
                            bn_error *err)
{
    bn_buffer photo;
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    bn_cutout_options options;
    double(*times)[STAGES] = calloc((size_t)bench->runs, sizeof *times), column[1000];
    bn_status status =
        times ? BIREFNET_OK : bn_fail_memory(err, (size_t)bench->runs * sizeof *times, "times");
    bn_buffer_init(&photo, (size_t)1 << 30);
    bn_cutout_options_default(&options);
    options.threads = threads;
    if (status != BIREFNET_OK) goto done;
    BN_TRY_DONE(bn_file_read(path, &photo, err));
    BN_TRY_DONE(birefnet_model_open(bench->model_path, &bench->model, &model, err));
    const birefnet_session_options size = {bench->width, bench->height, bench->threads};
    BN_TRY_DONE(birefnet_session_open(model, &size, &session, err));
    for (int run = -1; run < bench->runs; run++)
        BN_TRY_DONE(time_once(&photo, session, &options, times[BN_MAX(run, 0)], err));
    *json = json_object();
    for (int stage = 0; stage < STAGES; stage++) {
        for (int run = 0; run < bench->runs; run++) column[run] = times[run][stage];
        qsort(column, (size_t)bench->runs, sizeof *column, ascending);
        json_object_set_new(*json, stage_names[stage], json_real(column[bench->runs / 2]));
    }

done:
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    bn_buffer_free(&photo);
    free(times);
    return status;
}

static json_t *result_json(const bn_bench_options *options, const bn_bench_result *result)
{
    json_t *parts = json_array();
    for (int i = 0; i < result->parts; i++)
        json_array_append_new(parts,
                              json_pack("{s:s, s:f, s:f}", "name", result->part[i].name, "median_ms",
                                        result->part[i].median_ms, "giga_macs", result->part[i].giga_macs));
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:[ii], s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:o}", "model",
        result->model.name, "architecture", result->model.architecture, "precision",
        result->model.precision == BIREFNET_PRECISION_BF16 ? "bf16" : "f32", "size", result->session.width,
        result->session.height, "threads", result->session.threads, "runs", options->runs, "open_ms",
        result->open_ms, "first_ms", result->first_ms, "median_ms", result->median_ms, "min_ms",
        result->min_ms, "floor_ms", result->floor_ms, "product_gflops", result->product_gflops, "giga_macs",
        result->session.giga_macs, "weight_bytes", (json_int_t)result->model.weight_bytes, "arena_bytes",
        (json_int_t)result->session.arena_bytes, "peak_rss_bytes", (json_int_t)result->peak_rss_bytes,
        "parts", parts);
    if (json && options->compare_precision)
        json_object_set_new(json, "against_f32",
                            json_pack("{s:f, s:f, s:f}", "sigmoid_mean", result->sigmoid_mean, "sigmoid_max",
                                      result->sigmoid_max, "agree", result->agree));
    return json;
}

static void print_text(const bn_bench_options *options, const bn_bench_result *result, json_t *photo)
{
    const char *stage;
    json_t *ms;
    printf("%s: %s, %dx%d, %s, %d threads, median of %d runs\n", result->model.name,
           result->model.architecture, result->session.width, result->session.height,
           result->model.precision == BIREFNET_PRECISION_BF16 ? "bf16" : "f32", result->session.threads,
           options->runs);
    printf("%-20s %10s %8s %10s\n", "part", "ms", "GMAC", "GFLOP/s");
    for (int i = 0; i < result->parts; i++) {
        const bn_bench_part *part = &result->part[i];
        printf("%-20s %10.1f %8.2f %10.0f\n", part->name, part->median_ms, part->giga_macs,
               part->median_ms > 0 ? 2e3 * part->giga_macs / part->median_ms : 0);
    }
    printf("%-20s %10.1f %8.2f %10.0f\n", "network", result->median_ms, result->session.giga_macs,
           2e3 * result->session.giga_macs / result->median_ms);
    printf("%-20s %10.1f %8s %10.0f  (%.0f %% of it is reached)\n", "floor", result->floor_ms, "",
           result->product_gflops, 100 * result->floor_ms / result->median_ms);
    printf("fastest %.1f ms, first %.1f ms, opening %.1f ms\n", result->min_ms, result->first_ms,
           result->open_ms);
    printf("memory: %.0f MiB weights, %.0f MiB work space, %.0f MiB at most\n",
           (double)result->model.weight_bytes / (1 << 20), (double)result->session.arena_bytes / (1 << 20),
           (double)result->peak_rss_bytes / (1 << 20));
    if (options->compare_precision)
        printf("against float32: sigmoid-mean %.5f, max %.4f, agree %.3f %%\n", result->sigmoid_mean,
               result->sigmoid_max, 100 * result->agree);
    if (photo) printf("the photo, ms:");
    json_object_foreach(photo, stage, ms) printf(" %s %.1f", stage, json_real_value(ms));
    if (photo) putchar('\n');
}

static bn_status choose(const bn_values *values, bn_console *console, bn_model_choice *choice,
                        bn_bench_options *options, bn_error *err)
{
    bn_resolution resolution = {0};
    const char *text = values->text[BN_OPTION_RESOLUTION];
    if (text && (!bn_resolution_parse(text, &resolution) || resolution.native))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--resolution takes WIDTHxHEIGHT here, not '%s'", text);
    BN_TRY(bn_values_choose_model(values, console, choice, err));
    if (!text && choice->preset && choice->preset->repository)
        resolution = (bn_resolution){.width = choice->preset->width, .height = choice->preset->height};
    *options =
        (bn_bench_options){.model_path = choice->path,
                           .model = bn_values_model_options(values, console),
                           .width = resolution.width,
                           .height = resolution.height,
                           .threads = (int)values->number[BN_OPTION_THREADS],
                           .runs = values->given[BN_OPTION_RUNS] ? (int)values->number[BN_OPTION_RUNS] : 5,
                           .with_floor = true,
                           .compare_precision = values->given[BN_OPTION_COMPARE]};
    return BIREFNET_OK;
}

bn_exit bn_command_bench(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    bn_model_choice choice = {.path = ""};
    bn_bench_options options;
    bn_bench_result result;
    json_t *photo = NULL;
    bn_stage stage = BN_STAGE_MODEL;
    bn_status status = choose(values, console, &choice, &options, &err);
    if (status == BIREFNET_ERROR_ARGUMENT) stage = BN_STAGE_USAGE;
    if (status == BIREFNET_OK) status = bn_bench_run(&options, &result, &err);
    const char *path = values->text[BN_OPTION_PHOTO];
    if (status == BIREFNET_OK && path) {
        stage = BN_STAGE_READ;
        status = time_photo(path, &options, result.session.threads, &photo, &err);
    }
    if (status != BIREFNET_OK) {
        bn_console_error(console, "%s", err.message);
    } else if (values->given[BN_OPTION_JSON]) {
        json_t *json = result_json(&options, &result);
        if (photo) json_object_set(json, "photo_ms", photo);
        json_dumpf(json, stdout, JSON_INDENT(2));
        json_decref(json);
    } else {
        print_text(&options, &result, photo);
    }
    json_decref(photo);
    return bn_exit_of(status, stage);
}
