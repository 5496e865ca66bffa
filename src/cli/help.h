/* help.h - texts made from the option table: --help, man pages, completions. */
#ifndef BN_CLI_HELP_H
#define BN_CLI_HELP_H

#include "cli/options.h"

#include <stdio.h>

void bn_help_program(FILE *out);                         /* birefnet --help */
void bn_help_command(bn_command command, FILE *out);     /* birefnet COMMAND --help */
void bn_help_man(FILE *out);                             /* birefnet.1, for man */
void bn_help_man_command(bn_command command, FILE *out); /* birefnet-COMMAND.1 */
void bn_help_completion(FILE *out);                      /* a script that bash sources */
void bn_help_completion_zsh(FILE *out);                  /* _birefnet, for a folder of fpath */
void bn_help_completion_fish(FILE *out);                 /* birefnet.fish */

/* What the completions share: choices ("a|b") and names of presets as words between blanks. */
void bn_help_words(FILE *out, const char *choices);
void bn_help_presets(FILE *out, bool only_published);

#endif
