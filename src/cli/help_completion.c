/* help_completion.c - the completion for bash: commands, options, their choices, files. Replies are read by lines, as names of
 * files have spaces. */
#include "cli/help.h"

#include "weights/presets.h"

void bn_help_words(FILE *out, const char *choices)
{
    for (; *choices; choices++) fputc(*choices == '|' ? ' ' : *choices, out);
}

void bn_help_presets(FILE *out, bool only_published)
{
    for (size_t i = 0; i < bn_preset_count(); i++)
        if (bn_preset_at(i)->repository || !only_published) fprintf(out, "%s ", bn_preset_at(i)->alias);
}

/* The case arm that completes the word after an option with an argument. */
static void print_argument_arm(FILE *out, bn_option id)
{
    const bn_option_spec *spec = bn_option_get_spec(id);
    fprintf(out, "        --%s", spec->name);
    if (spec->letter) fprintf(out, "|-%c", spec->letter);
    fputs(") mapfile -t COMPREPLY < <(compgen ", out);
    if (spec->takes_path) fputs("-f ", out);
    fputs("-W '", out);
    if (spec->choices) bn_help_words(out, spec->choices);
    if (id == BN_OPTION_MODEL || id == BN_OPTION_AGAINST) bn_help_presets(out, false);
    fputs("' -- \"$word\"); return ;;\n", out);
}

static void print_option_names(FILE *out, bn_command command)
{
    fprintf(out, "        %s) options='", bn_command_get_spec(command)->name);
    for (bn_option id = 0; id < BN_OPTIONS; id++)
        if (bn_option_applies(id, command)) fprintf(out, "--%s ", bn_option_get_spec(id)->name);
    fputs("' ;;\n", out);
}

/* The arm for the first operand of a command that has actions. */
static void print_actions(FILE *out, bn_command command)
{
    const bn_command_spec *spec = bn_command_get_spec(command);
    if (!spec->actions) return;
    fprintf(out,
            "    elif [ \"${COMP_WORDS[1]}\" = %s ] && ! [[ \" ${COMP_WORDS[*]:2:COMP_CWORD-2} \" =~ ' "
            "'(%s)' ' ]]; then\n",
            spec->name, spec->actions);
    fputs("        mapfile -t COMPREPLY < <(compgen -W '", out);
    bn_help_words(out, spec->actions);
    fputs("' -- \"$word\")\n", out);
}

void bn_help_completion(FILE *out)
{
    fputs("# bash completion of birefnet; made by birefnet --completion\n"
          "_birefnet() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options=\n"
          "    COMPREPLY=()\n"
          "    # --option=word are three words here\n"
          "    if [ \"$word\" = = ]; then word=; elif [ \"$before\" = = ]; then "
          "before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    for (bn_command command = 0; command < BN_COMMANDS; command++)
        fprintf(out, "%s ", bn_command_get_spec(command)->name);
    fputs("--help --version --man --completion' -- \"$word\")\n"
          "        return\n"
          "    fi\n"
          "    case $before in\n",
          out);
    for (bn_option id = 0; id < BN_OPTIONS; id++)
        if (bn_option_get_spec(id)->argument && !bn_option_get_spec(id)->argument_may_lack)
            print_argument_arm(out, id);
    fputs("    esac\n"
          "    case ${COMP_WORDS[1]} in\n",
          out);
    for (bn_command command = 0; command < BN_COMMANDS; command++) print_option_names(out, command);
    fputs("    esac\n"
          "    if [[ $word == -* ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
          "    elif [ \"${COMP_WORDS[1]}\" = pull ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    bn_help_presets(out, true);
    fputs("' -- \"$word\")\n", out);
    for (bn_command command = 0; command < BN_COMMANDS; command++) print_actions(out, command);
    fputs("    else\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
          "    fi\n"
          "}\n"
          "complete -o filenames -F _birefnet birefnet\n",
          out);
}
