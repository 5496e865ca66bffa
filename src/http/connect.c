/* connect.c - reads "CONNECT HOST:443 HTTP/1.1", its fields and the empty line. */
#include "http/connect.h"

#include <string.h>

/* Where the empty line ends, 0 where it has not come. Lines end with CR LF or, from old clients, LF. */
static size_t find_end(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != '\n') continue;
        if (i + 1 < count && bytes[i + 1] == '\n') return i + 2;
        if (i + 2 < count && bytes[i + 1] == '\r' && bytes[i + 2] == '\n') return i + 3;
    }
    return 0;
}

/* The first word of the line and what is behind its space; NULL where there is no space. */
static const char *next_word(const char *text, const char *end, size_t *length)
{
    const char *space = memchr(text, ' ', (size_t)(end - text));
    if (!space || space == text) return NULL;
    *length = (size_t)(space - text);
    return space + 1;
}

static bn_connect_result read_line(const char *line, const char *end, bn_host_check is_known)
{
    static const char method[] = "CONNECT", port[] = ":443", version[] = "HTTP/1.";
    size_t length = 0;
    const char *authority = next_word(line, end, &length);
    if (!authority) return BN_CONNECT_BAD;
    const size_t method_length = length;
    const char *rest = next_word(authority, end, &length);
    if (!rest || (size_t)(end - rest) != sizeof version || memcmp(rest, version, sizeof version - 1) != 0)
        return BN_CONNECT_BAD;
    if (method_length != sizeof method - 1 || memcmp(line, method, method_length) != 0)
        return BN_CONNECT_METHOD;
    const size_t port_length = sizeof port - 1;
    if (length <= port_length || memcmp(authority + length - port_length, port, port_length) != 0)
        return BN_CONNECT_FOREIGN;
    return is_known(authority, length - port_length) ? BN_CONNECT_OK : BN_CONNECT_FOREIGN;
}

bn_connect_result bn_connect_parse(const char *bytes, size_t count, bn_host_check is_known,
                                   size_t *head_bytes)
{
    *head_bytes = 0;
    const size_t end = find_end(bytes, count);
    if (end == 0) return count < BN_CONNECT_HEAD_MAX_BYTES ? BN_CONNECT_MORE : BN_CONNECT_LONG;
    const char *line_end = memchr(bytes, '\n', end);
    if (line_end > bytes && line_end[-1] == '\r') line_end--;
    const bn_connect_result result = read_line(bytes, line_end, is_known);
    if (result == BN_CONNECT_OK) *head_bytes = end;
    return result;
}
