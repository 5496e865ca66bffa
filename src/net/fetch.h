/* fetch.h - one HTTP exchange with an address that somebody else named: GET for photos, POST for webhooks.
 *
 * Redirects are followed here, not by libcurl, and every connection is checked when it is made, so that neither a redirect
 * nor a name that changes its address leads inside. */
#ifndef BN_NET_FETCH_H
#define BN_NET_FETCH_H

#include "base/buffer.h"

#include <stdbool.h>

typedef struct bn_web_options {
    bool allow_private; /* connect to addresses that are not public, too */
    bool use_proxies;   /* those of curl's environment variables; they connect for us, unchecked */
    int timeout_ms;     /* for the whole of it; 0 = as long as bytes come */
    int slow_ms;   /* below 1000 bytes a second for so long, once bytes come, it is given up; 0 = never */
    int redirects; /* followed at most; 0 = none: the answer is the redirect's */
    bool (*cancelled)(void *user); /* asked now and then; or NULL */
    void *user;
    /* Where set, a POST: */
    const char *post;
    size_t post_bytes;
    const char *const *headers; /* "Name: value"; ends with NULL */
} bn_web_options;

bool bn_is_web_url(const char *text); /* http:// or https:// */

/* Append the body to `out`, up to its maximum; *code (may be NULL) is the last answer's, as soon as its header section is
 * complete and whatever becomes of its body, else 0. NETWORK for everything that goes wrong on the way, answers of 400
 * and more (unless *code is asked for) and refused addresses; LIMIT, CANCELLED. */
bn_status bn_web_exchange(const char *url, const bn_web_options *options, bn_buffer *out, long *code,
                          bn_error *err);

#endif
