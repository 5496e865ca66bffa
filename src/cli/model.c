/* model.c - choosing the weights of a run. */
#include "cli/model.h"

#include "base/size.h"
#include "cli/interrupt.h"
#include "cli/pull.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void tell_starter(const bn_values *values, bn_console *console, const bn_preset *starter)
{
    char advice[BN_GET_PUBLISHED_BYTES];
    bn_preset_get_published(advice);
    bn_console_say(console, "%s the starter weights: %s.",
                   values->given[BN_OPTION_MODEL] ? "These are" : "No published weights are here; using",
                   starter->about);
    bn_console_say(console, "%s", advice);
}

static void say_place(void *user, const char *path)
{
    bn_console_say(user, "  %s", path);
}

static void say_places(const bn_values *values, bn_console *console)
{
    const char *model = values->text[BN_OPTION_MODEL];
    if (!model) return;
    bn_console_say(console, "Looked for %s at", model);
    bn_model_places(model, values->text[BN_OPTION_MODELS_DIR], say_place, console, NULL);
}

/* Whether the user wants these weights downloaded now: said by --yes, or answered in a terminal. */
static bool wants_pull(const bn_values *values, const bn_console *console, const bn_preset *preset)
{
    if (values->given[BN_OPTION_YES]) return true;
    if (!console->terminal || console->quiet || !isatty(STDIN_FILENO)) return false;
    fprintf(stderr, "The weights of %s (%s, %d MB, licence %s) are not here. Download them now? [Y/n] ",
            preset->name, preset->file, (int)(preset->about_bytes / 1000000), preset->licence);
    struct pollfd wait[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = bn_interrupt_fd(), .events = POLLIN}};
    while (!bn_interrupted() && poll(wait, 2, -1) < 0)
        continue; /* a signal alone would let the reading go on */
    char answer[16];
    if (bn_interrupted() || !fgets(answer, sizeof answer, stdin)) return false;
    return answer[0] == '\n' || answer[0] == 'y' || answer[0] == 'Y';
}

bn_status bn_values_choose_model(const bn_values *values, bn_console *console, bn_model_choice *choice,
                                 bn_error *err)
{
    const char *model = values->text[BN_OPTION_MODEL], *folder = values->text[BN_OPTION_MODELS_DIR];
    bn_status status = bn_model_choose(model, folder, choice, err);
    const bn_preset *preset = model ? bn_preset_find(model) : NULL;
    if (status == BIREFNET_ERROR_NOT_FOUND && preset && preset->repository && !strchr(model, '/') &&
        wants_pull(values, console, preset)) {
        BN_TRY(bn_console_pull(console, preset, folder, err));
        status = bn_model_choose(model, folder, choice, err);
    }
    if (bn_interrupted()) return bn_fail(err, BIREFNET_ERROR_CANCELLED, "interrupted");
    if (status == BIREFNET_ERROR_NOT_FOUND) say_places(values, console);
    BN_TRY(status);
    const bn_preset *starter = bn_model_choice_starter(choice);
    if (starter) tell_starter(values, console, starter);
    return BIREFNET_OK;
}

static void on_log(void *user, birefnet_log_level level, const char *line)
{
    if (level <= BIREFNET_LOG_WARNING)
        bn_console_say(user, "%s", line);
    else
        bn_console_detail(user, "%s", line);
}

/* In the order of --cpumask's choices. */
static const char *const levels[] = {NULL, "plain", "neon", "avx2", "avx512", "avx512_bf16", "amx"};

bn_isa bn_values_isa(const bn_values *values)
{
    const char *level = levels[values->choice[BN_OPTION_CPUMASK]];
    bn_isa most = bn_isa_trusted(bn_cpu_isa());
    if (level) bn_isa_from_name(level, &most);
    return BN_MIN(most, bn_cpu_isa());
}

const char *bn_values_device(const bn_values *values)
{
    return bn_values_text(values, BN_OPTION_DEVICE);
}

birefnet_model_options bn_values_model_options(const bn_values *values, bn_console *console)
{
    /* in the order of the table's choices */
    static const birefnet_precision precisions[] = {BIREFNET_PRECISION_AUTO, BIREFNET_PRECISION_F32,
                                                    BIREFNET_PRECISION_BF16, BIREFNET_PRECISION_F16};
    static const birefnet_tile_order orders[] = {BIREFNET_TILES_AUTO, BIREFNET_TILES_CHANNEL,
                                                 BIREFNET_TILES_GRID};
    birefnet_model_options options;
    birefnet_model_options_default(&options);
    options.precision = precisions[values->choice[BN_OPTION_PRECISION]];
    options.tile_order = orders[values->choice[BN_OPTION_TILE_ORDER]];
    options.device = bn_values_device(values);
    options.max_isa = levels[values->choice[BN_OPTION_CPUMASK]];
    options.log = on_log;
    options.log_user = console;
    return options;
}
