/* cli_options.c - fuzz: lines as the words of a command line; the first byte says which command. What is accepted keeps
 * what the table promises. */
#include "cli/options.h"
#include "cutout/background.h"
#include "cutout/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_WORDS = 32 };

static void check_values(const bn_values *values, int argc)
{
    if (values->operand_count < 0 || values->operand_count >= argc) abort();
    for (bn_option id = 0; id < BN_OPTIONS; id++) {
        const bn_option_spec *spec = bn_option_get_spec(id);
        if (!values->given[id]) continue;
        if (!bn_option_applies(id, values->command)) abort();
        const bool is_number = spec->kind == BN_KIND_WHOLE || spec->kind == BN_KIND_REAL;
        if (is_number && !(values->number[id] >= spec->low && values->number[id] <= spec->high)) abort();
        if (spec->kind == BN_KIND_WHOLE && floor(values->number[id]) != values->number[id]) abort();
        if (spec->kind == BN_KIND_CHOICE && !strstr(spec->choices, values->text[id])) abort();
    }
}

static void check_background(const char *text)
{
    bn_background background = {0};
    if (!bn_background_parse(text, &background)) return;
    if (background.kind == BN_BACKGROUND_BLUR &&
        !(background.blur_percent >= 0 && background.blur_percent <= 100))
        abort();
}

/* The words of a canvas: what is accepted lies within what is promised. */
static void check_placement(const char *text)
{
    bn_placement canvas = {.fit_percent = 90};
    bn_cutout_options options = {0};
    if (bn_placement_parse(text, &canvas) &&
        (canvas.width < BN_CANVAS_MIN_PX || canvas.width > BN_CANVAS_MAX_PX ||
         canvas.height < BN_CANVAS_MIN_PX || canvas.height > BN_CANVAS_MAX_PX))
        abort();
    bn_fit_parse(text, &canvas);
    if (!(canvas.fit_percent >= 1 && canvas.fit_percent <= 100)) abort();
    if (bn_crop_parse(text, &options) && !(options.crop_margin_px >= 0 && options.crop_margin_px <= 100000 &&
                                           options.crop_margin_percent <= 100))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const bn_command command = data[0] % BN_COMMANDS;
    char *text = malloc(size),
         *words[MAX_WORDS + 2] = {(char *)(uintptr_t)bn_command_get_spec(command)->name};
    if (!text) abort();
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    int argc = 1;
    for (char *at = text; at && argc <= MAX_WORDS;) words[argc++] = strsep(&at, "\n");
    bn_values values = {0};
    bn_error err = {0};
    const bn_status status = bn_values_parse(command, argc, words, &values, &err);
    if (status == BIREFNET_OK && !values.given[BN_OPTION_HELP]) check_values(&values, argc);
    if (status != BIREFNET_OK && (err.message[0] == '\0' || err.status != status)) abort();
    if (argc > 1) check_background(words[1]);
    if (argc > 1) check_placement(words[1]);
    free(text);
    return 0;
}
