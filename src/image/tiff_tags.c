/* tiff_tags.c - how much memory the tags of a TIFF's first folder take, before libtiff reads them all: thousands of
 * tags may show the same bytes of a file. */
#include "image/tiff.h"

#include "base/size.h"

#include <string.h>

typedef struct tag_reader {
    const uint8_t *bytes;
    size_t size;
    bool big_endian, big_tiff;
} tag_reader;

/* `count` bytes at `at`, which lie inside the file, as a number. */
static uint64_t read_number(const tag_reader *r, size_t at, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | r->bytes[at + (r->big_endian ? i : count - 1 - i)];
    return value;
}

static bool has(const tag_reader *r, uint64_t at, uint64_t count)
{
    return at <= r->size && count <= r->size - at;
}

/* The values of one tag: in the file, as libtiff converts them (to 8 bytes at most), and its copy. */
static uint64_t tag_bytes(uint64_t type, uint64_t count)
{
    static const uint8_t type_bytes[] = {
        [TIFF_BYTE] = 1,     [TIFF_ASCII] = 1,     [TIFF_SHORT] = 2,     [TIFF_LONG] = 4,
        [TIFF_RATIONAL] = 8, [TIFF_SBYTE] = 1,     [TIFF_UNDEFINED] = 1, [TIFF_SSHORT] = 2,
        [TIFF_SLONG] = 4,    [TIFF_SRATIONAL] = 8, [TIFF_FLOAT] = 4,     [TIFF_DOUBLE] = 8,
        [TIFF_IFD] = 4,      [TIFF_LONG8] = 8,     [TIFF_SLONG8] = 8,    [TIFF_IFD8] = 8};
    const unsigned bytes = type < BN_COUNT(type_bytes) ? type_bytes[type] : 0;
    uint64_t all = 0;
    if (!bn_size_mul(count, bytes == 1 ? 2 : bytes + 16, &all)) return UINT64_MAX;
    return bytes == 0 ? 0 : all;
}

uint64_t bn_tiff_tags_bytes(const uint8_t *bytes, size_t size)
{
    tag_reader r = {bytes, size, .big_endian = size > 0 && bytes[0] == 'M'};
    if (size < 16) return 0;
    r.big_tiff = read_number(&r, 2, 2) == 43;
    const size_t number_bytes = r.big_tiff ? 8 : 4, count_bytes = r.big_tiff ? 8 : 2;
    const size_t entry_bytes = r.big_tiff ? 20 : 12;
    const uint64_t folder = read_number(&r, r.big_tiff ? 8 : 4, number_bytes);
    if (!has(&r, folder, count_bytes)) return 0;
    const uint64_t entries = read_number(&r, folder, count_bytes);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < entries; i++) {
        const uint64_t at = folder + count_bytes + i * entry_bytes;
        if (!has(&r, at, entry_bytes)) break;
        const uint64_t tag = tag_bytes(read_number(&r, at + 2, 2), read_number(&r, at + 4, number_bytes));
        if (!bn_size_add(sum, tag, &sum)) return UINT64_MAX;
    }
    return sum;
}
