/* keys.c - `birefnet keys`: make, list and revoke the keys of a server's data folder, or of the database that servers share. */
#include "cli/commands.h"

#include "cli/json.h"
#include "store/store.h"

#include <errno.h>
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

static json_t *key_json(const bn_key_facts *key)
{
    return json_pack("{s:s, s:s, s:I, s:i, s:i, s:i, s:b}", "id", key->id, "name", key->name, "created_ms",
                     (json_int_t)key->created_ms, "per_minute", key->limits.per_minute, "running",
                     key->limits.running, "waiting", key->limits.waiting, "admin", key->admin);
}

static void print_json(json_t *json)
{
    bn_json_print(json);
    json_decref(json);
}

static bn_status add(const bn_values *values, const bn_keys_home *home, const char *name, bn_console *console,
                     bn_error *err)
{
    const bn_key_limits limits = {.per_minute = limit_of(values, BN_OPTION_PER_MINUTE),
                                  .running = limit_of(values, BN_OPTION_MAX_RUNNING),
                                  .waiting = limit_of(values, BN_OPTION_KEY_WAITING)};
    char key[BN_KEY_CHARS];
    bn_key_facts facts;
    if (!bn_keys_is_name(name))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "a key's name has 1 to 100 bytes of UTF-8 without control characters");
    BN_TRY(bn_keys_make(home, name, values->text[BN_OPTION_KEY], &limits, values->given[BN_OPTION_ADMIN], key,
                        &facts, err));
    if (values->given[BN_OPTION_JSON]) {
        json_t *made = key_json(&facts);
        json_object_set_new(made, "key", json_string(key));
        print_json(made);
    } else {
        printf("%s\n", key);
    }
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

static bn_status list(const bn_values *values, const bn_keys_home *home, bn_error *err)
{
    bn_key_facts *keys = NULL;
    size_t count = 0;
    BN_TRY(bn_keys_list(home, &keys, &count, err));
    if (values->given[BN_OPTION_JSON]) {
        json_t *all = json_array();
        for (size_t i = 0; i < count; i++) json_array_append_new(all, key_json(&keys[i]));
        print_json(all);
    } else {
        for (size_t i = 0; i < count; i++) print_key(&keys[i]);
        char way_back[BN_KEYS_WAY_BACK];
        if (count == 0 && bn_keys_required(home, way_back))
            bn_console_print("No keys, but there were some: nobody is answered.");
        else if (count == 0)
            printf("No keys: the server answers its own machine only.\n");
    }
    free(keys);
    return BIREFNET_OK;
}

static bn_status revoke(const bn_keys_home *home, const char *id, bn_console *console, bn_error *err)
{
    char way_back[BN_KEYS_WAY_BACK];
    bn_key_facts *keys = NULL;
    size_t count = 0;
    BN_TRY(bn_keys_revoke(home, id, err));
    BN_TRY(bn_keys_list(home, &keys, &count, err));
    free(keys);
    if (count == 0 && bn_keys_required(home, way_back))
        bn_console_say(console,
                       "This was the last key: nobody is answered now. To answer this machine without keys, "
                       "%s.",
                       way_back);
    return BIREFNET_OK;
}

/* "No keys" would be true of a folder that is not there, and not what whoever mistyped its name should read. The usual
 * folder is not there before the first server or key. */
static bn_status check_folder(const bn_values *values, const bn_keys_home *home, bn_error *err)
{
    struct stat facts;
    if (home->store || !values->given[BN_OPTION_DATA]) return BIREFNET_OK;
    if (stat(home->data_folder, &facts) != 0)
        return bn_fail_errno(err, errno, "cannot open the data folder %s", home->data_folder);
    if (!S_ISDIR(facts.st_mode))
        return bn_fail_errno(err, ENOTDIR, "cannot open the data folder %s", home->data_folder);
    return BIREFNET_OK;
}

static bn_status act(const bn_values *values, const bn_keys_home *home, bn_console *console, bn_error *err)
{
    const char *action = values->operands[0], *word = values->operand_count > 1 ? values->operands[1] : NULL;
    const bool lists = strcmp(action, "list") == 0 && !word, revokes = strcmp(action, "revoke") == 0 && word;
    if (strcmp(action, "add") == 0 && word) return add(values, home, word, console, err);
    if (lists || revokes) BN_TRY(check_folder(values, home, err));
    if (lists) return list(values, home, err);
    if (revokes) return revoke(home, word, console, err);
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "say: keys add NAME, keys list, or keys revoke ID");
}

bn_exit bn_command_keys(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    char folder[1024] = "";
    bn_keys_home home = {.data_folder = folder};
    const char *address = bn_store_address(values);
    bool opened = true;
    int from, to;
    if (sodium_init() < 0) return BN_EXIT_INTERNAL;
    umask(077); /* it may be this command that makes the data folder */
    bn_status status = address ? BIREFNET_OK : bn_data_folder(values, folder, &err);
    if (status == BIREFNET_OK) {
        status = address ? bn_store_open(address, &home.store, &err)
                         : bn_check_store(values, folder, &from, &to, &err);
        opened = status == BIREFNET_OK;
    }
    if (status == BIREFNET_OK) status = act(values, &home, console, &err);
    bn_store_close(&home.store);
    if (status == BIREFNET_OK) return BN_EXIT_OK;
    bn_console_error(console, "%s", err.message);
    return bn_exit_of(status, !opened || (status == BIREFNET_ERROR_IO && address) ? BN_STAGE_STORE
                              : status == BIREFNET_ERROR_ARGUMENT                 ? BN_STAGE_USAGE
                              : status == BIREFNET_ERROR_NOT_FOUND                ? BN_STAGE_READ
                                                                                  : BN_STAGE_WRITE);
}
