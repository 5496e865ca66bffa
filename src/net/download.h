/* download.h - fetching one model file over HTTP: resumed, retried, checked, and in place whole or not at all.
 *
 * Needs libcurl, so it is no part of the library. Proxies are those of curl's environment variables. */
#ifndef BN_NET_DOWNLOAD_H
#define BN_NET_DOWNLOAD_H

#include "net/digest.h"

/* Called several times a second; total_bytes is 0 while unknown. Non-zero stops the download with CANCELLED. */
typedef int (*bn_download_fn)(void *user, uint64_t done_bytes, uint64_t total_bytes);

typedef struct bn_download_options {
    uint64_t expected_bytes;     /* exact size; 0 if unknown */
    const char *expected_sha256; /* 64 small hexadecimal digits, or NULL */
    uint64_t max_bytes;          /* refuse more than this */
    int connect_timeout_ms;
    int stall_timeout_ms; /* longest time without a byte */
    int retries;          /* after attempts in a row that brought nearly nothing */
    int backoff_ms;       /* before the first retry; doubles, up to a minute */
    bn_download_fn progress;
    void *progress_user;
} bn_download_options;

void bn_download_options_default(bn_download_options *options);

typedef struct bn_download_result {
    uint64_t bytes;
    char sha256[BN_SHA256_CHARS];
} bn_download_result;

/* Fetch url (http or https) to path. What has arrived lies in PATH.part, with the server's ETag in PATH.part.etag, and
 * is gone on with by the next call. The file gets its name after bn_weights_open accepts it and it has the expected
 * size and SHA-256; a file that does not is removed. */
bn_status bn_download(const char *url, const char *path, const bn_download_options *options,
                      bn_download_result *result, bn_error *err);

#endif
