/* target.h - what a request asks for, before any route is known: which of the service's hosts it means, its path in
 * segments, its query, and the addresses that the answer has to be written with. Pure text work; fuzzed. */
#ifndef BN_API_TARGET_H
#define BN_API_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* The hosts that the service's clients believe they talk to. */
typedef enum bn_host {
    BN_HOST_ANY = 0, /* nothing says which: the path decides */
    BN_HOST_RUN,     /* fal.run: answer when done */
    BN_HOST_QUEUE,   /* queue.fal.run */
    BN_HOST_REST,    /* rest.fal.ai: uploads are begun here, tokens, signing keys */
    BN_HOST_CDN,     /* v3.fal.media: files */
    BN_HOST_SITE,    /* fal.ai: the published OpenAPI document */
    BN_HOST_PROXY,   /* our path /api/fal/proxy without a target: always refused */
} bn_host;

#define BN_TARGET_MAX_BYTES 8192
#define BN_TARGET_SEGMENTS  12
#define BN_TARGET_QUERIES   24
#define BN_BASE_MAX_BYTES   320

typedef struct bn_query {
    const char *name, *value; /* decoded; point into the target */
} bn_query;

typedef struct bn_target {
    bn_host host;
    size_t segment_count;
    const char *segments[BN_TARGET_SEGMENTS]; /* decoded, none empty */
    bool slash;                               /* the path goes on with a slash behind the last of them */
    size_t query_count;
    bn_query queries[BN_TARGET_QUERIES];
    char queue_base
        [BN_BASE_MAX_BYTES]; /* "http://127.0.0.1:8080/queue": what status and result are written with */
    char file_base[BN_BASE_MAX_BYTES];  /* what files and uploads are written with */
    char text[2 * BN_TARGET_MAX_BYTES]; /* decoded path and query */
} bn_target;

/* The service's host of that name, which may be followed by a port; BN_HOST_ANY where it is none of them. */
bn_host bn_host_of(const char *authority, size_t length);
bool bn_is_host_of_service(const char *authority, size_t length);
/* All names that bn_host_of knows, one after the other; NULL behind the last. */
const char *bn_host_name(size_t index);

/* What the request line and header fields say. All may be NULL but `line`. */
typedef struct bn_target_source {
    const char *line;       /* the request target as it came: "/path?query", or absolute */
    const char *host;       /* Host */
    const char *target_url; /* x-fal-target-url */
    const char *public_url; /* the operator's: overrides scheme and authority of the listener */
    bool tls;
} bn_target_source;

typedef enum bn_target_result {
    BN_TARGET_OK = 0,
    BN_TARGET_BAD,     /* not a target: broken percent signs, control bytes, a host that is none */
    BN_TARGET_LONG,    /* longer than the limits above */
    BN_TARGET_FOREIGN, /* x-fal-target-url names a host that is not the service's */
} bn_target_result;

bn_target_result bn_target_parse(const bn_target_source *source, bn_target *target);

/* NULL where there is none. */
const char *bn_target_query(const bn_target *target, const char *name);

/* The segments from `first` on, each with a slash in front: "/v2/nope". Cut to fit. */
void bn_target_path(const bn_target *target, size_t first, char *path, size_t size);

/* Decode %XX of text[0 .. length) into out (length + 1 bytes at most), and + as a space where `plus`. False for a broken
 * escape or a decoded byte below 0x20 or 0x7f. *used, when given, is the bytes written with the closing zero. */
bool bn_percent_decode(const char *text, size_t length, bool plus, char *out, size_t *used);

#endif
