/* commands.h - the commands; each returns the exit code. */
#ifndef BN_CLI_COMMANDS_H
#define BN_CLI_COMMANDS_H

#include "cli/console.h"
#include "cli/exits.h"
#include "cli/options.h"

bn_exit bn_command_remove(const bn_values *values, bn_console *console);
bn_exit bn_command_watch(const bn_values *values, bn_console *console);
bn_exit bn_command_stream(const bn_values *values, bn_console *console);
bn_exit bn_command_video(const bn_values *values, bn_console *console);
bn_exit bn_command_models(const bn_values *values, bn_console *console);
bn_exit bn_command_pull(const bn_values *values, bn_console *console);
bn_exit bn_command_info(const bn_values *values, bn_console *console);
void bn_info_print_version(void); /* birefnet --version --verbose: version, CPU, cards, libraries */
bn_exit bn_command_bench(const bn_values *values, bn_console *console);
bn_exit bn_command_eval(const bn_values *values, bn_console *console);
bn_exit bn_command_serve(const bn_values *values, bn_console *console);
bn_exit bn_command_work(const bn_values *values, bn_console *console);
bn_exit bn_command_keys(const bn_values *values, bn_console *console);
bn_exit bn_command_migrate(const bn_values *values, bn_console *console);
bn_exit bn_command_queue(const bn_values *values, bn_console *console);

/* The server's data folder: --data, or the usual place. */
bn_status bn_data_folder(const bn_values *values, char folder[1024], bn_error *err);

/* The store that servers share: --store, or BIREFNET_STORE; NULL: the data folder's own. */
const char *bn_store_address(const bn_values *values);

/* Before anything is made or opened there: FORMAT where that store is of a newer program, or not migrated. *from, *to: as
 * bn_store_check. */
bn_status bn_check_store(const bn_values *values, const char *data_folder, int *from, int *to, bn_error *err);

#endif
