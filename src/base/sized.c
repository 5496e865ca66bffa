/* sized.c - see sized.h. */
#include "base/sized.h"

#include "base/size.h"

#include <string.h>

#define MAX_BYTES 4096 /* of options of any version: more is memory that nobody filled */

bn_status bn_sized_read(void *to, size_t to_bytes, const void *from, size_t first_bytes, bn_error *err)
{
    size_t bytes;
    if (!from) return BIREFNET_OK;
    memcpy(&bytes, from, sizeof bytes);
    if (bytes == 0) bytes = first_bytes;
    if (bytes < sizeof bytes || bytes > MAX_BYTES)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "options of %zu bytes: their `size` is 0 or sizeof, as the _default function sets it",
                       bytes);
    for (size_t i = to_bytes; i < bytes; i++)
        if (((const unsigned char *)from)[i])
            return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                           "options of %zu bytes, made for a newer library than this one (" BN_VERSION
                           "), which knows %zu of them",
                           bytes, to_bytes);
    memcpy(to, from, BN_MIN(bytes, to_bytes));
    memcpy(to, &to_bytes, sizeof to_bytes);
    return BIREFNET_OK;
}

void bn_sized_write(void *to, size_t to_bytes, const void *from, size_t from_bytes)
{
    memset(to, 0, to_bytes);
    memcpy(to, from, BN_MIN(to_bytes, from_bytes));
}
