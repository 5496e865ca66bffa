/* datauri.c - see datauri.h. */
#include "schema/datauri.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

bool bn_is_data_uri(const char *text)
{
    return strncasecmp(text, "data:", 5) == 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* One character after percent decoding; -1 at the end, -2 where it is broken. */
static int next_byte(const char **text)
{
    const char c = **text;
    if (c == '\0') return -1;
    *text += 1;
    if (c != '%') return (uint8_t)c;
    const int high = hex_digit((*text)[0]), low = high < 0 ? -1 : hex_digit((*text)[1]);
    if (low < 0) return -2;
    *text += 2;
    return high * 16 + low;
}

static bn_status read_plain(const char *text, bn_buffer *out, bn_error *err)
{
    for (int byte; (byte = next_byte(&text)) != -1;) {
        const uint8_t value = (uint8_t)byte;
        if (byte == -2) return bn_fail(err, BIREFNET_ERROR_FORMAT, "the data URI has a broken percent sign");
        BN_TRY(bn_buffer_append(out, &value, 1, err));
    }
    return BIREFNET_OK;
}

/* 0 to 63; -1 for padding and blanks, -2 for anything else. */
static int sextet(int c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    if (c == '=' || c == ' ' || c == '\t' || c == '\r' || c == '\n') return -1;
    return -2;
}

static bn_status read_base64(const char *text, bn_buffer *out, bn_error *err)
{
    uint32_t bits = 0;
    int count = 0;
    for (int byte; (byte = next_byte(&text)) != -1;) {
        const int value = byte == -2 ? -2 : sextet(byte);
        if (value == -2) return bn_fail(err, BIREFNET_ERROR_FORMAT, "the data URI is not valid base64");
        if (value == -1) continue;
        bits = bits << 6 | (uint32_t)value;
        if (++count < 4) continue;
        const uint8_t bytes[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        BN_TRY(bn_buffer_append(out, bytes, 3, err));
        bits = 0;
        count = 0;
    }
    if (count == 1) return bn_fail(err, BIREFNET_ERROR_FORMAT, "the data URI's base64 is cut off");
    if (count == 0) return BIREFNET_OK;
    bits <<= 6 * (4 - count);
    const uint8_t bytes[2] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8)};
    return bn_buffer_append(out, bytes, (size_t)(count - 1), err);
}

bn_status bn_data_uri_read(const char *text, bn_buffer *out, bn_error *err)
{
    const char *comma = strchr(text, ',');
    if (!bn_is_data_uri(text) || !comma) return bn_fail(err, BIREFNET_ERROR_FORMAT, "this is no data URI");
    const bool base64 = comma - text >= 12 && strncasecmp(comma - 7, ";base64", 7) == 0;
    if (base64) /* one allocation */
        BN_TRY(bn_buffer_reserve(
            out, strlen(comma + 1) / 4 * 3 < out->max_bytes - out->size ? strlen(comma + 1) / 4 * 3 : 0,
            err));
    return base64 ? read_base64(comma + 1, out, err) : read_plain(comma + 1, out, err);
}

bn_status bn_data_uri_write(const char *type, const void *bytes, size_t size, bn_buffer *out, bn_error *err)
{
    BN_TRY(bn_buffer_printf(out, err, "data:%s;base64,", type));
    const size_t length = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL);
    BN_TRY(bn_buffer_reserve(out, length, err));
    sodium_bin2base64((char *)out->data + out->size, length, bytes, size, sodium_base64_VARIANT_ORIGINAL);
    out->size += length - 1;
    return BIREFNET_OK;
}
