/* eval.c - `birefnet eval`: options to settings, the run, the figures, the exit code. */
#include "cli/eval.h"

#include "base/file.h"
#include "cli/commands.h"
#include "cli/model.h"
#include "cli/source.h"

#include <stdio.h>
#include <string.h>

/* What one model is, and the size at which it runs: as asked, or the preset's, or the weights' own. */
static bn_status choose_model(const bn_values *values, bn_option option, bn_console *console,
                              bn_eval_model *model, bn_error *err)
{
    bn_values asked = *values;
    asked.given[BN_OPTION_MODEL] = values->given[option];
    asked.text[BN_OPTION_MODEL] = values->text[option];
    BN_TRY(bn_values_choose_model(&asked, console, &model->choice, err));
    const bn_preset *preset = model->choice.preset;
    const char *text = values->text[BN_OPTION_RESOLUTION];
    if (text)
        bn_resolution_parse(text, &model->resolution); /* checked before */
    else if (preset && preset->repository)
        model->resolution = (bn_resolution){.width = preset->width, .height = preset->height};
    return BIREFNET_OK;
}

static bn_status check_options(const bn_values *values, bn_error *err)
{
    bn_resolution resolution;
    const char *text = values->text[BN_OPTION_RESOLUTION], *page = values->text[BN_OPTION_HTML];
    if (text && !bn_resolution_parse(text, &resolution))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "--resolution takes WIDTHxHEIGHT, each from %d to %d, or native, not '%s'",
                       BN_RESOLUTION_MIN_PX, BN_RESOLUTION_MAX_PX, text);
    if (page && strcmp(page, "-") == 0)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--html needs the name of a file");
    return BIREFNET_OK;
}

/* Before any photo is measured: what a page that cannot be written would have shown is lost. */
static bn_status check_page(const char *page, const bn_eval_pairs *pairs, bn_stage *stage, bn_error *err)
{
    *stage = BN_STAGE_USAGE;
    for (size_t i = 0; page && i < pairs->count; i++)
        if (bn_file_is_same(page, pairs->pairs[i].photo->source) ||
            (pairs->pairs[i].truth && bn_file_is_same(page, pairs->pairs[i].truth)))
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the page %s would overwrite an input", page);
    *stage = BN_STAGE_WRITE;
    return page ? bn_target_check(page, false, err) : BIREFNET_OK;
}

static bn_status show(const bn_values *values, const bn_eval *eval, bn_stage *stage, bn_error *err)
{
    bn_eval_sums sums;
    bn_status status = bn_eval_sum_up(eval, &sums, err);
    *stage = BN_STAGE_WRITE;
    if (status == BIREFNET_OK && eval->done > 0) {
        if (values->given[BN_OPTION_JSON])
            status = bn_eval_print_json(eval, &sums, err);
        else
            bn_eval_print(eval, &sums);
        if (status == BIREFNET_OK && eval->want_shots)
            status = bn_eval_write_page(eval, &sums, values->text[BN_OPTION_HTML], err);
    }
    bn_eval_sums_free(&sums);
    return status;
}

/* Pairs, models, the run, its figures; *stage is what was being done when it failed. */
static bn_status evaluate(const bn_values *values, bn_eval *eval, bn_eval_pairs *pairs, bn_stage *stage,
                          bn_error *err)
{
    *stage = BN_STAGE_USAGE;
    BN_TRY(check_options(values, err));
    *stage = BN_STAGE_READ;
    BN_TRY(bn_eval_pairs_find(values->operands[0], values->operand_count > 1 ? values->operands[1] : NULL,
                              pairs, err));
    BN_TRY(check_page(values->text[BN_OPTION_HTML], pairs, stage, err));
    *stage = BN_STAGE_MODEL;
    eval->model_count = values->given[BN_OPTION_AGAINST] ? 2 : 1;
    BN_TRY(choose_model(values, BN_OPTION_MODEL, eval->console, &eval->models[0], err));
    if (eval->model_count == 2)
        BN_TRY(choose_model(values, BN_OPTION_AGAINST, eval->console, &eval->models[1], err));
    BN_TRY(bn_eval_run(eval, err));
    return show(values, eval, stage, err);
}

bn_exit bn_command_eval(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    bn_stage stage;
    bn_eval_pairs pairs = {0};
    bn_eval eval = {.pairs = &pairs,
                    .model_options = bn_values_model_options(values, console),
                    .threads = (int)values->number[BN_OPTION_THREADS],
                    .has_unknown = values->given[BN_OPTION_UNKNOWN],
                    .want_shots = values->given[BN_OPTION_HTML],
                    .console = console};
    bn_decode_limits_default(&eval.limits);
    eval.limits.max_pixels = (uint64_t)(values->number[BN_OPTION_MAX_PIXELS] * 1e6);
    const bn_status status = evaluate(values, &eval, &pairs, &stage, &err);
    bn_exit code = bn_exit_of(status, stage);
    if (status != BIREFNET_OK) {
        bn_console_error(console, "%s", err.message);
    } else if (eval.failed > 0) {
        bn_console_error(console, "%zu of %zu photos were not measured", eval.failed, pairs.count);
        code = BN_EXIT_SOME_FAILED;
    }
    bn_eval_free(&eval);
    bn_eval_pairs_free(&pairs);
    return code;
}
