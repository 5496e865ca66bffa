/* files.c - where the bytes of files lie, and reading them. */
#include "queue/private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *bn_jobs_incoming_folder(const bn_jobs *jobs)
{
    return bn_blobs_spool(jobs->blobs);
}

/* ---- opening ---- */

static bn_status open_blobs(const bn_jobs_options *options, bool others, bn_blobs **blobs, bn_error *err)
{
    char folder[3200], spool[3200];
    snprintf(folder, sizeof folder, "folder:%s", options->data_folder);
    snprintf(spool, sizeof spool, "%s/incoming", options->data_folder);
    const bn_blobs_options limits = {.max_file_bytes = options->max_file_bytes,
                                     .max_total_bytes = options->max_stored_bytes,
                                     .max_upload_bytes = options->max_stored_bytes / 10 * 9,
                                     .spool = options->spool || !options->files ? options->spool : spool,
                                     .credentials_file = options->files_credentials,
                                     .others = others};
    return bn_blobs_open(options->files ? options->files : folder, &limits, blobs, err);
}

bn_status bn_files_open(bn_jobs *jobs, const bn_jobs_options *options, bn_error *err)
{
    return open_blobs(options, !jobs->alone, &jobs->blobs, err);
}

bn_status bn_jobs_check_files(const bn_jobs_options *options, bn_error *err)
{
    bn_blobs *blobs;
    if (!options->files && !options->spool)
        return BIREFNET_OK; /* the data folder is looked at when it is locked */
    BN_TRY(open_blobs(options, true, &blobs, err));
    const bn_status status = bn_blobs_check(blobs, err);
    bn_blobs_close(&blobs);
    return status;
}

bool bn_jobs_files_are_remote(const bn_jobs *jobs)
{
    return bn_blobs_are_remote(jobs->blobs);
}

/* ---- reading ---- */

/* What a client has written to S3 itself lies under the name of its upload. NOT_FOUND where it does not, or is too large. */
static bn_status take_direct(bn_jobs *jobs, bn_stored_file *file, bn_error *err)
{
    bn_blob blob;
    bn_status status = bn_blobs_look(jobs->blobs, file->upload_id, &blob, err);
    if (status == BIREFNET_ERROR_LIMIT)
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "the upload is too large");
    BN_TRY(status);
    snprintf(file->facts.object, sizeof file->facts.object, "%s", file->upload_id);
    snprintf(file->facts.etag, sizeof file->facts.etag, "\"%s\"", blob.etag);
    file->facts.size = blob.size;
    status = bn_store_file_whole(jobs->store, &file->facts, err);
    if (status == BIREFNET_ERROR_NOT_FOUND) /* somebody else looked at the same time */
        return bn_store_file(jobs->store, file->facts.id, false, file, err);
    BN_TRY(status);
    bn_blobs_add_object(jobs->blobs, blob.size);
    file->whole = true;
    return BIREFNET_OK;
}

static bn_status find_whole(bn_jobs *jobs, const char *id, bn_stored_file *file, bn_error *err)
{
    if (!bn_id_valid(id)) return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such file");
    BN_TRY(bn_store_file(jobs->store, id, false, file, err));
    /* whoever sent the client there: workers, and servers that send none, are asked for it, too */
    if (!file->whole && bn_blobs_are_remote(jobs->blobs) && !file->multipart && file->upload_id[0])
        BN_TRY(take_direct(jobs, file, err));
    const int64_t expires_ms = file->facts.expires_ms;
    if (!file->whole || (expires_ms > 0 && expires_ms <= bn_jobs_now(jobs)))
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such file");
    return BIREFNET_OK;
}

bn_status bn_jobs_file_find(bn_jobs *jobs, const char *id, bn_file_facts *facts, bn_error *err)
{
    bn_stored_file file;
    BN_TRY(find_whole(jobs, id, &file, err));
    *facts = file.facts;
    return BIREFNET_OK;
}

/* Where the store knows of bytes that are not here, another process most likely keeps its files elsewhere: said once. */
static bn_status open_bytes(bn_jobs *jobs, const bn_file_facts *facts, bn_blob_reader *reader, bn_error *err)
{
    const bn_status status = bn_blob_open(jobs->blobs, facts->object, reader, err);
    if (status == BIREFNET_ERROR_NOT_FOUND && !atomic_exchange(&jobs->missed, true))
        bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING,
                    "file %s is in the store, and its bytes are not where this process keeps files: "
                    "do all that share the store have the same --files?",
                    facts->id);
    return status;
}

/* Said once: anybody may ask for it. */
static bn_status fail_cut(bn_jobs *jobs, const bn_file_facts *facts, bn_error *err)
{
    if (!atomic_exchange(&jobs->cut, true))
        bn_log_line(&jobs->options.log, BIREFNET_LOG_ERROR,
                    "file %s is not whole: its bytes, %s, have been changed", facts->id, facts->object);
    return bn_fail(err, BIREFNET_ERROR_IO, "the file %s is not whole", facts->id);
}

/* A reader that was told of more bytes than there are would wait for them. */
static bn_status check_size(bn_jobs *jobs, const bn_file_facts *facts, int fd, bn_error *err)
{
    struct stat there;
    if (fstat(fd, &there) == 0 && (uint64_t)there.st_size == facts->size) return BIREFNET_OK;
    return fail_cut(jobs, facts, err);
}

bn_status bn_jobs_file_open(bn_jobs *jobs, const bn_file_facts *facts, bn_file_bytes *bytes, bn_error *err)
{
    bytes->fd = -1;
    bytes->reader = malloc(sizeof *bytes->reader);
    if (!bytes->reader) return bn_fail_memory(err, sizeof *bytes->reader, "a stored file");
    bn_status status = open_bytes(jobs, facts, bytes->reader, err);
    if (status == BIREFNET_OK) bytes->fd = bn_blob_take_fd(bytes->reader);
    if (status == BIREFNET_OK && bytes->fd < 0) return BIREFNET_OK;
    free(bytes->reader); /* which has ended */
    bytes->reader = NULL;
    if (status == BIREFNET_OK) status = check_size(jobs, facts, bytes->fd, err);
    if (status != BIREFNET_OK) bn_jobs_file_close(bytes);
    return status;
}

bn_status bn_jobs_file_read_at(bn_file_bytes *bytes, uint64_t offset, void *out, size_t count, size_t *got,
                               bn_error *err)
{
    return bn_blob_read(bytes->reader, offset, out, count, got, err);
}

void bn_jobs_file_close(bn_file_bytes *bytes)
{
    if (bytes->fd >= 0) close(bytes->fd);
    if (bytes->reader) bn_blob_close(bytes->reader);
    free(bytes->reader);
    bytes->reader = NULL;
    bytes->fd = -1;
}

bn_status bn_jobs_file_link(bn_jobs *jobs, const bn_file_facts *facts, char url[BN_FILE_LINK_CHARS],
                            int *seconds, bn_error *err)
{
    char disposition[BN_FILE_NAME_CHARS + 30], cache[60];
    url[0] = '\0';
    *seconds = jobs->options.redirect_s;
    if (*seconds <= 0 || !bn_blobs_are_remote(jobs->blobs)) return BIREFNET_OK;
    const int64_t left_s = (facts->expires_ms - bn_jobs_now(jobs)) / 1000;
    if (facts->expires_ms > 0 && left_s < *seconds) *seconds = left_s > 0 ? (int)left_s : 1;
    snprintf(disposition, sizeof disposition, "inline; filename=\"%s\"", facts->name);
    snprintf(cache, sizeof cache, "private, max-age=%d", *seconds);
    const bn_blob_link link = {
        .seconds = *seconds, .type = facts->type, .disposition = disposition, .cache = cache};
    return bn_blobs_link(jobs->blobs, facts->object, &link, url, BN_FILE_LINK_CHARS, err);
}

static bn_status read_whole(bn_jobs *jobs, const bn_stored_file *file, bn_buffer *out, bn_error *err)
{
    bn_blob_reader reader;
    size_t got = 0;
    const uint64_t size = file->facts.size;
    if (size > out->max_bytes - out->size)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "the file is larger than the allowed %zu bytes",
                       out->max_bytes);
    BN_TRY(open_bytes(jobs, &file->facts, &reader, err));
    bn_status status = bn_buffer_reserve(out, (size_t)size, err);
    if (status == BIREFNET_OK)
        status = bn_blob_read(&reader, 0, out->data + out->size, (size_t)size, &got, err);
    if (status == BIREFNET_OK && got < size) status = fail_cut(jobs, &file->facts, err);
    if (status == BIREFNET_OK) out->size += got;
    bn_blob_close(&reader);
    return status;
}

bn_status bn_jobs_file_read(bn_jobs *jobs, const char *id, bn_buffer *out, bn_error *err)
{
    bn_stored_file file;
    BN_TRY(find_whole(jobs, id, &file, err));
    return read_whole(jobs, &file, out, err);
}

bn_status bn_jobs_input_read(bn_jobs *jobs, const char *id, const char *key_id, bn_buffer *out, bn_error *err)
{
    bn_stored_file file;
    BN_TRY(find_whole(jobs, id, &file, err));
    if (file.facts.access != BN_FILE_ALLOW && !bn_may_use(file.key_id, key_id))
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such file");
    return read_whole(jobs, &file, out, err);
}
