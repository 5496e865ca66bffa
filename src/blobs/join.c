/* join.c - one object of several, by its kind where that moves no bytes, else by copying. */
#include "blobs/kind.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES 65536

/* All of it: one that was cut short would be missing in the middle of a file that looks whole. */
static bn_status append_part(bn_blobs *blobs, const bn_blob_part *part, bn_blob_writer *writer,
                             uint8_t *piece, bn_error *err)
{
    bn_blob_reader reader;
    BN_TRY(bn_blob_open(blobs, part->object, &reader, err));
    bn_status status = BIREFNET_OK;
    size_t got = PIECE_BYTES;
    uint64_t at = 0;
    for (; status == BIREFNET_OK && got == PIECE_BYTES; at += got) {
        status = bn_blob_read(&reader, at, piece, PIECE_BYTES, &got, err);
        if (status == BIREFNET_OK) status = bn_blob_append(writer, piece, got, err);
    }
    bn_blob_close(&reader);
    if (status == BIREFNET_OK && at != part->size)
        status = bn_fail(err, BIREFNET_ERROR_IO, "the part %s is not whole", part->object);
    return status;
}

static bn_status copy_parts(bn_blobs *blobs, const char *object, const bn_blob_part *parts, size_t count,
                            bn_blob *blob, bn_error *err)
{
    bn_blob_writer writer;
    uint8_t *piece = malloc(PIECE_BYTES);
    if (!piece) return bn_fail_memory(err, PIECE_BYTES, "a piece of a file");
    bn_status status = bn_blob_create(blobs, object, BN_BLOB_UPLOAD, &writer, err);
    if (status == BIREFNET_OK) {
        for (size_t i = 0; status == BIREFNET_OK && i < count; i++)
            status = append_part(blobs, &parts[i], &writer, piece, err);
        status = bn_blob_seal(&writer, status, blob, err);
    }
    free(piece);
    return status;
}

/* Nobody reads the bytes: what stands for them are the parts' etags. */
static void describe(const bn_blob_part *parts, size_t count, bn_blob *blob)
{
    uint8_t digest[16];
    crypto_generichash_state hash;
    crypto_generichash_init(&hash, NULL, 0, sizeof digest);
    blob->size = 0;
    for (size_t i = 0; i < count; i++) {
        blob->size += parts[i].size;
        crypto_generichash_update(&hash, (const uint8_t *)parts[i].etag, strlen(parts[i].etag));
    }
    crypto_generichash_final(&hash, digest, sizeof digest);
    sodium_bin2hex(blob->etag, sizeof blob->etag, digest, sizeof digest);
}

bn_status bn_blobs_join(bn_blobs *blobs, const char *object, const bn_blob_part *parts, size_t count,
                        bn_blob *blob, bn_error *err)
{
    bool joined = false;
    if (blobs->kind->join) {
        describe(parts, count, blob);
        BN_TRY(bn_blobs_check_room(blobs, blob->size, blobs->options.max_upload_bytes, err));
        BN_TRY(bn_blobs_note(blobs, blobs->kind->join(blobs, object, parts, count, &joined, err)));
    }
    if (!joined) return copy_parts(blobs, object, parts, count, blob, err);
    bn_blobs_add_object(blobs, blob->size);
    return BIREFNET_OK;
}
