/* facts.h - what requests and files are called, and what is known of a file, from the store up to the routes. */
#ifndef BN_STORE_FACTS_H
#define BN_STORE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#define BN_REQUEST_ID_CHARS 37 /* a UUID and a zero */
#define BN_FILE_ID_CHARS    33 /* 32 small hexadecimal digits and a zero */
#define BN_FILE_NAME_CHARS  201
#define BN_FILE_TYPE_CHARS  101
#define BN_MODEL_CHARS      101
#define BN_OBJECT_CHARS     48 /* what the bytes of a file lie under, see blobs.h */

typedef enum bn_file_access {
    BN_FILE_ALLOW = 0,
    BN_FILE_HIDE,   /* as if it were not there */
    BN_FILE_FORBID, /* refused */
} bn_file_access;

typedef struct bn_file_facts {
    char id[BN_FILE_ID_CHARS];
    char name[BN_FILE_NAME_CHARS];  /* safe in a path and in a header field */
    char type[BN_FILE_TYPE_CHARS];  /* MIME type */
    uint64_t size;                  /* bytes */
    int64_t created_ms, expires_ms; /* since 1970; expires_ms 0 = never */
    bn_file_access access;
    char etag[36];                /* with its quotation marks */
    char object[BN_OBJECT_CHARS]; /* where its bytes lie; empty before they have come */
} bn_file_facts;

/* What of a mask its caller takes for sure: bn_sure of the image room, which the store and the routes do not know. */
typedef struct bn_sure_levels {
    bool used;
    int foreground, background, erode_px;
} bn_sure_levels;

#endif
