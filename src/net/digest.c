/* digest.c - SHA-256 by libsodium, and pins beside models. */
#include "net/digest.h"

#include "base/file.h"
#include "base/size.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SLICE_BYTES (1u << 20)

bn_status bn_sha256_file(const char *path, char digest[BN_SHA256_CHARS], bn_error *err)
{
    bn_mapping file = {0};
    BN_TRY(bn_file_map(path, &file, err));
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    for (size_t at = 0; at < file.size; at += SLICE_BYTES) {
        const size_t slice = BN_MIN(SLICE_BYTES, file.size - at);
        crypto_hash_sha256_update(&state, file.data + at, slice);
        bn_mapping_forget(file.data + at, slice); /* a model of 900 MB need not stay resident for this */
    }
    crypto_hash_sha256_final(&state, hash);
    bn_file_unmap(&file);
    sodium_bin2hex(digest, BN_SHA256_CHARS, hash, sizeof hash);
    return BIREFNET_OK;
}

static bn_status pin_path(const char *path, char pin[PATH_MAX], bn_error *err)
{
    const int length = snprintf(pin, PATH_MAX, "%s.sha256", path);
    if (length < 0 || length >= PATH_MAX)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path %s is too long", path);
    return BIREFNET_OK;
}

bn_status bn_pin_read(const char *path, char digest[BN_SHA256_CHARS], bool *pinned, bn_error *err)
{
    char name[PATH_MAX];
    bn_buffer text;
    bn_buffer_init(&text, 8192);
    *pinned = false;
    BN_TRY(pin_path(path, name, err));
    bn_status status = bn_file_read(name, &text, err);
    if (status == BIREFNET_ERROR_NOT_FOUND) {
        status = BIREFNET_OK;
    } else if (status == BIREFNET_OK) {
        const size_t digits = text.size > 0 ? strspn((char *)text.data, "0123456789abcdef") : 0;
        if (digits != BN_SHA256_CHARS - 1) {
            status = bn_fail(err, BIREFNET_ERROR_FORMAT, "%s does not begin with a SHA-256", name);
        } else {
            memcpy(digest, text.data, digits);
            digest[digits] = '\0';
            *pinned = true;
        }
    }
    bn_buffer_free(&text);
    return status;
}

bn_status bn_pin_write(const char *path, const char *digest, bn_error *err)
{
    char name[PATH_MAX], line[PATH_MAX + BN_SHA256_CHARS + 4];
    BN_TRY(pin_path(path, name, err));
    const char *slash = strrchr(path, '/');
    const int length = snprintf(line, sizeof line, "%s  %s\n", digest, slash ? slash + 1 : path);
    return bn_file_write_atomic(name, line, (size_t)length, err);
}

bn_status bn_pin_verify(const char *path, bn_error *err)
{
    char pin[BN_SHA256_CHARS], seen[BN_SHA256_CHARS];
    bool pinned = false;
    BN_TRY(bn_pin_read(path, pin, &pinned, err));
    if (!pinned)
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "%s has no pin (%s.sha256) to be compared with", path,
                       path);
    BN_TRY(bn_sha256_file(path, seen, err));
    if (strcmp(pin, seen) != 0)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "%s is damaged: its SHA-256 is %s, but %s was pinned",
                       path, seen, pin);
    return BIREFNET_OK;
}
