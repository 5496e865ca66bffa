/* upload.c - files that clients bring. */
#include "queue/private.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 10000
#define DIRECT_S  3600 /* in which a client has begun to write to S3 */

static bool is_direct(const bn_jobs *jobs)
{
    return jobs->options.uploads_direct && bn_blobs_are_remote(jobs->blobs);
}

bn_status bn_jobs_upload_link(bn_jobs *jobs, const char *upload_id, char url[BN_FILE_LINK_CHARS],
                              bn_error *err)
{
    const bn_blob_link link = {.put = true, .seconds = DIRECT_S};
    url[0] = '\0';
    if (!is_direct(jobs)) return BIREFNET_OK;
    return bn_blobs_link(jobs->blobs, upload_id, &link, url, BN_FILE_LINK_CHARS, err);
}

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
    if (is_direct(jobs) && !file.multipart)
        BN_TRY(bn_store_object_promise(jobs->store, file.upload_id, file.facts.created_ms, 0, true, err));
    BN_TRY(bn_blobs_add_row(jobs->blobs, BN_BLOB_UPLOAD, err));
    const bn_status status = bn_store_file_promise(jobs->store, &file, err);
    if (status != BIREFNET_OK) bn_blobs_drop_row(jobs->blobs);
    *facts = file.facts;
    memcpy(upload_id, file.upload_id, BN_FILE_ID_CHARS);
    return status;
}

static bn_status find_upload(bn_jobs *jobs, const char *upload_id, bn_stored_file *file, bn_error *err)
{
    if (!bn_id_valid(upload_id)) return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such upload");
    BN_TRY(bn_store_file(jobs->store, upload_id, true, file, err));
    if (file->key_id[0] && bn_key_is_revoked(jobs, file->key_id))
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such upload any more");
    return BIREFNET_OK;
}

bool bn_jobs_upload_known(const bn_jobs *jobs, const char *upload_id)
{
    return bn_id_is_signed(jobs->token_key, upload_id);
}

bn_status bn_object_make(bn_jobs *jobs, char object[BN_OBJECT_CHARS], bn_error *err)
{
    char id[BN_FILE_ID_CHARS];
    bn_id_make(id);
    snprintf(object, BN_OBJECT_CHARS, "%s", id);
    return bn_store_object_promise(jobs->store, object, bn_jobs_now(jobs), jobs->held.worker,
                                   bn_blobs_are_remote(jobs->blobs), err);
}

void bn_object_drop(bn_jobs *jobs, const char *object)
{
    if (bn_blobs_remove(jobs->blobs, object) && !bn_blobs_are_remote(jobs->blobs))
        bn_store_object_forget(jobs->store, object, NULL); /* else the keeper does */
}

static void take_blob(bn_file_facts *facts, const bn_blob *blob)
{
    facts->size = blob->size;
    snprintf(facts->etag, sizeof facts->etag, "\"%s\"", blob->etag);
}

/* A client that did not hear the answer sends it all again. */
static bn_status compare(const bn_stored_file *file, const bn_blob *blob, bn_error *err)
{
    bn_file_facts again;
    take_blob(&again, blob);
    if (again.size == file->facts.size && strcmp(again.etag, file->facts.etag) == 0) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the upload is complete, with another content");
}

/* The row does not say that the file is whole with these bytes. Where it may say so later they stay: a database goes on with
 * what it was asked when nobody waits for it any more. What it never writes goes with its promise. */
static void drop_unless_awaited(bn_jobs *jobs, bn_status ended, bn_status asked, const bn_stored_file *file,
                                const char *object)
{
    const bool never = ended == BIREFNET_ERROR_NOT_FOUND || !jobs->store_address;
    if (asked == BIREFNET_ERROR_NOT_FOUND || (asked == BIREFNET_OK && (never || file->whole)))
        bn_object_drop(jobs, object);
}

/* The row says that the file is whole, with these bytes; else they are none. Where somebody else was faster with the same
 * content, all is well. It may have been a first try of ours, whose answer did not come: the row is asked whose bytes it has. */
static bn_status make_whole(bn_jobs *jobs, const char *upload_id, const bn_stored_file *mine,
                            const bn_blob *blob, bn_error *err)
{
    bn_stored_file file;
    const bn_status status = bn_store_file_whole(jobs->store, &mine->facts, err);
    if (status == BIREFNET_OK) return BIREFNET_OK;
    const bn_status asked = bn_store_file(jobs->store, upload_id, true, &file, NULL);
    if (asked == BIREFNET_OK && file.whole && strcmp(file.facts.object, mine->facts.object) == 0)
        return BIREFNET_OK;
    drop_unless_awaited(jobs, status, asked, &file, mine->facts.object);
    if (status != BIREFNET_ERROR_NOT_FOUND) return status;
    BN_TRY(find_upload(jobs, upload_id, &file, err));
    return file.whole ? compare(&file, blob, err) : status;
}

bn_status bn_jobs_upload_put(bn_jobs *jobs, const char *upload_id, int fd, const char *type, bn_error *err)
{
    bn_blob blob;
    bn_stored_file file;
    BN_TRY(find_upload(jobs, upload_id, &file, err));
    if (file.multipart) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the upload was begun as one in parts");
    if (file.whole) {
        BN_TRY(bn_blob_digest(fd, &blob, err));
        return compare(&file, &blob, err);
    }
    BN_TRY(bn_object_make(jobs, file.facts.object, err));
    const bn_status status = bn_blobs_adopt(jobs->blobs, file.facts.object, fd, &blob, err);
    if (status != BIREFNET_OK) {
        bn_object_drop(jobs, file.facts.object);
        return status;
    }
    take_blob(&file.facts, &blob);
    if (type && type[0]) bn_type_clean(type, file.facts.type);
    return make_whole(jobs, upload_id, &file, &blob, err);
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

bn_status bn_jobs_upload_part(bn_jobs *jobs, const char *upload_id, int number, int fd, char etag[33],
                              bn_error *err)
{
    bn_blob blob;
    bn_stored_part part = {.number = number};
    bn_stored_file file;
    if (number < 1 || number > MAX_PARTS)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "parts are numbered from 1 to %d", MAX_PARTS);
    BN_TRY(find_upload(jobs, upload_id, &file, err));
    if (!file.multipart)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the upload was not begun as one in parts");
    if (file.whole) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the upload is complete");
    BN_TRY(bn_object_make(jobs, part.object, err));
    bn_status status = bn_blobs_adopt(jobs->blobs, part.object, fd, &blob, err);
    if (status == BIREFNET_OK) {
        part.size = blob.size;
        memcpy(part.etag, blob.etag, sizeof part.etag);
        status = bn_store_part_put(jobs->store, upload_id, &part, err);
    }
    if (status != BIREFNET_OK) {
        bn_object_drop(jobs, part.object);
        return status;
    }
    bn_keeper_remove_astray(jobs, 0); /* the one that it has replaced */
    memcpy(etag, blob.etag, sizeof blob.etag);
    return BIREFNET_OK;
}

/* ---- putting together ---- */

static int compare_numbers(const void *a, const void *b)
{
    const bn_stored_part *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static bool same_etag(const char *said, const char *known)
{
    if (!said[0]) return true;
    if (said[0] == '"') said++;
    const size_t length = strlen(known);
    return strncmp(said, known, length) == 0 && (said[length] == '\0' || strcmp(said + length, "\"") == 0);
}

/* Those that are named, by number. */
static bn_status find_parts(bn_jobs *jobs, const char *upload_id, const bn_upload_part *named, size_t count,
                            bn_stored_part *parts, bn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const bn_status status = bn_store_part(jobs->store, upload_id, named[i].number, &parts[i], err);
        if (status != BIREFNET_OK && status != BIREFNET_ERROR_NOT_FOUND) return status;
        if (status != BIREFNET_OK || !same_etag(named[i].etag, parts[i].etag))
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "part %d did not arrive, or is another",
                           named[i].number);
    }
    qsort(parts, count, sizeof *parts, compare_numbers);
    for (size_t i = 1; i < count; i++)
        if (parts[i].number == parts[i - 1].number)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "part %d is named twice", parts[i].number);
    return BIREFNET_OK;
}

static bn_status join(bn_jobs *jobs, const char *object, const bn_stored_part *parts, size_t count,
                      bn_blob *blob, bn_error *err)
{
    bn_blob_part *pieces = calloc(count, sizeof *pieces);
    if (!pieces) return bn_fail_memory(err, count * sizeof *pieces, "a list of parts");
    for (size_t i = 0; i < count; i++)
        pieces[i] = (bn_blob_part){.object = parts[i].object, .size = parts[i].size, .etag = parts[i].etag};
    const bn_status status = bn_blobs_join(jobs->blobs, object, pieces, count, blob, err);
    free(pieces);
    return status;
}

static bn_status make_of_parts(bn_jobs *jobs, const char *upload_id, bn_stored_file *file,
                               const bn_stored_part *parts, size_t count, bn_error *err)
{
    bn_blob blob;
    BN_TRY(bn_object_make(jobs, file->facts.object, err));
    const bn_status status = join(jobs, file->facts.object, parts, count, &blob, err);
    if (status != BIREFNET_OK) {
        bn_object_drop(jobs, file->facts.object);
        return status;
    }
    take_blob(&file->facts, &blob);
    BN_TRY(make_whole(jobs, upload_id, file, &blob, err));
    bn_keeper_remove_astray(jobs, 0); /* the parts */
    return BIREFNET_OK;
}

bn_status bn_jobs_upload_complete(bn_jobs *jobs, const char *upload_id, const bn_upload_part *parts,
                                  size_t count, bn_error *err)
{
    bn_stored_file file;
    BN_TRY(find_upload(jobs, upload_id, &file, err));
    if (file.whole) return BIREFNET_OK;
    if (count < 1 || count > MAX_PARTS) return bn_fail(err, BIREFNET_ERROR_FORMAT, "no parts are named");
    bn_stored_part *found = calloc(count, sizeof *found);
    if (!found) return bn_fail_memory(err, count * sizeof *found, "a list of parts");
    bn_status status = find_parts(jobs, upload_id, parts, count, found, err);
    if (status == BIREFNET_OK) status = make_of_parts(jobs, upload_id, &file, found, count, err);
    free(found);
    if (status == BIREFNET_OK || find_upload(jobs, upload_id, &file, NULL) != BIREFNET_OK) return status;
    return file.whole ? BIREFNET_OK : status; /* a call beside this one was faster, and its parts are gone */
}
