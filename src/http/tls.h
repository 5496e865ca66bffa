/* tls.h - certificates: read from files, or made by a private authority in the data folder. */
#ifndef BN_HTTP_TLS_H
#define BN_HTTP_TLS_H

#include "base/buffer.h"

typedef struct bn_certificate {
    bn_buffer chain, key; /* PEM texts */
} bn_certificate;

void bn_certificate_free(bn_certificate *certificate);

bn_status bn_certificate_read(const char *chain_file, const char *key_file, bn_certificate *certificate,
                              bn_error *err);

/* Names that a certificate carries besides, by number; NULL behind the last. */
typedef const char *(*bn_name_at)(size_t index);

/* FOLDER/ca.pem and FOLDER/server.pem with their keys: made where they are not there, the server's again when it is
 * about to expire or lacks one of the names. `host` is what the server listens at. bundle receives the path of a file
 * with the system's authorities and ours, for clients that take one file (SSL_CERT_FILE). */
bn_status bn_certificate_make(const char *folder, const char *host, bn_name_at name_at,
                              bn_certificate *certificate, char bundle[1024], bn_error *err);

#endif
