/* s3_answer.c - see s3_answer.h. */
#include "blobs/s3_answer.h"

#include "base/size.h"

#include <string.h>
#include <time.h>

/* Behind "<NAME>" or "<NAME ATTRIBUTES>"; NULL where there is no such element. */
static const char *find_element(const char *xml, const char *end, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = xml; (at = memchr(at, '<', (size_t)(end - at))) != NULL;) {
        at++;
        if ((size_t)(end - at) <= length || memcmp(at, name, length) != 0) continue;
        if (at[length] == '>') return at + length + 1;
        if (!strchr(" \t\r\n", at[length])) continue;
        const char *close = memchr(at, '>', (size_t)(end - at));
        return close && close[-1] != '/' ? close + 1 : NULL;
    }
    return NULL;
}

/* One character of a text; *at moves behind it. 0: none that is read here. */
static char read_character(const char **at, const char *end)
{
    static const struct {
        const char *entity;
        char means;
    } entities[] = {{"&quot;", '"'}, {"&amp;", '&'},   {"&lt;", '<'},
                    {"&gt;", '>'},   {"&apos;", '\''}, {"&#34;", '"'}};
    if (**at != '&') return (unsigned char)**at >= ' ' && **at != 0x7f ? *(*at)++ : '\0';
    for (size_t i = 0; i < BN_COUNT(entities); i++) {
        const size_t length = strlen(entities[i].entity);
        if ((size_t)(end - *at) < length || memcmp(*at, entities[i].entity, length) != 0) continue;
        *at += length;
        return entities[i].means;
    }
    return '\0';
}

bool bn_s3_text_of(const char *xml, size_t count, const char *name, char *out, size_t size)
{
    const char *end = xml + count, *at = count > 0 ? find_element(xml, end, name) : NULL;
    size_t used = 0;
    out[0] = '\0';
    if (!at) return false;
    while (at < end && *at != '<' && used + 1 < size) {
        const char c = read_character(&at, end);
        if (!c) break;
        out[used++] = c;
    }
    out[used] = '\0';
    const size_t length = strlen(name);
    const bool whole =
        (size_t)(end - at) >= length + 2 && memcmp(at, "</", 2) == 0 && memcmp(at + 2, name, length) == 0;
    if (!whole) out[0] = '\0';
    return whole;
}

long long bn_s3_read_date(const char *text)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return rest && !*rest ? (long long)timegm(&parts) : -1;
}
