/* url.c - see url.h. The sets are those of the URL standard (url.spec.whatwg.org), sections 1.3 and 4.4. */
#include "net/url.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c > '\0' && c <= ' ';
}

static bool is_dropped(char c)
{
    return c == '\t' || c == '\n' || c == '\r';
}

typedef enum url_part { AUTHORITY, PATH, QUERY } url_part;

/* Whether a byte must be written as %XX. Names of hosts may have letters of any language: libcurl knows what to do. */
static bool is_escaped(uint8_t byte, url_part part)
{
    if (byte <= ' ' || byte == 0x7f) return true;
    if (part == AUTHORITY) return false;
    return byte > 0x7f || strchr(part == QUERY ? "\"<>'" : "\"<>`{}^", byte) != NULL;
}

/* Where the host ends and path or query begin: behind scheme, colon and slashes, which may be the wrong ones. */
static const char *end_of_authority(const char *url)
{
    const char *at = url;
    while (isalnum((unsigned char)*at) || (*at && strchr("+-.", *at))) at++;
    if (*at == ':' && strspn(at + 1, "/\\") >= 2) url = at + 3;
    return url + strcspn(url, "/\\?#");
}

static void escape(const char *url, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *path = end_of_authority(url);
    url_part part = AUTHORITY;
    for (const char *at = url; *at; at++) {
        if (at == path) part = PATH;
        if (part != AUTHORITY && *at == '#') break;
        if (part != AUTHORITY && *at == '?') part = QUERY;
        if (!is_escaped((uint8_t)*at, part)) {
            *out++ = *at == '\\' && part != QUERY ? '/' : *at;
            continue;
        }
        *out++ = '%';
        *out++ = digits[(uint8_t)*at >> 4];
        *out++ = digits[(uint8_t)*at & 15];
    }
    *out = '\0';
}

char *bn_url_escape(const char *url)
{
    while (is_blank(*url)) url++;
    const char *end = url + strlen(url);
    while (end > url && is_blank(end[-1])) end--;
    const size_t length = (size_t)(end - url);
    char *clean = malloc(length + 1), *made = malloc(3 * length + 1), *out = clean;
    if (clean && made) {
        for (; url < end; url++)
            if (!is_dropped(*url)) *out++ = *url;
        *out = '\0';
        escape(clean, made);
    } else {
        free(made);
        made = NULL;
    }
    free(clean);
    return made;
}
