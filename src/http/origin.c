/* origin.c - see origin.h. */
#include "http/origin.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 256

/* What stands behind "scheme://", up to the path; NULL where there is no scheme. */
static const char *authority_of(const char *url, size_t *length)
{
    const char *start = strstr(url, "://");
    if (!start) return NULL;
    start += 3;
    *length = strcspn(start, "/?#");
    return start;
}

static bool same_text(const char *a, const char *b, size_t length)
{
    return strlen(b) == length && strncasecmp(a, b, length) == 0;
}

/* Without port and brackets; empty where it is too long. */
static void name_of(const char *host, char name[NAME_MAX_BYTES])
{
    const bool bracket = *host == '[';
    const char *start = bracket ? host + 1 : host;
    const size_t length = strcspn(start, bracket ? "]" : ":");
    snprintf(name, NAME_MAX_BYTES, "%.*s", length < NAME_MAX_BYTES ? (int)length : 0, start);
}

bool bn_host_is_ours(const char *host, const char *public_url)
{
    static const char local[] = ".localhost";
    char name[NAME_MAX_BYTES];
    struct in6_addr address;
    size_t length;
    if (!host) return false;
    const char *ours = public_url ? authority_of(public_url, &length) : NULL;
    if (ours && same_text(ours, host, length)) return true;
    name_of(host, name);
    if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1) return true;
    const size_t size = strlen(name);
    return strcasecmp(name, local + 1) == 0 ||
           (size > sizeof local - 1 && strcasecmp(name + size - (sizeof local - 1), local) == 0);
}

bool bn_is_foreign_page(const bn_origin_source *source)
{
    const char *site = source->site;
    size_t length = 0;
    if (site && (strcasecmp(site, "cross-site") == 0 || strcasecmp(site, "same-site") == 0)) return true;
    if (!source->origin) return false;
    const char *authority = authority_of(source->origin, &length); /* "null" has none */
    if (!authority) return true;
    const char *ours = source->public_url ? strstr(source->public_url, "://") : NULL;
    if (ours && strcspn(ours + 3, "/?#") == length && strncasecmp(ours + 3, authority, length) == 0)
        return false;
    return !source->host || !same_text(authority, source->host, length) ||
           !bn_host_is_ours(source->host, source->public_url);
}
