/* address.h - where something listens, as options say it. */
#ifndef BN_CLI_ADDRESS_H
#define BN_CLI_ADDRESS_H

#include "base/error.h"

#include <stdint.h>

typedef struct bn_address {
    char host[256];
    uint16_t port;
} bn_address;

/* "HOST:PORT", "HOST", "PORT", "[::1]:8000"; port: where none is named. */
bn_status bn_address_parse(const char *text, uint16_t port, bn_address *where, bn_error *err);

#endif
