/* settings.h - what the options of `remove` and `watch` amount to. */
#ifndef BN_CLI_SETTINGS_H
#define BN_CLI_SETTINGS_H

#include "cli/model.h"
#include "cli/run.h"

typedef struct bn_settings {
    bn_plan_options plan;
    bn_cutout_options cutout;
    bn_resolution resolution;
    bn_image *backdrop; /* owned */
} bn_settings;

/* ARGUMENT for options that contradict each other. bn_settings_free in any case; settings are all zero before. */
bn_status bn_settings_choose(const bn_values *values, bn_settings *settings, bn_error *err);
void bn_settings_free(bn_settings *settings);

/* Let the network see what the chosen weights were trained for, unless the command line says otherwise. */
void bn_settings_suit(bn_settings *settings, const bn_values *values, const bn_model_choice *choice);

/* A run of the plan; all is borrowed. */
bn_run bn_settings_run(const bn_settings *settings, const bn_values *values, const bn_plan *plan,
                       const bn_model_choice *choice, bn_console *console);

#endif
