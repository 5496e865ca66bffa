/* options.c - the command line against the table, by getopt_long. */
#include "cli/options.h"

#include "base/size.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool bn_option_applies(bn_option option, bn_command command)
{
    return bn_option_get_spec(option)->commands & (1u << command);
}

bn_command bn_command_find(const char *name)
{
    bn_command command = 0;
    while (command < BN_COMMANDS && strcmp(bn_command_get_spec(command)->name, name) != 0) command++;
    return command;
}

const char *bn_values_text(const bn_values *values, bn_option option)
{
    return values->text[option] ? values->text[option] : bn_option_get_spec(option)->standard;
}

const char *bn_option_default_words(const bn_option_spec *spec)
{
    return spec->otherwise ? spec->otherwise : spec->standard;
}

/* What getopt_long wants, made from the table: `longs` has room for BN_OPTIONS + 1, `letters` for 3 * BN_OPTIONS + 2. */
static void make_getopt_tables(bn_command command, struct option *longs, char *letters)
{
    *letters++ = ':'; /* we print, not getopt; a lacking argument is told from an unknown option */
    for (bn_option id = 0; id < BN_OPTIONS; id++) {
        if (!bn_option_applies(id, command)) continue;
        const bn_option_spec *spec = bn_option_get_spec(id);
        const int has = !spec->argument           ? no_argument
                        : spec->argument_may_lack ? optional_argument
                                                  : required_argument;
        *longs++ = (struct option){spec->name, has, NULL, 256 + (int)id};
        if (!spec->letter) continue;
        *letters++ = spec->letter;
        if (has != no_argument) *letters++ = ':';
        if (has == optional_argument) *letters++ = ':';
    }
    *longs = (struct option){0};
    *letters = '\0';
}

static bn_option option_by_letter(int letter, bn_command command)
{
    bn_option id = 0;
    while (id < BN_OPTIONS && (bn_option_get_spec(id)->letter != letter || !bn_option_applies(id, command)))
        id++;
    return id;
}

static bn_status bad_number(const bn_option_spec *spec, const char *text, bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--%s takes a %snumber from %g to %g, not '%s'", spec->name,
                   spec->kind == BN_KIND_WHOLE ? "whole " : "", spec->low, spec->high, text);
}

static bn_status parse_number(const bn_option_spec *spec, const char *text, double *number, bn_error *err)
{
    char *end;
    *number = strtod(text, &end);
    if (end == text || *end || !(*number >= spec->low && *number <= spec->high) ||
        (spec->kind == BN_KIND_WHOLE && *number != floor(*number)))
        return bad_number(spec, text, err);
    return BIREFNET_OK;
}

static bn_status parse_choice(const bn_option_spec *spec, const char *text, int *choice, bn_error *err)
{
    const size_t length = strlen(text);
    *choice = 0;
    for (const char *word = spec->choices;; (*choice)++) {
        const size_t span = strcspn(word, "|");
        if (span == length && strncmp(word, text, span) == 0) return BIREFNET_OK;
        if (!word[span]) break;
        word += span + 1;
    }
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--%s takes one of %s, not '%s'", spec->name, spec->choices,
                   text);
}

/* Nothing of texts and flags, nor where there is no text. */
static bn_status read_value(bn_values *values, bn_option id, const char *text, bn_error *err)
{
    const bn_option_spec *spec = bn_option_get_spec(id);
    if (text && (spec->kind == BN_KIND_WHOLE || spec->kind == BN_KIND_REAL))
        return parse_number(spec, text, &values->number[id], err);
    if (text && spec->kind == BN_KIND_CHOICE) return parse_choice(spec, text, &values->choice[id], err);
    return BIREFNET_OK;
}

static bn_status take_defaults(bn_values *values, bn_error *err)
{
    for (bn_option id = 0; id < BN_OPTIONS; id++)
        BN_TRY(read_value(values, id, bn_option_get_spec(id)->standard, err));
    return BIREFNET_OK;
}

static bn_status take(bn_values *values, bn_option id, const char *text, bn_error *err)
{
    const bn_option_spec *spec = bn_option_get_spec(id);
    values->given[id] = true;
    values->text[id] = text;
    BN_TRY(read_value(values, id, text ? text : spec->bare, err));
    if (text && !*text && !spec->may_be_empty)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--%s must not be empty", spec->name);
    return BIREFNET_OK;
}

/* Whether the words differ by one letter: changed, added, left out, or two swapped. */
static bool nearly_equal(const char *a, const char *b)
{
    const size_t la = strlen(a), lb = strlen(b);
    size_t front = 0, back = 0;
    while (a[front] && a[front] == b[front]) front++;
    while (back < BN_MIN(la, lb) - front && a[la - 1 - back] == b[lb - 1 - back]) back++;
    const size_t da = la - front - back, db = lb - front - back;
    if (da <= 1 && db <= 1) return true;
    return da == 2 && db == 2 && a[front] == b[front + 1] && a[front + 1] == b[front];
}

bn_command bn_command_suggest(const char *word)
{
    bn_command command = 0;
    while (command < BN_COMMANDS && !nearly_equal(word, bn_command_get_spec(command)->name)) command++;
    return command;
}

/* "--th may be --threshold or --threads": an option that begins so, of several. False where fewer do. */
static bool tell_ambiguous(bn_command command, const char *name, bn_error *err)
{
    char text[256];
    const char *last = NULL;
    size_t used = (size_t)snprintf(text, sizeof text, "--%s may be", name);
    int count = 0;
    for (bn_option id = 0; id < BN_OPTIONS; id++) {
        const char *full = bn_option_get_spec(id)->name;
        if (!*name || !bn_option_applies(id, command) || strncmp(full, name, strlen(name)) != 0) continue;
        if (last && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s --%s", count > 1 ? "," : "", last);
        last = full;
        count++;
    }
    if (count > 1) bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s or --%s", text, last);
    return count > 1;
}

static bn_status unknown_option(bn_command command, const char *word, bn_error *err)
{
    char name[64];
    const char *start = word + strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(start, "="), start);
    if (strncmp(word, "--", 2) == 0 && tell_ambiguous(command, name, err)) return BIREFNET_ERROR_ARGUMENT;
    for (bn_option id = 0; id < BN_OPTIONS; id++)
        if (bn_option_applies(id, command) && nearly_equal(name, bn_option_get_spec(id)->name))
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "there is no option %s; did you mean --%s?", word,
                           bn_option_get_spec(id)->name);
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "there is no option %s", word);
}

/* What getopt_long answered with '?' or ':'. A long option's own value is in optopt where its argument was wrong. */
static bn_status explain(bn_command command, int answer, char **argv, bn_error *err)
{
    if (optopt >= 256) {
        const char *name = bn_option_get_spec((bn_option)(optopt - 256))->name;
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       answer == ':' ? "--%s needs an argument" : "--%s takes no argument", name);
    }
    if (answer == ':') return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "-%c needs an argument", optopt);
    if (optopt) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "there is no option -%c", optopt);
    return unknown_option(command, argv[optind - 1], err);
}

static bn_status check_operands(const bn_command_spec *spec, int count, bn_error *err)
{
    if (count < spec->min_operands)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s is missing", spec->operands);
    if (count > spec->max_operands)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "too many words: %s takes %s", spec->name,
                       spec->max_operands ? spec->operands : "options only");
    return BIREFNET_OK;
}

bn_status bn_values_parse(bn_command command, int argc, char **argv, bn_values *values, bn_error *err)
{
    struct option longs[BN_OPTIONS + 1];
    char letters[3 * BN_OPTIONS + 2];
    make_getopt_tables(command, longs, letters);
    *values = (bn_values){.command = command};
    BN_TRY(take_defaults(values, err));
    optind = 0; /* GNU: start afresh */
    for (int answer; (answer = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        if (answer == '?' || answer == ':') return explain(command, answer, argv, err);
        const bn_option id = answer >= 256 ? (bn_option)(answer - 256) : option_by_letter(answer, command);
        BN_TRY(take(values, id, optarg, err));
        if (id == BN_OPTION_HELP) return BIREFNET_OK;
    }
    values->operands = argv + optind;
    values->operand_count = argc - optind;
    return check_operands(bn_command_get_spec(command), values->operand_count, err);
}
