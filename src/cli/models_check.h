/* models_check.h - the other half of `birefnet models`. */
#ifndef BN_CLI_MODELS_CHECK_H
#define BN_CLI_MODELS_CHECK_H

#include "cli/console.h"
#include "cli/exits.h"
#include "cli/options.h"

/* The weights that --check names: BN_EXIT_NO_SENSE where they run and their mask is wrong. */
bn_exit bn_models_check(const bn_values *values, bn_console *console);

#endif
