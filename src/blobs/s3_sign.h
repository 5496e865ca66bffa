/* s3_sign.h - AWS Signature Version 4 for S3, in a header and in an address. Pure: no clock, no network, no memory of its
 * own but the caller's buffers.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html */
#ifndef BN_BLOBS_S3_SIGN_H
#define BN_BLOBS_S3_SIGN_H

#include "base/error.h"

#include <stddef.h>
#include <time.h>

#define BN_S3_TARGET_BYTES 6144 /* path and query as they are sent */
#define BN_S3_PAIRS        12   /* of one request, what signing adds included */
#define BN_S3_UNSIGNED     "UNSIGNED-PAYLOAD"

typedef struct bn_s3_credentials {
    char key_id[160], secret[200], token[2100]; /* token: of temporary ones, else empty */
} bn_s3_credentials;

typedef struct bn_s3_pair {
    const char *name, *value;
} bn_s3_pair;

/* What is to be signed. Path and query are not escaped yet: signing does it. */
typedef struct bn_s3_request {
    const char *method; /* "GET" */
    const char *host;   /* as the Host field says it */
    const char *path;   /* "/bucket/object" */
    bn_s3_pair query[BN_S3_PAIRS];
    size_t query_count;
    bn_s3_pair headers[BN_S3_PAIRS]; /* names in small letters; besides those of signing */
    size_t header_count;
    const char *payload; /* SHA-256 in hexadecimal digits, or BN_S3_UNSIGNED */
} bn_s3_request;

typedef struct bn_s3_signed {
    char target[BN_S3_TARGET_BYTES]; /* path and query, escaped */
    char date[17];                   /* the field x-amz-date; "" in an address */
    char authorization[700];         /* the field Authorization; "" in an address */
} bn_s3_signed;

/* SHA-256 in hexadecimal digits, as bn_s3_request wants it. */
void bn_s3_hash(const void *bytes, size_t count, char hex[65]);

/* With fields: date, authorization, x-amz-content-sha256 (the payload) and, where there is one, x-amz-security-token (the
 * token) go with the request. LIMIT where something is too long to be signed. */
bn_status bn_s3_sign(const bn_s3_request *request, const bn_s3_credentials *credentials, const char *region,
                     time_t now, bn_s3_signed *out, bn_error *err);
/* In the address: whoever has it may send the request without headers for so many seconds. The payload is not signed. */
bn_status bn_s3_presign(const bn_s3_request *request, const bn_s3_credentials *credentials,
                        const char *region, time_t now, int seconds, bn_s3_signed *out, bn_error *err);

#endif
