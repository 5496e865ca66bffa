/* buffer.c - the capped growable buffer. */
#include "base/buffer.h"

#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bn_buffer_init(bn_buffer *buffer, size_t max_bytes)
{
    *buffer = (bn_buffer){.max_bytes = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1};
}

void bn_buffer_free(bn_buffer *buffer)
{
    free(buffer->data);
    bn_buffer_init(buffer, buffer->max_bytes);
}

bn_status bn_buffer_reserve(bn_buffer *buffer, size_t bytes, bn_error *err)
{
    if (bytes > buffer->max_bytes - buffer->size)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "more than the allowed %zu bytes", buffer->max_bytes);
    const size_t wanted = buffer->size + bytes;
    if (buffer->data && wanted <= buffer->capacity) return BIREFNET_OK;
    size_t capacity = buffer->capacity > buffer->max_bytes / 2 ? buffer->max_bytes : buffer->capacity * 2;
    capacity = BN_MIN(BN_MAX(BN_MAX(capacity, wanted), 256), buffer->max_bytes);
    uint8_t *grown = realloc(buffer->data, capacity + 1);
    if (!grown) return bn_fail_memory(err, capacity + 1, "a buffer");
    buffer->data = grown;
    buffer->capacity = capacity;
    buffer->data[buffer->size] = 0;
    return BIREFNET_OK;
}

bn_status bn_buffer_append(bn_buffer *buffer, const void *bytes, size_t count, bn_error *err)
{
    BN_TRY(bn_buffer_reserve(buffer, count, err));
    if (count) memcpy(buffer->data + buffer->size, bytes, count);
    buffer->size += count;
    buffer->data[buffer->size] = 0;
    return BIREFNET_OK;
}

bn_status bn_buffer_printf(bn_buffer *buffer, bn_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "cannot format a message");
    BN_TRY(bn_buffer_reserve(buffer, (size_t)length, err));
    va_start(args, format);
    vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, args);
    va_end(args);
    buffer->size += (size_t)length;
    return BIREFNET_OK;
}
