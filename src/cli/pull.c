/* pull.c - `birefnet pull`: downloads presets, or checks those that are there. */
#include "cli/pull.h"

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "net/pull.h"

#include <string.h>

typedef struct bar {
    bn_console *console;
    const char *name;
} bar;

static int on_progress(void *user, uint64_t done_bytes, uint64_t total_bytes)
{
    const bar *self = user;
    bn_console_bar_bytes(self->console, self->name, (double)done_bytes, (double)total_bytes);
    return bn_interrupted();
}

/* For machines without a way out. */
static void say_other_ways(bn_console *console, const bn_preset *preset, const char *folder)
{
    char path[4096];
    if (bn_preset_place(preset, folder, path, NULL) != BIREFNET_OK) return;
    bn_console_say(console,
                   "Without a way out of here: let BIREFNET_MIRROR=http://HOST name a server that has "
                   "/%s/resolve/main/model.safetensors,",
                   preset->repository);
    bn_console_say(console, "or carry that file here by hand, as");
    bn_console_say(console, "  %s", path);
}

bn_status bn_console_pull(bn_console *console, const bn_preset *preset, const char *folder, bn_error *err)
{
    bar self = {console, preset->alias};
    bn_download_options options;
    bn_pulled pulled;
    bn_download_options_default(&options);
    options.progress = on_progress;
    options.progress_user = &self;
    bn_console_bar_start(console);
    const bn_status status = bn_preset_pull(preset, folder, &options, &pulled, err);
    bn_console_bar_end(console);
    if (status == BIREFNET_ERROR_NETWORK) say_other_ways(console, preset, folder);
    if (status != BIREFNET_OK) return bn_error_prefix(err, status, "%s", preset->alias);
    bn_console_say(console, "%s: %s %s (%.0f MB, %s, by %s)", preset->alias,
                   pulled.was_there ? "was there already:" : "pulled to", pulled.path,
                   (double)pulled.bytes / 1e6, preset->licence, preset->author);
    bn_console_detail(console, "%s: SHA-256 %s, from %s", preset->alias, pulled.sha256, pulled.url);
    return BIREFNET_OK;
}

/* The file that a run would use: first all that the network needs is looked for in it, then its SHA-256 is compared with
 * the one noted when it was pulled. Starter comes with the program, unpulled. */
static bn_status verify(bn_console *console, const bn_preset *preset, const char *folder, bn_error *err)
{
    bn_model_choice choice = {.path = ""};
    birefnet_model *model = NULL;
    birefnet_model_info info;
    BN_TRY(bn_model_choose(preset->alias, folder, &choice, err));
    BN_TRY(birefnet_model_open(choice.path, NULL, &model, err));
    birefnet_model_get_info(model, &info);
    birefnet_model_close(&model);
    const bn_status pinned = preset->repository ? bn_pin_verify(choice.path, err) : BIREFNET_OK;
    if (pinned == BIREFNET_ERROR_NOT_FOUND) /* put there by hand */
        return bn_fail(
            err, pinned,
            "%s: %s is whole, but no SHA-256 was noted to compare it with; birefnet pull %s notes it",
            preset->alias, choice.path, preset->alias);
    BN_TRY(pinned);
    bn_console_say(console, "%s: %s is %s (%s, %.1f million parameters)", preset->alias, choice.path,
                   preset->repository ? "as it was pulled, and whole" : "whole", info.architecture,
                   (double)info.parameters * 1e-6);
    return BIREFNET_OK;
}

/* What was fetched and is no model, or what is there and is wrong, is the model's fault; else the folder's. */
static bn_exit exit_of(bn_status status, bool verifying)
{
    return bn_exit_of(status, verifying || status == BIREFNET_ERROR_FORMAT ? BN_STAGE_MODEL : BN_STAGE_WRITE);
}

static bn_exit pull_or_verify(const bn_values *values, const bn_preset *preset, bn_console *console,
                              bn_exit before)
{
    bn_error err = {0};
    const bool verifying = values->given[BN_OPTION_VERIFY];
    const char *folder = values->text[BN_OPTION_MODELS_DIR];
    const bn_status status =
        verifying ? verify(console, preset, folder, &err) : bn_console_pull(console, preset, folder, &err);
    if (status == BIREFNET_OK) return before;
    bn_console_error(console, "%s", err.message);
    return before == BN_EXIT_OK ? exit_of(status, verifying) : BN_EXIT_SOME_FAILED;
}

/* Whether an earlier preset has the same file. */
static bool is_repeated(size_t index, const bn_models_path *path, const char *file)
{
    char earlier[4096];
    for (size_t i = 0; i < index; i++)
        if (bn_preset_at(i)->repository && bn_preset_locate(bn_preset_at(i), path, earlier) &&
            strcmp(earlier, file) == 0)
            return true;
    return false;
}

static bn_exit verify_all(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    bn_models_path path;
    bn_exit code = BN_EXIT_OK;
    size_t found = 0;
    const bn_status status = bn_models_path_make(values->text[BN_OPTION_MODELS_DIR], &path, &err);
    if (status != BIREFNET_OK) {
        bn_console_error(console, "%s", err.message);
        return bn_exit_of(status, BN_STAGE_MODEL);
    }
    for (size_t i = 0; i < bn_preset_count() && !bn_interrupted(); i++) {
        char file[4096];
        const bn_preset *preset = bn_preset_at(i);
        if (!preset->repository || !bn_preset_locate(preset, &path, file) || is_repeated(i, &path, file))
            continue;
        found++;
        code = pull_or_verify(values, preset, console, code);
    }
    bn_models_path_free(&path);
    if (found > 0 || bn_interrupted()) return code;
    bn_console_error(console, "no published weights are here; get some with: birefnet pull %s",
                     bn_preset_at(0)->alias);
    return BN_EXIT_MODEL;
}

bn_exit bn_command_pull(const bn_values *values, bn_console *console)
{
    bn_exit code = BN_EXIT_OK;
    if (values->operand_count == 0 && !values->given[BN_OPTION_VERIFY]) {
        bn_console_error(console, "pull: NAME... is missing (see: birefnet models)");
        return BN_EXIT_USAGE;
    }
    for (int i = 0; i < values->operand_count; i++) {
        if (bn_preset_find(values->operands[i])) continue;
        bn_console_error(console, "there is no preset '%s' (see: birefnet models)", values->operands[i]);
        return BN_EXIT_USAGE;
    }
    if (values->operand_count == 0) code = verify_all(values, console);
    for (int i = 0; i < values->operand_count && !bn_interrupted(); i++)
        code = pull_or_verify(values, bn_preset_find(values->operands[i]), console, code);
    return bn_interrupted() ? BN_EXIT_INTERRUPTED : code;
}
