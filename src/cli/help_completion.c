/* help_completion.c - the completion for bash: commands, options, their choices, files. */
#include "cli/help.h"

#include <string.h>

static void print_words(FILE *out, const char *choices)
{
    for (; *choices; choices++) fputc(*choices == '|' ? ' ' : *choices, out);
}

/* The case arms that complete the word after an option with an argument. */
static void print_argument_arms(FILE *out)
{
    for (bn_option id = 0; id < BN_OPTIONS; id++) {
        const bn_option_spec *spec = bn_option_get_spec(id);
        if (!spec->argument || spec->argument_may_lack) continue;
        fprintf(out, "        --%s", spec->name);
        if (spec->letter) fprintf(out, "|-%c", spec->letter);
        fputs(") ", out);
        if (spec->choices) {
            fputs("COMPREPLY=($(compgen -W '", out);
            print_words(out, spec->choices);
            fputs("' -- \"$word\")); return ;;\n", out);
        } else if (spec->takes_path) {
            fputs("COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", out);
        } else {
            fputs("return ;;\n", out);
        }
    }
}

void bn_help_completion(FILE *out)
{
    fputs("# bash completion of birefnet; made by birefnet --completion\n"
          "_birefnet() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options=\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '",
          out);
    for (bn_command command = 0; command < BN_COMMANDS; command++)
        fprintf(out, "%s ", bn_command_get_spec(command)->name);
    fputs(
        "--help --version --man --completion' -- \"$word\"))\n        return\n    fi\n    case $before in\n",
        out);
    print_argument_arms(out);
    fputs("    esac\n    case ${COMP_WORDS[1]} in\n", out);
    for (bn_command command = 0; command < BN_COMMANDS; command++) {
        fprintf(out, "        %s) options='", bn_command_get_spec(command)->name);
        for (bn_option id = 0; id < BN_OPTIONS; id++) {
            const bn_option_spec *spec = bn_option_get_spec(id);
            if (bn_option_applies(id, command)) fprintf(out, "--%s ", spec->name);
        }
        fputs("' ;;\n", out);
    }
    fputs(
        "    esac\n"
        "    case $word in\n"
        "        -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
        "        *)\n"
        "            if [ \"${COMP_WORDS[1]}\" = pull ]; then\n"
        "                COMPREPLY=($(compgen -W \"$(birefnet models --names 2>/dev/null)\" -- \"$word\"))\n"
        "            else\n"
        "                COMPREPLY=($(compgen -f -- \"$word\"))\n"
        "            fi ;;\n"
        "    esac\n"
        "}\n"
        "complete -o filenames -F _birefnet birefnet\n",
        out);
}
