/* model.c - choosing the weights of a run. */
#include "cli/model.h"

#include "base/size.h"

static void tell_starter(const bn_values *values, bn_console *console)
{
    if (!console->terminal) return;
    const bn_preset *best = bn_preset_find("light");
    bn_console_say(
        console, "%s the starter weights: small, trained on synthetic pictures, good for trying things out.",
        values->given[BN_OPTION_MODEL] ? "These are" : "No published weights are here; using");
    if (best)
        bn_console_say(console, "For real work get the published ones (%s, %d MB): birefnet pull %s",
                       best->licence, (int)(best->about_bytes / 1000000), best->alias);
}

bn_status bn_values_choose_model(const bn_values *values, bn_console *console, bn_model_choice *choice,
                                 bn_error *err)
{
    BN_TRY(bn_model_choose(values->text[BN_OPTION_MODEL], values->text[BN_OPTION_MODELS_DIR], choice, err));
    if (choice->preset && !choice->preset->repository) tell_starter(values, console);
    return BIREFNET_OK;
}

static void on_log(void *user, birefnet_log_level level, const char *line)
{
    if (level <= BIREFNET_LOG_WARNING)
        bn_console_say(user, "%s", line);
    else
        bn_console_detail(user, "%s", line);
}

birefnet_model_options bn_values_model_options(const bn_values *values, bn_console *console)
{
    /* in the order of the table's choices */
    static const birefnet_precision precisions[] = {BIREFNET_PRECISION_AUTO, BIREFNET_PRECISION_F32,
                                                    BIREFNET_PRECISION_BF16};
    static const birefnet_tile_order orders[] = {BIREFNET_TILES_AUTO, BIREFNET_TILES_CHANNEL,
                                                 BIREFNET_TILES_GRID};
    birefnet_model_options options;
    birefnet_model_options_default(&options);
    options.precision = precisions[values->choice[BN_OPTION_PRECISION]];
    options.tile_order = orders[values->choice[BN_OPTION_TILE_ORDER]];
    options.log = on_log;
    options.log_user = console;
    return options;
}
