/* s3_keys.c - see s3_keys.h. */
#include "blobs/s3_keys.h"

#include "base/file.h"
#include "base/size.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define FILE_BYTES 16384

struct bn_s3_keys {
    char *path;
    pthread_mutex_t lock;
    struct stat seen; /* of the file when it was read */
    bn_s3_credentials now;
};

/* Where the value of a name belongs; *size is 0 for names that say nothing here. */
static char *place_of(bn_s3_credentials *keys, const char *name, size_t length, size_t *size)
{
    const struct {
        const char *name;
        char *at;
        size_t size;
    } places[] = {{"aws_access_key_id", keys->key_id, sizeof keys->key_id},
                  {"aws_secret_access_key", keys->secret, sizeof keys->secret},
                  {"aws_session_token", keys->token, sizeof keys->token}};
    for (size_t i = 0; i < BN_COUNT(places); i++) {
        if (strlen(places[i].name) != length || strncasecmp(places[i].name, name, length) != 0) continue;
        *size = places[i].size;
        return places[i].at;
    }
    *size = 0;
    return NULL;
}

static bool take(bn_s3_credentials *keys, const char *name, size_t name_length, const char *value,
                 size_t length)
{
    size_t size;
    char *at = place_of(keys, name, name_length, &size);
    if (!at) return true;
    if (length >= size) return false;
    for (size_t i = 0; i < length; i++)
        if (value[i] <= ' ' || value[i] == 0x7f) return false;
    memcpy(at, value, length);
    at[length] = '\0';
    return true;
}

static const char blanks[] = " \t\r";

/* "[ default ]" */
static bool is_default(const char *line)
{
    static const char name[] = "default";
    line += 1 + strspn(line + 1, blanks);
    if (strncmp(line, name, strlen(name)) != 0) return false;
    line += strlen(name);
    return line[strspn(line, blanks)] == ']';
}

static int count_profiles(const char *text)
{
    int count = 0;
    for (; *text; text += *text == '\n') {
        text += strspn(text, blanks);
        count += *text == '[';
        text += strcspn(text, "\n");
    }
    return count;
}

/* One line, NAME = VALUE; others say nothing here. */
static bool parse_line(const char *text, size_t line, bn_s3_credentials *keys)
{
    const size_t to_sign = strcspn(text, "=\n");
    size_t name = to_sign, from = to_sign + 1, to = line;
    if (*text == '#' || to_sign >= line) return true;
    while (name > 0 && strchr(blanks, text[name - 1])) name--;
    while (from < to && strchr(blanks, text[from])) from++;
    while (to > from && strchr(blanks, text[to - 1])) to--;
    return take(keys, text, name, text + from, to - from);
}

/* The first of each name counts less than the last, as elsewhere. Of several profiles, as files of AWS's tools have them, the default
 * one counts: keys of two must not be mixed, nor those of another be taken. */
static bool parse(const char *text, bn_s3_credentials *keys)
{
    const bool is_one = count_profiles(text) <= 1;
    bool counts = true;
    for (; *text; text += *text == '\n') {
        text += strspn(text, blanks);
        const size_t line = strcspn(text, "\n");
        if (*text == '[')
            counts = is_one || is_default(text);
        else if (counts && !parse_line(text, line, keys))
            return false;
        text += line;
    }
    return keys->key_id[0] && keys->secret[0];
}

static bn_status read_file(bn_s3_keys *keys, bn_error *err)
{
    bn_buffer bytes;
    bn_s3_credentials found = {.key_id = ""};
    struct stat facts = {0};
    bn_buffer_init(&bytes, FILE_BYTES);
    stat(keys->path, &facts);
    bn_status status = bn_file_read(keys->path, &bytes, err);
    if (status == BIREFNET_OK && (bytes.size == 0 || !parse((const char *)bytes.data, &found)))
        status = bn_fail(
            err, BIREFNET_ERROR_ARGUMENT,
            "%s has no usable lines aws_access_key_id= and aws_secret_access_key=, in [default] where it has "
            "several profiles",
            keys->path);
    if (status == BIREFNET_OK) {
        keys->now = found;
        keys->seen = facts;
    }
    if (bytes.data) sodium_memzero(bytes.data, bytes.size);
    bn_buffer_free(&bytes);
    sodium_memzero(&found, sizeof found);
    return status;
}

static bn_status read_environment(bn_s3_keys *keys, bn_error *err)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};
    for (size_t i = 0; i < BN_COUNT(names); i++) {
        const char *value = getenv(names[i]);
        if (value && !take(&keys->now, names[i], strlen(names[i]), value, strlen(value)))
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s is no such thing", names[i]);
    }
    if (keys->now.key_id[0] && keys->now.secret[0]) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                   "S3 needs keys: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --files-credentials FILE");
}

bn_status bn_s3_keys_open(const char *path, bn_s3_keys **keys, bn_error *err)
{
    bn_s3_keys *made = calloc(1, sizeof *made);
    if (!made || (path && !(made->path = strdup(path)))) {
        free(made);
        return bn_fail_memory(err, sizeof *made, "the keys of S3");
    }
    pthread_mutex_init(&made->lock, NULL);
    const bn_status status = path ? read_file(made, err) : read_environment(made, err);
    if (status == BIREFNET_OK)
        *keys = made;
    else
        bn_s3_keys_close(&made);
    return status;
}

void bn_s3_keys_close(bn_s3_keys **keys)
{
    bn_s3_keys *ended = *keys;
    *keys = NULL;
    if (!ended) return;
    pthread_mutex_destroy(&ended->lock);
    free(ended->path);
    sodium_memzero(&ended->now, sizeof ended->now);
    free(ended);
}

static bool has_changed(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
           a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

void bn_s3_keys_get(bn_s3_keys *keys, bn_s3_credentials *out)
{
    struct stat facts;
    pthread_mutex_lock(&keys->lock);
    if (keys->path && stat(keys->path, &facts) == 0 && has_changed(&facts, &keys->seen))
        read_file(keys, NULL);
    *out = keys->now;
    pthread_mutex_unlock(&keys->lock);
}
