/* transfer.c - one HTTP request with libcurl: range, validators, limits, and what its failure means. */
#include "net/transfer.h"

#include "base/clock.h"
#include "base/size.h"
#include "net/curl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SPARE_BYTES (16u << 20) /* left free on the disk */

typedef struct request {
    bn_transfer *transfer;
    const bn_curl *curl;
    CURL *easy;
    uint64_t asked_from; /* the range that was asked for begins here */
    bool has_body;
    bool stalled, useless; /* useless: the partial file cannot be gone on with */
    double last_byte_ms;
    curl_off_t last_bytes;
    bn_status status; /* of a callback that stopped the request */
    bn_error *err;
} request;

static bn_status fail(bn_error *err, bn_status status, const bn_transfer *transfer, const char *fault)
{
    return bn_fail(err, status, "cannot download %s: %s", transfer->url, fault);
}

static const char *header_of(const request *r, const char *name)
{
    struct curl_header *header = NULL;
    return r->curl->easy_header(r->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value
                                                                                          : NULL;
}

/* ---- the response begins ---- */

static bn_status check_disk(const bn_transfer *transfer, bn_error *err)
{
    struct statvfs disk;
    if (transfer->total == 0 || fstatvfs(transfer->fd, &disk) != 0) return BIREFNET_OK;
    const uint64_t there = (uint64_t)disk.f_bavail * disk.f_frsize, needed = transfer->total - transfer->size;
    if (there >= SPARE_BYTES && there - SPARE_BYTES >= needed) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_IO,
                   "cannot download %s: %" PRIu64 " MB are needed for %s, and the disk has %" PRIu64
                   " MB left",
                   transfer->url, needed / 1000000 + 1, transfer->part_path, there / 1000000);
}

static bn_status check_size(const bn_transfer *transfer, uint64_t size, bn_error *err)
{
    if (size > transfer->options->max_bytes)
        return bn_fail(err, BIREFNET_ERROR_LIMIT,
                       "cannot download %s: it is larger than the allowed %" PRIu64 " bytes", transfer->url,
                       transfer->options->max_bytes);
    if (transfer->options->expected_bytes > 0 && size > transfer->options->expected_bytes)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "cannot download %s: it should have %" PRIu64 " bytes, but has more", transfer->url,
                       transfer->options->expected_bytes);
    return BIREFNET_OK;
}

/* Only a strong ETag, else the date, tells that two ranges are of the same version. */
static void read_validator(const request *r, char validator[BN_VALIDATOR_BYTES])
{
    const char *tag = header_of(r, "ETag"), *date = header_of(r, "Last-Modified");
    const char *best = tag && tag[0] == '"' ? tag : date ? date : "";
    snprintf(validator, BN_VALIDATOR_BYTES, "%s", strlen(best) < BN_VALIDATOR_BYTES ? best : "");
}

static bool continues(const request *r)
{
    const bn_transfer *transfer = r->transfer;
    char validator[BN_VALIDATOR_BYTES];
    const char *range = header_of(r, "Content-Range");
    uint64_t from = 0, to = 0, total = 0;
    if (!range || sscanf(range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &from, &to, &total) < 2)
        return false;
    read_validator(r, validator);
    if (validator[0] && strcmp(validator, transfer->validator) != 0) return false;
    if (from != r->asked_from || (total > 0 && to >= total)) return false;
    r->transfer->total = total;
    return true;
}

static bn_status begin_body(request *r)
{
    bn_transfer *transfer = r->transfer;
    long code = 0;
    r->curl->easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &code);
    r->has_body = true;
    if (code == 206) {
        r->useless = !continues(r);
        if (r->useless)
            return fail(r->err, BIREFNET_ERROR_NETWORK, transfer, "the server went on with another file");
    } else if (code == 200) { /* also the answer to If-Range when the file has changed */
        curl_off_t length = -1;
        r->curl->easy_getinfo(r->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        if (ftruncate(transfer->fd, 0) != 0)
            return bn_fail_errno(r->err, errno, "cannot empty %s", transfer->part_path);
        transfer->size = 0;
        transfer->total = length > 0 ? (uint64_t)length : 0;
        read_validator(r, transfer->validator);
    } else {
        return bn_fail(r->err, BIREFNET_ERROR_NETWORK, "cannot download %s: the server answered %ld",
                       transfer->url, code);
    }
    BN_TRY(check_size(transfer, transfer->total, r->err));
    return check_disk(transfer, r->err);
}

/* ---- callbacks of libcurl ---- */

static size_t on_body(char *bytes, size_t one, size_t count, void *user)
{
    (void)one; /* always 1 */
    request *r = user;
    if (!r->has_body) r->status = begin_body(r);
    if (r->status == BIREFNET_OK) r->status = check_size(r->transfer, r->transfer->size + count, r->err);
    for (size_t done = 0; r->status == BIREFNET_OK && done < count;) {
        const ssize_t written = write(r->transfer->fd, bytes + done, count - done);
        if (written < 0 && errno != EINTR)
            r->status = bn_fail_errno(r->err, errno, "cannot write %s", r->transfer->part_path);
        if (written > 0) {
            done += (size_t)written;
            r->transfer->size += (uint64_t)written;
        }
    }
    return r->status == BIREFNET_OK ? count : CURL_WRITEFUNC_ERROR;
}

static int on_progress(void *user, curl_off_t total, curl_off_t received, curl_off_t unused1,
                       curl_off_t unused2)
{
    (void)total, (void)unused1, (void)unused2;
    request *r = user;
    const bn_download_options *options = r->transfer->options;
    const double now = bn_clock_ms();
    if (received != r->last_bytes) {
        r->last_bytes = received;
        r->last_byte_ms = now;
    }
    r->stalled = now - r->last_byte_ms > options->stall_timeout_ms;
    if (r->stalled) return 1;
    if (!options->progress ||
        options->progress(options->progress_user, r->transfer->size, r->transfer->total) == 0)
        return 0;
    r->status = fail(r->err, BIREFNET_ERROR_CANCELLED, r->transfer, "stopped");
    return 1;
}

/* ---- the request ---- */

/* http to https is a fine redirect, https to http is not; anything else (file:, ftp:) never is. */
static void set_protocols(const bn_curl *curl, CURL *easy, const char *url)
{
    const bool secure = strncasecmp(url, "https:", 6) == 0;
    curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl->easy_setopt(easy, CURLOPT_MAXREDIRS, 8L);
}

static void set_options(request *r, char *fault)
{
    const bn_transfer *transfer = r->transfer;
    r->curl->easy_setopt(r->easy, CURLOPT_URL, transfer->url);
    r->curl->easy_setopt(r->easy, CURLOPT_USERAGENT, "birefnet/" BN_VERSION);
    r->curl->easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
    r->curl->easy_setopt(r->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->options->connect_timeout_ms);
    r->curl->easy_setopt(r->easy, CURLOPT_ERRORBUFFER, fault);
    r->curl->easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
    r->curl->easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
    r->curl->easy_setopt(r->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    r->curl->easy_setopt(r->easy, CURLOPT_XFERINFODATA, r);
    r->curl->easy_setopt(r->easy, CURLOPT_NOPROGRESS, 0L);
    set_protocols(r->curl, r->easy, transfer->url);
}

/* Ask for the rest, if it is the rest of the same version. */
static bn_status set_range(request *r, struct curl_slist **headers)
{
    char text[BN_VALIDATOR_BYTES + 16];
    if (r->asked_from == 0) return BIREFNET_OK;
    snprintf(text, sizeof text, "If-Range: %s", r->transfer->validator);
    *headers = r->curl->slist_append(NULL, text);
    if (!*headers) return bn_fail_memory(r->err, sizeof text, "a request");
    snprintf(text, sizeof text, "%" PRIu64 "-", r->asked_from);
    r->curl->easy_setopt(r->easy, CURLOPT_RANGE, text);
    r->curl->easy_setopt(r->easy, CURLOPT_HTTPHEADER, *headers);
    return BIREFNET_OK;
}

static bn_transfer_outcome empty_part(bn_transfer *transfer, bn_error *err)
{
    transfer->size = transfer->total = 0;
    transfer->validator[0] = '\0';
    if (ftruncate(transfer->fd, 0) == 0) return BN_TRANSFER_RESTART;
    bn_fail_errno(err, errno, "cannot empty %s", transfer->part_path);
    return BN_TRANSFER_FAILED;
}

/* 416: nothing lies behind the range. The partial file is whole, or longer than the file. */
static bn_transfer_outcome judge_range(request *r)
{
    uint64_t total = 0;
    const char *range = header_of(r, "Content-Range");
    if (range && sscanf(range, "bytes */%" SCNu64, &total) == 1 && total == r->transfer->size && total > 0)
        return BN_TRANSFER_DONE;
    fail(r->err, BIREFNET_ERROR_NETWORK, r->transfer, "the server cannot go on where it stopped");
    return empty_part(r->transfer, r->err);
}

static bn_transfer_outcome judge_code(request *r, long code)
{
    const bn_transfer *transfer = r->transfer;
    if (code == 416) return judge_range(r);
    if (code == 404 || code == 410) {
        bn_fail(r->err, BIREFNET_ERROR_NOT_FOUND, "cannot download %s: the server has no such file (%ld)",
                transfer->url, code);
        return BN_TRANSFER_FAILED;
    }
    bn_fail(r->err, BIREFNET_ERROR_NETWORK, "cannot download %s: the server %s (%ld)", transfer->url,
            code == 401 || code == 403 ? "does not give access"
            : code == 429              ? "has had too many requests"
            : code >= 500              ? "has a fault"
                                       : "gave an unexpected answer",
            code);
    return code == 408 || code == 429 || code >= 500 ? BN_TRANSFER_AGAIN : BN_TRANSFER_FAILED;
}

/* Faults of the line may pass; those of the address or of certificates will not. */
static bn_transfer_outcome judge_fault(const request *r, CURLcode code, const char *fault)
{
    bn_transfer *transfer = r->transfer;
    const char *words = fault[0] ? fault : r->curl->easy_strerror(code);
    long answer = 0;
    if (r->stalled) {
        bn_fail(r->err, BIREFNET_ERROR_NETWORK, "cannot download %s: no byte came for %g s", transfer->url,
                transfer->options->stall_timeout_ms / 1000.0);
        return BN_TRANSFER_AGAIN;
    }
    fail(r->err, BIREFNET_ERROR_NETWORK, transfer, words);
    switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return BN_TRANSFER_AGAIN;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: /* the line may have dropped; but whoever is offline is told at once */
        return transfer->size > 0 ? BN_TRANSFER_AGAIN : BN_TRANSFER_FAILED;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT: /* the caller's address, or one that the server sent us to */
        r->curl->easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &answer);
        if (answer == 0 && r->err) r->err->status = BIREFNET_ERROR_ARGUMENT;
        return BN_TRANSFER_FAILED;
    default:
        return BN_TRANSFER_FAILED;
    }
}

static bn_transfer_outcome judge(request *r, CURLcode code, const char *fault, int *wait_ms)
{
    long answer = 0;
    curl_off_t after_s = 0;
    r->curl->easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &answer);
    r->curl->easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &after_s);
    *wait_ms = (int)(BN_MIN(after_s, 60) * 1000);
    if (r->useless) return empty_part(r->transfer, r->err);
    if (answer >= 300 && (r->has_body || code == CURLE_OK)) return judge_code(r, answer);
    if (r->status != BIREFNET_OK) return BN_TRANSFER_FAILED;
    if (code != CURLE_OK) return judge_fault(r, code, fault);
    if (!r->has_body && begin_body(r) != BIREFNET_OK) return BN_TRANSFER_FAILED; /* an empty file */
    return BN_TRANSFER_DONE;
}

bn_transfer_outcome bn_transfer_run(bn_transfer *transfer, int *wait_ms, bn_error *err)
{
    char fault[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    request r = {.transfer = transfer,
                 .curl = bn_curl_open(err),
                 .asked_from = transfer->validator[0] ? transfer->size : 0,
                 .last_byte_ms = bn_clock_ms(),
                 .err = err};
    *wait_ms = 0;
    if (!r.curl) return BN_TRANSFER_FAILED;
    r.easy = r.curl->easy_init();
    if (!r.easy) {
        bn_fail_memory(err, 0, "a connection");
        return BN_TRANSFER_FAILED;
    }
    set_options(&r, fault);
    bn_transfer_outcome outcome = BN_TRANSFER_FAILED;
    if (set_range(&r, &headers) == BIREFNET_OK)
        outcome = judge(&r, r.curl->easy_perform(r.easy), fault, wait_ms);
    r.curl->slist_free_all(headers);
    r.curl->easy_cleanup(r.easy);
    return outcome;
}
