/* url.c - see url.h. The sets are those of the URL standard (url.spec.whatwg.org), sections 1.3 and 4.4. */
#include "net/url.h"

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

/* Where the host ends and path or query begin. */
static const char *end_of_authority(const char *url, const char *end)
{
    const char *mark = strstr(url, "://");
    const char *at = mark && mark < end ? mark + 3 : url;
    while (at < end && !strchr("/\\?#", *at)) at++;
    return at;
}

char *bn_url_escape(const char *url)
{
    static const char digits[] = "0123456789ABCDEF";
    while (is_blank(*url)) url++;
    const char *end = url + strlen(url);
    while (end > url && is_blank(end[-1])) end--;
    char *made = malloc(3 * (size_t)(end - url) + 1), *out = made;
    if (!made) return NULL;
    const char *path = end_of_authority(url, end);
    url_part part = AUTHORITY;
    for (const char *at = url; at < end; at++) {
        if (at == path) part = PATH;
        if (part != AUTHORITY && *at == '#') break;
        if (part != AUTHORITY && *at == '?') part = QUERY;
        if (is_dropped(*at)) continue;
        if (!is_escaped((uint8_t)*at, part)) {
            *out++ = *at == '\\' && part == PATH ? '/' : *at;
            continue;
        }
        *out++ = '%';
        *out++ = digits[(uint8_t)*at >> 4];
        *out++ = digits[(uint8_t)*at & 15];
    }
    *out = '\0';
    return made;
}
