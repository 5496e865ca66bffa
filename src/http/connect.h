/* connect.h - the head of a CONNECT request: which host a client wants to be led to. Pure text work; fuzzed. */
#ifndef BN_HTTP_CONNECT_H
#define BN_HTTP_CONNECT_H

#include <stdbool.h>
#include <stddef.h>

#define BN_CONNECT_HEAD_MAX_BYTES 8192

typedef enum bn_connect_result {
    BN_CONNECT_OK = 0,
    BN_CONNECT_MORE,    /* the head is not complete */
    BN_CONNECT_BAD,     /* no HTTP, or no authority in it */
    BN_CONNECT_METHOD,  /* HTTP, but another method */
    BN_CONNECT_FOREIGN, /* a host that the caller does not know, or a port other than 443 */
    BN_CONNECT_LONG,    /* BN_CONNECT_HEAD_MAX_BYTES and no end yet */
} bn_connect_result;

/* Whether clients are led to a host of this name. */
typedef bool (*bn_host_check)(const char *name, size_t length);

/* Read what has come so far. *head_bytes: how long the head is, with its empty line; 0 unless OK. */
bn_connect_result bn_connect_parse(const char *bytes, size_t count, bn_host_check is_known,
                                   size_t *head_bytes);

#endif
