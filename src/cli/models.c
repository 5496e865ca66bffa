/* models.c - `birefnet models`: the presets, their licence and size, where they lie. */
#include "cli/commands.h"

#include "base/size.h"
#include "cli/json.h"
#include "cli/models_check.h"
#include "weights/presets.h"

#include <jansson.h>
#include <stdio.h>

static json_t *preset_json(const bn_preset *preset, const char *file)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s, s:s?, s:I, s:[ii], s:[ii], s:s?}", "name", preset->name,
                  "alias", preset->alias, "repository", preset->repository, "licence", preset->licence,
                  "author", preset->author, "backbone", preset->backbone, "about", preset->about,
                  "about_bytes", (json_int_t)preset->about_bytes, "trained_for", preset->trained_width,
                  preset->trained_height, "runs_at", preset->width, preset->height, "file", file);
    return json;
}

static void print_row(const bn_preset *preset, const char *file)
{
    bn_console_print("%-10s %-24s %-8s %4d MB  %4dx%-4d  %s", preset->alias, preset->name, preset->licence,
                     (int)((preset->about_bytes + 500000) / 1000000), preset->trained_width,
                     preset->trained_height, file ? file : "not here");
}

static void print_about(const bn_preset *preset)
{
    char advice[BN_GET_PUBLISHED_BYTES];
    bn_preset_get_published(advice);
    printf("\nThe %s weights: %s.\n%s\n", preset->alias, preset->about, advice);
}

static void print_end(const bn_models_path *path)
{
    printf("\nTRAINED is the size of the pictures it learnt from. Looked for in:\n");
    for (size_t i = 0; i < path->count; i++) bn_console_print("  %s", path->folders[i]);
    printf("Get one with: birefnet pull NAME\n");
    for (size_t i = 0; i < bn_preset_count(); i++)
        if (bn_preset_at(i)->about) print_about(bn_preset_at(i));
}

/* Options that say how weights run; the list runs none. */
static const bn_option only_for_check[] = {BN_OPTION_RESOLUTION, BN_OPTION_THREADS, BN_OPTION_PRECISION,
                                           BN_OPTION_DEVICE,     BN_OPTION_CPUMASK, BN_OPTION_TILE_ORDER};

bn_exit bn_command_models(const bn_values *values, bn_console *console)
{
    if (values->given[BN_OPTION_CHECK]) return bn_models_check(values, console);
    for (size_t i = 0; i < BN_COUNT(only_for_check); i++) {
        if (!values->given[only_for_check[i]]) continue;
        bn_console_error(console, "--%s goes with --check", bn_option_get_spec(only_for_check[i])->name);
        return BN_EXIT_USAGE;
    }
    bn_error err = {0};
    bn_models_path path;
    const bool as_json = values->given[BN_OPTION_JSON];
    json_t *list = as_json ? json_array() : NULL;
    const bn_status status = bn_models_path_make(values->text[BN_OPTION_MODELS_DIR], &path, &err);
    if (status != BIREFNET_OK) {
        bn_console_error(console, "%s", err.message);
        json_decref(list);
        return bn_exit_of(status, BN_STAGE_MODEL);
    }
    if (!as_json)
        printf("%-10s %-24s %-8s %7s  %-9s  %s\n", "NAME", "PRESET", "LICENCE", "SIZE", "TRAINED", "FILE");
    for (size_t i = 0; i < bn_preset_count(); i++) {
        char file[4096];
        const bn_preset *preset = bn_preset_at(i);
        const char *found = bn_preset_locate(preset, &path, file) ? file : NULL;
        if (as_json)
            json_array_append_new(list, preset_json(preset, found));
        else
            print_row(preset, found);
    }
    if (as_json)
        bn_json_print(list);
    else
        print_end(&path);
    json_decref(list);
    bn_models_path_free(&path);
    return BN_EXIT_OK;
}
