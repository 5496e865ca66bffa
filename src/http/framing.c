/* framing.c - the header fields that decide where a body ends and the next request begins. */
#include "http/private.h"

#include <string.h>
#include <strings.h>

/* Anything that two readers could read differently is not read at all. */
typedef struct framing {
    int lengths, codings, hosts;
    bool bad;
    uint64_t length;
    const char *next; /* where the next line must begin, in libmicrohttpd's buffer */
} framing;

/* libmicrohttpd before 1.0 ends a value at a NUL byte and the whole section at a line that begins with one, puts a folded
 * line behind the field's name, and takes a bare CR or LF for the end of a line; nothing of it can be seen in the fields
 * that it hands out. But they lie in its buffer one behind the other, as they came, with zeros instead of colons and line
 * ends: so every byte of the header section must be accounted for. Newer versions refuse all of this themselves. */
static bool must_account(void)
{
    return *MHD_get_version() == '0';
}

/* A line end was there: two zeros now. */
static bool take_line_end(framing *seen, const char *end)
{
    seen->next = end + 2;
    return end[0] == '\0' && end[1] == '\0';
}

static bool account_line(framing *seen, const bn_http_request *request, const char *method,
                         const char *version)
{
    const char *target = request->private->line;
    return target == method + strlen(method) + 1 && version == target + strlen(request->target) + 1 &&
           take_line_end(seen, version + strlen(version));
}

static bool account(framing *seen, const char *name, const char *value)
{
    if (name != seen->next || !value) return false;
    const char *start = name + strlen(name) + 1;
    while (*start == ' ' || *start == '\t') start++;
    return value == start && take_line_end(seen, value + strlen(value));
}

/* Behind the last field stands the empty line, and that was all. */
static bool account_end(framing *seen, struct MHD_Connection *connection, const char *method)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!take_line_end(seen, seen->next)) return false;
    return info && info->header_size == (size_t)(seen->next - method);
}

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
    if (!is_token(name) || (seen->next && !seen->bad && !account(seen, name, value))) seen->bad = true;
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

bool bn_framing_read(bn_http_request *request, struct MHD_Connection *connection, const char *method,
                     const char *version)
{
    framing seen = {0};
    const bool accounts = must_account();
    if (accounts) seen.bad = !account_line(&seen, request, method, version);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_field, &seen);
    const bool newest = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
    if (seen.bad || seen.lengths > 1 || seen.codings > 1 || seen.hosts > 1) return false;
    if (accounts && !account_end(&seen, connection, method)) return false;
    if (seen.lengths && seen.codings) return false;
    if (newest && !seen.hosts) return false;
    if (!newest && seen.codings) return false;
    if (seen.lengths) request->content_length = seen.length;
    /* libmicrohttpd takes an LF alone for the end of a chunk's line, and shows us none: where others see the body's end
     * elsewhere, what stands there must not be read as a request */
    request->reply.close = seen.codings > 0;
    if (!seen.lengths && !seen.codings) {
        request->content_length = 0;
        /* some senders mean a body all the same: whatever follows is not read as a request */
        request->reply.close = request->method != BN_METHOD_GET && request->method != BN_METHOD_HEAD &&
                               request->method != BN_METHOD_OPTIONS;
    }
    return true;
}
