/* range.c - reading a Range field. */
#include "http/range.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Digits at *text; false where there are none or too many. */
static bool read_number(const char **text, uint64_t *number)
{
    const char *c = *text;
    uint64_t sum = 0;
    for (; *c >= '0' && *c <= '9'; c++)
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, (uint64_t)(*c - '0'), &sum))
            return false;
    if (c == *text) return false;
    *text = c;
    *number = sum;
    return true;
}

bn_range_result bn_range_parse(const char *text, uint64_t file_bytes, uint64_t *offset, uint64_t *bytes)
{
    if (!text || strncasecmp(text, "bytes=", 6) != 0) return BN_RANGE_NONE;
    const char *at = text + 6;
    uint64_t first = 0, last = 0;
    if (*at == '-') { /* the last so many */
        at++;
        if (!read_number(&at, &last) || *at != '\0') return BN_RANGE_NONE;
        if (last == 0 || file_bytes == 0) return BN_RANGE_OUTSIDE;
        *bytes = last < file_bytes ? last : file_bytes;
        *offset = file_bytes - *bytes;
        return BN_RANGE_PART;
    }
    if (!read_number(&at, &first) || *at++ != '-') return BN_RANGE_NONE;
    const bool open = *at == '\0';
    if (!open && (!read_number(&at, &last) || *at != '\0' || last < first)) return BN_RANGE_NONE;
    if (first >= file_bytes) return BN_RANGE_OUTSIDE;
    if (open || last >= file_bytes) last = file_bytes - 1;
    *offset = first;
    *bytes = last - first + 1;
    return BN_RANGE_PART;
}
