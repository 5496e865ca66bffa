/* address.h - which network addresses are public: a server that fetches what strangers name must not reach into its own
 * network. */
#ifndef BN_NET_ADDRESS_H
#define BN_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* False for everything but global unicast: loopback, private, link-local, shared (carrier NAT), documentation, multicast,
 * reserved, cloud metadata, and IPv6 forms that carry such an IPv4 address within them. */
bool bn_address_is_public(const struct sockaddr *address);

#endif
