/* keys.c - see keys.h. */
#include "store/keys_kept.h"

#include "base/times.h"
#include "store/kind.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE_BYTES 4110

static bool is_in_store(const bn_keys_home *home)
{
    return home->store && bn_store_keeps_keys(home->store);
}

static bn_status read_rows(const bn_keys_home *home, bn_key_rows *rows, bn_error *err)
{
    char path[4096];
    int64_t version = -1;
    if (is_in_store(home)) return bn_store_keys(home->store, &version, rows, err);
    BN_TRY(bn_key_file_path(home->data_folder, path, err));
    return bn_key_file_read(path, rows, err);
}

/* ---- making ---- */

bool bn_keys_is_name(const char *name)
{
    const size_t length = strlen(name);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) return false;
    json_t *text = json_string(name); /* NULL where it is not UTF-8, which the file of keys is */
    const bool is_text = text != NULL;
    json_decref(text);
    return is_text && length > 0 && length < sizeof((bn_key_facts *)0)->name;
}

static void hash_key(const char *key, uint8_t hash[BN_KEY_HASH_BYTES])
{
    crypto_hash_sha256(hash, (const uint8_t *)key, strlen(key));
}

/* ID:SECRET, 128 and 256 random bits. */
static void make_key(char key[BN_KEY_CHARS])
{
    uint8_t bytes[48];
    char hex[97];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(hex, sizeof hex, bytes, sizeof bytes);
    snprintf(key, BN_KEY_CHARS, "%.8s-%.4s-%.4s-%.4s-%.12s:%.64s", hex, hex + 8, hex + 12, hex + 16, hex + 20,
             hex + 32);
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(hex, sizeof hex);
}

static bn_status take_key(const char *given, char key[BN_KEY_CHARS], bn_error *err)
{
    const size_t length = strlen(given);
    for (size_t i = 0; i < length; i++)
        if (given[i] <= ' ' || given[i] >= 0x7f)
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "a key consists of printable ASCII without blanks");
    if (length < 8 || length >= BN_KEY_CHARS)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "a key has 8 to %d characters", BN_KEY_CHARS - 1);
    memcpy(key, given, length + 1);
    return BIREFNET_OK;
}

static void name_key(const char *key, const uint8_t *hash, char id[BN_KEY_ID_CHARS])
{
    const char *colon = strchr(key, ':');
    if (colon && colon > key && colon - key < BN_KEY_ID_CHARS)
        snprintf(id, BN_KEY_ID_CHARS, "%.*s", (int)(colon - key), key);
    else
        sodium_bin2hex(id, BN_KEY_ID_CHARS, hash, 16);
}

static bn_status add_row(const bn_keys_home *home, const bn_key_row *made, bn_error *err)
{
    bool taken;
    if (!is_in_store(home)) return bn_key_file_add(home->data_folder, made, err);
    BN_TRY(bn_store_key_add(home->store, made, true, &taken, err));
    if (!taken) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "there is a key %s already", made->facts.id);
}

bn_status bn_keys_make(const bn_keys_home *home, const char *name, const char *given,
                       const bn_key_limits *limits, bool admin, char key[BN_KEY_CHARS], bn_key_facts *facts,
                       bn_error *err)
{
    bn_key_row made = {.facts = {.created_ms = bn_wall_ms(), .limits = {-1, -1, -1}, .admin = admin}};
    if (given)
        BN_TRY(take_key(given, key, err));
    else
        make_key(key);
    if (limits) made.facts.limits = *limits;
    snprintf(made.facts.name, sizeof made.facts.name, "%s", name ? name : "");
    hash_key(key, made.hash);
    name_key(key, made.hash, made.facts.id);
    const bn_status status = add_row(home, &made, err);
    if (status == BIREFNET_OK && facts) *facts = made.facts;
    return status;
}

/* ---- revoking, listing ---- */

bn_status bn_key_rows_find(const bn_key_rows *rows, const char *id, size_t *at, bn_error *err)
{
    size_t named = 0;
    *at = SIZE_MAX;
    for (size_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->list[i].facts.id, id) == 0) {
            *at = i;
            return BIREFNET_OK;
        }
        if (strcmp(rows->list[i].facts.name, id) == 0 && ++named == 1) *at = i;
    }
    if (named == 0) return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no key %s", id);
    if (named == 1) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%zu keys are named %s: give the id", named, id);
}

bn_status bn_keys_revoke(const bn_keys_home *home, const char *id, bn_error *err)
{
    bn_key_rows rows;
    size_t at;
    bool found = false;
    if (!is_in_store(home)) return bn_key_file_remove(home->data_folder, id, err);
    BN_TRY(read_rows(home, &rows, err));
    bn_status status = bn_key_rows_find(&rows, id, &at, err);
    if (status == BIREFNET_OK) status = bn_store_key_revoke(home->store, rows.list[at].facts.id, &found, err);
    if (status == BIREFNET_OK && !found) /* another was faster */
        status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no key %s", id);
    free(rows.list);
    return status;
}

static bn_status facts_of(const bn_key_rows *rows, bn_key_facts **keys, size_t *count, bn_error *err)
{
    bn_key_facts *list = calloc(rows->count + 1, sizeof *list);
    if (!list) return bn_fail_memory(err, rows->count * sizeof *list, "keys");
    for (size_t i = 0; i < rows->count; i++) list[i] = rows->list[i].facts;
    *keys = list;
    *count = rows->count;
    return BIREFNET_OK;
}

bn_status bn_keys_list(const bn_keys_home *home, bn_key_facts **keys, size_t *count, bn_error *err)
{
    bn_key_rows rows;
    BN_TRY(read_rows(home, &rows, err));
    const bn_status status = facts_of(&rows, keys, count, err);
    free(rows.list);
    return status;
}

static void say_way_back(const char *path, char way_back[BN_KEYS_WAY_BACK])
{
    if (path)
        snprintf(way_back, BN_KEYS_WAY_BACK, "delete %s and start the server again", path);
    else
        snprintf(way_back, BN_KEYS_WAY_BACK,
                 "run DELETE FROM keys; UPDATE settings SET keys_version = 0; in the database and start the "
                 "servers again");
}

/* Where keys that moved into a database were. */
static void put_aside(const char *path, char aside[ASIDE_BYTES])
{
    snprintf(aside, ASIDE_BYTES, "%s.moved", path);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0 || errno != ENOENT;
}

/* What makes keys needed in a folder: the file, or that it has moved, as who goes back does not mean to open the door. way_back is of
 * it. */
static bool is_needed(const char *path, char way_back[BN_KEYS_WAY_BACK])
{
    char aside[ASIDE_BYTES];
    put_aside(path, aside);
    const bool has_moved = !is_there(path) && is_there(aside);
    say_way_back(has_moved ? aside : path, way_back);
    return has_moved || is_there(path);
}

bool bn_keys_required(const bn_keys_home *home, char way_back[BN_KEYS_WAY_BACK])
{
    char path[4096];
    bn_key_rows rows = {0};
    int64_t version = -1;
    if (is_in_store(home)) {
        const bn_status status = bn_store_keys(home->store, &version, &rows, NULL);
        free(rows.list);
        say_way_back(NULL, way_back);
        return status != BIREFNET_OK || version > 0;
    }
    if (bn_key_file_path(home->data_folder, path, NULL) != BIREFNET_OK) return false;
    return is_needed(path, way_back);
}

/* ---- from a file into the store ---- */

bn_status bn_keys_move(const bn_keys_home *home, bool *moved, bn_error *err)
{
    char path[4096], aside[ASIDE_BYTES];
    bn_key_rows rows;
    bool taken;
    *moved = false;
    BN_TRY(bn_key_file_path(home->data_folder, path, err));
    if (!is_in_store(home) || !is_there(path)) return BIREFNET_OK;
    BN_TRY(bn_key_file_read(path, &rows, err));
    bn_status status = bn_store_keys_need(home->store, err);
    for (size_t i = 0; status == BIREFNET_OK && i < rows.count; i++)
        status = bn_store_key_add(home->store, &rows.list[i], false, &taken, err);
    free(rows.list);
    BN_TRY(status);
    put_aside(path, aside);
    if (rename(path, aside) != 0) return bn_fail_errno(err, errno, "cannot rename %s", path);
    *moved = true;
    return BIREFNET_OK;
}

/* ---- what a server holds ---- */

struct bn_keys {
    char path[4096];         /* of the file; empty where they are in the store */
    bn_store *store;         /* the caller's; NULL: they are in a file */
    pthread_mutex_t reading; /* one at a time asks the store */
    pthread_mutex_t lock;    /* of all below */
    bn_key_rows all;
    bool ever; /* one was needed once: neither revoking the last key nor breaking the file opens the door */
    int64_t version;  /* of the store's keys */
    struct stat seen; /* the file that was read; all zero: there was none */
    struct stat bad;  /* one that could not be read, */
    bn_error fault;   /* why, */
    bool untold;      /* and that nobody knows it yet */
};

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0;
}

static bn_status note_fault(bn_keys *keys, const struct stat *file, bn_status status, bn_error *err)
{
    keys->untold = keys->untold || !is_same(file, &keys->bad);
    keys->bad = *file;
    if (err) *err = keys->fault;
    return status;
}

/* Read the file again if it is another one. A broken file keeps the keys as they were: nobody gets in by breaking it. */
static bn_status look_at_file(bn_keys *keys, bn_error *err)
{
    struct stat now = {0};
    if (keys->store) return BIREFNET_OK;
    if (stat(keys->path, &now) != 0) memset(&now, 0, sizeof now);
    if (is_same(&now, &keys->seen)) return BIREFNET_OK;
    bn_key_rows fresh;
    keys->ever = keys->ever || now.st_ino != 0;
    const bn_status status = bn_key_file_read(keys->path, &fresh, &keys->fault);
    if (status != BIREFNET_OK) return note_fault(keys, &now, status, err);
    free(keys->all.list);
    keys->all = fresh;
    keys->seen = now;
    return BIREFNET_OK;
}

static void take_rows(bn_keys *keys, const bn_key_rows *fresh, int64_t version)
{
    pthread_mutex_lock(&keys->lock);
    free(keys->all.list);
    keys->all = *fresh;
    keys->version = version;
    keys->ever = keys->ever || version > 0;
    pthread_mutex_unlock(&keys->lock);
}

bn_status bn_keys_refresh(bn_keys *keys, bn_error *err)
{
    bn_key_rows fresh;
    bn_status status;
    if (keys->store) {
        pthread_mutex_lock(&keys->reading);
        int64_t version = keys->version;
        status = bn_store_keys(keys->store, &version, &fresh, err);
        if (status == BIREFNET_OK && version != keys->version)
            take_rows(keys, &fresh, version);
        else if (status == BIREFNET_OK)
            free(fresh.list);
        pthread_mutex_unlock(&keys->reading);
        return status;
    }
    pthread_mutex_lock(&keys->lock);
    status = look_at_file(keys, err);
    pthread_mutex_unlock(&keys->lock);
    return status;
}

bn_status bn_keys_open(const bn_keys_home *home, bn_keys **keys, bn_error *err)
{
    bn_keys *made = calloc(1, sizeof *made);
    char way_back[BN_KEYS_WAY_BACK];
    if (!made) return bn_fail_memory(err, sizeof *made, "keys");
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->reading, NULL);
    made->version = -1;
    if (is_in_store(home)) made->store = home->store;
    bn_status status = made->store ? BIREFNET_OK : bn_key_file_path(home->data_folder, made->path, err);
    made->ever = !made->store && status == BIREFNET_OK && is_needed(made->path, way_back);
    if (status == BIREFNET_OK) status = bn_keys_refresh(made, err);
    if (status == BIREFNET_OK)
        *keys = made;
    else
        bn_keys_close(&made);
    return status;
}

void bn_keys_close(bn_keys **keys)
{
    if (!*keys) return;
    pthread_mutex_destroy(&(*keys)->lock);
    pthread_mutex_destroy(&(*keys)->reading);
    free((*keys)->all.list);
    free(*keys);
    *keys = NULL;
}

bool bn_keys_any(bn_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    look_at_file(keys, NULL);
    const bool any = keys->ever;
    pthread_mutex_unlock(&keys->lock);
    return any;
}

bool bn_keys_fault(bn_keys *keys, bn_error *fault)
{
    pthread_mutex_lock(&keys->lock);
    const bool untold = keys->untold;
    if (untold) *fault = keys->fault; /* this is asked for each request */
    keys->untold = false;
    pthread_mutex_unlock(&keys->lock);
    return untold;
}

bool bn_keys_shut(bn_keys *keys, char way_back[BN_KEYS_WAY_BACK])
{
    pthread_mutex_lock(&keys->lock);
    look_at_file(keys, NULL);
    const bool shut = keys->ever && keys->all.count == 0;
    pthread_mutex_unlock(&keys->lock);
    if (keys->store)
        say_way_back(NULL, way_back);
    else
        is_needed(keys->path, way_back);
    return shut;
}

bn_status bn_keys_all(bn_keys *keys, bn_key_facts **list, size_t *count, bn_error *err)
{
    pthread_mutex_lock(&keys->lock);
    look_at_file(keys, NULL);
    const bn_status status = facts_of(&keys->all, list, count, err);
    pthread_mutex_unlock(&keys->lock);
    return status;
}

void bn_keys_count(bn_keys *keys, int *all, int *admin)
{
    *admin = 0;
    pthread_mutex_lock(&keys->lock);
    *all = (int)keys->all.count;
    for (size_t i = 0; i < keys->all.count; i++) *admin += keys->all.list[i].facts.admin;
    pthread_mutex_unlock(&keys->lock);
}

bool bn_keys_check(bn_keys *keys, const char *key, bn_key_facts *facts)
{
    uint8_t hash[BN_KEY_HASH_BYTES];
    bool found = false;
    hash_key(key, hash);
    pthread_mutex_lock(&keys->lock);
    look_at_file(keys, NULL);
    for (size_t i = 0; i < keys->all.count; i++) { /* all of them, whichever it is */
        if (sodium_memcmp(keys->all.list[i].hash, hash, sizeof hash) != 0) continue;
        *facts = keys->all.list[i].facts;
        found = true;
    }
    pthread_mutex_unlock(&keys->lock);
    return found;
}

bool bn_keys_find(bn_keys *keys, const char *id, bn_key_facts *facts)
{
    bool found = false;
    pthread_mutex_lock(&keys->lock);
    look_at_file(keys, NULL);
    for (size_t i = 0; !found && i < keys->all.count; i++) {
        if (strcmp(keys->all.list[i].facts.id, id) != 0) continue;
        *facts = keys->all.list[i].facts;
        found = true;
    }
    pthread_mutex_unlock(&keys->lock);
    return found;
}
