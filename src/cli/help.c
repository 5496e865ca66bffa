/* help.c - the help texts of a terminal, wrapped to 80 columns. */
#include "cli/help.h"

#include "cli/exits.h"

#include <string.h>

#define COLUMNS     80
#define HELP_COLUMN 26

/* Print words from `column` on, later lines indented by `indent`; a newline in the text ends a paragraph. */
static void print_wrapped(FILE *out, const char *text, int column, int indent)
{
    while (*text) {
        const int word = (int)strcspn(text, " \n");
        if (column > indent && column + 1 + word > COLUMNS) {
            fputc('\n', out);
            column = 0;
        }
        if (column < indent)
            column += fprintf(out, "%*s", indent - column, "");
        else if (column > indent)
            column += fprintf(out, " ");
        column += fprintf(out, "%.*s", word, text);
        text += word;
        if (*text == '\n') {
            fputc('\n', out);
            column = 0;
        }
        if (*text) text++;
    }
    if (column > 0) fputc('\n', out);
}

static void print_option(FILE *out, const bn_option_spec *spec)
{
    char head[96], help[640];
    const char *before = !spec->argument ? "" : spec->argument_may_lack ? "[=" : " ";
    const char *usual = bn_option_default_words(spec);
    char letter[5] = "   ";
    if (spec->letter) snprintf(letter, sizeof letter, "-%c,", spec->letter);
    snprintf(head, sizeof head, "  %s --%s%s%s%s", letter, spec->name, before,
             spec->argument ? spec->argument : "", spec->argument_may_lack ? "]" : "");
    snprintf(help, sizeof help, "%s%s%s%s%s%s%s", spec->help, spec->choices ? " One of " : "",
             spec->choices ? spec->choices : "", spec->choices ? "." : "", usual ? " Default: " : "",
             usual ? usual : "", usual ? "." : "");
    int column = fprintf(out, "%s", head);
    if (column > HELP_COLUMN - 2) {
        fputc('\n', out);
        column = 0;
    }
    print_wrapped(out, help, column, HELP_COLUMN);
}

static void print_examples(FILE *out, const char *examples)
{
    while (*examples) {
        const int command = (int)strcspn(examples, "\t"), words = (int)strcspn(examples + command + 1, "\n");
        fprintf(out, "  %.*s\n      %.*s\n", command, examples, words, examples + command + 1);
        examples += command + 1 + words + 1;
    }
}

void bn_help_command(bn_command command, FILE *out)
{
    const bn_command_spec *spec = bn_command_get_spec(command);
    fprintf(out, "Usage: birefnet %s [OPTION...]%s%s\n\n%s.\n\n", spec->name, *spec->operands ? " " : "",
            spec->operands, spec->summary);
    print_wrapped(out, spec->describe, 0, 0);
    fprintf(out, "\nOptions:\n");
    for (bn_option id = 0; id < BN_OPTIONS; id++)
        if (bn_option_applies(id, command)) print_option(out, bn_option_get_spec(id));
    fprintf(out, "\nExamples:\n");
    print_examples(out, spec->examples);
    if (command != BN_COMMAND_REMOVE) return;
    fprintf(out, "\nExit codes:\n");
    for (const bn_exit_words *words = bn_exit_table(); words->meaning; words++)
        print_wrapped(out, words->meaning, fprintf(out, "  %3d  ", words->code), 7);
}

void bn_help_program(FILE *out)
{
    fprintf(out,
            "birefnet %s - remove the background of photos with the BiRefNet network\n\n"
            "Usage: birefnet COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n",
            birefnet_version());
    for (bn_command command = 0; command < BN_COMMANDS; command++)
        fprintf(out, "  %-10s%s\n", bn_command_get_spec(command)->name,
                bn_command_get_spec(command)->summary);
    fprintf(out, "\n  birefnet COMMAND --help   options and examples of a command\n"
                 "  birefnet --version        the version; with --verbose libraries, CPU, devices\n"
                 "  birefnet --man [COMMAND]  a manual page\n"
                 "  birefnet --completion [SHELL]\n"
                 "                            completion for bash (to be sourced), zsh or fish\n\n"
                 "Start with:\n");
    print_examples(out, "birefnet remove photo.jpg\tcut-out in photo-cutout.png\n");
}
