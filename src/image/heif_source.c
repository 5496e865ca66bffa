/* heif_source.c - see heif_source.h. Boxes: ISO/IEC 14496-12 and 23008-12; parameter sets and NAL units: ITU-T H.265, 7.3. */
#include "image/heif_source.h"
#include "image/heif_references.h"

#include "base/size.h"

#include <string.h>

/* ---- sequence parameter sets --------------------------------------------------------------------------- */

typedef struct bit_reader {
    const uint8_t *bytes;
    size_t size, byte; /* byte: where the next bit is */
    unsigned bit, zeros;
} bit_reader;

/* Behind the end stand ones, so that every number ends. The third of 0 0 3 is no data (7.4.2). */
static unsigned read_bit(bit_reader *r)
{
    if (r->bit == 0 && r->zeros >= 2 && r->byte < r->size && r->bytes[r->byte] == 3) {
        r->byte++;
        r->zeros = 0;
    }
    if (r->byte >= r->size) return 1;
    const unsigned value = r->bytes[r->byte] >> (7 - r->bit) & 1u;
    if (++r->bit == 8) {
        r->zeros = r->bytes[r->byte] == 0 ? r->zeros + 1 : 0;
        r->byte++;
        r->bit = 0;
    }
    return value;
}

static uint32_t read_bits(bit_reader *r, unsigned count)
{
    uint32_t value = 0;
    while (count-- > 0) value = value << 1 | read_bit(r);
    return value;
}

static uint32_t read_golomb(bit_reader *r) /* ue(v) */
{
    unsigned zeros = 0;
    while (zeros < 31 && read_bit(r) == 0) zeros++;
    return (1u << zeros) - 1 + read_bits(r, zeros);
}

static void skip_profile(bit_reader *r, unsigned sub_layers) /* profile_tier_level() */
{
    bool has_profile[8] = {false}, has_level[8] = {false};
    read_bits(r, 32), read_bits(r, 32), read_bits(r, 32);
    for (unsigned i = 0; i < sub_layers; i++) has_profile[i] = read_bit(r), has_level[i] = read_bit(r);
    for (unsigned i = sub_layers; sub_layers > 0 && i < 8; i++) read_bits(r, 2);
    for (unsigned i = 0; i < sub_layers; i++) {
        if (has_profile[i]) read_bits(r, 32), read_bits(r, 32), read_bits(r, 24);
        if (has_level[i]) read_bits(r, 8);
    }
}

/* False where it is cut off. */
static bool read_sequence(const uint8_t *unit, size_t size, bn_heif_facts *facts)
{
    bit_reader r = {.bytes = unit, .size = size, .byte = 2, .zeros = unit[1] == 0};
    read_bits(&r, 4);
    const unsigned sub_layers = read_bits(&r, 3);
    read_bit(&r);
    skip_profile(&r, sub_layers);
    read_golomb(&r);
    if (read_golomb(&r) == 3) read_bit(&r);
    const uint64_t width = read_golomb(&r), height = read_golomb(&r);
    if (read_bit(&r)) /* a window to crop to */
        for (int i = 0; i < 4; i++) read_golomb(&r);
    const unsigned luma_bits = 8 + read_golomb(&r), chroma_bits = 8 + read_golomb(&r);
    if (r.byte >= r.size || width == 0 || height == 0) return false;
    facts->picture_pixels = BN_MAX(facts->picture_pixels, width * height);
    facts->bits = BN_MAX(facts->bits, BN_MIN(BN_MAX(luma_bits, chroma_bits), 16u));
    return true;
}

/* ---- boxes --------------------------------------------------------------------------------------------- */

static unsigned number_16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* Decoders go by what a unit says that it is, not by the array that it stands in. Pictures have no place there. */
static bool read_unit(const uint8_t *unit, size_t size, bn_heif_facts *facts)
{
    enum { FIRST_OTHER = 32, SPS = 33 };
    const unsigned type = unit[0] >> 1 & 63;
    if (type != SPS) return type >= FIRST_OTHER;
    return size >= 3 && read_sequence(unit, size, facts);
}

typedef enum configuration {
    CONFIGURATION_NONE =
        0, /* it is none: it would reach beyond the file, which libheif takes for a fault, too */
    CONFIGURATION_BAD,
    CONFIGURATION_GOOD,
} configuration;

/* What stands behind "hvcC": HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1). *units_left bounds the time that
 * all of a file's take. */
static configuration read_configuration(const uint8_t *bytes, size_t size, size_t *units_left,
                                        bn_heif_facts *facts)
{
    enum { AT_LENGTH_SIZE = 21, AT_ARRAYS = 22 };
    bn_heif_facts found = *facts;
    if (size < AT_ARRAYS + 1) return CONFIGURATION_NONE;
    bool good = (bytes[AT_LENGTH_SIZE] & 3) == 3;
    size_t at = AT_ARRAYS + 1;
    for (unsigned arrays = bytes[AT_ARRAYS]; arrays > 0; arrays--) {
        if (size - at < 3) return CONFIGURATION_NONE;
        unsigned units = number_16(bytes + at + 1);
        for (at += 3; units > 0; units--) {
            if (size - at < 2 || size - at - 2 < number_16(bytes + at)) return CONFIGURATION_NONE;
            if ((*units_left)-- == 1) return CONFIGURATION_BAD;
            const size_t length = number_16(bytes + at);
            good = good && (length == 0 || read_unit(bytes + at + 2, length, &found));
            at += 2 + length;
        }
    }
    if (!good) return CONFIGURATION_BAD;
    *facts = found;
    return CONFIGURATION_GOOD;
}

/* Items that are measured here, and those that are no pictures of their own: metadata, regions, tone maps. Any other may be a
 * picture by a codec that a later libheif knows, or one of several pictures. */
static bool is_known_item(const uint8_t *type)
{
    static const char types[][5] = {"hvc1", "grid", "iden", "Exif", "mime", "uri ", "rgan", "it35", "tmap"};
    for (size_t i = 0; i < BN_COUNT(types); i++)
        if (memcmp(type, types[i], 4) == 0) return true;
    return false;
}

static bn_status fail_foreign(const uint8_t *type, bn_error *err)
{
    char name[5] = {0};
    for (int i = 0; i < 4; i++) name[i] = type[i] >= ' ' && type[i] < 127 ? (char)type[i] : '?';
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "HEIF with pictures of type %s is not read here", name);
}

/* What a box holds, given where its name stands: behind the name, or behind a size of 64 bits where the field before the name
 * says that one follows. NULL where the file ends first. */
static const uint8_t *content_of(const uint8_t *bytes, const uint8_t *name, const uint8_t *end)
{
    const bool is_long = name - bytes >= 4 && memcmp(name - 4, "\0\0\0\1", 4) == 0;
    const ptrdiff_t head_bytes = is_long ? 4 + 8 : 4;
    return end - name > head_bytes ? name + head_bytes : NULL;
}

/* Whether the number before a box's name is one: else the name stands in picture data. */
static bool has_size(const uint8_t *bytes, const uint8_t *name, const uint8_t *end)
{
    if (name - bytes < 4) return false;
    const uint64_t size = (uint64_t)number_16(name - 4) << 16 | number_16(name - 2);
    return size <= 1 || (size >= 8 && size <= (uint64_t)(end - name) + 4);
}

/* The item's type; NULL where there is none: version 2 has ids of 16 bits, 3 of 32, and of others libheif reads no id. */
static const uint8_t *item_type(const uint8_t *content, const uint8_t *end)
{
    if (!content || content[0] < 2) return NULL;
    const ptrdiff_t at = content[0] == 2 ? 8 : content[0] == 3 ? 10 : 6;
    return end - content >= at + 4 ? content + at : NULL;
}

static uint32_t item_id(const uint8_t *content)
{
    if (content[0] == 2) return number_16(content + 4);
    return content[0] == 3 ? (uint32_t)number_16(content + 4) << 16 | number_16(content + 6) : 0;
}

static size_t field_bytes(unsigned size)
{
    return size == 4 || size == 8 ? size : 0; /* as libheif takes others */
}

/* Of an item location box: whether it has an item of more than one extent. What libheif takes for no box is none. */
static bool lies_in_pieces(const uint8_t *box, size_t size)
{
    enum { MOST_ITEMS = 65535 };
    if (size < 10) return false;
    const unsigned version = box[0], sizes = number_16(box + 4);
    const size_t id_bytes = version < 2 ? 2 : 4;
    uint64_t items = number_16(box + 6);
    if (version >= 2) items = items << 16 | number_16(box + 8);
    if (items > MOST_ITEMS) return false;
    /* versions of libheif differ in when an extent has an index */
    if (items > 0 && version > 0 && (sizes & 15) != 0) return true;
    const size_t count_at = id_bytes + (version > 0 ? 4 : 2) + field_bytes(sizes >> 4 & 15);
    const size_t extent_bytes = field_bytes(sizes >> 12) + field_bytes(sizes >> 8 & 15);
    for (size_t at = 6 + id_bytes; items > 0 && at + count_at + 2 <= size; items--) {
        const unsigned extents = number_16(box + at + count_at);
        if (extents > 1) return true;
        at += count_at + 2 + extents * extent_bytes;
    }
    return false;
}

/* Where a box of that name may begin, from *at on; what it holds goes to the file's end at most, *content is NULL where nothing
 * is left. False where there is none. */
static bool next_box(const uint8_t *bytes, const uint8_t *end, const char *name, const uint8_t **at,
                     const uint8_t **content)
{
    const uint8_t *found = memmem(*at, (size_t)(end - *at), name, 4);
    if (!found) return false;
    *content = content_of(bytes, found, end);
    *at = found + 4;
    return true;
}

static bn_status read_items(const uint8_t *bytes, const uint8_t *end, bn_heif_facts *facts,
                            bn_heif_references *references, bn_error *err)
{
    const uint8_t *at = bytes, *content;
    while (next_box(bytes, end, "infe", &at, &content)) {
        const uint8_t *type = has_size(bytes, at - 4, end) ? item_type(content, end) : NULL;
        if (!type) continue;
        if (!is_known_item(type)) return fail_foreign(type, err);
        facts->has_grid |= memcmp(type, "grid", 4) == 0;
        BN_TRY(bn_heif_references_add_item(references, item_id(content), err));
    }
    return BIREFNET_OK;
}

static bn_status read_references(const uint8_t *bytes, const uint8_t *end, const char *name, bool reversed,
                                 bn_heif_references *references, bn_error *err)
{
    const uint8_t *at = bytes, *content;
    while (next_box(bytes, end, name, &at, &content))
        if (content)
            BN_TRY(bn_heif_references_add_box(references, content, (size_t)(end - content), reversed, err));
    return BIREFNET_OK;
}

static bn_status check_items(const uint8_t *bytes, const uint8_t *end, bn_heif_facts *facts, bn_error *err)
{
    bn_status status;
    bn_heif_references *references = bn_heif_references_create();
    if (!references) return bn_fail_memory(err, sizeof references, "what a HEIC is made of");
    BN_TRY_DONE(read_items(bytes, end, facts, references, err));
    BN_TRY_DONE(read_references(bytes, end, "dimg", false, references, err));
    BN_TRY_DONE(read_references(bytes, end, "auxl", true, references, err));
    status = bn_heif_references_check(references, err);
done:
    bn_heif_references_destroy(&references);
    return status;
}

static bn_status read_configurations(const uint8_t *bytes, const uint8_t *end, bn_heif_facts *facts,
                                     bool *any, bn_error *err)
{
    const uint8_t *at = bytes, *content;
    size_t units_left = 1u << 20; /* a file has some ten */
    while (next_box(bytes, end, "hvcC", &at, &content)) {
        const configuration found =
            content ? read_configuration(content, (size_t)(end - content), &units_left, facts)
                    : CONFIGURATION_NONE;
        if (found == CONFIGURATION_BAD)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged HEIC: its codec data make no sense");
        *any |= found == CONFIGURATION_GOOD;
    }
    return BIREFNET_OK;
}

/* Boxes are looked for by their names wherever they stand: a parser that is fooled by sizes would miss some that libheif
 * finds. The names stand in picture data once in some thousand files; what follows them there is hardly ever a box. */
bn_status bn_heif_facts_read(const uint8_t *bytes, size_t size, bn_heif_facts *facts, bn_error *err)
{
    *facts = (bn_heif_facts){.bits = 8};
    bool has_configuration = false;
    const uint8_t *const end = bytes + size, *at = bytes, *content;
    BN_TRY(check_items(bytes, end, facts, err));
    BN_TRY(read_configurations(bytes, end, facts, &has_configuration, err));
    while (next_box(bytes, end, "iloc", &at, &content))
        if (content && lies_in_pieces(content, (size_t)(end - content))) facts->has_pieces = true;
    if (facts->has_grid && facts->has_pieces)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "a HEIC of tiles in pieces is not read here");
    if (has_configuration && facts->picture_pixels > 0) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged or truncated HEIC: no codec data");
}

/* ---- what libheif calls -------------------------------------------------------------------------------- */

/* Stills hold pictures that stand alone (types 16 to 21), and messages; parameter sets in the data would not have been
 * measured, and other pictures would be held back. */
static bool is_allowed(unsigned type)
{
    return (type >= 16 && type <= 21) || type >= 35;
}

static bool is_parameter_set(unsigned type)
{
    return type >= 32 && type <= 34;
}

/* The data of an item, or a part of it: NAL units behind their lengths. */
static void watch(bn_heif_source *source, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size && !source->refused;) {
        if (source->skip_bytes > 0) {
            const size_t skipped = (size_t)BN_MIN(source->skip_bytes, size - at);
            source->skip_bytes -= skipped;
            at += skipped;
            continue;
        }
        source->head[source->head_bytes++] = bytes[at++];
        if (source->head_bytes < 5) continue;
        const uint8_t *head = source->head;
        const uint64_t length = (uint64_t)head[0] << 24 | (uint64_t)head[1] << 16 | number_16(head + 2);
        source->refused = length == 0 || !is_allowed(head[4] >> 1 & 63);
        source->skip_bytes = length - 1;
        source->head_bytes = 0;
    }
}

/* libheif 1.15 ends the process where data that it has asked for is not there: it gets zeros instead, and `refused` tells. */
static int read_source(void *data, size_t size, void *user)
{
    bn_heif_source *source = user;
    if (size == 0) return 0; /* libheif asks for that, too, of no memory */
    const size_t here = source->at < source->size ? BN_MIN(size, source->size - source->at) : 0;
    const uint8_t *from = source->bytes + BN_MIN(source->at, source->size);
    /* how tiles lie is an item, too: 8 or 12 bytes that begin with a zero */
    const bool is_grid = source->expects_grid && (here == 8 || here == 12) && source->skip_bytes == 0 &&
                         source->head_bytes == 0 && from[0] == 0 && from[1] <= 1 &&
                         !is_parameter_set(from[4] >> 1 & 63);
    if (source->watches && !is_grid) watch(source, from, here);
    source->cut_off |= here < size;
    memset(data, 0, size);
    if (!source->refused) memcpy(data, from, here);
    source->at += here;
    return source->watches || here == size ? 0 : -1;
}

static int seek_source(int64_t position, void *user)
{
    bn_heif_source *source = user;
    if (position < 0) return -1;
    source->at = (size_t)position;
    return 0;
}

static int64_t tell_source(void *user)
{
    const bn_heif_source *source = user;
    return (int64_t)source->at;
}

static enum heif_reader_grow_status wait_for_source(int64_t target_size, void *user)
{
    const bn_heif_source *source = user;
    return target_size >= 0 && (uint64_t)target_size <= source->size
               ? heif_reader_grow_status_size_reached
               : heif_reader_grow_status_size_beyond_eof;
}

void bn_heif_source_init(bn_heif_source *source, const uint8_t *bytes, size_t size)
{
    *source = (bn_heif_source){.reader = {.reader_api_version = 1,
                                          .get_position = tell_source,
                                          .read = read_source,
                                          .seek = seek_source,
                                          .wait_for_file_size = wait_for_source},
                               .bytes = bytes,
                               .size = size};
}
