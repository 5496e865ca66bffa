/* pull.c - `birefnet pull`: downloads presets, or checks those that are there. */
#include "cli/pull.h"

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "weights/pull.h"

#include <curl/curl.h>
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

bn_status bn_console_pull(bn_console *console, const bn_preset *preset, const char *folder, bn_error *err)
{
    bar self = {console, preset->alias};
    bn_download_options options;
    bn_pulled pulled;
    bn_download_options_default(&options);
    options.progress = on_progress;
    options.progress_user = &self;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bn_console_bar_start(console);
    const bn_status status = bn_preset_pull(preset, folder, &options, &pulled, err);
    bn_console_bar_end(console);
    if (status != BIREFNET_OK) return bn_error_prefix(err, status, "%s", preset->alias);
    bn_console_say(console, "%s: %s %s (%.0f MB, %s, by %s)", preset->alias,
                   pulled.was_there ? "was there already:" : "pulled to", pulled.path,
                   (double)pulled.bytes / 1e6, preset->licence, preset->author);
    bn_console_detail(console, "%s: SHA-256 %s, from %s", preset->alias, pulled.sha256, pulled.url);
    return BIREFNET_OK;
}

/* Compare the file that a run would use with the SHA-256 noted when it was pulled. */
static bn_status verify(bn_console *console, const bn_preset *preset, const char *folder, bn_error *err)
{
    bn_model_choice choice = {.path = ""};
    BN_TRY(bn_model_choose(preset->alias, folder, &choice, err));
    BN_TRY(bn_pin_verify(choice.path, err));
    bn_console_say(console, "%s: %s is as it was pulled", preset->alias, choice.path);
    return BIREFNET_OK;
}

/* What was fetched and is no model, or what is there and is wrong, is the model's fault; else the folder's. */
static bn_exit exit_of(bn_status status, bool verifying)
{
    return bn_exit_of(status, verifying || status == BIREFNET_ERROR_FORMAT ? BN_STAGE_MODEL : BN_STAGE_WRITE);
}

bn_exit bn_command_pull(const bn_values *values, bn_console *console)
{
    const char *folder = values->text[BN_OPTION_MODELS_DIR];
    bn_exit code = BN_EXIT_OK;
    for (int i = 0; i < values->operand_count; i++) {
        if (bn_preset_find(values->operands[i])) continue;
        bn_console_error(console, "there is no preset '%s' (see: birefnet models)", values->operands[i]);
        return BN_EXIT_USAGE;
    }
    for (int i = 0; i < values->operand_count && !bn_interrupted(); i++) {
        bn_error err = {0};
        const bn_preset *preset = bn_preset_find(values->operands[i]);
        const bn_status status = values->given[BN_OPTION_VERIFY]
                                     ? verify(console, preset, folder, &err)
                                     : bn_console_pull(console, preset, folder, &err);
        if (status == BIREFNET_OK) continue;
        bn_console_error(console, "%s", err.message);
        code = code == BN_EXIT_OK ? exit_of(status, values->given[BN_OPTION_VERIFY]) : BN_EXIT_SOME_FAILED;
    }
    return bn_interrupted() ? BN_EXIT_INTERRUPTED : code;
}
