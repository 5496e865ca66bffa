/* test_heif_source.c - what is measured of a HEIC before libheif's decoders run, on boxes and data that are laid out so that
 * they could be overlooked. */
#include "tests/test.h"

#include "image/heif_source.h"

#include <string.h>

enum { CONFIGURATION_BYTES = 23, LENGTH_SIZE_AT = 21, SPS = 33 };

typedef struct bytes {
    uint8_t data[400];
    size_t size;
} bytes;

static void put(bytes *b, const void *data, size_t size)
{
    assert_true(size <= sizeof b->data - b->size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

typedef struct bits {
    uint8_t data[60];
    size_t count;
} bits;

static void put_bits(bits *b, uint32_t value, unsigned count)
{
    while (count-- > 0) {
        b->data[b->count / 8] |= (uint8_t)((value >> count & 1) << (7 - b->count % 8));
        b->count++;
    }
}

static void put_golomb(bits *b, uint32_t value)
{
    unsigned length = 0;
    while ((value + 1) >> (length + 1)) length++;
    put_bits(b, 0, length);
    put_bits(b, value + 1, length + 1);
}

/* A record with one sequence parameter set of side x side pixels. Read eight bytes too early it is a record with none. */
static void put_configuration(bytes *b, uint32_t side, uint8_t array_type)
{
    uint8_t record[CONFIGURATION_BYTES] = {1, [13] = 0xf3, [LENGTH_SIZE_AT] = 3, [22] = 1};
    bits set = {0};
    put_bits(&set, 0x4201, 16);
    put_bits(&set, 0x01, 8);
    for (int i = 0; i < 12; i++) put_bits(&set, 0xaa, 8);
    put_golomb(&set, 0);
    put_golomb(&set, 1);
    put_golomb(&set, side);
    put_golomb(&set, side);
    put_bits(&set, 0, 1);
    put_golomb(&set, 0);
    put_golomb(&set, 0);
    const size_t length = set.count / 8 + 2;
    const uint8_t array[] = {array_type, 0, 1, 0, (uint8_t)length};
    put(b, record, sizeof record);
    put(b, array, sizeof array);
    put(b, set.data, length);
}

static void put_usual_box(bytes *b, uint32_t side)
{
    put(b, "\0\0\0\x50hvcC", 8);
    put_configuration(b, side, SPS);
}

static void test_measures_the_usual_box(void **state)
{
    (void)state;
    bytes b = {0};
    bn_heif_facts facts;
    put_usual_box(&b, 64);
    assert_int_equal(bn_heif_facts_read(b.data, b.size, &facts, NULL), BIREFNET_OK);
    assert_int_equal(facts.picture_pixels, 64 * 64);
}

static void test_measures_a_box_of_64_bit_size(void **state)
{
    (void)state;
    bytes b = {0};
    bn_heif_facts facts;
    put_usual_box(&b, 64);
    put(&b, "\0\0\0\1hvcC\0\0\0\0\0\0\0\x58", 16);
    put_configuration(&b, 20000, SPS);
    assert_int_equal(bn_heif_facts_read(b.data, b.size, &facts, NULL), BIREFNET_OK);
    assert_int_equal(facts.picture_pixels, 20000 * 20000);
}

/* Decoders go by what a unit says that it is, not by the array that it stands in. */
static void test_measures_a_set_among_others(void **state)
{
    (void)state;
    bytes b = {0};
    bn_heif_facts facts;
    put_usual_box(&b, 64);
    put(&b, "\0\0\0\x50hvcC", 8);
    put_configuration(&b, 20000, SPS + 1);
    assert_int_equal(bn_heif_facts_read(b.data, b.size, &facts, NULL), BIREFNET_OK);
    assert_int_equal(facts.picture_pixels, 20000 * 20000);
}

static void test_passes_over_the_name_in_picture_data(void **state)
{
    (void)state;
    bytes b = {0};
    bn_heif_facts facts;
    put_usual_box(&b, 64);
    put(&b, "hvcC", 4);
    for (int i = 0; i < 200; i++) put(&b, "\x54", 1);
    assert_int_equal(bn_heif_facts_read(b.data, b.size, &facts, NULL), BIREFNET_OK);
    assert_int_equal(facts.picture_pixels, 64 * 64);
}

static void test_sees_an_item_at_the_end_of_the_file(void **state)
{
    (void)state;
    bytes grid = {0}, foreign = {0};
    bn_heif_facts facts;
    put_usual_box(&grid, 64);
    foreign = grid;
    put(&grid, "\0\0\0\x15infe\2\0\0\0\0\1\0\0grid", 21);
    assert_int_equal(bn_heif_facts_read(grid.data, grid.size, &facts, NULL), BIREFNET_OK);
    assert_true(facts.has_grid);
    put(&foreign, "\0\0\0\x15infe\2\0\0\0\0\1\0\0av01", 21);
    assert_int_equal(bn_heif_facts_read(foreign.data, foreign.size, &facts, NULL),
                     BIREFNET_ERROR_UNSUPPORTED);
}

static bn_status read_with_item(const char *item, size_t size)
{
    bytes b = {0};
    bn_heif_facts facts;
    put_usual_box(&b, 64);
    put(&b, item, size);
    return bn_heif_facts_read(b.data, b.size, &facts, NULL);
}

/* What a later libheif may take for a picture is refused, in whatever version the box is; what cannot be a box is none. */
static void test_allows_known_items_only(void **state)
{
    (void)state;
    assert_int_equal(read_with_item("\0\0\0\x15infe\2\0\0\0\0\1\0\0hvc1", 21), BIREFNET_OK);
    assert_int_equal(read_with_item("\0\0\0\x15infe\2\0\0\0\0\1\0\0mime", 21), BIREFNET_OK);
    assert_int_equal(read_with_item("\0\0\0\x15infe\2\0\0\0\0\1\0\0tmap", 21), BIREFNET_OK);
    assert_int_equal(read_with_item("\0\0\0\x15infe\2\0\0\0\0\1\0\0tili", 21), BIREFNET_ERROR_UNSUPPORTED);
    assert_int_equal(read_with_item("\0\0\0\x17infe\3\0\0\0\0\0\0\1\0\0new1", 23),
                     BIREFNET_ERROR_UNSUPPORTED);
    assert_int_equal(read_with_item("\0\0\0\x13infe\4\0\0\0\0\0av01", 19), BIREFNET_ERROR_UNSUPPORTED);
    assert_int_equal(read_with_item("\x84\7\x11\x15infe\x42\x9e\7\1\4\1\5\6\x8f\x0d\4\2", 21), BIREFNET_OK);
}

static void test_sees_an_item_in_a_box_of_64_bit_size(void **state)
{
    (void)state;
    bytes b = {0};
    bn_heif_facts facts;
    put_usual_box(&b, 64);
    put(&b, "\0\0\0\1infe\0\0\0\0\0\0\0\x1d\2\0\0\0\0\1\0\0iovl", 29);
    assert_int_equal(bn_heif_facts_read(b.data, b.size, &facts, NULL), BIREFNET_ERROR_UNSUPPORTED);
}

/* A file with a grid, and an item location box of this version with one item of so many extents. */
static bn_status read_with_extents(uint8_t version, uint8_t extents)
{
    bytes b = {0};
    bn_heif_facts facts;
    const uint8_t old[] = {version, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, extents};
    const uint8_t late[] = {version, 0, 0, 0, 0x44, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, extents};
    put_usual_box(&b, 64);
    put(&b, "\0\0\0\x15infe\2\0\0\0\0\1\0\0grid", 20);
    put(&b, "\0\0\0\x28iloc", 8);
    if (version == 0) { /* without the place that an offset counts from */
        put(&b, old, 10);
        put(&b, old + 12, 4);
    } else {
        put(&b, version == 1 ? old : late, version == 1 ? sizeof old : sizeof late);
    }
    for (int i = 0; i < extents; i++) put(&b, "\0\0\1\0\0\0\0\x08", 8);
    return bn_heif_facts_read(b.data, b.size, &facts, NULL);
}

/* A piece of eight bytes would pass for how tiles lie, and the next would be read from a wrong place. */
static void test_refuses_tiles_in_pieces(void **state)
{
    (void)state;
    for (uint8_t version = 0; version < 4; version++) {
        assert_int_equal(read_with_extents(version, 0), BIREFNET_OK);
        assert_int_equal(read_with_extents(version, 1), BIREFNET_OK);
        assert_int_equal(read_with_extents(version, 2), BIREFNET_ERROR_UNSUPPORTED);
    }
}

/* Eight bytes that could tell how tiles lie, but for what kind of NAL unit they begin. */
static bool refuses(uint8_t unit)
{
    const uint8_t data[8] = {0, 0, 1, 0, unit, 1, 1, 1};
    uint8_t got[8];
    bn_heif_source source;
    bn_heif_source_init(&source, data, sizeof data);
    source.watches = source.expects_grid = true;
    assert_int_equal(source.reader.read(got, sizeof got, &source), 0);
    return source.refused;
}

static void test_refuses_parameter_sets_in_picture_data(void **state)
{
    (void)state;
    assert_false(refuses(0)); /* tiles, as wide as 255 pixels at most */
    for (unsigned type = 32; type <= 34; type++) {
        assert_true(refuses((uint8_t)(type << 1)));
        assert_true(refuses((uint8_t)(0x80 | type << 1))); /* decoders skip the first bit */
    }
}

/* libheif asks so for items that are empty. The sanitizer of undefined behaviour watches. */
static void test_reads_nothing_into_nothing(void **state)
{
    (void)state;
    static const uint8_t file[4] = {0};
    bn_heif_source source;
    bn_heif_source_init(&source, file, sizeof file);
    assert_int_equal(source.reader.read(NULL, 0, &source), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measures_the_usual_box),
        cmocka_unit_test(test_measures_a_box_of_64_bit_size),
        cmocka_unit_test(test_measures_a_set_among_others),
        cmocka_unit_test(test_passes_over_the_name_in_picture_data),
        cmocka_unit_test(test_sees_an_item_at_the_end_of_the_file),
        cmocka_unit_test(test_allows_known_items_only),
        cmocka_unit_test(test_sees_an_item_in_a_box_of_64_bit_size),
        cmocka_unit_test(test_refuses_tiles_in_pieces),
        cmocka_unit_test(test_refuses_parameter_sets_in_picture_data),
        cmocka_unit_test(test_reads_nothing_into_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
