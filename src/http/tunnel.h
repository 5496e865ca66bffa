/* tunnel.h - a proxy for clients that take one from their environment (HTTPS_PROXY): CONNECT to a host that
 * the caller knows leads to this server's own TLS port, CONNECT to any other name is refused. It never opens a connection to
 * another machine.
 *
 * It listens on a loopback address only: what comes through it reaches the server from this machine, and must have come
 * from this machine. */
#ifndef BN_HTTP_TUNNEL_H
#define BN_HTTP_TUNNEL_H

#include "base/error.h"
#include "http/connect.h"

#include <stdint.h>

typedef struct bn_tunnel bn_tunnel;

/* tls_host and tls_port: where this machine reaches the server's TLS port. ARGUMENT where host is not a loopback address.
 * max_passages: at a
 * time, of two descriptors each. Starts one thread. */
bn_status bn_tunnel_open(const char *host, uint16_t port, const char *tls_host, uint16_t tls_port,
                         bn_host_check is_known, int max_passages, bn_tunnel **tunnel, bn_error *err);
uint16_t bn_tunnel_port(const bn_tunnel *tunnel);
/* Cuts what is open. *tunnel may be NULL. */
void bn_tunnel_close(bn_tunnel **tunnel);

#endif
