/* pull.h - downloading one preset with a progress bar. */
#ifndef BN_CLI_PULL_H
#define BN_CLI_PULL_H

#include "cli/console.h"
#include "weights/presets.h"

/* folder: where to; NULL = the first of the search path. Says where the file lies and its licence. */
bn_status bn_console_pull(bn_console *console, const bn_preset *preset, const char *folder, bn_error *err);

#endif
