/* s3_http.h - requests to one bucket: signed, over a few connections that are kept, tried again within a deadline, and
 * what their failures mean. */
#ifndef BN_BLOBS_S3_HTTP_H
#define BN_BLOBS_S3_HTTP_H

#include "blobs/s3_place.h"
#include "blobs/s3_sign.h"

#include <stdint.h>

#define BN_S3_ETAG_CHARS   100
#define BN_S3_ANSWER_BYTES 16384 /* of an answer in XML, at most */
#define BN_S3_CONNECTIONS  16

typedef struct bn_s3 bn_s3;

typedef struct bn_s3_options {
    const char *credentials_file; /* NULL: the environment's AWS_ACCESS_KEY_ID and so on */
    int deadline_ms;              /* of a call with all its tries */
    int connect_ms;
    int slow_s; /* below 1 KB/s for so long, a try is given up */
} bn_s3_options;

/* One call. What is not set is 0. */
typedef struct bn_s3_call {
    const char *method;
    const char *object; /* NULL: the bucket */
    bn_s3_pair query[4], headers[2];
    size_t query_count, header_count;
    const void *body;
    size_t body_bytes;
    int deadline_ms; /* instead of the usual one */
    void *into;      /* where the answer's body goes; longer ones are a failure */
    size_t room;
    /* the answer */
    size_t got;
    long code;
    uint64_t size;               /* of the whole object, where the answer says it */
    char etag[BN_S3_ETAG_CHARS]; /* as it came, with quotation marks */
    char fault[64];              /* S3's word for what is wrong, "NoSuchUpload"; or "" */
} bn_s3_call;

bn_status bn_s3_open(const bn_s3_place *place, const bn_s3_options *options, bn_s3 **s3, bn_error *err);
void bn_s3_close(bn_s3 **s3);
/* Calls end soon, those under way too, with IO. */
void bn_s3_stop(bn_s3 *s3);

/* NOT_FOUND: no such object. ARGUMENT: what an operator has to put right (bucket, region, key, permission, endpoint). IO:
 * S3 did not answer, or had a fault, until the deadline. */
bn_status bn_s3_do(bn_s3 *s3, bn_s3_call *call, bn_error *err);
/* An address that anybody may use for so many seconds. */
bn_status bn_s3_link(bn_s3 *s3, bn_s3_request *request, const char *object, int seconds, char *url,
                     size_t size, bn_error *err);
const bn_s3_place *bn_s3_get_place(const bn_s3 *s3);

/* For tests: as if this machine's clock went wrong. */
void bn_s3_shift_clock(bn_s3 *s3, int seconds);

#endif
