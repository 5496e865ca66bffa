/* exif.c - see exif.h. Every offset and length is checked against the block before it is used; values are copied as they
 * are, so that a result keeps its source's byte order. */
#include "image/exif.h"

#include "base/size.h"
#include "image/exif_rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY_BYTES = 12, MAX_ENTRIES = 256, MAX_VALUES_BYTES = 56000 };
enum { TYPE_ASCII = 2, TYPE_SHORT = 3, TYPE_LONG = 4, TYPE_RATIONAL = 5 };
enum { TAG_ORIENTATION = 0x0112, TAG_X_DENSITY = 0x011A, TAG_Y_DENSITY = 0x011B, TAG_DENSITY_UNIT = 0x0128 };
enum { TAG_EXIF_FOLDER = 0x8769, TAG_PLACE_FOLDER = 0x8825 };

typedef struct block {
    const uint8_t *data;
    size_t size;
    bool big_endian;
} block;

typedef struct entry {
    bn_exif_folder folder;
    uint16_t tag, type;
    uint32_t count;
    const uint8_t *value; /* count values, in the block's byte order */
    size_t bytes;
    uint8_t own[8]; /* of entries made here: value points to it */
} entry;

typedef struct entries {
    entry list[MAX_ENTRIES];
    size_t count, bytes;
    bool big_endian;
} entries;

/* ---- reading ------------------------------------------------------------------------------------------- */

static uint32_t read_number(const block *b, size_t at, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) value = value << 8 | b->data[at + (b->big_endian ? i : count - 1 - i)];
    return value;
}

static bool open_block(const uint8_t *exif, size_t size, block *b)
{
    if (size >= 6 && !memcmp(exif, "Exif\0\0", 6)) exif += 6, size -= 6;
    if (size < 14 || (memcmp(exif, "II*\0", 4) != 0 && memcmp(exif, "MM\0*", 4) != 0)) return false;
    *b = (block){exif, size, exif[0] == 'M'};
    return true;
}

/* Entry `index` of the folder at `folder`; false behind the last, and where it or its value is not in the block. */
static bool read_entry(const block *b, size_t folder, size_t index, entry *e)
{
    static const uint8_t type_bytes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
    const size_t at = folder + 2 + index * ENTRY_BYTES;
    *e = (entry){.tag = (uint16_t)read_number(b, at, 2),
                 .type = (uint16_t)read_number(b, at + 2, 2),
                 .count = read_number(b, at + 4, 4)};
    const size_t each = e->type < BN_COUNT(type_bytes) ? type_bytes[e->type] : 0;
    if (each == 0 || e->count == 0 || e->count > MAX_VALUES_BYTES / each) return false;
    e->bytes = e->count * each;
    const size_t value = e->bytes <= 4 ? at + 8 : read_number(b, at + 8, 4);
    if (value > b->size || e->bytes > b->size - value) return false;
    e->value = b->data + value;
    return true;
}

/* Entries of the folder at `folder` that lie in the block; 0 where there is none. */
static size_t count_entries(const block *b, size_t folder)
{
    if (folder < 8 || folder > b->size - 2) return 0;
    return BN_MIN(read_number(b, folder, 2), (b->size - 2 - folder) / ENTRY_BYTES);
}

/* A whole number of an entry: the first of its values. */
static uint32_t number_of(const block *b, const entry *e)
{
    const size_t at = (size_t)(e->value - b->data);
    if (e->type == TYPE_SHORT) return read_number(b, at, 2);
    return e->bytes >= 4 ? read_number(b, at, 4) : 0;
}

/* The first entry with this tag in the folder at `folder`. */
static bool find(const block *b, size_t folder, unsigned tag, entry *e)
{
    const size_t count = count_entries(b, folder);
    for (size_t i = 0; i < count; i++)
        if (read_entry(b, folder, i, e) && e->tag == tag) return true;
    return false;
}

int bn_exif_get_orientation(const uint8_t *exif, size_t size)
{
    block b;
    entry e;
    if (!open_block(exif, size, &b) || !find(&b, read_number(&b, 4, 4), TAG_ORIENTATION, &e)) return 1;
    const uint32_t value = number_of(&b, &e);
    return value >= 1 && value <= 8 ? (int)value : 1;
}

bool bn_exif_find_bytes(const uint8_t *exif, size_t size, unsigned tag, const uint8_t **bytes, size_t *count)
{
    block b;
    entry e;
    if (!open_block(exif, size, &b) || !find(&b, read_number(&b, 4, 4), tag, &e)) return false;
    *bytes = e.value;
    *count = e.bytes;
    return true;
}

static double density_of(const block *b, size_t folder, unsigned tag, double unit_inches)
{
    enum { MOST_PER_INCH = 100000 };
    entry e;
    if (!find(b, folder, tag, &e) || e.type != TYPE_RATIONAL) return 0;
    const size_t at = (size_t)(e.value - b->data);
    const uint32_t above = read_number(b, at, 4), below = read_number(b, at + 4, 4);
    const double density = below ? (double)above / below / unit_inches : 0;
    return density >= 1 && density <= MOST_PER_INCH ? density : 0;
}

bn_density bn_exif_get_density(const uint8_t *exif, size_t size)
{
    block b;
    entry e;
    if (!open_block(exif, size, &b)) return (bn_density){0};
    const size_t folder = read_number(&b, 4, 4);
    const uint32_t unit = find(&b, folder, TAG_DENSITY_UNIT, &e) ? number_of(&b, &e) : 2;
    if (unit != 2 && unit != 3) return (bn_density){0}; /* 2: inch, 3: centimetre, 1: only a ratio */
    const double inches = unit == 3 ? 1 / 2.54 : 1;
    return (bn_density){density_of(&b, folder, TAG_X_DENSITY, inches),
                        density_of(&b, folder, TAG_Y_DENSITY, inches)};
}

/* ---- choosing ------------------------------------------------------------------------------------------ */

static bool is_there(const entries *all, bn_exif_folder folder, unsigned tag)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].folder == folder && all->list[i].tag == tag) return true;
    return false;
}

static void collect(const block *b, size_t at, bn_exif_folder folder, bn_metadata level, entries *all)
{
    enum { KEPT_FOR_OURS = 8 };
    const size_t count = count_entries(b, at);
    for (size_t i = 0; i < count && all->count < MAX_ENTRIES - KEPT_FOR_OURS; i++) {
        entry *e = &all->list[all->count];
        if (!read_entry(b, at, i, e) || bn_exif_level(folder, e->tag) > (int)level) continue;
        if (all->bytes + e->bytes > MAX_VALUES_BYTES || is_there(all, folder, e->tag)) continue;
        e->folder = folder;
        all->bytes += e->bytes;
        all->count++;
    }
}

static void collect_all(const block *b, bn_metadata level, entries *all)
{
    static const struct {
        unsigned tag;
        bn_exif_folder folder;
    } below[] = {{TAG_EXIF_FOLDER, BN_EXIF_PHOTO}, {TAG_PLACE_FOLDER, BN_EXIF_PLACE}};
    const size_t first = read_number(b, 4, 4);
    entry e;
    all->big_endian = b->big_endian;
    collect(b, first, BN_EXIF_IMAGE, level, all);
    for (size_t i = 0; i < BN_COUNT(below); i++)
        if (find(b, first, below[i].tag, &e)) collect(b, number_of(b, &e), below[i].folder, level, all);
}

void bn_exif_each_text(const uint8_t *exif, size_t size, bn_metadata level, bn_exif_text_fn found, void *user)
{
    block b;
    entry e;
    if (level == BN_METADATA_NONE || !open_block(exif, size, &b)) return;
    const size_t folder = read_number(&b, 4, 4), count = count_entries(&b, folder);
    for (size_t i = 0; i < count; i++)
        if (read_entry(&b, folder, i, &e) && e.type == TYPE_ASCII && e.value[e.bytes - 1] == '\0' &&
            bn_exif_level(BN_EXIF_IMAGE, e.tag) <= (int)level)
            found(user, e.tag, (const char *)e.value);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static void store(uint8_t *out, uint32_t value, size_t bytes, bool big_endian)
{
    for (size_t i = 0; i < bytes; i++) out[big_endian ? bytes - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

/* An entry of ours: a whole number, or a rational of `value` by `below`. */
static void add_own(entries *all, unsigned tag, unsigned type, uint32_t value, uint32_t below)
{
    entry *e = &all->list[all->count++];
    *e = (entry){.folder = BN_EXIF_IMAGE, .tag = (uint16_t)tag, .type = (uint16_t)type, .count = 1};
    e->bytes = type == TYPE_SHORT ? 2 : type == TYPE_LONG ? 4 : 8;
    store(e->own, value, BN_MIN(e->bytes, 4), all->big_endian);
    if (type == TYPE_RATIONAL) store(e->own + 4, below, 4, all->big_endian);
    e->value = e->own;
}

static int compare_entries(const void *a, const void *b)
{
    const entry *const *x = a, *const *y = b;
    if ((*x)->folder != (*y)->folder) return (int)(*x)->folder - (int)(*y)->folder;
    return (int)(*x)->tag - (int)(*y)->tag;
}

static size_t padded(size_t bytes)
{
    return bytes + bytes % 2;
}

/* Bytes of a folder with its values. */
static size_t folder_bytes(entry *const *list, size_t count)
{
    size_t bytes = 2 + count * ENTRY_BYTES + 4;
    for (size_t i = 0; i < count; i++)
        if (list[i]->bytes > 4) bytes += padded(list[i]->bytes);
    return bytes;
}

/* The folder at data + at, its values behind it. */
static void write_folder(uint8_t *data, size_t at, entry *const *list, size_t count, bool big_endian)
{
    size_t value_at = at + 2 + count * ENTRY_BYTES + 4;
    store(data + at, (uint32_t)count, 2, big_endian);
    for (size_t i = 0; i < count; i++) {
        uint8_t *out = data + at + 2 + i * ENTRY_BYTES;
        store(out, list[i]->tag, 2, big_endian);
        store(out + 2, list[i]->type, 2, big_endian);
        store(out + 4, list[i]->count, 4, big_endian);
        if (list[i]->bytes <= 4) {
            memcpy(out + 8, list[i]->value, list[i]->bytes);
            continue;
        }
        store(out + 8, (uint32_t)value_at, 4, big_endian);
        memcpy(data + value_at, list[i]->value, list[i]->bytes);
        value_at += padded(list[i]->bytes);
    }
}

/* Header, then the folders one behind the other; `all` has its pointers to the lower ones already, their places not. */
static bn_status write_block(entries *all, bn_buffer *out, bn_error *err)
{
    enum { HEADER_BYTES = 8 };
    entry *order[MAX_ENTRIES];
    for (size_t i = 0; i < all->count; i++) order[i] = &all->list[i];
    qsort(order, all->count, sizeof *order, compare_entries);
    size_t first[BN_EXIF_FOLDERS + 1] = {0}, place[BN_EXIF_FOLDERS], bytes = HEADER_BYTES;
    for (bn_exif_folder f = 0; f < BN_EXIF_FOLDERS; f++) {
        first[f + 1] = first[f];
        while (first[f + 1] < all->count && order[first[f + 1]]->folder == f) first[f + 1]++;
        place[f] = bytes;
        if (first[f + 1] > first[f]) bytes += folder_bytes(order + first[f], first[f + 1] - first[f]);
    }
    for (size_t i = 0; i < all->count; i++) {
        entry *e = &all->list[i];
        if (e->tag == TAG_EXIF_FOLDER) store(e->own, (uint32_t)place[BN_EXIF_PHOTO], 4, all->big_endian);
        if (e->tag == TAG_PLACE_FOLDER) store(e->own, (uint32_t)place[BN_EXIF_PLACE], 4, all->big_endian);
    }
    BN_TRY(bn_buffer_reserve(out, bytes, err));
    uint8_t *data = out->data + out->size;
    memset(data, 0, bytes);
    memcpy(data, all->big_endian ? "MM\0*" : "II*\0", 4);
    store(data + 4, HEADER_BYTES, 4, all->big_endian);
    for (bn_exif_folder f = 0; f < BN_EXIF_FOLDERS; f++)
        if (first[f + 1] > first[f])
            write_folder(data, place[f], order + first[f], first[f + 1] - first[f], all->big_endian);
    out->size += bytes;
    return BIREFNET_OK;
}

static void add_density(entries *all, bn_density density)
{
    enum { PARTS = 10000 }; /* a unit of a density: 300 dots per inch are 3000000/10000 */
    if (!(density.x > 0 && density.y > 0)) return;
    add_own(all, TAG_X_DENSITY, TYPE_RATIONAL, (uint32_t)lround(density.x * PARTS), PARTS);
    add_own(all, TAG_Y_DENSITY, TYPE_RATIONAL, (uint32_t)lround(density.y * PARTS), PARTS);
    add_own(all, TAG_DENSITY_UNIT, TYPE_SHORT, 2, 0);
}

bn_status bn_exif_filter(const uint8_t *exif, size_t size, bn_metadata level, bn_density density,
                         bn_buffer *out, bn_error *err)
{
    block b;
    entries *all = calloc(1, sizeof *all);
    if (!all) return bn_fail_memory(err, sizeof *all, "a photo's data");
    if (level > BN_METADATA_NONE && size > 0 && open_block(exif, size, &b)) collect_all(&b, level, all);
    bool has[BN_EXIF_FOLDERS] = {false};
    for (size_t i = 0; i < all->count; i++) has[all->list[i].folder] = true;
    add_density(all, density);
    bn_status status = BIREFNET_OK;
    if (all->count > 0) {
        add_own(all, TAG_ORIENTATION, TYPE_SHORT, 1, 0);
        if (has[BN_EXIF_PHOTO]) add_own(all, TAG_EXIF_FOLDER, TYPE_LONG, 0, 0);
        if (has[BN_EXIF_PLACE]) add_own(all, TAG_PLACE_FOLDER, TYPE_LONG, 0, 0);
        status = write_block(all, out, err);
    }
    free(all);
    return status;
}
