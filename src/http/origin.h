/* origin.h - whether a web page sends a request, and whether that page is ours. Pure text work. */
#ifndef BN_HTTP_ORIGIN_H
#define BN_HTTP_ORIGIN_H

#include <stdbool.h>

/* What a browser says of where a request comes from. Programs that are no browsers send none of it. */
typedef struct bn_origin_source {
    const char *origin;     /* Origin; or NULL */
    const char *site;       /* Sec-Fetch-Site; or NULL */
    const char *host;       /* Host; or NULL */
    const char *public_url; /* the operator's; or NULL */
} bn_origin_source;

/* A name that no other site can have pointed at us: this machine's own, an address, or that of public_url. A page of
 * anybody's may reach us under a name of its own (DNS rebinding), and then is of one origin with us for its browser. */
bool bn_host_is_ours(const char *host, const char *public_url);

/* A page that is not this server's has sent it. */
bool bn_is_foreign_page(const bn_origin_source *source);

#endif
