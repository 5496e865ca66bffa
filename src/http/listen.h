/* listen.h - a TCP socket that listens. */
#ifndef BN_HTTP_LISTEN_H
#define BN_HTTP_LISTEN_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Listen at a name or address; empty: all of them. port 0 = any that is free; *bound receives the one it is. The socket
 * does not block and is the caller's to close. */
bn_status bn_listen(const char *host, uint16_t port, int *fd, uint16_t *bound, bn_error *err);

/* Whether a socket's address is this machine's own: 127.0.0.0/8, ::1, or the former mapped into IPv6. */
bool bn_is_loopback(const struct sockaddr *address);

#endif
