/* s3_place.c - see s3_place.h. */
#include "blobs/s3_place.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789.-"

static bn_status fail(bn_error *err, const char *fault)
{
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "S3's address is s3://BUCKET/PREFIX?endpoint=URL: %s",
                   fault);
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* %XX becomes a byte. False where it does not fit, or a byte that may not stand in an address comes out. */
static bool unescape(const char *from, size_t count, char *to, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)from[i];
        if (c == '%' && i + 2 < count && digit(from[i + 1]) >= 0 && digit(from[i + 2]) >= 0) {
            c = (unsigned char)(digit(from[i + 1]) * 16 + digit(from[i + 2]));
            i += 2;
        }
        if (used + 1 >= size || c <= ' ' || c >= 0x7f) return false;
        to[used++] = (char)c;
    }
    to[used] = '\0';
    return true;
}

static bn_status read_value(bn_s3_place *place, const char *name, size_t name_length, const char *value,
                            size_t length, bool *has_style, bn_error *err)
{
    char style[8];
    if (name_length == 8 && memcmp(name, "endpoint", 8) == 0)
        return unescape(value, length, place->endpoint, sizeof place->endpoint) && place->endpoint[0]
                   ? BIREFNET_OK
                   : fail(err, "the endpoint is too long or holds what may not stand there");
    if (name_length == 6 && memcmp(name, "region", 6) == 0)
        return unescape(value, length, place->region, sizeof place->region) && place->region[0] &&
                       !strchr(place->region, '/')
                   ? BIREFNET_OK
                   : fail(err, "the region is none");
    if (name_length != 5 || memcmp(name, "style", 5) != 0)
        return fail(err, "only endpoint, region and style may stand behind the question mark");
    *has_style = unescape(value, length, style, sizeof style);
    place->path_style = *has_style && strcmp(style, "path") == 0;
    if (*has_style && (place->path_style || strcmp(style, "host") == 0)) return BIREFNET_OK;
    return fail(err, "style is path or host");
}

static bn_status read_query(bn_s3_place *place, const char *query, bool *has_style, bn_error *err)
{
    while (*query) {
        const size_t length = strcspn(query, "&"), name_length = strcspn(query, "=&");
        if (name_length == length && length > 0) return fail(err, "a value is missing behind a name");
        if (length > 0)
            BN_TRY(read_value(place, query, name_length, query + name_length + 1, length - name_length - 1,
                              has_style, err));
        query += length + (query[length] == '&');
    }
    return BIREFNET_OK;
}

/* "https://HOST[:PORT]", where nothing may stand behind but a slash. */
static bn_status read_endpoint(bn_s3_place *place, bn_error *err)
{
    char given[sizeof place->endpoint];
    memcpy(given, place->endpoint, sizeof given);
    const bool secure = strncasecmp(given, "https://", 8) == 0;
    if (!secure && strncasecmp(given, "http://", 7) != 0)
        return fail(err, "the endpoint begins with https:// or http://");
    char *host = given + (secure ? 8 : 7);
    size_t length = strlen(host);
    if (length > 0 && host[length - 1] == '/') host[--length] = '\0';
    if (length == 0 || strcspn(host, "/?#@\\\"<>") != length)
        return fail(err, "the endpoint is a scheme, a host and perhaps a port");
    const char *bucket = place->path_style ? "" : place->bucket, *dot = place->path_style ? "" : ".";
    const int used = snprintf(place->host, sizeof place->host, "%s%s%s", bucket, dot, host);
    const int all = snprintf(place->endpoint, sizeof place->endpoint, "%s%s%s%s",
                             secure ? "https://" : "http://", bucket, dot, host);
    if (used < (int)sizeof place->host && all < (int)sizeof place->endpoint) return BIREFNET_OK;
    return fail(err, "the endpoint is too long");
}

static bn_status read_bucket(bn_s3_place *place, const char *address, size_t length, bn_error *err)
{
    const size_t name = strcspn(address, "/?");
    if (name < 3 || name >= sizeof place->bucket || strspn(address, NAME_CHARS) < name)
        return fail(err, "a bucket has 3 to 63 small letters, digits, dots and hyphens");
    memcpy(place->bucket, address, name);
    const char *prefix = address + name;
    size_t left = length - name;
    while (left > 0 && *prefix == '/') prefix++, left--;
    while (left > 0 && prefix[left - 1] == '/') left--;
    if (left == 0) return BIREFNET_OK;
    if (!unescape(prefix, left, place->prefix, sizeof place->prefix - 1))
        return fail(err, "the prefix is too long or holds what may not stand there");
    if (strstr(place->prefix, "//") || strstr(place->prefix, "./"))
        return fail(err, "the prefix has parts that are empty or dots");
    strcat(place->prefix, "/");
    return BIREFNET_OK;
}

bn_status bn_s3_place_parse(const char *address, bn_s3_place *place, bn_error *err)
{
    bool has_style = false;
    *place = (bn_s3_place){.region = "us-east-1"};
    if (strncmp(address, "//", 2) != 0) return fail(err, "two slashes are missing");
    address += 2;
    const size_t length = strcspn(address, "?");
    BN_TRY(read_bucket(place, address, length, err));
    BN_TRY(read_query(place, address + length + (address[length] == '?'), &has_style, err));
    if (!has_style) place->path_style = place->endpoint[0] != '\0';
    if (!place->endpoint[0])
        snprintf(place->endpoint, sizeof place->endpoint, "https://s3.%s.amazonaws.com", place->region);
    return read_endpoint(place, err);
}

void bn_s3_place_path(const bn_s3_place *place, const char *object, char *path, size_t size)
{
    snprintf(path, size, "%s%s%s%s%s", place->path_style ? "/" : "", place->path_style ? place->bucket : "",
             object || !place->path_style ? "/" : "", object ? place->prefix : "", object ? object : "");
}
