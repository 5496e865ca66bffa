/* model.h - which weights a command runs on: what --model says, or the best that is there. */
#ifndef BN_CLI_MODEL_H
#define BN_CLI_MODEL_H

#include "cli/console.h"
#include "cli/options.h"

typedef struct bn_model_choice {
    char *path; /* for birefnet_model_open; owned */
    bool is_starter;
} bn_model_choice;

/* Says once in a terminal what the starter weights are; offers there to download a preset that is not here.
 * NOT_FOUND names what was tried. */
bn_status bn_model_choose(const bn_values *values, bn_console *console, bn_model_choice *choice,
                          bn_error *err);
void bn_model_choice_free(bn_model_choice *choice);

#endif
