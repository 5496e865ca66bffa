/* framing.c - the header fields that decide where a body ends and the next request begins. */
#include "http/private.h"

#include <string.h>
#include <strings.h>

/* Anything that two readers could read differently is not read at all. */
typedef struct framing {
    int lengths, codings, hosts;
    bool bad;
    uint64_t length;
} framing;

static bool whole_number(const char *text, uint64_t *number)
{
    uint64_t sum = 0;
    if (*text == '\0') return false;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*c - '0'), &sum))
            return false;
    }
    *number = sum;
    return true;
}

static bool is_token(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *c))
            return false;
    return *name != '\0';
}

static enum MHD_Result look_at_field(void *user, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    framing *seen = user;
    const char *text = value ? value : "";
    if (!is_token(name)) seen->bad = true;
    for (const char *c = text; *c; c++)
        if (*c == '\r' || *c == '\n') seen->bad = true;
    if (strcasecmp(name, "content-length") == 0) {
        seen->lengths++;
        if (!whole_number(text, &seen->length)) seen->bad = true;
    } else if (strcasecmp(name, "transfer-encoding") == 0) {
        seen->codings++;
        if (strcasecmp(text, "chunked") != 0) seen->bad = true;
    } else if (strcasecmp(name, "host") == 0) {
        seen->hosts++;
    }
    return MHD_YES;
}

bool bn_framing_read(bn_http_request *request, struct MHD_Connection *connection, const char *version)
{
    framing seen = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_field, &seen);
    const bool newest = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
    if (seen.bad || seen.lengths > 1 || seen.codings > 1 || seen.hosts > 1) return false;
    if (seen.lengths && seen.codings) return false;
    if (newest && !seen.hosts) return false;
    if (!newest && seen.codings) return false;
    if (seen.lengths) request->content_length = seen.length;
    if (!seen.lengths && !seen.codings) {
        request->content_length = 0;
        /* libmicrohttpd loses a length on a folded line: whatever follows is not read as a request */
        request->reply.close = request->method != BN_METHOD_GET && request->method != BN_METHOD_HEAD &&
                               request->method != BN_METHOD_OPTIONS;
    }
    return true;
}
