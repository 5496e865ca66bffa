/* settings.c - options to settings, and settings to a run. */
#include "cli/settings.h"

#include "base/size.h"
#include "cli/look.h"
#include "cutout/shops.h"
#include "cutout/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

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

static bn_status choose_encoding(const bn_values *values, bn_settings *chosen, bn_error *err)
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
    chosen->plan.report = values->text[BN_OPTION_REPORT];
    chosen->plan.mask_only = mask_only;
    chosen->plan.want_mask = values->given[BN_OPTION_MASK];
    chosen->plan.skip_existing = values->given[BN_OPTION_SKIP_EXISTING];
    return BIREFNET_OK;
}

bn_status bn_settings_choose(const bn_values *values, bn_settings *chosen, bn_error *err)
{
    bn_cutout_options *options = &chosen->cutout;
    bn_cutout_options_default(options);
    options->threads = 0; /* the run decides */
    BN_TRY(bn_values_choose_look(values, options, &chosen->resolution, err));
    BN_TRY(choose_canvas(values, options, err));
    if (values->given[BN_OPTION_PROFILE]) options->to_srgb = values->choice[BN_OPTION_PROFILE] == 1;
    BN_TRY(choose_encoding(values, chosen, err));
    BN_TRY(bn_values_choose_background(values, options, &chosen->backdrop, err));
    if (chosen->backdrop) chosen->plan.backdrop = values->text[BN_OPTION_BACKGROUND];
    return bn_cutout_options_check(options, err);
}

void bn_settings_free(bn_settings *settings)
{
    bn_image_destroy(&settings->backdrop);
}

void bn_settings_suit(bn_settings *settings, const bn_values *values, const bn_model_choice *choice)
{
    const bn_preset *preset = choice->preset;
    if (!values->given[BN_OPTION_RESOLUTION] && preset && preset->repository)
        settings->resolution = (bn_resolution){.width = preset->width, .height = preset->height};
}

bn_run bn_settings_run(const bn_settings *settings, const bn_values *values, const bn_plan *plan,
                       const bn_model_choice *choice, bn_console *console)
{
    return (bn_run){.plan = plan,
                    .options = settings->cutout,
                    .resolution = settings->resolution,
                    .mask_only = settings->plan.mask_only,
                    .first_frame = values->given[BN_OPTION_FIRST_FRAME],
                    .smooth = values->number[BN_OPTION_SMOOTH],
                    .threads = (int)values->number[BN_OPTION_THREADS],
                    .jobs = (int)values->number[BN_OPTION_JOBS],
                    .batch = (int)values->number[BN_OPTION_BATCH],
                    .model_path = choice->path,
                    .model_options = bn_values_model_options(values, console),
                    .console = console};
}
