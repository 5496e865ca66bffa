/* digest.h - SHA-256 of files, and the small file NAME.sha256 beside a model that pins what was first seen. */
#ifndef BN_NET_DIGEST_H
#define BN_NET_DIGEST_H

#include "base/error.h"

#include <stdbool.h>

#define BN_SHA256_CHARS 65 /* 64 hexadecimal digits and a zero */

bn_status bn_sha256_file(const char *path, char digest[BN_SHA256_CHARS], bn_error *err);

/* The digest in PATH.sha256 (the format of the program sha256sum). *pinned is false where there is no such file. */
bn_status bn_pin_read(const char *path, char digest[BN_SHA256_CHARS], bool *pinned, bn_error *err);
bn_status bn_pin_write(const char *path, const char *digest, bn_error *err);

/* Compare the file with its pin: FORMAT if it differs, NOT_FOUND if there is no file or no pin. */
bn_status bn_pin_verify(const char *path, bn_error *err);

#endif
