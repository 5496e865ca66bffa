/* error.c - filling the error struct that travels through all layers. */
#include "base/error.h"

#include "base/visible.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *birefnet_status_name(birefnet_status status)
{
    switch (status) {
    case BIREFNET_OK:
        return "ok";
    case BIREFNET_ERROR_ARGUMENT:
        return "argument";
    case BIREFNET_ERROR_MEMORY:
        return "memory";
    case BIREFNET_ERROR_NOT_FOUND:
        return "not_found";
    case BIREFNET_ERROR_IO:
        return "io";
    case BIREFNET_ERROR_FORMAT:
        return "format";
    case BIREFNET_ERROR_UNSUPPORTED:
        return "unsupported";
    case BIREFNET_ERROR_LIMIT:
        return "limit";
    case BIREFNET_ERROR_NETWORK:
        return "network";
    case BIREFNET_ERROR_CANCELLED:
        return "cancelled";
    case BIREFNET_ERROR_INTERNAL:
        return "internal";
    case BIREFNET_ERROR_DEVICE:
        return "device";
    }
    return "unknown";
}

/* Names of files, of tensors and words of options are whatever somebody wrote; the message is one line of UTF-8. */
static void make_one_line(bn_error *err)
{
    bn_make_visible(err->message, strlen(err->message));
}

bn_status bn_fail(bn_error *err, bn_status status, const char *format, ...)
{
    if (!err) return status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    make_one_line(err);
    err->status = status;
    return status;
}

bn_status bn_fail_errno(bn_error *err, int errno_value, const char *format, ...)
{
    const bn_status status = errno_value == ENOENT || errno_value == ENOTDIR ? BIREFNET_ERROR_NOT_FOUND
                             : errno_value == ENOMEM                         ? BIREFNET_ERROR_MEMORY
                                                                             : BIREFNET_ERROR_IO;
    if (!err) return status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    const size_t used = strlen(err->message);
    char text[128] = "";
    const char *words = strerror_r(errno_value, text, sizeof text);
    snprintf(err->message + used, sizeof err->message - used, ": %s", words);
    make_one_line(err);
    err->status = status;
    return status;
}

bn_status bn_fail_memory(bn_error *err, size_t bytes, const char *what)
{
    return bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot allocate %zu bytes for %s", bytes, what);
}

bn_status bn_error_prefix(bn_error *err, bn_status status, const char *format, ...)
{
    if (!err) return status;
    char context[512];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    const size_t length = strlen(context), room = sizeof err->message - length - 3;
    err->message[room] = '\0';
    memmove(err->message + length + 2, err->message, strlen(err->message) + 1);
    memcpy(err->message, context, length);
    memcpy(err->message + length, ": ", 2);
    make_one_line(err);
    return status;
}
