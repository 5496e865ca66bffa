/* error.h - the one status enum and error struct of all layers (those of birefnet.h), and how to fill them.
 *
 * The layer that fails writes the message; callers on the way up may put their context in front of it. */
#ifndef BN_BASE_ERROR_H
#define BN_BASE_ERROR_H

#include "birefnet.h"

#include <stdarg.h>

typedef birefnet_status bn_status;
typedef birefnet_error bn_error;

/* Write status and a printf-style message into err (may be NULL) and return status. */
bn_status bn_fail(bn_error *err, bn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As bn_fail with BIREFNET_ERROR_IO (NOT_FOUND for ENOENT), and ": " and the text of errno_value behind it. */
bn_status bn_fail_errno(bn_error *err, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "cannot allocate N bytes for WHAT" */
bn_status bn_fail_memory(bn_error *err, size_t bytes, const char *what);

/* Put "CONTEXT: " in front of the message that err (may be NULL) holds; returns err's status unchanged. */
bn_status bn_error_prefix(bn_error *err, bn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Forward a failure: BN_TRY(call(...)) in functions that hold nothing to clean up. */
#define BN_TRY(expression)                                                                                   \
    do {                                                                                                     \
        const bn_status bn_try_status = (expression);                                                        \
        if (bn_try_status != BIREFNET_OK) return bn_try_status;                                              \
    } while (0)

/* Forward a failure to the function's `done:` label; the function keeps `bn_status status`. */
#define BN_TRY_DONE(expression)                                                                              \
    do {                                                                                                     \
        status = (expression);                                                                               \
        if (status != BIREFNET_OK) goto done;                                                                \
    } while (0)

#endif
