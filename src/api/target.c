/* target.c - from request line, Host and x-fal-target-url to host, segments and query. */
#include "api/target.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    bn_host host;
} known_hosts[] = {
    {"fal.run", BN_HOST_RUN},         {"falrun.com", BN_HOST_RUN},
    {"queue.fal.run", BN_HOST_QUEUE}, {"queue.falrun.com", BN_HOST_QUEUE},
    {"rest.fal.ai", BN_HOST_REST},    {"rest.alpha.fal.ai", BN_HOST_REST},
    {"v3.fal.media", BN_HOST_CDN},    {"v3b.fal.media", BN_HOST_CDN},
    {"fal.media", BN_HOST_CDN},       {"fal.ai", BN_HOST_SITE},
};

static const struct {
    const char *segment;
    bn_host host;
} prefixes[] = {{"run", BN_HOST_RUN}, {"queue", BN_HOST_QUEUE}, {"rest", BN_HOST_REST}, {"cdn", BN_HOST_CDN}};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool bn_percent_decode(const char *text, size_t length, bool plus, char *out, size_t *used)
{
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '%') {
            if (i + 2 >= length) return false;
            const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return false;
            byte = (unsigned char)(16 * high + low);
            i += 2;
        } else if (plus && byte == '+') {
            byte = ' ';
        }
        if (byte < 0x20 || byte == 0x7f) return false;
        out[written++] = (char)byte;
    }
    out[written++] = '\0';
    if (used) *used = written;
    return true;
}

/* An authority without user part: names, addresses in brackets, a port. */
static bool is_authority(const char *text, size_t length)
{
    if (length == 0 || length > 255) return false;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c != '\0' && strchr(".-_:[]", c) != NULL);
        if (!fine) return false;
    }
    return true;
}

bn_host bn_host_of(const char *authority, size_t length)
{
    const char *colon = memchr(authority, ':', length);
    const size_t name = colon ? (size_t)(colon - authority) : length;
    for (size_t i = 0; i < BN_COUNT(known_hosts); i++)
        if (strlen(known_hosts[i].name) == name && strncasecmp(known_hosts[i].name, authority, name) == 0)
            return known_hosts[i].host;
    return BN_HOST_ANY;
}

bool bn_is_host_of_service(const char *authority, size_t length)
{
    return bn_host_of(authority, length) != BN_HOST_ANY;
}

const char *bn_host_name(size_t index)
{
    return index < BN_COUNT(known_hosts) ? known_hosts[index].name : NULL;
}

/* Where "http://" or "https://" ends; NULL for anything else. */
static const char *after_scheme(const char *url, bool *tls)
{
    *tls = strncasecmp(url, "https://", 8) == 0;
    if (*tls) return url + 8;
    return strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

typedef struct split {
    const char *authority;
    size_t authority_length;
    const char *path; /* from the slash (or the ? or the end) on */
    bool tls;
} split;

static bool split_url(const char *url, split *parts)
{
    const char *authority = after_scheme(url, &parts->tls);
    if (!authority) return false;
    parts->authority = authority;
    parts->authority_length = strcspn(authority, "/?#");
    parts->path = authority + parts->authority_length;
    return is_authority(authority, parts->authority_length);
}

static bn_target_result split_path(bn_target *target, const char *path, size_t length, char **free_text)
{
    size_t at = 0;
    while (at < length) {
        if (path[at] == '/') {
            at++;
            continue;
        }
        size_t end = at;
        while (end < length && path[end] != '/') end++;
        if (target->segment_count == BN_TARGET_SEGMENTS) return BN_TARGET_LONG;
        size_t used = 0;
        if (!bn_percent_decode(path + at, end - at, false, *free_text, &used)) return BN_TARGET_BAD;
        target->segments[target->segment_count++] = *free_text;
        *free_text += used;
        at = end;
    }
    return BN_TARGET_OK;
}

static bn_target_result split_query(bn_target *target, const char *query, size_t length, char **free_text)
{
    size_t at = 0;
    while (at < length) {
        size_t end = at;
        while (end < length && query[end] != '&') end++;
        if (end > at) {
            if (target->query_count == BN_TARGET_QUERIES) return BN_TARGET_LONG;
            const char *equals = memchr(query + at, '=', end - at);
            const size_t name = equals ? (size_t)(equals - (query + at)) : end - at;
            bn_query *entry = &target->queries[target->query_count++];
            size_t used = 0;
            entry->name = *free_text;
            if (!bn_percent_decode(query + at, name, true, *free_text, &used)) return BN_TARGET_BAD;
            *free_text += used;
            entry->value = *free_text;
            const size_t skip = equals ? name + 1 : name;
            if (!bn_percent_decode(query + at + skip, end - at - skip, true, *free_text, &used))
                return BN_TARGET_BAD;
            *free_text += used;
        }
        at = end + 1;
    }
    return BN_TARGET_OK;
}

static void drop_first_segment(bn_target *target)
{
    target->segment_count--;
    memmove(target->segments, target->segments + 1, target->segment_count * sizeof *target->segments);
}

/* Write the bases: from the service's names where the client uses those, else from the listener's address. */
static void set_bases(const bn_target_source *source, const split *from, bool fal_name, bool prefixed,
                      bn_target *target)
{
    const char *scheme = from->tls ? "https" : "http";
    char listener[BN_BASE_MAX_BYTES - 8];
    if (source->public_url && *source->public_url)
        snprintf(listener, sizeof listener, "%s", source->public_url);
    else
        snprintf(listener, sizeof listener, "%s://%.*s", source->tls ? "https" : "http",
                 (int)BN_MIN(from->authority_length, (size_t)255), from->authority);
    const size_t end = strlen(listener);
    if (end > 0 && listener[end - 1] == '/') listener[end - 1] = '\0';
    if (fal_name)
        snprintf(target->queue_base, sizeof target->queue_base, "%s://queue.fal.run", scheme);
    else
        snprintf(target->queue_base, sizeof target->queue_base, "%s%s", listener, prefixed ? "/queue" : "");
    if (fal_name && !(source->public_url && *source->public_url))
        snprintf(target->file_base, sizeof target->file_base, "%s://v3.fal.media", scheme);
    else
        snprintf(target->file_base, sizeof target->file_base, "%s", listener);
}

/* Host names first, then the path prefix. */
static bool choose_host(bn_target *target, const split *from)
{
    target->host = bn_host_of(from->authority, from->authority_length);
    if (target->host != BN_HOST_ANY || target->segment_count == 0) return false;
    for (size_t i = 0; i < BN_COUNT(prefixes); i++) {
        if (strcmp(target->segments[0], prefixes[i].segment) != 0) continue;
        target->host = prefixes[i].host;
        drop_first_segment(target);
        return true;
    }
    return false;
}

static bool is_proxy_path(const bn_target *target)
{
    return target->segment_count == 3 && strcmp(target->segments[0], "api") == 0 &&
           strcmp(target->segments[1], "fal") == 0 && strcmp(target->segments[2], "proxy") == 0;
}

static bn_target_result parse_into(const bn_target_source *source, const char *path, const split *from,
                                   bn_target *target)
{
    const size_t length = strlen(path);
    if (length > BN_TARGET_MAX_BYTES - 64) return BN_TARGET_LONG;
    char *free_text = target->text;
    const size_t path_length = strcspn(path, "?#");
    bn_target_result result = split_path(target, path, path_length, &free_text);
    if (result != BN_TARGET_OK) return result;
    target->slash = target->segment_count > 0 && path[path_length - 1] == '/';
    if (path[path_length] == '?') {
        const char *query = path + path_length + 1;
        result = split_query(target, query, strcspn(query, "#"), &free_text);
        if (result != BN_TARGET_OK) return result;
    }
    const bool prefixed = choose_host(target, from);
    set_bases(source, from, target->host != BN_HOST_ANY && !prefixed, prefixed, target);
    return BN_TARGET_OK;
}

bn_target_result bn_target_parse(const bn_target_source *source, bn_target *target)
{
    memset(target, 0, offsetof(bn_target, text));
    const char *host = source->host && *source->host ? source->host : "localhost";
    split real = {
        .authority = host, .authority_length = strlen(host), .path = source->line, .tls = source->tls};
    if (source->line[0] != '/' && strcmp(source->line, "*") != 0 && !split_url(source->line, &real))
        return BN_TARGET_BAD;
    real.tls = source->tls;
    if (!is_authority(real.authority, real.authority_length)) return BN_TARGET_BAD;
    if (!source->target_url) {
        const bn_target_result result = parse_into(source, real.path, &real, target);
        if (result == BN_TARGET_OK && is_proxy_path(target)) target->host = BN_HOST_PROXY;
        return result;
    }
    split aim;
    if (!split_url(source->target_url, &aim)) return BN_TARGET_FOREIGN;
    if (bn_host_of(aim.authority, aim.authority_length) == BN_HOST_ANY) return BN_TARGET_FOREIGN;
    const bn_target_result result = parse_into(source, aim.path, &aim, target);
    if (result != BN_TARGET_OK) return result;
    /* files and uploads are not proxied: the client goes to them itself, at the listener's address */
    if (bn_host_of(real.authority, real.authority_length) == BN_HOST_ANY) {
        bn_target_source plain = *source;
        bn_target listener = {0};
        set_bases(&plain, &real, false, false, &listener);
        memcpy(target->file_base, listener.file_base, sizeof target->file_base);
    }
    return BN_TARGET_OK;
}

const char *bn_target_query(const bn_target *target, const char *name)
{
    for (size_t i = 0; i < target->query_count; i++)
        if (strcmp(target->queries[i].name, name) == 0) return target->queries[i].value;
    return NULL;
}

void bn_target_path(const bn_target *target, size_t first, char *path, size_t size)
{
    size_t used = 0;
    path[0] = '\0';
    for (size_t i = first; i < target->segment_count && used < size; i++)
        used += (size_t)snprintf(path + used, size - used, "/%s", target->segments[i]);
}
