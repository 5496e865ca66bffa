/* buffer.h - a growable byte buffer that must be told its maximum when it is made.
 *
 * Every buffer that something outside fills (a file, a socket, a pipe) is one of these: reaching the maximum is
 * an ordinary error, BIREFNET_ERROR_LIMIT. */
#ifndef BN_BASE_BUFFER_H
#define BN_BASE_BUFFER_H

#include "base/error.h"

typedef struct bn_buffer {
    uint8_t *data;    /* owned; NULL while empty; a zero byte always stands behind `size` */
    size_t size;      /* bytes in use */
    size_t capacity;  /* bytes allocated, less the closing zero */
    size_t max_bytes; /* never grows beyond */
} bn_buffer;

void bn_buffer_init(bn_buffer *buffer, size_t max_bytes);
void bn_buffer_free(bn_buffer *buffer); /* back to empty; the maximum stays */

/* Make room for `bytes` more. LIMIT or MEMORY; the content stays as it was on failure. */
bn_status bn_buffer_reserve(bn_buffer *buffer, size_t bytes, bn_error *err);
bn_status bn_buffer_append(bn_buffer *buffer, const void *bytes, size_t count, bn_error *err);
bn_status bn_buffer_printf(bn_buffer *buffer, bn_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
