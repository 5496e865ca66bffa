/* help_shells.c - the completions for zsh and fish: commands, options with their choices, files; help_completion.c is bash's. */
#include "cli/help.h"

#include <string.h>

/* The help's first sentence, with what the shell would read as its own led by a backslash; within quotes of the shell. */
static void print_sentence(FILE *out, const char *text, const char *led)
{
    for (; *text && !(text[0] == '.' && (text[1] == ' ' || !text[1])); text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fprintf(out, "%s%c", strchr(led, *text) ? "\\" : "", *text);
    }
}

static bool takes_model(bn_option id)
{
    return id == BN_OPTION_MODEL || id == BN_OPTION_AGAINST || id == BN_OPTION_CHECK;
}

/* ---- zsh ---- */

static void print_zsh_values(FILE *out, bn_option id)
{
    const bn_option_spec *spec = bn_option_get_spec(id);
    if (spec->choices || takes_model(id)) {
        fputc('(', out);
        if (spec->choices)
            bn_help_words(out, spec->choices);
        else
            bn_help_presets(out, false);
        fputc(')', out);
    } else if (spec->takes_path) {
        fputs("_files", out);
    } else {
        fputc(' ', out);
    }
}

static void print_zsh_option(FILE *out, bn_option id)
{
    const bn_option_spec *spec = bn_option_get_spec(id);
    const char *after = !spec->argument ? "" : spec->argument_may_lack ? "=-" : "=";
    if (spec->letter)
        fprintf(out, "            '(-%c --%s)'{-%c%s,--%s%s}'[", spec->letter, spec->name, spec->letter,
                !spec->argument           ? ""
                : spec->argument_may_lack ? "-"
                                          : "+",
                spec->name, after);
    else
        fprintf(out, "            '--%s%s[", spec->name, after);
    print_sentence(out, spec->help, "[]\\");
    fputc(']', out);
    if (spec->argument) {
        fputs(spec->argument_may_lack ? "::" : ":", out);
        print_sentence(out, spec->argument, ":\\");
        fputc(':', out);
        print_zsh_values(out, id);
    }
    fputs("' \\\n", out);
}

static void print_zsh_operands(FILE *out, const bn_command_spec *spec)
{
    if (spec->actions) {
        fputs("            '1:action:(", out);
        bn_help_words(out, spec->actions);
        fputs(")' \\\n", out);
    } else if (strcmp(spec->name, "pull") == 0) {
        fputs("            '*:preset:(", out);
        bn_help_presets(out, true);
        fputs(")' \\\n", out);
    } else if (spec->max_operands > 0) {
        fputs("            '*:file:_files' \\\n", out);
    }
}

void bn_help_completion_zsh(FILE *out)
{
    fputs("#compdef birefnet\n# made by birefnet --completion zsh\n_birefnet() {\n    local -a commands\n    "
          "commands=(\n",
          out);
    for (bn_command command = 0; command < BN_COMMANDS; command++) {
        fprintf(out, "        '%s:", bn_command_get_spec(command)->name);
        print_sentence(out, bn_command_get_spec(command)->summary, "\\");
        fputs("'\n", out);
    }
    fputs(
        "    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n"
        "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n",
        out);
    for (bn_command command = 0; command < BN_COMMANDS; command++) {
        const bn_command_spec *spec = bn_command_get_spec(command);
        fprintf(out, "    %s)\n        _arguments -s \\\n", spec->name);
        for (bn_option id = 0; id < BN_OPTIONS; id++)
            if (bn_option_applies(id, command)) print_zsh_option(out, id);
        print_zsh_operands(out, spec);
        fputs("            && return\n        ;;\n", out);
    }
    fputs("    esac\n}\nif [ \"$funcstack[1]\" = _birefnet ]; then _birefnet \"$@\"; else compdef _birefnet "
          "birefnet; fi\n",
          out);
}

/* ---- fish ---- */

static void print_fish_option(FILE *out, bn_command command, bn_option id)
{
    const bn_option_spec *spec = bn_option_get_spec(id);
    fprintf(out, "complete -c birefnet -n '__fish_seen_subcommand_from %s' -l %s",
            bn_command_get_spec(command)->name, spec->name);
    if (spec->letter) fprintf(out, " -s %c", spec->letter);
    if (spec->argument && !spec->argument_may_lack) fputs(spec->takes_path ? " -r -F" : " -x", out);
    if (spec->choices || takes_model(id)) {
        fputs(" -a '", out);
        if (spec->choices)
            bn_help_words(out, spec->choices);
        else
            bn_help_presets(out, false);
        fputc('\'', out);
    }
    fputs(" -d '", out);
    print_sentence(out, spec->help, "\\");
    fputs("'\n", out);
}

static void print_fish_operands(FILE *out, const bn_command_spec *spec)
{
    if (!spec->actions && strcmp(spec->name, "pull") != 0) return;
    fprintf(out, "complete -c birefnet -f -n '__fish_seen_subcommand_from %s' -a '", spec->name);
    if (spec->actions)
        bn_help_words(out, spec->actions);
    else
        bn_help_presets(out, true);
    fputs("'\n", out);
}

void bn_help_completion_fish(FILE *out)
{
    fputs("# made by birefnet --completion fish\n", out);
    for (bn_command command = 0; command < BN_COMMANDS; command++) {
        fprintf(out, "complete -c birefnet -f -n __fish_use_subcommand -a %s -d '",
                bn_command_get_spec(command)->name);
        print_sentence(out, bn_command_get_spec(command)->summary, "\\");
        fputs("'\n", out);
    }
    for (bn_command command = 0; command < BN_COMMANDS; command++) {
        for (bn_option id = 0; id < BN_OPTIONS; id++)
            if (bn_option_applies(id, command)) print_fish_option(out, command, id);
        print_fish_operands(out, bn_command_get_spec(command));
    }
}
