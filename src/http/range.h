/* range.h - one byte range of a file (RFC 9110, section 14). Fuzzed. */
#ifndef BN_HTTP_RANGE_H
#define BN_HTTP_RANGE_H

#include <stdint.h>

typedef enum bn_range_result {
    BN_RANGE_NONE = 0, /* not a range we serve: the whole file is the answer */
    BN_RANGE_PART,
    BN_RANGE_OUTSIDE, /* 416 */
} bn_range_result;

/* text: the Range field or NULL; several ranges count as none. */
bn_range_result bn_range_parse(const char *text, uint64_t file_bytes, uint64_t *offset, uint64_t *bytes);

#endif
