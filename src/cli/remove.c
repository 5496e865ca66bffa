/* remove.c - `birefnet remove`: options to settings, the run, the summary, the exit code. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/size.h"
#include "cli/interrupt.h"
#include "cli/look.h"
#include "cli/model.h"
#include "cli/run.h"
#include "cutout/shops.h"
#include "cutout/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the options amount to. */
typedef struct settings {
    bn_plan_options plan;
    bn_cutout_options cutout;
    bn_resolution resolution;
    bn_image *backdrop; /* owned */
} settings;

static bool is_folder(const char *path)
{
    struct stat facts;
    return path[strlen(path) - 1] == '/' || (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode));
}

/* The format that the suffix of a file's name asks for; NONE where it asks for none that is written. */
static bn_format format_by_name(const char *path)
{
    if (!path || strcmp(path, "-") == 0 || is_folder(path)) return BN_FORMAT_NONE;
    const bn_format format = bn_format_from_path(path);
    return bn_format_get_facts(format)->writes ? format : BN_FORMAT_NONE;
}

/* A suffix that promises something else than PNG, which is what a name without a known suffix gets. */
static const char *foreign_suffix(const char *path)
{
    static const char *const others[] = {"ico", "jp2", "pdf", "psd", "svg", "tga", "mp4", "zip", NULL};
    const bn_format_facts *facts = bn_format_get_facts(bn_format_from_path(path));
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    if (!dot || facts->writes) return NULL;
    for (const char *const *suffix = facts->suffixes; *suffix; suffix++)
        if (strcasecmp(dot + 1, *suffix) == 0) return *suffix;
    for (const char *const *suffix = others; *suffix; suffix++)
        if (strcasecmp(dot + 1, *suffix) == 0) return *suffix;
    return NULL;
}

static bn_status choose_format(const bn_values *values, bn_format *format, bn_error *err)
{
    const char *output = values->text[BN_OPTION_OUTPUT];
    const bn_format by_name = format_by_name(output);
    /* a mask for a shop is a mask all the same */
    const bool for_shop = values->given[BN_OPTION_FOR] && !values->given[BN_OPTION_MASK_ONLY];
    *format = by_name != BN_FORMAT_NONE ? by_name : for_shop ? BN_FORMAT_JPEG : BN_FORMAT_PNG;
    const char *foreign = output ? foreign_suffix(output) : NULL;
    if (foreign && !values->given[BN_OPTION_FORMAT] && !is_folder(output))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "%s: .%s is not written here; with --format png the name stays", output, foreign);
    if (!values->given[BN_OPTION_FORMAT]) return BIREFNET_OK;
    *format = bn_format_from_name(values->text[BN_OPTION_FORMAT]);
    if (by_name != BN_FORMAT_NONE && by_name != *format)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--format says %s, but %s is the name of a %s file",
                       values->text[BN_OPTION_FORMAT], output, bn_format_get_facts(by_name)->name);
    return BIREFNET_OK;
}

static bn_status not_understood(bn_option option, const char *takes, const char *text, bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--%s takes %s, not '%s'", bn_option_get_spec(option)->name,
                   takes, text);
}

/* A shop's row first, then what was said besides. */
static bn_status choose_canvas(const bn_values *values, bn_cutout_options *options, bn_error *err)
{
    const char *canvas = values->text[BN_OPTION_CANVAS], *fit = values->text[BN_OPTION_FIT];
    const char *align = values->text[BN_OPTION_ALIGN], *shadow = values->text[BN_OPTION_SHADOW];
    const char *crop = values->text[BN_OPTION_CROP];
    if (values->given[BN_OPTION_FOR]) bn_shop_apply(bn_shop_find(values->text[BN_OPTION_FOR]), options);
    if (canvas && !bn_placement_parse(canvas, &options->canvas))
        return not_understood(BN_OPTION_CANVAS, "WIDTHxHEIGHT or SIDE, each from 16 to 30000", canvas, err);
    if (fit && !bn_fit_parse(fit, &options->canvas))
        return not_understood(BN_OPTION_FIT, "a percentage from 1 to 100 such as 90%", fit, err);
    if (align) bn_align_parse(align, &options->canvas);
    if (shadow) bn_shadow_parse(shadow, &options->shadow);
    if (values->given[BN_OPTION_CROP] && !bn_crop_parse(crop, options))
        return not_understood(BN_OPTION_CROP, "a margin such as 20 (pixels) or 5%", crop, err);
    return BIREFNET_OK;
}

static bn_status set_quality(const bn_values *values, bn_encode_options *encoding, bn_error *err)
{
    if (!values->given[BN_OPTION_QUALITY]) return BIREFNET_OK;
    if (encoding->format != BN_FORMAT_JPEG && encoding->format != BN_FORMAT_WEBP)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--quality is for jpeg and webp; %s loses nothing",
                       bn_format_get_facts(encoding->format)->name);
    encoding->quality = (int)values->number[BN_OPTION_QUALITY];
    encoding->lossless = false;
    return BIREFNET_OK;
}

static bn_status choose_encoding(const bn_values *values, settings *chosen, bn_error *err)
{
    bn_cutout_options *options = &chosen->cutout;
    const bool mask_only = values->given[BN_OPTION_MASK_ONLY];
    if (mask_only && values->given[BN_OPTION_MASK])
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--mask and --mask-only exclude each other");
    BN_TRY(choose_format(values, &chosen->plan.format, err));
    const char *mask = values->text[BN_OPTION_MASK], *foreign = mask ? foreign_suffix(mask) : NULL;
    bn_format mask_format = format_by_name(mask);
    if (foreign) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s: .%s is not written here", mask, foreign);
    if (mask_format == BN_FORMAT_NONE) mask_format = BN_FORMAT_PNG;
    options->want_cutout = !mask_only;
    options->want_mask = mask_only || values->given[BN_OPTION_MASK];
    bn_encode_options_default(&options->cutout_encoding, chosen->plan.format);
    bn_encode_options_default(&options->mask_encoding, mask_only ? chosen->plan.format : mask_format);
    const char *missing = bn_format_missing(chosen->plan.format);
    if (!missing && options->want_mask) missing = bn_format_missing(options->mask_encoding.format);
    if (missing) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "this cannot be written here: %s", missing);
    BN_TRY(set_quality(values, mask_only ? &options->mask_encoding : &options->cutout_encoding, err));
    options->cutout_encoding.metadata = (bn_metadata)values->choice[BN_OPTION_METADATA];
    chosen->plan.output = values->text[BN_OPTION_OUTPUT];
    chosen->plan.mask_path = values->text[BN_OPTION_MASK];
    chosen->plan.mask_only = mask_only;
    chosen->plan.want_mask = values->given[BN_OPTION_MASK];
    chosen->plan.skip_existing = values->given[BN_OPTION_SKIP_EXISTING];
    return BIREFNET_OK;
}

static bn_status choose_settings(const bn_values *values, settings *chosen, bn_error *err)
{
    bn_cutout_options *options = &chosen->cutout;
    bn_cutout_options_default(options);
    options->threads = 0; /* the run decides */
    BN_TRY(bn_values_choose_look(values, options, &chosen->resolution, err));
    BN_TRY(choose_canvas(values, options, err));
    if (values->given[BN_OPTION_PROFILE]) options->to_srgb = values->choice[BN_OPTION_PROFILE] == 1;
    BN_TRY(choose_encoding(values, chosen, err));
    BN_TRY(bn_values_choose_background(values, options, &chosen->backdrop, err));
    return bn_cutout_options_check(options, err);
}

static bn_status check_stdout(const bn_values *values, const bn_plan *plan, bn_error *err)
{
    const char *report = values->text[BN_OPTION_REPORT];
    const bool to_stdout =
        plan->count == 1 && plan->photos[0].output && strcmp(plan->photos[0].output, "-") == 0;
    if (to_stdout && report && strcmp(report, "-") == 0)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "standard output cannot take both the photo and the report");
    if (to_stdout && isatty(STDOUT_FILENO))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "not writing an image to a terminal: give -o FILE or redirect");
    return BIREFNET_OK;
}

static void sum_up(const bn_run *run, double seconds)
{
    const size_t reached = run->done + run->skipped + run->failed;
    char skipped[48] = "", failed[48] = "", left[48] = "";
    if (run->skipped) snprintf(skipped, sizeof skipped, ", %zu skipped", run->skipped);
    if (run->failed) snprintf(failed, sizeof failed, ", %zu failed", run->failed);
    if (reached < run->plan->count)
        snprintf(left, sizeof left, ", %zu not reached", run->plan->count - reached);
    bn_console_say(run->console, "%zu of %zu photos done%s%s%s in %.1f s", run->done, run->plan->count,
                   skipped, failed, left, seconds);
    char passed[1024];
    bn_plan_tell_passed(run->plan, passed, sizeof passed);
    if (*passed) bn_console_say(run->console, "%s", passed);
    if (run->wall_ms > 0)
        bn_console_detail(run->console, "%d session%s of the network, at work %.1f %% of the time",
                          run->sessions, run->sessions == 1 ? "" : "s",
                          100 * run->network_ms / run->wall_ms / run->sessions);
}

static bn_exit exit_code(const bn_run *run)
{
    if (bn_interrupted()) return BN_EXIT_INTERRUPTED;
    if (run->failed == 0) return BN_EXIT_OK;
    return run->plan->many ? BN_EXIT_SOME_FAILED
                           : bn_exit_of(run->outcomes[0].status, run->outcomes[0].stage);
}

/* The run itself, once everything about the command line is clear. */
static bn_exit run_plan(const bn_values *values, const settings *chosen, const bn_plan *plan,
                        const bn_model_choice *model, bn_console *console)
{
    bn_error err = {0};
    bn_run run = {.plan = plan,
                  .options = chosen->cutout,
                  .resolution = chosen->resolution,
                  .mask_only = chosen->plan.mask_only,
                  .first_frame = values->given[BN_OPTION_FIRST_FRAME],
                  .smooth = bn_values_smooth(values),
                  .threads = (int)values->number[BN_OPTION_THREADS],
                  .jobs = values->given[BN_OPTION_JOBS] ? (int)values->number[BN_OPTION_JOBS] : 1,
                  .model_path = model->path,
                  .model_options = bn_values_model_options(values, console),
                  .console = console};
    const double start = bn_clock_ms();
    bn_exit code = bn_exit_of(bn_run_photos(&run, &err), BN_STAGE_MODEL);
    if (code != BN_EXIT_OK)
        bn_console_error(console, "%s", err.message);
    else
        code = exit_code(&run);
    if (code == BN_EXIT_INTERRUPTED) bn_console_error(console, "interrupted");
    if (run.outcomes && (plan->many || code == BN_EXIT_INTERRUPTED))
        sum_up(&run, (bn_clock_ms() - start) / 1e3);
    const char *report = values->text[BN_OPTION_REPORT];
    if (report && run.outcomes && bn_run_report(&run, report, &err) != BIREFNET_OK) {
        bn_console_error(console, "report: %s", err.message);
        if (code == BN_EXIT_OK) code = BN_EXIT_NOT_WRITTEN;
    }
    bn_run_free(&run);
    return code;
}

bn_exit bn_command_remove(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    settings chosen = {0};
    bn_plan plan = {0};
    bn_model_choice model = {.path = ""};
    bn_exit code = BN_EXIT_OK;
    bn_status status = choose_settings(values, &chosen, &err);
    if (status == BIREFNET_OK)
        status = bn_plan_make(values->operands, values->operand_count, &chosen.plan, &plan, &err);
    if (status == BIREFNET_OK) status = check_stdout(values, &plan, &err);
    if (status != BIREFNET_OK) {
        code = status == BIREFNET_ERROR_MEMORY ? BN_EXIT_LIMIT : BN_EXIT_USAGE;
    } else {
        status = bn_values_choose_model(values, console, &model, &err);
        if (status != BIREFNET_OK) code = bn_exit_of(status, BN_STAGE_MODEL);
        if (!values->given[BN_OPTION_RESOLUTION] && model.preset && model.preset->repository)
            chosen.resolution = (bn_resolution){.width = model.preset->width, .height = model.preset->height};
    }
    if (status == BIREFNET_OK)
        code = run_plan(values, &chosen, &plan, &model, console);
    else
        bn_console_error(console, "%s", err.message);
    bn_plan_free(&plan);
    bn_image_destroy(&chosen.backdrop);
    return code;
}
