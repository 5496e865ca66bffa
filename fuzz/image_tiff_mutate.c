/* image_tiff_mutate.c - mutations that keep a TIFF a TIFF: entries of its first folder change, come, go and trade values;
 * half of the time plain bytes do. */
#include "fuzz/mutate.h"

#include <stdbool.h>
#include <string.h>

enum { ENTRY_BYTES = 12, HEADER_BYTES = 8 };

typedef struct folder {
    uint8_t *data;
    size_t size, max_size;
    bool big_endian;
    size_t first; /* entry; the count stands in the two bytes before */
    unsigned entries;
} folder;

static uint32_t get(const folder *f, size_t at, unsigned count)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value = value << 8 | f->data[at + (f->big_endian ? i : count - 1 - i)];
    return value;
}

static void put(const folder *f, size_t at, unsigned count, uint32_t value)
{
    for (unsigned i = 0; i < count; i++)
        f->data[at + (f->big_endian ? count - 1 - i : i)] = (uint8_t)(value >> 8 * i);
}

static bool find(folder *f)
{
    if (f->size < HEADER_BYTES + 2) return false;
    f->big_endian = f->data[0] == 'M';
    const size_t at = get(f, 4, 4);
    if (at > f->size - 2) return false;
    f->first = at + 2;
    f->entries = get(f, at, 2);
    const size_t room = (f->size - f->first) / ENTRY_BYTES;
    if (f->entries > room) f->entries = (unsigned)room;
    return f->entries > 0;
}

/* Values at which readers turn: sizes, powers of two and their neighbours, places inside of the file. */
static uint32_t pick_value(const folder *f, uint32_t *random)
{
    static const uint32_t values[] = {
        0,     1,     2,        3,        4,          8,          15,         16,        17,
        32,    64,    255,      256,      512,        4096,       32767,      32768,     65535,
        65536, 99999, 1u << 20, 1u << 28, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    const uint32_t how = bn_next_random(random);
    if (how % 4 == 0) return bn_next_random(random) % (uint32_t)f->size;
    return values[how / 4 % (sizeof values / sizeof *values)];
}

/* Tags that decide how the samples are read. */
static uint32_t pick_tag(uint32_t *random)
{
    static const uint16_t tags[] = {256, 257, 258, 259, 262, 266, 273, 274,   277,   278,   279,   284,
                                    292, 293, 301, 317, 320, 322, 323, 324,   325,   338,   339,   347,
                                    512, 513, 514, 530, 531, 532, 700, 34377, 34675, 34665, 37724, 50674};
    return tags[bn_next_random(random) % (sizeof tags / sizeof *tags)];
}

static void change_value(folder *f, size_t at, uint32_t *random)
{
    static const uint16_t compressions[] = {
        1, 2, 3, 4, 5, 6, 7, 8, 32773, 32809, 32908, 32946, 34661, 34676, 34677, 34887, 34925, 50000, 50001};
    const uint32_t tag = get(f, at, 2);
    const unsigned bytes = get(f, at + 2, 2) == 3 ? 2 : 4;
    uint32_t value = pick_value(f, random);
    if (tag == 259) value = compressions[bn_next_random(random) % (sizeof compressions / 2)];
    if (tag == 262 || tag == 284 || tag == 339) value %= 11;
    put(f, at + 8, bytes, value);
}

static void change_entry(folder *f, uint32_t *random)
{
    const size_t at = f->first + bn_next_random(random) % f->entries * ENTRY_BYTES;
    switch (bn_next_random(random) % 8) {
    case 0:
        put(f, at, 2, pick_tag(random));
        break;
    case 1:
        put(f, at + 2, 2, bn_next_random(random) % 20);
        break;
    case 2:
        put(f, at + 4, 4, pick_value(f, random));
        break;
    case 3: { /* another entry's place, where its values are */
        const size_t other = f->first + bn_next_random(random) % f->entries * ENTRY_BYTES;
        memcpy(f->data + at + 8, f->data + other + 8, 4);
        break;
    }
    default:
        change_value(f, at, random);
    }
}

/* An entry more (a copy of one, with another tag) or one less; places of values behind the folder stay as they are. */
static void change_count(folder *f, uint32_t *random)
{
    const size_t at = f->first + bn_next_random(random) % f->entries * ENTRY_BYTES;
    const bool more = bn_next_random(random) % 2;
    if (more && f->size + ENTRY_BYTES <= f->max_size) {
        memmove(f->data + at + ENTRY_BYTES, f->data + at, f->size - at);
        f->size += ENTRY_BYTES;
        put(f, at, 2, pick_tag(random));
        put(f, f->first - 2, 2, f->entries + 1);
    } else if (!more && f->entries > 1) {
        memmove(f->data + at, f->data + at + ENTRY_BYTES, f->size - at - ENTRY_BYTES);
        f->size -= ENTRY_BYTES;
        put(f, f->first - 2, 2, f->entries - 1);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint32_t random = seed;
    folder f = {.data = data, .size = size, .max_size = max_size};
    if (bn_next_random(&random) % 2 || !find(&f)) return LLVMFuzzerMutate(data, size, max_size);
    for (uint32_t i = 1 + bn_next_random(&random) % 3; i > 0; i--) change_entry(&f, &random);
    if (bn_next_random(&random) % 4 == 0) change_count(&f, &random);
    return f.size;
}
