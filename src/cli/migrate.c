/* migrate.c - `birefnet migrate`: makes or migrates the tables of a store that servers share. */
#include "cli/commands.h"

#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

const char *bn_store_address(const bn_values *values)
{
    const char *given = values->text[BN_OPTION_STORE], *usual = getenv("BIREFNET_STORE");
    return given ? given : usual && *usual ? usual : NULL;
}

bn_status bn_check_store(const bn_values *values, const char *data_folder, int *from, int *to, bn_error *err)
{
    char own[1100];
    const char *address = bn_store_address(values);
    snprintf(own, sizeof own, "sqlite:%s/jobs.sqlite", data_folder);
    return bn_store_check(address ? address : own, from, to, err);
}

static bn_status migrate(const bn_values *values, bn_console *console, bn_error *err)
{
    const char *address = bn_store_address(values);
    const bool only_look = values->given[BN_OPTION_ONLY_CHECK];
    int from, to;
    if (!address)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "say which store with --store or BIREFNET_STORE");
    BN_TRY(bn_store_migrate(address, only_look, &from, &to, err));
    if (only_look && from < to)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "the tables are version %d, this program needs %d", from,
                       to);
    if (from >= to)
        bn_console_say(console, "Nothing to do: the tables are version %d", from);
    else
        bn_console_say(console, "The tables are version %d now, after %d", to, from);
    return BIREFNET_OK;
}

bn_exit bn_command_migrate(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    const bn_status status = migrate(values, console, &err);
    if (status != BIREFNET_OK) bn_console_error(console, "%s", err.message);
    return bn_exit_of(status, BN_STAGE_STORE);
}
