/* address.c - see address.h. */
#include "cli/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bn_status bn_address_parse(const char *text, uint16_t port, bn_address *where, bn_error *err)
{
    const char *host = text, *colon = strchr(text, ':');
    if (colon && strchr(colon + 1, ':'))
        colon = NULL; /* of an IPv6 address, which brackets set off from a port */
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    const char *digits = colon ? colon + 1 : NULL;
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        if (!end || (end[1] != ':' && end[1] != '\0'))
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "'%s' is no address", text);
        host = text + 1;
        length = (size_t)(end - host);
        digits = end[1] == ':' ? end + 2 : NULL;
    } else if (!colon && strspn(text, "0123456789") == length) {
        host = "127.0.0.1";
        digits = text;
        length = strlen(host);
    }
    where->port = port;
    if (digits) {
        char *rest = NULL;
        const unsigned long number = strtoul(digits, &rest, 10);
        if (rest == digits || *rest || number > 65535)
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "'%s' has no port from 0 to 65535", text);
        where->port = (uint16_t)number;
    }
    if (length >= sizeof where->host) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "'%s' is too long", text);
    snprintf(where->host, sizeof where->host, "%.*s", (int)length, host);
    return BIREFNET_OK;
}
