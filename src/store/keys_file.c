/* keys_file.c - keys.json in a data folder:
 *     {"keys": [{"id": ..., "name": ..., "hash": SHA-256 of the whole key in hexadecimal digits, "created_ms": ...,
 *                "per_minute": ..., "running": ..., "waiting": ..., "admin": true (not there: false)}]} */
#include "store/keys_kept.h"

#include "base/file.h"
#include "schema/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_MAX_BYTES (16u << 20)
#define HASH_CHARS     (2 * BN_KEY_HASH_BYTES + 1)

static bool read_entry(const json_t *object, bn_key_row *made)
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

static bn_status parse_file(const char *path, const bn_buffer *bytes, bn_key_rows *read, bn_error *err)
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
        *read = (bn_key_rows){0};
    }
    return status;
}

bn_status bn_key_file_read(const char *path, bn_key_rows *read, bn_error *err)
{
    bn_buffer bytes;
    *read = (bn_key_rows){0};
    if (access(path, F_OK) != 0 && errno == ENOENT) return BIREFNET_OK;
    bn_buffer_init(&bytes, FILE_MAX_BYTES);
    bn_status status = bn_file_read(path, &bytes, err);
    if (status == BIREFNET_OK) status = parse_file(path, &bytes, read, err);
    bn_buffer_free(&bytes);
    return status;
}

static json_t *write_entry(const bn_key_row *written)
{
    char hash[HASH_CHARS];
    const bn_key_facts *facts = &written->facts;
    sodium_bin2hex(hash, sizeof hash, written->hash, sizeof written->hash);
    return json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:i, s:o*}", "id", facts->id, "name", facts->name,
                     "hash", hash, "created_ms", (json_int_t)facts->created_ms, "per_minute",
                     facts->limits.per_minute, "running", facts->limits.running, "waiting",
                     facts->limits.waiting, "admin", facts->admin ? json_true() : NULL);
}

static bn_status write_file(const char *path, const bn_key_rows *written, bn_error *err)
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

bn_status bn_key_file_path(const char *folder, char path[4096], bn_error *err)
{
    const int length = snprintf(path, 4096, "%s/keys.json", folder);
    if (length > 0 && length < 4096) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path of the data folder is too long");
}

/* A key may be made before a server has made its folder: that is given away as its files are. */
static bn_status make_folder(const char *folder, bn_error *err)
{
    char beside[4096]; /* a name in the folder that this one is in, however it is spelt */
    if (access(folder, F_OK) == 0) return BIREFNET_OK;
    BN_TRY(bn_folder_make(folder, err));
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return BIREFNET_OK;
    if (snprintf(beside, sizeof beside, "%s/../keys", folder) < (int)sizeof beside)
        bn_file_give_to_folder(fd, beside);
    close(fd);
    return BIREFNET_OK;
}

/* One change at a time, whatever process makes it. */
static bn_status lock_file(const char *folder, int *fd, bn_error *err)
{
    char path[4096];
    BN_TRY(make_folder(folder, err));
    if (snprintf(path, sizeof path, "%s/keys.lock", folder) >= (int)sizeof path)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path of the data folder is too long");
    *fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*fd >= 0)
        bn_file_give_to_folder(*fd, path);
    else if (errno == EEXIST)
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) return bn_fail_errno(err, errno, "cannot open %s", path);
    if (flock(*fd, LOCK_EX) == 0) return BIREFNET_OK;
    close(*fd);
    return bn_fail_errno(err, errno, "cannot lock %s", path);
}

static bn_status add_entry(const char *path, const bn_key_row *added, bn_error *err)
{
    bn_key_rows all;
    BN_TRY(bn_key_file_read(path, &all, err));
    bn_status status = BIREFNET_OK;
    for (size_t i = 0; status == BIREFNET_OK && i < all.count; i++)
        if (strcmp(all.list[i].facts.id, added->facts.id) == 0)
            status = bn_fail(err, BIREFNET_ERROR_ARGUMENT, "there is a key %s already", added->facts.id);
    bn_key_row *longer = status == BIREFNET_OK ? realloc(all.list, (all.count + 1) * sizeof *longer) : NULL;
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

bn_status bn_key_file_add(const char *folder, const bn_key_row *added, bn_error *err)
{
    int lock;
    char path[4096];
    BN_TRY(bn_key_file_path(folder, path, err));
    BN_TRY(lock_file(folder, &lock, err));
    const bn_status status = add_entry(path, added, err);
    close(lock);
    return status;
}

static bn_status remove_entry(const char *path, const char *id, bn_error *err)
{
    bn_key_rows all;
    size_t at;
    BN_TRY(bn_key_file_read(path, &all, err));
    bn_status status = bn_key_rows_find(&all, id, &at, err);
    if (status == BIREFNET_OK) {
        memmove(all.list + at, all.list + at + 1, (all.count - at - 1) * sizeof *all.list);
        all.count--;
        status = write_file(path, &all, err);
    }
    free(all.list);
    return status;
}

bn_status bn_key_file_remove(const char *folder, const char *id, bn_error *err)
{
    int lock;
    char path[4096];
    BN_TRY(bn_key_file_path(folder, path, err));
    BN_TRY(lock_file(folder, &lock, err));
    const bn_status status = remove_entry(path, id, err);
    close(lock);
    return status;
}
