/* address.c - the special ranges of IANA's registries (RFC 6890 and what came after). */
#include "net/address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct range4 {
    uint32_t first;
    int bits;
} range4;

#define IPV4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const range4 special4[] = {
    {IPV4(0, 0, 0, 0), 8},        /* this network */
    {IPV4(10, 0, 0, 0), 8},       /* private */
    {IPV4(100, 64, 0, 0), 10},    /* shared: carrier NAT, and a cloud's metadata at 100.100.100.200 */
    {IPV4(127, 0, 0, 0), 8},      /* loopback */
    {IPV4(168, 63, 129, 16), 32}, /* a cloud's host */
    {IPV4(169, 254, 0, 0), 16},   /* link-local, metadata */
    {IPV4(172, 16, 0, 0), 12},    /* private */
    {IPV4(192, 0, 0, 0), 24},     /* protocol assignments */
    {IPV4(192, 0, 2, 0), 24},     /* documentation */
    {IPV4(192, 31, 196, 0), 24},  /* AS112 */
    {IPV4(192, 52, 193, 0), 24},  /* AMT */
    {IPV4(192, 88, 99, 0), 24},   /* 6to4 relays */
    {IPV4(192, 168, 0, 0), 16},   /* private */
    {IPV4(192, 175, 48, 0), 24},  /* AS112 */
    {IPV4(198, 18, 0, 0), 15},    /* benchmarks */
    {IPV4(198, 51, 100, 0), 24},  /* documentation */
    {IPV4(203, 0, 113, 0), 24},   /* documentation */
    {IPV4(224, 0, 0, 0), 3},      /* multicast, reserved, broadcast */
};

static bool is_public4(uint32_t address)
{
    for (size_t i = 0; i < sizeof special4 / sizeof *special4; i++)
        if (((address ^ special4[i].first) >> (32 - special4[i].bits)) == 0) return false;
    return true;
}

static uint32_t read4(const uint8_t *bytes)
{
    return IPV4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static bool starts_with(const uint8_t address[16], const char *bytes, int bits)
{
    const int whole = bits / 8, rest = bits % 8;
    if (memcmp(address, bytes, (size_t)whole) != 0) return false;
    return rest == 0 || ((address[whole] ^ (uint8_t)bytes[whole]) >> (8 - rest)) == 0;
}

static bool is_public6(const uint8_t address[16])
{
    static const char nothing[16] = {0};
    if (starts_with(address, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 96))
        return is_public4(read4(address + 12));          /* mapped */
    if (starts_with(address, nothing, 96)) return false; /* ::, ::1, IPv4-compatible */
    if (starts_with(address, "\x00\x64\xff\x9b\0\0\0\0\0\0\0\0", 96))
        return is_public4(read4(address + 12));         /* NAT64 */
    if (!starts_with(address, "\x20", 3)) return false; /* 2000::/3 is all that is global */
    if (starts_with(address, "\x20\x01\x00", 23))
        return false; /* protocol assignments: Teredo, ORCHID, benchmarks */
    if (starts_with(address, "\x20\x01\x0d\xb8", 32)) return false;                  /* documentation */
    if (starts_with(address, "\x3f\xff\x00", 20)) return false;                      /* documentation */
    if (starts_with(address, "\x20\x02", 16)) return is_public4(read4(address + 2)); /* 6to4 */
    /* ISATAP: an IPv4 address behind ::0:5efe or ::200:5efe */
    if (memcmp(address + 9, "\0\x5e\xfe", 3) == 0 && (address[8] == 0 || address[8] == 2))
        return is_public4(read4(address + 12));
    return true;
}

bool bn_address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return is_public4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return is_public6(in6.sin6_addr.s6_addr);
    }
    return false;
}
