/* model.h - which weights a command runs on: what --model says, or the best that is there. */
#ifndef BN_CLI_MODEL_H
#define BN_CLI_MODEL_H

#include "base/cpu.h"
#include "cli/console.h"
#include "cli/options.h"
#include "weights/presets.h"

/* As bn_model_choose does, from --model and --models-dir. Says what the starter weights are where they are chosen, and at
 * which places a model that is not here was looked for; in a terminal it offers to download it. */
bn_status bn_values_choose_model(const bn_values *values, bn_console *console, bn_model_choice *choice,
                                 bn_error *err);

/* The level of instructions that a model will use: the CPU's, AMX left out, or what --cpumask says. */
bn_isa bn_values_isa(const bn_values *values);

/* --device; auto where it is not given. */
const char *bn_values_device(const bn_values *values);

/* --device, --precision, --cpumask and --tile-order; warnings of the library go to the console. */
birefnet_model_options bn_values_model_options(const bn_values *values, bn_console *console);

#endif
