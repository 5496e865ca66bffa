/* secrets.c - what all front ends of a store must share: the key of tokens, and that which webhooks are signed with. They lie
 * in the data folder, and in the store where others share it, whose first one brought them. */
#include "queue/private.h"

#include "base/file.h"

#include <sodium.h>

static bn_status read_or_make(const char *path, bool keep, uint8_t *value, size_t size, bn_error *err)
{
    bn_buffer bytes;
    bn_buffer_init(&bytes, size);
    bn_status status = bn_file_read(path, &bytes, err);
    if (status == BIREFNET_ERROR_NOT_FOUND) {
        randombytes_buf(value, size);
        status = keep ? bn_file_write_private(path, value, size, err) : BIREFNET_OK;
    } else if (status == BIREFNET_OK && bytes.size != size) {
        status = bn_fail(err, BIREFNET_ERROR_FORMAT, "%s is not a key", path);
    } else if (status == BIREFNET_OK) {
        memcpy(value, bytes.data, size);
    }
    bn_buffer_free(&bytes);
    return status;
}

static bn_status open_secret(bn_jobs *jobs, const char *name, uint8_t *value, size_t size, bn_error *err)
{
    char path[3200];
    snprintf(path, sizeof path, "%s/%s.key", jobs->data_folder, name);
    BN_TRY(read_or_make(path, !jobs->store_address, value, size, err));
    return jobs->store_address ? bn_store_secret(jobs->store, name, value, size, err) : BIREFNET_OK;
}

bn_status bn_secrets_open(bn_jobs *jobs, bn_error *err)
{
    uint8_t seed[BN_SIGNER_SEED_BYTES];
    if (jobs->options.role == BN_ROLE_WORK) return BIREFNET_OK; /* needs neither */
    BN_TRY(open_secret(jobs, "token", jobs->token_key, sizeof jobs->token_key, err));
    const bn_status status = open_secret(jobs, "webhook", seed, sizeof seed, err);
    if (status == BIREFNET_OK) bn_signer_derive(&jobs->courier.signer, seed);
    sodium_memzero(seed, sizeof seed);
    return status;
}
