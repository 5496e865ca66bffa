/* keys.c - `birefnet keys`: make, list and revoke the keys of a server's data folder. */
#include "cli/commands.h"

#include "store/keys.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static int limit_of(const bn_values *values, bn_option option)
{
    return values->given[option] ? (int)values->number[option] : -1;
}

static bn_status add(const bn_values *values, const char *folder, const char *name, bn_console *console,
                     bn_error *err)
{
    const bn_key_limits limits = {.per_minute = limit_of(values, BN_OPTION_PER_MINUTE),
                                  .running = limit_of(values, BN_OPTION_MAX_RUNNING),
                                  .waiting = limit_of(values, BN_OPTION_KEY_WAITING)};
    char key[BN_KEY_CHARS];
    bn_key_facts facts;
    BN_TRY(bn_keys_make(folder, name, values->text[BN_OPTION_KEY], &limits, values->given[BN_OPTION_ADMIN],
                        key, &facts, err));
    printf("%s\n", key);
    bn_console_say(console, "This is the only time that the key is shown. Clients take it as FAL_KEY.");
    sodium_memzero(key, sizeof key);
    return BIREFNET_OK;
}

static void print_key(const bn_key_facts *key)
{
    const time_t when = (time_t)(key->created_ms / 1000);
    struct tm parts;
    char day[16];
    localtime_r(&when, &parts);
    strftime(day, sizeof day, "%Y-%m-%d", &parts);
    bn_console_print("%-36s  %s  %s%s", key->id, day, key->name, key->admin ? "  (administrator)" : "");
}

static bn_status list(const bn_values *values, const char *folder, bn_error *err)
{
    bn_key_facts *keys = NULL;
    size_t count = 0;
    BN_TRY(bn_keys_list(folder, &keys, &count, err));
    if (values->given[BN_OPTION_JSON]) {
        json_t *all = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(all, json_pack("{s:s, s:s, s:I, s:i, s:i, s:i, s:b}", "id", keys[i].id,
                                                 "name", keys[i].name, "created_ms",
                                                 (json_int_t)keys[i].created_ms, "per_minute",
                                                 keys[i].limits.per_minute, "running", keys[i].limits.running,
                                                 "waiting", keys[i].limits.waiting, "admin", keys[i].admin));
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        printf("\n");
        json_decref(all);
    } else {
        for (size_t i = 0; i < count; i++) print_key(&keys[i]);
        char path[4096];
        if (count == 0 && bn_keys_required(folder, path))
            bn_console_print("No keys, but %s is there: nobody is answered.", path);
        else if (count == 0)
            printf("No keys: the server answers its own machine only.\n");
    }
    free(keys);
    return BIREFNET_OK;
}

static bn_status revoke(const char *folder, const char *id, bn_console *console, bn_error *err)
{
    char path[4096];
    bn_key_facts *keys = NULL;
    size_t count = 0;
    BN_TRY(bn_keys_revoke(folder, id, err));
    BN_TRY(bn_keys_list(folder, &keys, &count, err));
    free(keys);
    if (count == 0 && bn_keys_required(folder, path))
        bn_console_say(console,
                       "This was the last key: nobody is answered now. To answer this machine without keys, "
                       "delete %s and start the server again.",
                       path);
    return BIREFNET_OK;
}

bn_exit bn_command_keys(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    char folder[1024];
    if (sodium_init() < 0) return BN_EXIT_INTERNAL;
    umask(077); /* it may be this command that makes the data folder */
    const char *action = values->operands[0], *word = values->operand_count > 1 ? values->operands[1] : NULL;
    bn_status status = bn_data_folder(values, folder, &err);
    if (status == BIREFNET_OK) {
        if (strcmp(action, "list") == 0 && !word)
            status = list(values, folder, &err);
        else if (strcmp(action, "add") == 0 && word)
            status = add(values, folder, word, console, &err);
        else if (strcmp(action, "revoke") == 0 && word)
            status = revoke(folder, word, console, &err);
        else
            status =
                bn_fail(&err, BIREFNET_ERROR_ARGUMENT, "say: keys add NAME, keys list, or keys revoke ID");
    }
    if (status == BIREFNET_OK) return BN_EXIT_OK;
    bn_console_error(console, "%s", err.message);
    return bn_exit_of(status, status == BIREFNET_ERROR_ARGUMENT    ? BN_STAGE_USAGE
                              : status == BIREFNET_ERROR_NOT_FOUND ? BN_STAGE_READ
                                                                   : BN_STAGE_WRITE);
}
