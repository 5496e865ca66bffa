/* webhook.c - see webhook.h. */
#include "net/webhook.h"

#include "base/file.h"
#include "net/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the key ---- */

void bn_signer_derive(bn_signer *signer, const uint8_t seed[BN_SIGNER_SEED_BYTES])
{
    uint8_t digest[16];
    crypto_sign_seed_keypair(signer->public_key, signer->secret_key, seed);
    crypto_generichash(digest, sizeof digest, signer->public_key, sizeof signer->public_key, NULL, 0);
    sodium_bin2hex(signer->user_id, sizeof signer->user_id, digest, sizeof digest);
}

bn_status bn_signer_jwks(const bn_signer *signer, bn_buffer *out, bn_error *err)
{
    char x[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    sodium_bin2base64(x, sizeof x, signer->public_key, sizeof signer->public_key,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return bn_buffer_printf(
        out, err,
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\","
        "\"kid\":\"%.16s\",\"x\":\"%s\"}]}",
        signer->user_id, x);
}

void bn_signer_sign(const bn_signer *signer, const char *request_id, const char *timestamp, const void *body,
                    size_t body_bytes, char signature[129])
{
    uint8_t digest[crypto_hash_sha256_BYTES], raw[crypto_sign_BYTES];
    char hex[2 * crypto_hash_sha256_BYTES + 1], message[512];
    crypto_hash_sha256(digest, body, body_bytes);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    const int length =
        snprintf(message, sizeof message, "%s\n%s\n%s\n%s", request_id, signer->user_id, timestamp, hex);
    crypto_sign_detached(raw, NULL, (const uint8_t *)message, (unsigned long long)length, signer->secret_key);
    sodium_bin2hex(signature, 129, raw, sizeof raw);
}

/* ---- posting ---- */

bn_delivery bn_webhook_post(const bn_signer *signer, const char *url, const char *request_id, int64_t now_ms,
                            const char *body, size_t body_bytes, int timeout_ms, bool public_only,
                            bool (*cancelled)(void *user), void *user, bn_error *err)
{
    char timestamp[32], signature[129], lines[4][220];
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)(now_ms / 1000));
    bn_signer_sign(signer, request_id, timestamp, body, body_bytes, signature);
    snprintf(lines[0], sizeof lines[0], "X-Fal-Webhook-Request-Id: %s", request_id);
    snprintf(lines[1], sizeof lines[1], "X-Fal-Webhook-User-Id: %s", signer->user_id);
    snprintf(lines[2], sizeof lines[2], "X-Fal-Webhook-Timestamp: %s", timestamp);
    snprintf(lines[3], sizeof lines[3], "X-Fal-Webhook-Signature: %s", signature);
    const char *const headers[] = {lines[0],  lines[1], lines[2], lines[3], "Content-Type: application/json",
                                   "Expect:", /* a body without asking first */
                                   NULL};
    const bn_web_options options = {.allow_private = !public_only,
                                    .timeout_ms = timeout_ms,
                                    .cancelled = cancelled,
                                    .user = user,
                                    .post = body,
                                    .post_bytes = body_bytes,
                                    .headers = headers};
    bn_buffer reply;
    long code = 0;
    bn_buffer_init(&reply, 1u << 20); /* more is no acknowledgement worth reading */
    const bn_status status = bn_web_exchange(url, &options, &reply, &code, err);
    bn_buffer_free(&reply);
    if (code >= 200 && code < 300) return BN_DELIVERY_DONE;
    if (status == BIREFNET_OK) bn_fail(err, BIREFNET_ERROR_NETWORK, "the receiver answered %ld", code);
    return code >= 300 && code < 400 ? BN_DELIVERY_NEVER : BN_DELIVERY_AGAIN;
}

int64_t bn_webhook_backoff_ms(int failed_attempts)
{
    static const int seconds[] = {1, 5, 15, 30, 60, 150, 300, 900, 1800, 3600};
    if (failed_attempts < 1 || failed_attempts > (int)(sizeof seconds / sizeof *seconds)) return 0;
    return (int64_t)seconds[failed_attempts - 1] * 1000;
}
