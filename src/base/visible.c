/* visible.c - see visible.h. */
#include "base/visible.h"

#include "base/size.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct range {
    uint32_t first, last;
} range;

/* Unicode 15: categories Cc, Cf, Zl and Zp, Default_Ignorable_Code_Point, the Braille pattern without dots. */
static const range hidden[] = {
    {0x0, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x600, 0x605},
    {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f},   {0x2800, 0x2800},   {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_hidden(uint32_t character)
{
    for (size_t i = 0; i < BN_COUNT(hidden); i++)
        if (character >= hidden[i].first && character <= hidden[i].last) return true;
    return false;
}

/* Bytes of the UTF-8 character at the front, shortest form only; 0 where there is none. */
static size_t read_character(const uint8_t *text, size_t length, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t bytes = text[0] < 0x80   ? 1
                         : text[0] < 0xc2 ? 0
                         : text[0] < 0xe0 ? 2
                         : text[0] < 0xf0 ? 3
                                          : 4;
    if (bytes == 0 || bytes > length || text[0] > 0xf4) return 0;
    *character = bytes == 1 ? text[0] : text[0] & (0xffu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        *character = *character << 6 | (text[i] & 0x3f);
    }
    const bool is_surrogate = *character >= 0xd800 && *character <= 0xdfff;
    return *character < least[bytes] || *character > 0x10ffff || is_surrogate ? 0 : bytes;
}

size_t bn_make_visible(char *text, size_t length)
{
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        uint32_t character = 0;
        const size_t bytes = read_character((const uint8_t *)text + at, length - at, &character);
        if (bytes == 0 || is_hidden(character))
            text[used++] = '?';
        else {
            memmove(text + used, text + at, bytes);
            used += bytes;
        }
        at += BN_MAX(bytes, 1);
    }
    if (used < length) text[used] = '\0';
    return used;
}
