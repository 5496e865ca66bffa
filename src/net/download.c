/* download.c - the partial file and its lock, retries with growing pauses, and the checks before a file gets its
 * name. */
#include "net/download.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/size.h"
#include "net/transfer.h"
#include "weights/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_BYTES (64u << 10) /* an attempt that brought this much does not count as a failed one */
#define MAX_WAIT_MS    60000

typedef struct job {
    const char *path;
    char part[PATH_MAX], tag[PATH_MAX]; /* PATH.part, PATH.part.etag */
    bn_transfer transfer;
} job;

void bn_download_options_default(bn_download_options *options)
{
    *options = (bn_download_options){.max_bytes = (uint64_t)4 << 30,
                                     .connect_timeout_ms = 30000,
                                     .stall_timeout_ms = 60000,
                                     .retries = 5,
                                     .backoff_ms = 1000};
}

/* ---- the partial file ---- */

static bn_status name_files(job *download, const char *path, bn_error *err)
{
    const int length = snprintf(download->part, sizeof download->part, "%s.part", path);
    const int longer = snprintf(download->tag, sizeof download->tag, "%s.part.etag", path);
    if (length < 0 || longer < 0 || (size_t)longer >= sizeof download->tag)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path %s is too long", path);
    download->path = path;
    download->transfer.part_path = download->part;
    return BIREFNET_OK;
}

/* Without a known version of what is there, it cannot be gone on with. */
static void read_tag(job *download)
{
    bn_buffer text;
    bn_buffer_init(&text, BN_VALIDATOR_BYTES - 1);
    char *validator = download->transfer.validator;
    validator[0] = '\0';
    if (bn_file_read(download->tag, &text, NULL) == BIREFNET_OK && text.data) {
        memcpy(validator, text.data, text.size + 1);
        validator[strcspn(validator, "\r\n")] = '\0';
    }
    bn_buffer_free(&text);
}

static bn_status open_part(job *download, bn_error *err)
{
    bn_transfer *transfer = &download->transfer;
    struct stat facts, named;
    transfer->fd = open(download->part, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (transfer->fd < 0) return bn_fail_errno(err, errno, "cannot write %s", download->part);
    if (flock(transfer->fd, LOCK_EX | LOCK_NB) != 0)
        return bn_fail(err, BIREFNET_ERROR_IO, "%s is being downloaded by another process", download->path);
    /* between open and flock the other process may have finished and renamed it */
    if (fstat(transfer->fd, &facts) != 0 || stat(download->part, &named) != 0 || facts.st_ino != named.st_ino)
        return bn_fail(err, BIREFNET_ERROR_IO, "%s has just been downloaded by another process",
                       download->path);
    read_tag(download);
    transfer->size = (uint64_t)facts.st_size;
    if (transfer->size > 0 && !transfer->validator[0]) {
        if (ftruncate(transfer->fd, 0) != 0)
            return bn_fail_errno(err, errno, "cannot empty %s", download->part);
        transfer->size = 0;
    }
    return BIREFNET_OK;
}

static void save_tag(const job *download)
{
    const char *validator = download->transfer.validator;
    if (validator[0] && download->transfer.size > 0)
        bn_file_write_atomic(download->tag, validator, strlen(validator),
                             NULL); /* without it: no resuming, no harm */
    else
        unlink(download->tag);
}

/* ---- retries ---- */

static bn_status wait_for(const job *download, int wait_ms, bn_error *err)
{
    const bn_download_options *options = download->transfer.options;
    for (const double end = bn_clock_ms() + wait_ms; bn_clock_ms() < end;) {
        const struct timespec slice = {.tv_nsec = 50000000};
        nanosleep(&slice, NULL);
        if (options->progress &&
            options->progress(options->progress_user, download->transfer.size, download->transfer.total))
            return bn_fail(err, BIREFNET_ERROR_CANCELLED, "cannot download %s: stopped",
                           download->transfer.url);
    }
    return BIREFNET_OK;
}

static bn_status fetch(job *download, bn_error *err)
{
    bn_error fault = {0};
    const bn_download_options *options = download->transfer.options;
    int failures = 0, restarts = 0;
    for (;;) {
        const uint64_t before = download->transfer.size;
        int wait_ms = 0;
        const bn_transfer_outcome outcome = bn_transfer_run(&download->transfer, &wait_ms, &fault);
        save_tag(download);
        if (outcome == BN_TRANSFER_DONE) return BIREFNET_OK;
        const uint64_t after = download->transfer.size;
        if (after > before && after - before >= PROGRESS_BYTES) failures = 0;
        const bool restart = outcome == BN_TRANSFER_RESTART && restarts++ == 0; /* at once, but once */
        if (outcome == BN_TRANSFER_FAILED || (!restart && failures++ >= options->retries)) {
            return bn_fail(err, fault.status, "%s%s%s", fault.message,
                           after > 0 ? "; what has arrived is kept, the next try goes on from there" : "",
                           failures > 1 ? " (after several tries)" : "");
        }
        if (restart) continue;
        const int shift = BN_MIN(BN_MAX(failures - 1, 0), 16);
        const int64_t backoff_ms = BN_MIN((int64_t)options->backoff_ms << shift, MAX_WAIT_MS);
        BN_TRY(wait_for(download, BN_MAX((int)backoff_ms, wait_ms), err));
    }
}

/* ---- checks, and the name ---- */

static bn_status check_part(const job *download, bn_download_result *result, bn_error *err)
{
    const bn_transfer *transfer = &download->transfer;
    const bn_download_options *options = transfer->options;
    bn_weights *weights = NULL;
    if (options->expected_bytes > 0 && transfer->size != options->expected_bytes)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "it has %llu bytes instead of %llu",
                       (unsigned long long)transfer->size, (unsigned long long)options->expected_bytes);
    BN_TRY(bn_weights_open(download->part, &weights, err));
    bn_weights_close(&weights);
    BN_TRY(bn_sha256_file(download->part, result->sha256, err));
    if (options->expected_sha256 && strcmp(options->expected_sha256, result->sha256) != 0)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "its SHA-256 is %s instead of %s", result->sha256,
                       options->expected_sha256);
    result->bytes = transfer->size;
    return BIREFNET_OK;
}

static bn_status finish(const job *download, bn_download_result *result, bn_error *err)
{
    const bn_status status = check_part(download, result, err);
    if (status != BIREFNET_OK) {
        unlink(download->part);
        unlink(download->tag);
        return bn_error_prefix(err, status, "what came from %s is no good", download->transfer.url);
    }
    if (fsync(download->transfer.fd) != 0 && errno != EINVAL)
        return bn_fail_errno(err, errno, "cannot write %s", download->part);
    if (rename(download->part, download->path) != 0)
        return bn_fail_errno(err, errno, "cannot rename %s to %s", download->part, download->path);
    return BIREFNET_OK;
}

bn_status bn_download(const char *url, const char *path, const bn_download_options *options,
                      bn_download_result *result, bn_error *err)
{
    bn_download_options defaults;
    bn_download_options_default(&defaults);
    job download = {.transfer = {.url = url, .options = options ? options : &defaults, .fd = -1}};
    bn_download_result made = {0};
    bn_status status = BIREFNET_OK;
    BN_TRY(name_files(&download, path, err));
    BN_TRY_DONE(open_part(&download, err));
    BN_TRY_DONE(fetch(&download, err));
    BN_TRY_DONE(finish(&download, &made, err));
    unlink(download.tag);
    if (result) *result = made;
done:
    if (status != BIREFNET_OK && download.transfer.size == 0 && download.transfer.fd >= 0 &&
        flock(download.transfer.fd, LOCK_EX | LOCK_NB) == 0)
        unlink(download.part); /* an empty one of ours is of no use to anybody */
    if (download.transfer.fd >= 0) close(download.transfer.fd);
    return status;
}
