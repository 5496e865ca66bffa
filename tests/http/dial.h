/* dial.h - a connection to a server of this machine, for tests that speak to it byte by byte. */
#ifndef BN_TESTS_HTTP_DIAL_H
#define BN_TESTS_HTTP_DIAL_H

#include "tests/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Reading gives up after so long: a test that hangs is a failure. */
static inline int dial(uint16_t port, int patience_s)
{
    const struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = patience_s};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&where, sizeof where), 0);
    return fd;
}

#endif
