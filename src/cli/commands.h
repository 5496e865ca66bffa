/* commands.h - the commands; each returns the exit code. */
#ifndef BN_CLI_COMMANDS_H
#define BN_CLI_COMMANDS_H

#include "cli/console.h"
#include "cli/exits.h"
#include "cli/options.h"

bn_exit bn_command_remove(const bn_values *values, bn_console *console);
bn_exit bn_command_models(const bn_values *values, bn_console *console);
bn_exit bn_command_pull(const bn_values *values, bn_console *console);
bn_exit bn_command_info(const bn_values *values, bn_console *console);
bn_exit bn_command_bench(const bn_values *values, bn_console *console);

#endif
