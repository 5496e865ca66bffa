/* webhook.h - signing and posting one webhook; when and how often is work for courier.c. */
#ifndef BN_NET_WEBHOOK_H
#define BN_NET_WEBHOOK_H

#include "base/buffer.h"

#include <stdbool.h>

/* The key pair, from a seed that is kept (queue/secrets.c). */
typedef struct bn_signer {
    uint8_t public_key[32], secret_key[64];
    char user_id[33]; /* what receivers get as the user: made with the key */
} bn_signer;

#define BN_SIGNER_SEED_BYTES 32
void bn_signer_derive(bn_signer *signer, const uint8_t seed[BN_SIGNER_SEED_BYTES]);
/* Append {"keys": [...]}. */
bn_status bn_signer_jwks(const bn_signer *signer, bn_buffer *out, bn_error *err);
/* Ed25519 over ID \n USER \n TIME \n hex(SHA-256(body)), in small hexadecimal digits. */
void bn_signer_sign(const bn_signer *signer, const char *request_id, const char *timestamp, const void *body,
                    size_t body_bytes, char signature[129]);

typedef enum bn_delivery {
    BN_DELIVERY_DONE = 0,
    BN_DELIVERY_AGAIN, /* later */
    BN_DELIVERY_NEVER, /* it makes no sense to try again */
} bn_delivery;

/* err says why it was not acknowledged. */
bn_delivery bn_webhook_post(const bn_signer *signer, const char *url, const char *request_id, int64_t now_ms,
                            const char *body, size_t body_bytes, int timeout_ms, bool public_only,
                            bool (*cancelled)(void *user), void *user, bn_error *err);

/* Milliseconds until the next attempt after so many have failed; 0 = give up. Ten retries over about two hours. */
int64_t bn_webhook_backoff_ms(int failed_attempts);

#endif
