/* postgres_value.c - see postgres_value.h. */
#include "store/postgres_value.h"

#include "base/size.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t read_bytes(const void *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) number = number << 8 | ((const uint8_t *)bytes)[i];
    return number;
}

bn_status bn_postgres_int(const void *bytes, size_t size, int64_t *number, bn_error *err)
{
    const uint64_t read = size <= 8 ? read_bytes(bytes, size) : 0;
    if (size == 1)
        *number = (int8_t)read;
    else if (size == 2)
        *number = (int16_t)read;
    else if (size == 4)
        *number = (int32_t)read;
    else if (size == 8)
        *number = (int64_t)read;
    else
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "the database sent no number");
    return BIREFNET_OK;
}

bn_status bn_postgres_double(const void *bytes, size_t size, double *number, bn_error *err)
{
    if (size != sizeof *number) return bn_fail(err, BIREFNET_ERROR_FORMAT, "the database sent no number");
    const uint64_t read = read_bytes(bytes, size);
    memcpy(number, &read, sizeof read);
    return BIREFNET_OK;
}

bn_status bn_postgres_uuid(const void *bytes, size_t size, char id[37], bn_error *err)
{
    char hex[33];
    if (size != 16) return bn_fail(err, BIREFNET_ERROR_FORMAT, "the database sent no id");
    sodium_bin2hex(hex, sizeof hex, bytes, size);
    snprintf(id, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return BIREFNET_OK;
}

void bn_postgres_text(const void *bytes, size_t size, char *text, size_t room)
{
    const size_t count = BN_MIN(size, room - 1);
    if (count > 0) memcpy(text, bytes, count);
    text[count] = '\0';
}

/* Bytes of the character that begins there; 0: it is none. */
static size_t character_bytes(const uint8_t *at)
{
    const uint8_t first = at[0];
    const size_t count = first < 0x80   ? 1
                         : first < 0xc2 ? 0
                         : first < 0xe0 ? 2
                         : first < 0xf0 ? 3
                         : first < 0xf5 ? 4
                                        : 0;
    for (size_t i = 1; i < count; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;     /* the zero at the end is none either */
    if (first == 0xe0 && at[1] < 0xa0) return 0;  /* longer than need be */
    if (first == 0xed && at[1] >= 0xa0) return 0; /* a surrogate */
    if (first == 0xf0 && at[1] < 0x90) return 0;
    if (first == 0xf4 && at[1] >= 0x90) return 0; /* beyond the last */
    return count;
}

static bool is_utf8(const char *text)
{
    for (const uint8_t *at = (const uint8_t *)text; *at;) {
        const size_t count = character_bytes(at);
        if (count == 0) return false;
        at += count;
    }
    return true;
}

bn_status bn_postgres_repair(const char *text, char **repaired, bn_error *err)
{
    *repaired = NULL;
    if (is_utf8(text)) return BIREFNET_OK;
    char *copy = strdup(text);
    if (!copy) return bn_fail_memory(err, strlen(text), "a text for the database");
    for (uint8_t *at = (uint8_t *)copy; *at;) {
        const size_t count = character_bytes(at);
        if (count == 0) *at = '?';
        at += BN_MAX(count, (size_t)1);
    }
    *repaired = copy;
    return BIREFNET_OK;
}
