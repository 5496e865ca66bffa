/* webp_tables.c - see webp_tables.h. The format: RFC 9649, 3.4 to 3.8. Pixels of the images in the header are parsed, not
 * kept: a copy of pixels before it names no group that was not named. */
#include "image/webp_tables.h"

#include "base/size.h"

#include <string.h>

enum {
    LITERALS = 256,
    LENGTHS = 24,
    DISTANCES = 40,
    MAX_CACHE_BITS = 11,
    MAX_SYMBOLS = LITERALS + LENGTHS + (1 << MAX_CACHE_BITS),
    MAX_CODE_BITS = 15,
    GROUPS = 65536,
};

/* What libwebp allocates for a group: the entries of its five tables, 4 bytes each, by the bits of the colour cache; and
 * a structure beside them. */
static uint64_t group_bytes(unsigned cache_bits)
{
    static const uint16_t green_entries[MAX_CACHE_BITS + 1] = {654, 656, 658, 662,  670,  686,
                                                               718, 782, 912, 1168, 1680, 2704};
    return (630u * 3 + 410 + green_entries[cache_bits]) * 4 + 640;
}

/* ---- bits ---------------------------------------------------------------------------------------------- */

typedef struct bit_reader {
    const uint8_t *bytes;
    size_t size, at;
    uint64_t window; /* the next bits, lowest first */
    unsigned held;
    bool ended; /* bits were asked for that are not there */
} bit_reader;

static unsigned read_bits(bit_reader *r, unsigned count) /* at most 24 */
{
    while (r->held < count && r->at < r->size) {
        r->window |= (uint64_t)r->bytes[r->at++] << r->held;
        r->held += 8;
    }
    if (r->held < count) {
        r->ended = true;
        return 0;
    }
    const unsigned value = (unsigned)(r->window & ((1u << count) - 1));
    r->window >>= count;
    r->held -= count;
    return value;
}

/* ---- prefix codes -------------------------------------------------------------------------------------- */

/* A canonical code: symbols by the length of their codes. */
typedef struct code {
    uint16_t counts[MAX_CODE_BITS + 1], symbols[MAX_SYMBOLS];
    bool is_single; /* one symbol, which takes no bits */
} code;

/* False where the lengths make no complete code. */
static bool make_code(code *c, const uint8_t *lengths, unsigned symbols)
{
    uint16_t places[MAX_CODE_BITS + 1] = {0};
    memset(c->counts, 0, sizeof c->counts);
    for (unsigned i = 0; i < symbols; i++) c->counts[lengths[i]]++;
    const unsigned used = symbols - c->counts[0];
    c->counts[0] = 0;
    int open = 1;
    for (unsigned bits = 1; bits <= MAX_CODE_BITS; bits++) {
        open = 2 * open - c->counts[bits];
        if (open < 0) return false;
        places[bits] = (uint16_t)(places[bits - 1] + c->counts[bits - 1]);
    }
    c->is_single = used == 1;
    if (open != 0 && !c->is_single) return false;
    for (unsigned i = 0; i < symbols; i++)
        if (lengths[i]) c->symbols[places[lengths[i]]++] = (uint16_t)i;
    return true;
}

static unsigned read_symbol(bit_reader *r, const code *c)
{
    if (c->is_single) return c->symbols[0];
    unsigned value = 0, first = 0, place = 0;
    for (unsigned bits = 1; bits <= MAX_CODE_BITS; bits++) {
        value |= read_bits(r, 1);
        if (value - first < c->counts[bits]) return c->symbols[place + value - first];
        place += c->counts[bits];
        first = (first + c->counts[bits]) << 1;
        value <<= 1;
    }
    r->ended = true;
    return 0;
}

static bool read_lengths(bit_reader *r, uint8_t *lengths, unsigned symbols)
{
    static const uint8_t order[] = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const struct {
        uint8_t bits, least;
    } repeats[] = {{2, 3}, {3, 3}, {7, 11}};
    uint8_t of_lengths[BN_COUNT(order)] = {0};
    code c;
    const unsigned given = read_bits(r, 4) + 4;
    for (unsigned i = 0; i < given; i++) of_lengths[order[i]] = (uint8_t)read_bits(r, 3);
    if (!make_code(&c, of_lengths, BN_COUNT(of_lengths))) return false;
    unsigned left = symbols, last = 8;
    if (read_bits(r, 1)) {
        const unsigned bits = 2 + 2 * read_bits(r, 3);
        left = 2 + read_bits(r, bits);
        if (left > symbols) return false;
    }
    for (unsigned i = 0; i < symbols && left > 0 && !r->ended; left--) {
        const unsigned length = read_symbol(r, &c);
        if (length < 16) {
            lengths[i++] = (uint8_t)length;
            if (length) last = length;
            continue;
        }
        const unsigned count = repeats[length - 16].least + read_bits(r, repeats[length - 16].bits);
        if (count > symbols - i) return false;
        memset(lengths + i, length == 16 ? (int)last : 0, count);
        i += count;
    }
    return !r->ended;
}

static bool read_code(bit_reader *r, code *c, unsigned symbols)
{
    uint8_t lengths[MAX_SYMBOLS] = {0};
    if (read_bits(r, 1)) {
        const bool two = read_bits(r, 1);
        lengths[read_bits(r, read_bits(r, 1) ? 8 : 1)] = 1;
        if (two) lengths[read_bits(r, 8)] = 1;
    } else if (!read_lengths(r, lengths, symbols)) {
        return false;
    }
    return !r->ended && make_code(c, lengths, symbols);
}

/* ---- the images in the header -------------------------------------------------------------------------- */

/* Groups of codes that an image names by its red and green. */
typedef struct naming {
    uint8_t named[GROUPS / 8];
    unsigned count, last;
} naming;

static void name_group(naming *groups, unsigned group)
{
    if (groups->named[group / 8] >> group % 8 & 1) return;
    groups->named[group / 8] |= (uint8_t)(1u << group % 8);
    groups->count++;
    groups->last = BN_MAX(groups->last, group);
}

/* The number that a prefix symbol and the bits behind it stand for: a length or a distance. */
static unsigned read_number(bit_reader *r, unsigned symbol)
{
    if (symbol < 4) return symbol + 1;
    const unsigned bits = (symbol - 2) >> 1;
    return ((2 + (symbol & 1)) << bits) + read_bits(r, bits) + 1;
}

static bool read_cache_bits(bit_reader *r, unsigned *cache_bits)
{
    *cache_bits = read_bits(r, 1) ? read_bits(r, 4) : 0;
    return *cache_bits <= MAX_CACHE_BITS;
}

/* The codes of an image that has one group of them: green with lengths and cache, red, blue, alpha, distance. */
static bool read_codes(bit_reader *r, code codes[5])
{
    unsigned cache_bits;
    const bool has_cache = r->held > 0 || r->at < r->size;
    if (!has_cache || !read_cache_bits(r, &cache_bits)) return false;
    const unsigned green = LITERALS + LENGTHS + (cache_bits ? 1u << cache_bits : 0);
    const unsigned symbols[5] = {green, LITERALS, LITERALS, LITERALS, DISTANCES};
    for (int i = 0; i < 5; i++)
        if (!read_code(r, &codes[i], symbols[i])) return false;
    return true;
}

/* groups may be NULL. */
static bool read_image(bit_reader *r, uint64_t pixels, naming *groups)
{
    code codes[5];
    if (!read_codes(r, codes)) return false;
    for (uint64_t at = 0; at < pixels && !r->ended;) {
        const unsigned green = read_symbol(r, &codes[0]);
        if (green < LITERALS) {
            const unsigned red = read_symbol(r, &codes[1]);
            read_symbol(r, &codes[2]);
            read_symbol(r, &codes[3]);
            if (groups) name_group(groups, red << 8 | green);
            at++;
        } else if (green < LITERALS + LENGTHS) {
            at += read_number(r, green - LITERALS);
            read_number(r, read_symbol(r, &codes[4]));
        } else {
            at++; /* a colour that was there, or none: group 0 */
        }
    }
    return !r->ended;
}

static uint64_t blocks(uint32_t pixels, unsigned bits)
{
    return ((uint64_t)pixels + (1u << bits) - 1) >> bits;
}

/* Skip one transform; a palette makes the image narrower. */
static bool read_transform(bit_reader *r, uint32_t *width, uint32_t height)
{
    const unsigned kind = read_bits(r, 2);
    if (kind == 2) return true; /* subtract green: nothing follows */
    if (kind < 2) {
        const unsigned bits = read_bits(r, 3) + 2;
        return read_image(r, blocks(*width, bits) * blocks(height, bits), NULL);
    }
    const unsigned colours = read_bits(r, 8) + 1;
    *width = (uint32_t)blocks(*width, colours > 16 ? 0 : colours > 4 ? 1 : colours > 2 ? 2 : 3);
    return read_image(r, colours, NULL);
}

/* libwebp makes tables up to the last group, or of those that are named where that is beyond a thousand. */
static bool read_stream(bit_reader *r, uint32_t width, uint32_t height, uint64_t *bytes)
{
    unsigned cache_bits, transforms = 0;
    while (read_bits(r, 1))
        if (++transforms > 4 || !read_transform(r, &width, height)) return false;
    if (!read_cache_bits(r, &cache_bits)) return false;
    naming groups = {.named = {1}, .count = 1}; /* group 0 */
    if (read_bits(r, 1)) {
        const unsigned bits = read_bits(r, 3) + 2;
        if (!read_image(r, blocks(width, bits) * blocks(height, bits), &groups)) return false;
    }
    *bytes += group_bytes(cache_bits) * (groups.last < 1000 ? groups.last + 1 : groups.count);
    return !r->ended;
}

static uint32_t read_le32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

bool bn_webp_tables_bytes(const uint8_t *fragment, size_t size, uint32_t width, uint32_t height,
                          uint64_t *bytes)
{
    enum { HEAD = 8, LOSSLESS_HEAD = 5 };
    *bytes = 0;
    while (size >= HEAD) {
        const uint32_t chunk = BN_MIN(read_le32(fragment + 4), (uint32_t)BN_MIN(size - HEAD, UINT32_MAX));
        bit_reader r = {fragment + HEAD, chunk, 0, 0, 0, false};
        const bool lossless = memcmp(fragment, "VP8L", 4) == 0;
        const bool alpha = memcmp(fragment, "ALPH", 4) == 0 && chunk > 0 && (fragment[HEAD] & 3) == 1;
        r.at = lossless ? LOSSLESS_HEAD : 1; /* signature and size; how alpha is packed */
        if ((lossless || alpha) && !read_stream(&r, width, height, bytes)) return false;
        const size_t whole = BN_MIN(HEAD + (size_t)chunk + (chunk & 1), size);
        fragment += whole;
        size -= whole;
    }
    return true;
}
