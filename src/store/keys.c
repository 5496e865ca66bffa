/* keys.c - see keys.h. The file:
 *     {"keys": [{"id": ..., "name": ..., "hash": SHA-256 of the whole key in hexadecimal digits, "created_ms": ...,
 *                "per_minute": ..., "running": ..., "waiting": ..., "admin": true (not there: false)}]} */
#include "store/keys.h"

#include "base/file.h"
#include "schema/json.h"
#include "base/times.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (16u << 20)
#define HASH_CHARS     (2 * crypto_hash_sha256_BYTES + 1)

typedef struct entry {
    bn_key_facts facts;
    uint8_t hash[crypto_hash_sha256_BYTES];
} entry;

typedef struct entries {
    entry *list;
    size_t count;
} entries;

/* ---- the file ---- */

static bool read_entry(const json_t *object, entry *made)
{
    json_int_t created = 0;
    int admin = 0;
    const char *id, *name, *hash;
    if (json_unpack((json_t *)(uintptr_t)object, "{s:s, s:s, s:s, s:I, s:i, s:i, s:i, s?b}", "id", &id,
                    "name", &name, "hash", &hash, "created_ms", &created, "per_minute",
                    &made->facts.limits.per_minute, "running", &made->facts.limits.running, "waiting",
                    &made->facts.limits.waiting, "admin", &admin) != 0)
        return false;
    size_t bytes = 0;
    if (sodium_hex2bin(made->hash, sizeof made->hash, hash, strlen(hash), NULL, &bytes, NULL) != 0 ||
        bytes != sizeof made->hash || strlen(id) >= sizeof made->facts.id)
        return false;
    snprintf(made->facts.id, sizeof made->facts.id, "%s", id);
    snprintf(made->facts.name, sizeof made->facts.name, "%s", name);
    made->facts.created_ms = created;
    made->facts.admin = admin != 0;
    return true;
}

static bn_status parse_file(const char *path, const bn_buffer *bytes, entries *read, bn_error *err)
{
    json_t *root = bn_json_read((const char *)bytes->data, bytes->size, BN_JSON_OURS, NULL);
    const json_t *keys = json_object_get(root, "keys");
    const size_t count = json_array_size(keys);
    bn_status status = BIREFNET_OK;
    if (!json_is_array(keys)) status = bn_fail(err, BIREFNET_ERROR_FORMAT, "%s is not a file of keys", path);
    read->list = calloc(count + 1, sizeof *read->list);
    if (!read->list) status = bn_fail_memory(err, count * sizeof *read->list, "keys");
    for (size_t i = 0; status == BIREFNET_OK && i < count; i++) {
        if (!read_entry(json_array_get(keys, i), &read->list[i]))
            status = bn_fail(err, BIREFNET_ERROR_FORMAT, "%s: key %zu is broken", path, i + 1);
        read->count = i + 1;
    }
    json_decref(root);
    if (status != BIREFNET_OK) {
        free(read->list);
        *read = (entries){0};
    }
    return status;
}

/* No file: no keys. */
static bn_status read_file(const char *path, entries *read, bn_error *err)
{
    bn_buffer bytes;
    *read = (entries){0};
    if (access(path, F_OK) != 0 && errno == ENOENT) return BIREFNET_OK;
    bn_buffer_init(&bytes, FILE_MAX_BYTES);
    bn_status status = bn_file_read(path, &bytes, err);
    if (status == BIREFNET_OK) status = parse_file(path, &bytes, read, err);
    bn_buffer_free(&bytes);
    return status;
}

static json_t *write_entry(const entry *written)
{
    char hash[HASH_CHARS];
    const bn_key_facts *facts = &written->facts;
    sodium_bin2hex(hash, sizeof hash, written->hash, sizeof written->hash);
    return json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:i, s:o*}", "id", facts->id, "name", facts->name,
                     "hash", hash, "created_ms", (json_int_t)facts->created_ms, "per_minute",
                     facts->limits.per_minute, "running", facts->limits.running, "waiting",
                     facts->limits.waiting, "admin", facts->admin ? json_true() : NULL);
}

static bn_status write_file(const char *path, const entries *written, bn_error *err)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < written->count; i++) json_array_append_new(keys, write_entry(&written->list[i]));
    json_t *root = json_pack("{s:o}", "keys", keys);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    const size_t count = json_array_size(keys);
    bn_status status = text && count == written->count ? bn_file_write_private(path, text, strlen(text), err)
                                                       : bn_fail_memory(err, 0, "keys");
    free(text);
    json_decref(root);
    return status;
}

static bn_status file_path(const char *folder, char path[4096], bn_error *err)
{
    const int length = snprintf(path, 4096, "%s/keys.json", folder);
    if (length > 0 && length < 4096) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path of the data folder is too long");
}

/* One change at a time, whatever process makes it. */
static bn_status lock_file(const char *folder, int *fd, bn_error *err)
{
    char path[4096];
    BN_TRY(bn_folder_make(folder, err));
    if (snprintf(path, sizeof path, "%s/keys.lock", folder) >= (int)sizeof path)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path of the data folder is too long");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) return bn_fail_errno(err, errno, "cannot open %s", path);
    if (flock(*fd, LOCK_EX) == 0) return BIREFNET_OK;
    close(*fd);
    return bn_fail_errno(err, errno, "cannot lock %s", path);
}

/* ---- changing ---- */

static void hash_key(const char *key, uint8_t hash[crypto_hash_sha256_BYTES])
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

static bn_status add_entry(const char *path, const entry *added, bn_error *err)
{
    entries all;
    BN_TRY(read_file(path, &all, err));
    bn_status status = BIREFNET_OK;
    for (size_t i = 0; status == BIREFNET_OK && i < all.count; i++)
        if (strcmp(all.list[i].facts.id, added->facts.id) == 0)
            status = bn_fail(err, BIREFNET_ERROR_ARGUMENT, "there is a key %s already", added->facts.id);
    entry *longer = status == BIREFNET_OK ? realloc(all.list, (all.count + 1) * sizeof *longer) : NULL;
    if (longer) {
        all.list = longer;
        all.list[all.count++] = *added;
        status = write_file(path, &all, err);
    } else if (status == BIREFNET_OK) {
        status = bn_fail_memory(err, (all.count + 1) * sizeof *longer, "keys");
    }
    free(all.list);
    return status;
}

bn_status bn_keys_make(const char *data_folder, const char *name, const char *given,
                       const bn_key_limits *limits, bool admin, char key[BN_KEY_CHARS], bn_key_facts *facts,
                       bn_error *err)
{
    int lock;
    char path[4096];
    entry made = {.facts = {.created_ms = bn_wall_ms(), .limits = {-1, -1, -1}, .admin = admin}};
    if (given)
        BN_TRY(take_key(given, key, err));
    else
        make_key(key);
    if (limits) made.facts.limits = *limits;
    snprintf(made.facts.name, sizeof made.facts.name, "%s", name ? name : "");
    hash_key(key, made.hash);
    name_key(key, made.hash, made.facts.id);
    BN_TRY(file_path(data_folder, path, err));
    BN_TRY(lock_file(data_folder, &lock, err));
    const bn_status status = add_entry(path, &made, err);
    close(lock);
    if (status == BIREFNET_OK && facts) *facts = made.facts;
    return status;
}

static bn_status remove_entry(const char *path, const char *id, bn_error *err)
{
    entries all;
    size_t at = SIZE_MAX, named = 0;
    BN_TRY(read_file(path, &all, err));
    for (size_t i = 0; i < all.count; i++) {
        if (strcmp(all.list[i].facts.name, id) == 0 && ++named == 1 && at == SIZE_MAX) at = i;
        if (strcmp(all.list[i].facts.id, id) == 0) {
            at = i;
            named = 1;
            break;
        }
    }
    bn_status status;
    if (at == SIZE_MAX) {
        status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no key %s", id);
    } else if (named > 1) {
        status = bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%zu keys are named %s: give the id", named, id);
    } else {
        memmove(all.list + at, all.list + at + 1, (all.count - at - 1) * sizeof *all.list);
        all.count--;
        status = write_file(path, &all, err);
    }
    free(all.list);
    return status;
}

bn_status bn_keys_revoke(const char *data_folder, const char *id, bn_error *err)
{
    int lock;
    char path[4096];
    BN_TRY(file_path(data_folder, path, err));
    BN_TRY(lock_file(data_folder, &lock, err));
    const bn_status status = remove_entry(path, id, err);
    close(lock);
    return status;
}

bn_status bn_keys_list(const char *data_folder, bn_key_facts **keys, size_t *count, bn_error *err)
{
    char path[4096];
    entries all;
    BN_TRY(file_path(data_folder, path, err));
    BN_TRY(read_file(path, &all, err));
    bn_key_facts *list = calloc(all.count + 1, sizeof *list);
    for (size_t i = 0; list && i < all.count; i++) list[i] = all.list[i].facts;
    free(all.list);
    if (!list) return bn_fail_memory(err, all.count * sizeof *list, "keys");
    *keys = list;
    *count = all.count;
    return BIREFNET_OK;
}

bool bn_keys_required(const char *data_folder, char path[4096])
{
    return file_path(data_folder, path, NULL) == BIREFNET_OK && (access(path, F_OK) == 0 || errno != ENOENT);
}

/* ---- what a server holds ---- */

struct bn_keys {
    char path[4096];
    pthread_mutex_t lock;
    entries all;
    bool ever;        /* there was a file: neither revoking the last key nor breaking it opens the door */
    struct stat seen; /* the file that was read; all zero: there was none */
};

/* Read the file again if it is another one. A broken file keeps the keys as they were: nobody gets in by breaking it. */
static bn_status refresh(bn_keys *keys, bn_error *err)
{
    struct stat now = {0};
    if (stat(keys->path, &now) != 0) memset(&now, 0, sizeof now);
    if (now.st_ino == keys->seen.st_ino && now.st_size == keys->seen.st_size &&
        memcmp(&now.st_mtim, &keys->seen.st_mtim, sizeof now.st_mtim) == 0)
        return BIREFNET_OK;
    entries fresh;
    keys->ever = keys->ever || now.st_ino != 0;
    BN_TRY(read_file(keys->path, &fresh, err));
    free(keys->all.list);
    keys->all = fresh;
    keys->seen = now;
    return BIREFNET_OK;
}

bn_status bn_keys_open(const char *data_folder, bn_keys **keys, bn_error *err)
{
    bn_keys *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "keys");
    pthread_mutex_init(&made->lock, NULL);
    bn_status status = file_path(data_folder, made->path, err);
    if (status == BIREFNET_OK) status = refresh(made, err);
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
    free((*keys)->all.list);
    free(*keys);
    *keys = NULL;
}

bool bn_keys_any(bn_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    refresh(keys, NULL);
    const bool any = keys->ever;
    pthread_mutex_unlock(&keys->lock);
    return any;
}

bool bn_keys_check(bn_keys *keys, const char *key, bn_key_facts *facts)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    bool found = false;
    hash_key(key, hash);
    pthread_mutex_lock(&keys->lock);
    refresh(keys, NULL);
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
    refresh(keys, NULL);
    for (size_t i = 0; !found && i < keys->all.count; i++) {
        if (strcmp(keys->all.list[i].facts.id, id) != 0) continue;
        *facts = keys->all.list[i].facts;
        found = true;
    }
    pthread_mutex_unlock(&keys->lock);
    return found;
}
