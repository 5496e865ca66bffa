/* bench.c - `birefnet bench`: the time of each stage of a photo's way. */
#include "cli/commands.h"

#include "cli/bench_network.h"
#include "cli/bench_photo.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/look.h"
#include "cli/model.h"
#include "base/size.h"
#include "cutout/sessions.h"

#include <jansson.h>
#include <stdio.h>

#define PATIENCE_MS 30e3 /* of timed runs, where nobody said how many */

/* Stages in the order of a photo's way: before the network, its parts, behind it. */
typedef void (*stage_fn)(void *context, const bn_bench_part *stage);

static void each_stage(const bn_bench_result *result, const bn_photo_times *photo, stage_fn visit,
                       void *context)
{
    for (int i = 0; i < BN_PHOTO_STAGES; i++) {
        const bn_bench_part stage = {.name = bn_photo_stage_names[i], .median_ms = photo->ms[i]};
        for (int p = 0; i == BN_PHOTO_MASK && p < result->parts; p++) visit(context, &result->part[p]);
        visit(context, &stage);
    }
}

static double gflops_of(const bn_bench_part *stage)
{
    return stage->median_ms > 0 ? 2e3 * stage->giga_macs / stage->median_ms : 0;
}

static void append_stage(void *context, const bn_bench_part *stage)
{
    json_t *made = json_pack("{s:s, s:f, s:f, s:f}", "name", stage->name, "median_ms", stage->median_ms,
                             "giga_macs", stage->giga_macs, "gflops", gflops_of(stage));
    if (made && stage->giga_macs > 0 && stage->calls == 0)
        json_object_set_new(made, "balance", json_real(stage->balance));
    if (made && stage->calls > 0) {
        json_object_set_new(made, "calls", json_integer(stage->calls));
        json_object_set_new(made, "mib", json_real(stage->mib));
    }
    json_array_append_new(context, made);
}

static void print_stage(void *context, const bn_bench_part *stage)
{
    (void)context;
    if (stage->calls > 0 && stage->median_ms <= 0) /* its calls are mixed with those of the part before it */
        printf("%-20s %10s %8.2f %10s %10d %10.1f\n", stage->name, "in above", stage->giga_macs, "",
               stage->calls, stage->mib);
    else if (stage->calls > 0)
        printf("%-20s %10.2f %8.2f %10.0f %10d %10.1f %10.1f\n", stage->name, stage->median_ms,
               stage->giga_macs, gflops_of(stage), stage->calls, stage->mib,
               stage->median_ms > 0 ? stage->mib * (1 << 20) / (stage->median_ms * 1e6) : 0.0);
    else if (stage->giga_macs > 0)
        printf("%-20s %10.1f %8.2f %10.0f %8.0f %%\n", stage->name, stage->median_ms, stage->giga_macs,
               gflops_of(stage), 100 * stage->balance);
    else
        printf("%-20s %10.1f\n", stage->name, stage->median_ms);
}

static double pictures_a_minute(const bn_bench_result *result)
{
    return 60e3 * result->session.batch / result->median_ms;
}

/* Of one session, and of several beside each other where they were asked for. */
static void append_pictures(json_t *json, const bn_bench_result *result, const bn_bench_jobs *jobs)
{
    json_object_set_new(json, "pictures_a_minute", json_real(pictures_a_minute(result)));
    if (jobs->sessions > 0)
        json_object_set_new(json, "jobs",
                            json_pack("{s:i, s:i, s:f}", "sessions", jobs->sessions, "threads", jobs->threads,
                                      "pictures_a_minute", jobs->pictures_a_minute));
}

static void print_pictures(const bn_bench_result *result, const bn_bench_jobs *jobs)
{
    printf("pictures a minute: %.2f by one session of %d thread%s", pictures_a_minute(result),
           result->session.threads, bn_plural((uint64_t)result->session.threads));
    if (jobs->sessions > 0)
        printf(", %.2f by %d beside each other of %d", jobs->pictures_a_minute, jobs->sessions,
               jobs->threads);
    printf("\n");
}

static json_t *result_json(const bn_bench_options *options, const bn_bench_result *result,
                           const bn_photo_times *photo)
{
    json_t *stages = json_array();
    each_stage(result, photo, append_stage, stages);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:[ii], s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:o}",
        "model", result->model.name, "architecture", result->model.architecture, "precision",
        birefnet_precision_name(result->model.precision), "size", result->session.width,
        result->session.height, "threads", result->session.threads, "runs", options->runs, "open_ms",
        result->open_ms, "first_ms", result->first_ms, "median_ms", result->median_ms, "min_ms",
        result->min_ms, "floor_ms", result->floor_ms, "peak_gflops", result->peak_gflops, "product_gflops",
        result->product_gflops, "giga_macs", result->session.giga_macs, "weight_bytes",
        (json_int_t)result->model.weight_bytes, "arena_bytes", (json_int_t)result->session.arena_bytes,
        "peak_rss_bytes", (json_int_t)result->peak_rss_bytes, "stages", stages);
    if (json)
        json_object_set_new(
            json, "load",
            json_pack("{s:f, s:f}", "others", result->load.others, "stolen", result->load.stolen));
    if (json) json_object_set_new(json, "batch", json_integer(result->session.batch));
    if (json && result->on_card)
        json_object_set_new(json, "weights_ms",
                            json_pack("{s:f, s:f, s:f}", "make", result->weights.make_ms, "round",
                                      result->weights.round_ms, "send", result->weights.send_ms));
    if (json && result->on_card) json_object_set_new(json, "outside_ms", json_real(result->outside_ms));
    if (json) json_object_set_new(json, "device", json_string(result->model.device));
    if (json) json_object_set_new(json, "balance", json_real(result->balance));
    if (json) json_object_set_new(json, "photo_size", json_pack("[ii]", photo->width, photo->height));
    if (json && options->compare_precision)
        json_object_set_new(json, "against_f32",
                            json_pack("{s:f, s:f, s:f}", "sigmoid_mean", result->sigmoid_mean, "sigmoid_max",
                                      result->sigmoid_max, "agree", result->agree));
    return json;
}

/* The whole network: on a CPU beside the floor that its multiply-adds set, on a card with all calls and all that they move. */
static void print_network(const bn_bench_result *result)
{
    bn_bench_part whole = {.name = "network",
                           .median_ms = result->median_ms,
                           .giga_macs = result->session.giga_macs,
                           .balance = result->balance};
    for (int i = 0; i < result->parts; i++) {
        whole.calls += result->part[i].calls;
        whole.mib += result->part[i].mib;
    }
    print_stage(NULL, &whole);
    if (whole.calls > 0)
        printf("%-20s %10.2f  (handing over, copies, waking up)\n", "of it no part's", result->outside_ms);
    if (whole.calls > 0 && result->floor_ms > 0)
        printf("%-20s %10.2f %8s %10.0f  (all in the fastest tile; the network takes %.2f times as long)\n",
               "floor", result->floor_ms, "", result->peak_gflops, result->median_ms / result->floor_ms);
    if (whole.calls > 0) return;
    printf("%-20s %10.1f %8s %10.0f  (multiply-adds alone; the network takes %.2f times as long)\n", "floor",
           result->floor_ms, "", result->peak_gflops, result->median_ms / result->floor_ms);
    printf("%-20s %10s %8s %10.0f\n", "product of 2048^3", "", "", result->product_gflops);
}

static void print_text(const bn_bench_options *options, const bn_bench_result *result,
                       const bn_photo_times *photo)
{
    const bool on_cpu = result->parts == 0 || result->part[0].calls == 0;
    bn_console_print("%s: %s, %dx%d, %s, %s, %d thread%s, median of %d run%s", result->model.name,
                     result->model.architecture, result->session.width, result->session.height,
                     result->model.device, birefnet_precision_name(result->model.precision),
                     result->session.threads, bn_plural((uint64_t)result->session.threads), options->runs,
                     bn_plural((uint64_t)options->runs));
    printf("a photo of %dx%d\n%-20s %10s %8s %10s %10s%s\n", photo->width, photo->height, "stage", "ms",
           "GMAC", "GFLOP/s", on_cpu ? "balance" : "calls", on_cpu ? "" : "        MiB       GB/s");
    each_stage(result, photo, print_stage, NULL);
    print_network(result);
    printf("fastest %.1f ms, first %.1f ms, opening %.1f ms\n", result->min_ms, result->first_ms,
           result->open_ms);
    if (result->session.batch > 1)
        printf("%d pictures at once, %.2f ms each\n", result->session.batch,
               result->median_ms / result->session.batch);
    if (result->on_card)
        printf("weights: read or made in %.0f ms, rounded in %.0f, sent in %.0f\n", result->weights.make_ms,
               result->weights.round_ms, result->weights.send_ms);
    printf("memory: %.0f MiB weights, %.0f MiB work space, %.0f MiB at most\n",
           (double)result->model.weight_bytes / (1 << 20), (double)result->session.arena_bytes / (1 << 20),
           (double)result->peak_rss_bytes / (1 << 20));
    if (options->compare_precision)
        printf("against float32: sigmoid-mean %.5f, max %.4f, agree %.3f %%\n", result->sigmoid_mean,
               result->sigmoid_max, 100 * result->agree);
}

static void say(void *console, const char *line)
{
    bn_console_say(console, "%s", line);
}

static void say_load(bn_console *console, const bn_load_shares *load)
{
    if (BN_MAX(load->others, load->stolen) > BN_LOAD_VISIBLE)
        bn_console_say(
            console,
            "this machine was busy: meanwhile other processes took %.0f %% of its CPU time, and %.0f %% "
            "went to other guests of its host; these times are longer than they need be",
            100 * load->others, 100 * load->stolen);
}

/* *stage is what was being done when it failed. */
static bn_status choose(const bn_values *values, bn_console *console, bn_model_choice *choice,
                        bn_bench_options *options, bn_stage *stage, bn_error *err)
{
    bn_resolution resolution = {0};
    const char *photo = values->text[BN_OPTION_PHOTO];
    *stage = BN_STAGE_USAGE;
    BN_TRY(bn_values_choose_size(values, &resolution, err));
    *stage = BN_STAGE_READ;
    if (photo) BN_TRY(bn_bench_photo_check(photo, err)); /* before the network's minutes */
    const bn_status status = bn_values_choose_model(values, console, choice, err);
    *stage = status == BIREFNET_ERROR_ARGUMENT ? BN_STAGE_USAGE : BN_STAGE_MODEL;
    BN_TRY(status);
    if (!values->text[BN_OPTION_RESOLUTION] && choice->preset && choice->preset->repository)
        resolution = (bn_resolution){.width = choice->preset->width, .height = choice->preset->height};
    *options = (bn_bench_options){.model_path = choice->path,
                                  .model = bn_values_model_options(values, console),
                                  .width = resolution.width,
                                  .height = resolution.height,
                                  .threads = (int)values->number[BN_OPTION_THREADS],
                                  .batch = (int)values->number[BN_OPTION_BATCH],
                                  .runs = (int)values->number[BN_OPTION_RUNS],
                                  .budget_ms = values->given[BN_OPTION_RUNS] ? 0 : PATIENCE_MS,
                                  .say = say,
                                  .stop = bn_interrupted,
                                  .user = console,
                                  .with_floor = true,
                                  .compare_precision = values->given[BN_OPTION_COMPARE]};
    return BIREFNET_OK;
}

/* As many pictures as one session was timed with, and on as many threads in all. */
static bn_status time_jobs(const bn_bench_options *options, const bn_bench_result *result, int sessions,
                           bn_bench_jobs *jobs, bn_error *err)
{
    bn_bench_options each = *options;
    each.threads = result->session.threads;
    each.runs = result->runs;
    bn_console_say(options->user, "%d session%s beside each other, %d run%s each", sessions,
                   bn_plural((uint64_t)sessions), result->runs, bn_plural((uint64_t)result->runs));
    return bn_bench_run_jobs(&each, sessions, jobs, err);
}

bn_exit bn_command_bench(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    bn_model_choice choice = {.path = ""};
    bn_bench_options options;
    bn_bench_result result;
    bn_bench_jobs jobs = {0};
    bn_photo_times photo = {0};
    const char *path = values->text[BN_OPTION_PHOTO];
    bn_stage stage;
    bn_status status = choose(values, console, &choice, &options, &stage, &err);
    if (status == BIREFNET_OK) status = bn_bench_run(&options, &result, &err);
    if (status == BIREFNET_OK) {
        const birefnet_session_info *session = &result.session;
        const bn_matte_size network = {session->width, session->height, session->threads,
                                       bn_values_isa(values)};
        if (path) stage = BN_STAGE_READ;
        options.runs = result.runs;
        bn_console_say(console, "the stages around the network, %d run%s", result.runs,
                       bn_plural((uint64_t)result.runs));
        status = bn_bench_photo(path, network, options.runs, &photo, &err);
    }
    if (status == BIREFNET_OK && values->given[BN_OPTION_JOBS])
        status = time_jobs(&options, &result, (int)values->number[BN_OPTION_JOBS], &jobs, &err);
    if (status != BIREFNET_OK) {
        bn_console_error(console, "%s", err.message);
    } else if (values->given[BN_OPTION_JSON]) {
        json_t *json = result_json(&options, &result, &photo);
        append_pictures(json, &result, &jobs);
        bn_json_print(json);
        json_decref(json);
    } else {
        print_text(&options, &result, &photo);
        print_pictures(&result, &jobs);
    }
    if (status == BIREFNET_OK) say_load(console, &result.load);
    return bn_exit_of(status, stage);
}
