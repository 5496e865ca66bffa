/* blobs.c - what all kinds of places have in common: limits, etags, faults. */
#include "blobs/kind.h"

#include "base/size.h"
#include "store/ids.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 65536

static const bn_blobs_kind *const kinds[] = {&bn_blobs_folder, &bn_blobs_s3};

bn_status bn_blobs_open(const char *address, const bn_blobs_options *options, bn_blobs **blobs, bn_error *err)
{
    for (size_t i = 0; i < BN_COUNT(kinds); i++) {
        const size_t length = strlen(kinds[i]->scheme);
        if (strncmp(address, kinds[i]->scheme, length) != 0 || address[length] != ':') continue;
        BN_TRY(kinds[i]->open(address + length + 1, options, blobs, err));
        (*blobs)->kind = kinds[i];
        (*blobs)->options = *options;
        (*blobs)->options.spool = (*blobs)->options.credentials_file = NULL; /* the caller's */
        return BIREFNET_OK;
    }
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s is no address of files that this program knows",
                   address);
}

void bn_blobs_close(bn_blobs **blobs)
{
    if (*blobs) (*blobs)->kind->close(*blobs);
    *blobs = NULL;
}

void bn_blobs_stop(bn_blobs *blobs)
{
    if (!blobs->kind->stop) return;
    atomic_store(&blobs->stopped, true);
    blobs->kind->stop(blobs);
}

bool bn_blobs_stopped(const bn_blobs *blobs)
{
    return atomic_load(&blobs->stopped);
}

bool bn_blobs_are_remote(const bn_blobs *blobs)
{
    return blobs->kind->is_remote;
}

const char *bn_blobs_spool(const bn_blobs *blobs)
{
    return blobs->kind->spool(blobs);
}

/* ---- room and faults ---- */

uint64_t bn_blobs_bytes(const bn_blobs *blobs)
{
    return atomic_load(&blobs->total_bytes);
}

void bn_blobs_set_bytes(bn_blobs *blobs, uint64_t bytes)
{
    atomic_store(&blobs->total_bytes, bytes);
}

void bn_blobs_add_object(bn_blobs *blobs, uint64_t bytes)
{
    atomic_fetch_add(&blobs->total_bytes, bytes + BN_STORED_COST);
}

/* What the last program left behind is not in the sum: it may go after the sum was set, where it could not before. */
static void take_off(bn_blobs *blobs, uint64_t bytes)
{
    uint64_t total = atomic_load(&blobs->total_bytes);
    while (!atomic_compare_exchange_weak(&blobs->total_bytes, &total, total > bytes ? total - bytes : 0)) {
    }
}

/* For another object of so many bytes, or another row of a file: of none. */
static bool has_room(const bn_blobs *blobs, uint64_t bytes, uint64_t max_total_bytes)
{
    const uint64_t total = bn_blobs_bytes(blobs) + BN_STORED_COST;
    return total <= max_total_bytes && bytes <= max_total_bytes - total;
}

bool bn_blobs_has_room(const bn_blobs *blobs, uint64_t bytes)
{
    return has_room(blobs, bytes, blobs->options.max_total_bytes);
}

bool bn_blobs_is_roomy(const bn_blobs *blobs)
{
    return bn_blobs_has_room(blobs, blobs->options.max_total_bytes / 100);
}

static bn_status fail_full(uint64_t max_total_bytes, bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_LIMIT, "the stored files would take more than the allowed %llu bytes",
                   (unsigned long long)max_total_bytes);
}

bn_status bn_blobs_check_room(const bn_blobs *blobs, uint64_t size, uint64_t max_total_bytes, bn_error *err)
{
    if (size > blobs->options.max_file_bytes)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "the file is larger than the allowed %llu bytes",
                       (unsigned long long)blobs->options.max_file_bytes);
    return has_room(blobs, size, max_total_bytes) ? BIREFNET_OK : fail_full(max_total_bytes, err);
}

bn_status bn_blobs_add_row(bn_blobs *blobs, bn_blob_use use, bn_error *err)
{
    const uint64_t most = blobs->options.max_upload_bytes;
    if (use == BN_BLOB_UPLOAD && !has_room(blobs, 0, most)) return fail_full(most, err);
    atomic_fetch_add(&blobs->total_bytes, BN_STORED_COST);
    return BIREFNET_OK;
}

void bn_blobs_drop_row(bn_blobs *blobs)
{
    take_off(blobs, BN_STORED_COST);
}

bool bn_blobs_failing(const bn_blobs *blobs)
{
    return atomic_load(&blobs->failing);
}

void bn_blobs_fail(bn_blobs *blobs)
{
    atomic_store(&blobs->failing, true);
}

bn_status bn_blobs_note(bn_blobs *blobs, bn_status status)
{
    if (status == BIREFNET_OK || status == BIREFNET_ERROR_IO)
        atomic_store(&blobs->failing, status != BIREFNET_OK);
    return status;
}

static void probe_by_writing(bn_blobs *blobs)
{
    static const uint8_t nothing[65536];
    char object[BN_FILE_ID_CHARS];
    intptr_t handle;
    int64_t bytes;
    bn_id_make(object);
    bn_status status = blobs->kind->create(blobs, object, &handle, NULL);
    if (status == BIREFNET_OK) {
        status = blobs->kind->append(blobs, handle, nothing, sizeof nothing, NULL);
        if (status == BIREFNET_OK)
            status = blobs->kind->seal(blobs, object, handle, NULL);
        else
            blobs->kind->abandon(blobs, object, handle);
        blobs->kind->remove(blobs, object, &bytes);
    }
    bn_blobs_note(blobs, status);
}

bn_status bn_blobs_check(bn_blobs *blobs, bn_error *err)
{
    return blobs->kind->check ? bn_blobs_note(blobs, blobs->kind->check(blobs, err)) : BIREFNET_OK;
}

void bn_blobs_probe(bn_blobs *blobs)
{
    if (blobs->kind->check)
        bn_blobs_check(blobs, NULL);
    else
        probe_by_writing(blobs);
}

/* ---- writing ---- */

static void hash_end(crypto_generichash_state *hash, bn_blob *blob)
{
    uint8_t digest[16];
    crypto_generichash_final(hash, digest, sizeof digest);
    sodium_bin2hex(blob->etag, sizeof blob->etag, digest, sizeof digest);
}

bn_status bn_blob_create(bn_blobs *blobs, const char *object, bn_blob_use use, bn_blob_writer *writer,
                         bn_error *err)
{
    const bn_blobs_options *options = &blobs->options;
    writer->blobs = blobs;
    writer->size = 0;
    writer->max_total_bytes = use == BN_BLOB_UPLOAD ? options->max_upload_bytes : options->max_total_bytes;
    snprintf(writer->object, sizeof writer->object, "%s", object);
    crypto_generichash_init(&writer->hash, NULL, 0, 16);
    return bn_blobs_note(blobs, blobs->kind->create(blobs, object, &writer->handle, err));
}

bn_status bn_blob_append(bn_blob_writer *writer, const void *bytes, size_t count, bn_error *err)
{
    crypto_generichash_update(&writer->hash, bytes, count);
    writer->size += count;
    BN_TRY(bn_blobs_check_room(writer->blobs, writer->size, writer->max_total_bytes, err));
    return writer->blobs->kind->append(writer->blobs, writer->handle, bytes, count, err);
}

bn_status bn_blob_seal(bn_blob_writer *writer, bn_status status, bn_blob *blob, bn_error *err)
{
    bn_blobs *blobs = writer->blobs;
    if (status == BIREFNET_OK)
        status = blobs->kind->seal(blobs, writer->object, writer->handle, err);
    else
        blobs->kind->abandon(blobs, writer->object, writer->handle);
    if (status == BIREFNET_OK) {
        bn_blobs_add_object(blobs, writer->size);
        blob->size = writer->size;
        hash_end(&writer->hash, blob);
    }
    return bn_blobs_note(blobs, status);
}

bn_status bn_blobs_write(bn_blobs *blobs, const char *object, const void *bytes, size_t size, bn_blob *blob,
                         bn_error *err)
{
    bn_blob_writer writer;
    BN_TRY(bn_blob_create(blobs, object, BN_BLOB_RESULT, &writer, err));
    return bn_blob_seal(&writer, bn_blob_append(&writer, bytes, size, err), blob, err);
}

/* ---- taking over files that arrived ---- */

typedef bn_status (*piece_fn)(void *user, const uint8_t *bytes, size_t count, bn_error *err);

static bn_status each_piece(int fd, piece_fn fn, void *user, bn_error *err)
{
    uint8_t *piece = malloc(PIECE_BYTES);
    if (!piece) return bn_fail_memory(err, PIECE_BYTES, "a piece of a file");
    bn_status status = BIREFNET_OK;
    for (off_t at = 0; status == BIREFNET_OK;) {
        const ssize_t got = pread(fd, piece, PIECE_BYTES, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = bn_fail_errno(err, errno, "cannot read what arrived");
        if (got <= 0) break;
        at += got;
        status = fn(user, piece, (size_t)got, err);
    }
    free(piece);
    return status;
}

static bn_status copy_piece(void *user, const uint8_t *bytes, size_t count, bn_error *err)
{
    return bn_blob_append(user, bytes, count, err);
}

typedef struct digester {
    crypto_generichash_state hash;
    uint64_t size;
} digester;

static bn_status digest_piece(void *user, const uint8_t *bytes, size_t count, bn_error *err)
{
    (void)err;
    digester *self = user;
    self->size += count;
    crypto_generichash_update(&self->hash, bytes, count);
    return BIREFNET_OK;
}

bn_status bn_blob_digest(int fd, bn_blob *blob, bn_error *err)
{
    digester self = {.size = 0};
    crypto_generichash_init(&self.hash, NULL, 0, 16);
    BN_TRY(each_piece(fd, digest_piece, &self, err));
    blob->size = self.size;
    hash_end(&self.hash, blob);
    return BIREFNET_OK;
}

static bn_status copy(bn_blobs *blobs, const char *object, int fd, bn_blob *blob, bn_error *err)
{
    bn_blob_writer writer;
    BN_TRY(bn_blob_create(blobs, object, BN_BLOB_UPLOAD, &writer, err));
    return bn_blob_seal(&writer, each_piece(fd, copy_piece, &writer, err), blob, err);
}

bn_status bn_blobs_adopt(bn_blobs *blobs, const char *object, int fd, bn_blob *blob, bn_error *err)
{
    struct stat facts;
    bool taken = false;
    if (fstat(fd, &facts) != 0) return bn_fail_errno(err, errno, "cannot read what arrived");
    BN_TRY(bn_blobs_check_room(blobs, (uint64_t)facts.st_size, blobs->options.max_upload_bytes, err));
    if (!blobs->kind->adopt) return copy(blobs, object, fd, blob, err);
    bn_status status = bn_blob_digest(fd, blob, err);
    if (status == BIREFNET_OK) status = blobs->kind->adopt(blobs, object, fd, &taken, err);
    if (status == BIREFNET_OK && !taken) return copy(blobs, object, fd, blob, err);
    if (status == BIREFNET_OK) bn_blobs_add_object(blobs, blob->size);
    return bn_blobs_note(blobs, status);
}

/* ---- reading and removing ---- */

bn_status bn_blob_open(bn_blobs *blobs, const char *object, bn_blob_reader *reader, bn_error *err)
{
    reader->blobs = blobs;
    return blobs->kind->open_object(blobs, object, &reader->handle, err);
}

bn_status bn_blob_read(bn_blob_reader *reader, uint64_t offset, void *bytes, size_t count, size_t *got,
                       bn_error *err)
{
    return reader->blobs->kind->read(reader->blobs, reader->handle, offset, bytes, count, got, err);
}

int bn_blob_take_fd(bn_blob_reader *reader)
{
    return reader->blobs->kind->take_fd(reader->blobs, reader->handle);
}

bn_status bn_blobs_link(bn_blobs *blobs, const char *object, const bn_blob_link *link, char *url, size_t size,
                        bn_error *err)
{
    if (blobs->kind->link) return blobs->kind->link(blobs, object, link, url, size, err);
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "files of this machine have no address but ours");
}

bn_status bn_blobs_look(bn_blobs *blobs, const char *object, bn_blob *blob, bn_error *err)
{
    char version[BN_BLOB_VERSION_CHARS];
    crypto_generichash_state hash;
    if (!blobs->kind->look)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "nobody but this server writes its files");
    BN_TRY(blobs->kind->look(blobs, object, &blob->size, version, err));
    BN_TRY(bn_blobs_check_room(blobs, blob->size, blobs->options.max_upload_bytes, err));
    crypto_generichash_init(&hash, NULL, 0, 16);
    crypto_generichash_update(&hash, (const uint8_t *)version, strlen(version));
    hash_end(&hash, blob);
    return BIREFNET_OK;
}

void bn_blob_close(bn_blob_reader *reader)
{
    reader->blobs->kind->close_object(reader->blobs, reader->handle);
}

bool bn_blobs_remove(bn_blobs *blobs, const char *object)
{
    int64_t size;
    const bool gone = blobs->kind->remove(blobs, object, &size);
    if (size >= 0) take_off(blobs, (uint64_t)size + BN_STORED_COST);
    return gone;
}
