/* fetch.h - a photo from an http or https address into memory. */
#ifndef BN_CLI_FETCH_H
#define BN_CLI_FETCH_H

#include "base/buffer.h"

#include <stdbool.h>

bool bn_is_url(const char *text); /* http:// or https:// */

/* Append the body to buffer, up to its maximum. `cancelled` is asked now and then. NETWORK for everything that goes
 * wrong on the way, LIMIT, CANCELLED. */
bn_status bn_fetch(const char *url, bool (*cancelled)(void), bn_buffer *buffer, bn_error *err);

#endif
