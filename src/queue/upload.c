/* upload.c - files that clients bring, and files that anybody reads. */
#include "queue/private.h"

#include "base/file.h"
#include "base/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PARTS 10000

const char *bn_jobs_incoming_folder(const bn_jobs *jobs)
{
    return jobs->files.incoming;
}

/* ---- reading ---- */

static bn_status find_whole(bn_jobs *jobs, const char *id, bn_stored_file *file, bn_error *err)
{
    if (!bn_id_valid(id)) return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such file");
    BN_TRY(bn_store_file(jobs->store, id, false, file, err));
    const int64_t expires_ms = file->facts.expires_ms;
    if (!file->whole || (expires_ms > 0 && expires_ms <= bn_jobs_now(jobs)))
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such file");
    return BIREFNET_OK;
}

bn_status bn_jobs_file_open(bn_jobs *jobs, const char *id, bn_file_facts *facts, int *fd, bn_error *err)
{
    bn_stored_file file;
    BN_TRY(find_whole(jobs, id, &file, err));
    BN_TRY(bn_files_open_read(&jobs->files, id, fd, err));
    *facts = file.facts;
    return BIREFNET_OK;
}

static bn_status read_whole(bn_jobs *jobs, const bn_stored_file *file, bn_buffer *out, bn_error *err)
{
    int fd;
    const char *id = file->facts.id;
    if (file->facts.size > out->max_bytes - out->size)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "the file is larger than the allowed %zu bytes",
                       out->max_bytes);
    BN_TRY(bn_files_open_read(&jobs->files, id, &fd, err));
    bn_status status = bn_buffer_reserve(out, (size_t)file->facts.size, err);
    for (uint64_t left = file->facts.size; status == BIREFNET_OK && left > 0;) {
        const ssize_t got = read(fd, out->data + out->size, (size_t)left);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            status = bn_fail_errno(err, got < 0 ? errno : EIO, "cannot read the file %s", id);
            break;
        }
        out->size += (size_t)got;
        left -= (uint64_t)got;
    }
    close(fd);
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

/* ---- bringing ---- */

bn_status bn_jobs_upload_begin(bn_jobs *jobs, const bn_upload *upload, bn_file_facts *facts,
                               char upload_id[BN_FILE_ID_CHARS], bn_error *err)
{
    bn_lifecycle lifecycle;
    bn_stored_file file = {.multipart = upload->multipart, .facts = {.created_ms = bn_jobs_now(jobs)}};
    bn_lifecycle_parse(upload->lifecycle, &lifecycle);
    bn_id_make(file.facts.id);
    bn_id_make_signed(jobs->token_key, file.upload_id);
    bn_type_clean(upload->type, file.facts.type);
    bn_name_clean(upload->name, file.facts.type, file.facts.id, file.facts.name);
    file.facts.access = lifecycle.access;
    snprintf(file.key_id, sizeof file.key_id, "%s", upload->key_id ? upload->key_id : "");
    const int64_t usual_s = jobs->options.file_retention_s;
    int64_t kept_s = lifecycle.has_expiry ? lifecycle.expires_s : usual_s;
    if (!file.key_id[0] && usual_s > 0 && (kept_s == 0 || kept_s > usual_s)) kept_s = usual_s;
    if (kept_s > 0) file.facts.expires_ms = file.facts.created_ms + kept_s * 1000;
    BN_TRY(bn_store_file_promise(jobs->store, &file, err));
    *facts = file.facts;
    memcpy(upload_id, file.upload_id, BN_FILE_ID_CHARS);
    return BIREFNET_OK;
}

static bn_status find_upload(bn_jobs *jobs, const char *upload_id, bn_stored_file *file, bn_error *err)
{
    if (!bn_id_valid(upload_id)) return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such upload");
    return bn_store_file(jobs->store, upload_id, true, file, err);
}

bool bn_jobs_upload_known(const bn_jobs *jobs, const char *upload_id)
{
    return bn_id_is_signed(jobs->token_key, upload_id);
}

/* One at a time fills an upload, so that its bytes and its row are of the same one. */
static void enter(bn_jobs *jobs, const char *upload_id, bn_uploading *self)
{
    pthread_mutex_lock(&jobs->uploads.lock);
    for (const bn_uploading *other = jobs->uploads.first; other;) {
        const bool same = strcmp(other->upload_id, upload_id) == 0;
        if (same) pthread_cond_wait(&jobs->uploads.left, &jobs->uploads.lock);
        other = same ? jobs->uploads.first : other->next;
    }
    *self = (bn_uploading){.next = jobs->uploads.first, .upload_id = upload_id};
    jobs->uploads.first = self;
    pthread_mutex_unlock(&jobs->uploads.lock);
}

static bn_status leave(bn_jobs *jobs, bn_uploading *self, bn_status status)
{
    pthread_mutex_lock(&jobs->uploads.lock);
    bn_uploading **at = &jobs->uploads.first;
    while (*at != self) at = &(*at)->next;
    *at = self->next;
    pthread_cond_broadcast(&jobs->uploads.left);
    pthread_mutex_unlock(&jobs->uploads.lock);
    return status;
}

static void take_blob(bn_file_facts *facts, const bn_blob *blob)
{
    facts->size = blob->size;
    snprintf(facts->etag, sizeof facts->etag, "\"%s\"", blob->etag);
}

/* A client that did not hear the answer sends it all again. */
static bn_status compare_again(const bn_stored_file *file, int fd, bn_error *err)
{
    bn_blob blob;
    bn_file_facts again;
    BN_TRY(bn_files_digest(fd, &blob, err));
    take_blob(&again, &blob);
    if (again.size == file->facts.size && strcmp(again.etag, file->facts.etag) == 0) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the upload is complete, with another content");
}

/* Its row says that it is whole, or it is none. */
static bn_status make_whole(bn_jobs *jobs, const bn_file_facts *facts, bn_error *err)
{
    const bn_status status = bn_store_file_whole(jobs->store, facts, err);
    if (status == BIREFNET_ERROR_NOT_FOUND) bn_files_remove(&jobs->files, facts->id);
    return status;
}

static bn_status put(bn_jobs *jobs, const char *upload_id, int fd, const char *type, bn_error *err)
{
    bn_blob blob;
    bn_stored_file file;
    BN_TRY(find_upload(jobs, upload_id, &file, err));
    if (file.multipart) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the upload was begun as one in parts");
    if (file.whole) return compare_again(&file, fd, err);
    BN_TRY(bn_files_adopt(&jobs->files, file.facts.id, fd, &blob, err));
    take_blob(&file.facts, &blob);
    if (type && type[0]) bn_type_clean(type, file.facts.type);
    return make_whole(jobs, &file.facts, err);
}

bn_status bn_jobs_upload_put(bn_jobs *jobs, const char *upload_id, int fd, const char *type, bn_error *err)
{
    bn_uploading self;
    enter(jobs, upload_id, &self);
    return leave(jobs, &self, put(jobs, upload_id, fd, type, err));
}

bn_status bn_jobs_upload(bn_jobs *jobs, const bn_upload *upload, int fd, bn_file_facts *facts, bn_error *err)
{
    char upload_id[BN_FILE_ID_CHARS];
    bn_stored_file file;
    BN_TRY(bn_jobs_upload_begin(jobs, upload, facts, upload_id, err));
    BN_TRY(bn_jobs_upload_put(jobs, upload_id, fd, NULL, err));
    BN_TRY(bn_store_file(jobs->store, facts->id, false, &file, err));
    *facts = file.facts;
    return BIREFNET_OK;
}

static bn_status put_part(bn_jobs *jobs, const char *upload_id, int number, int fd, char etag[33],
                          bn_error *err)
{
    bn_blob blob;
    bn_stored_file file;
    if (number < 1 || number > MAX_PARTS)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "parts are numbered from 1 to %d", MAX_PARTS);
    BN_TRY(find_upload(jobs, upload_id, &file, err));
    if (!file.multipart)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the upload was not begun as one in parts");
    if (file.whole) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the upload is complete");
    BN_TRY(bn_files_adopt_part(&jobs->files, upload_id, number, fd, &blob, err));
    const bn_status status = bn_store_part_put(jobs->store, upload_id, number, blob.size, blob.etag, err);
    if (status == BIREFNET_ERROR_NOT_FOUND) bn_files_remove_part(&jobs->files, upload_id, number);
    if (status == BIREFNET_OK) memcpy(etag, blob.etag, sizeof blob.etag);
    return status;
}

bn_status bn_jobs_upload_part(bn_jobs *jobs, const char *upload_id, int number, int fd, char etag[33],
                              bn_error *err)
{
    bn_uploading self;
    enter(jobs, upload_id, &self);
    return leave(jobs, &self, put_part(jobs, upload_id, number, fd, etag, err));
}

/* ---- putting together ---- */

static int compare_numbers(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static bool same_etag(const char *said, const char *known)
{
    if (!said[0]) return true;
    if (said[0] == '"') said++;
    const size_t length = strlen(known);
    return strncmp(said, known, length) == 0 && (said[length] == '\0' || strcmp(said + length, "\"") == 0);
}

static bn_status check_parts(bn_jobs *jobs, const char *upload_id, const bn_upload_part *parts, size_t count,
                             int *numbers, bn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        char etag[33];
        uint64_t size;
        const bn_status status = bn_store_part(jobs->store, upload_id, parts[i].number, &size, etag, err);
        if (status != BIREFNET_OK && status != BIREFNET_ERROR_NOT_FOUND) return status;
        if (status != BIREFNET_OK || !same_etag(parts[i].etag, etag))
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "part %d did not arrive, or is another",
                           parts[i].number);
        numbers[i] = parts[i].number;
    }
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    for (size_t i = 1; i < count; i++)
        if (numbers[i] == numbers[i - 1])
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "part %d is named twice", numbers[i]);
    return BIREFNET_OK;
}

static bn_status complete(bn_jobs *jobs, const char *upload_id, const bn_upload_part *parts, size_t count,
                          bn_error *err)
{
    bn_blob blob;
    bn_stored_file file;
    BN_TRY(find_upload(jobs, upload_id, &file, err));
    if (file.whole) return BIREFNET_OK;
    if (count < 1 || count > MAX_PARTS) return bn_fail(err, BIREFNET_ERROR_FORMAT, "no parts are named");
    int *numbers = calloc(count, sizeof *numbers);
    if (!numbers) return bn_fail_memory(err, count * sizeof *numbers, "a list of parts");
    bn_status status = check_parts(jobs, upload_id, parts, count, numbers, err);
    if (status == BIREFNET_OK)
        status = bn_files_join(&jobs->files, file.facts.id, upload_id, numbers, count, &blob, err);
    free(numbers);
    BN_TRY(status);
    take_blob(&file.facts, &blob);
    BN_TRY(make_whole(jobs, &file.facts, err));
    bn_files_remove_parts(&jobs->files, upload_id);
    return BIREFNET_OK;
}

bn_status bn_jobs_upload_complete(bn_jobs *jobs, const char *upload_id, const bn_upload_part *parts,
                                  size_t count, bn_error *err)
{
    bn_uploading self;
    enter(jobs, upload_id, &self);
    return leave(jobs, &self, complete(jobs, upload_id, parts, count, err));
}
