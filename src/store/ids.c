/* ids.c - see ids.h. */
#include "store/ids.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

void bn_id_make(char id[BN_FILE_ID_CHARS])
{
    uint8_t bytes[16];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(id, BN_FILE_ID_CHARS, bytes, sizeof bytes);
}

static void sign_id(const uint8_t key[32], const char *half, char mac[BN_FILE_ID_CHARS])
{
    uint8_t bytes[16];
    crypto_generichash(bytes, sizeof bytes, (const uint8_t *)half, 16, key, 32);
    sodium_bin2hex(mac, BN_FILE_ID_CHARS, bytes, sizeof bytes);
}

void bn_id_make_signed(const uint8_t key[32], char id[BN_FILE_ID_CHARS])
{
    char mac[BN_FILE_ID_CHARS];
    bn_id_make(id);
    sign_id(key, id, mac);
    memcpy(id + 16, mac, 16);
}

bool bn_id_is_signed(const uint8_t key[32], const char *id)
{
    char mac[BN_FILE_ID_CHARS];
    if (!bn_id_valid(id)) return false;
    sign_id(key, id, mac);
    return sodium_memcmp(id + 16, mac, 16) == 0;
}

void bn_uuid_make(char id[BN_REQUEST_ID_CHARS])
{
    uint8_t bytes[16];
    char hex[33];
    randombytes_buf(bytes, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    sodium_bin2hex(hex, sizeof hex, bytes, sizeof bytes);
    snprintf(id, BN_REQUEST_ID_CHARS, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
}

static bool is_small_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool bn_id_valid(const char *id)
{
    size_t length = 0;
    while (is_small_hex(id[length])) length++;
    return length == BN_FILE_ID_CHARS - 1 && id[length] == '\0';
}

bool bn_uuid_valid(const char *id)
{
    for (int i = 0; i < BN_REQUEST_ID_CHARS - 1; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? id[i] != '-' : !isxdigit((unsigned char)id[i])) return false;
    }
    return id[BN_REQUEST_ID_CHARS - 1] == '\0';
}
