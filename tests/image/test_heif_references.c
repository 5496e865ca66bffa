/* test_heif_references.c - pictures of a HEIC that are parts of themselves, or of so many others that decoding would not end. */
#include "tests/test.h"

#include "image/heif_references.h"
#include "image/heif_source.h"

#include <string.h>

enum { REVERSED = 1, WIDE = 2 };

static void put_id(uint8_t **at, uint32_t id, bool wide)
{
    if (wide) *(*at)++ = (uint8_t)(id >> 24), *(*at)++ = (uint8_t)(id >> 16);
    *(*at)++ = (uint8_t)(id >> 8);
    *(*at)++ = (uint8_t)id;
}

/* A box that says that `from` is made of `count` ids from `to` on, `step` apart. */
static void refer(bn_heif_references *all, uint32_t from, uint32_t to, unsigned count, unsigned step, int how)
{
    static uint8_t box[8 + 4 * 65535];
    bn_error err = {0};
    uint8_t *at = box;
    put_id(&at, from, how & WIDE);
    *at++ = (uint8_t)(count >> 8);
    *at++ = (uint8_t)count;
    for (unsigned i = 0; i < count; i++) put_id(&at, to + i * step, how & WIDE);
    assert_ok(bn_heif_references_add_box(all, box, (size_t)(at - box), how & REVERSED, &err), err);
}

/* Items 1 to `count`. */
static bn_heif_references *begin(uint32_t count)
{
    bn_error err = {0};
    bn_heif_references *all = bn_heif_references_create();
    assert_non_null(all);
    for (uint32_t id = count; id > 0; id--) assert_ok(bn_heif_references_add_item(all, id, &err), err);
    return all;
}

static bn_status end(bn_heif_references *all)
{
    bn_error err = {0};
    const bn_status status = bn_heif_references_check(all, &err);
    bn_heif_references_destroy(&all);
    return status;
}

static void what_cameras_write_is_read(void **state)
{
    (void)state;
    bn_heif_references *all = begin(200);
    assert_int_equal(end(all), BIREFNET_OK);
    for (int how = 0; how <= WIDE;
         how += WIDE) { /* a turned picture of 48 tiles, whose alpha is of 48 tiles, and a depth map */
        all = begin(200);
        refer(all, 200, 100, 1, 0, how);
        refer(all, 100, 1, 48, 1, how);
        refer(all, 101, 100, 1, 0, how | REVERSED);
        refer(all, 101, 49, 48, 1, how);
        refer(all, 150, 100, 1, 0, how | REVERSED);
        refer(all, 99, 7, 30, 0, how); /* one tile thirty times */
        assert_int_equal(end(all), BIREFNET_OK);
    }
}

static void a_part_of_itself_is_damaged(void **state)
{
    (void)state;
    for (int how = 0; how <= WIDE; how += WIDE) {
        bn_heif_references *all = begin(3);
        refer(all, 2, 2, 1, 0, how);
        assert_int_equal(end(all), BIREFNET_ERROR_FORMAT);
        all = begin(3);
        refer(all, 1, 2, 1, 0, how);
        refer(all, 2, 3, 1, 0, how);
        refer(all, 3, 1, 1, 0, how);
        assert_int_equal(end(all), BIREFNET_ERROR_FORMAT);
        all = begin(2); /* each the other's alpha */
        refer(all, 1, 2, 1, 0, how | REVERSED);
        refer(all, 2, 1, 1, 0, how | REVERSED);
        assert_int_equal(end(all), BIREFNET_ERROR_FORMAT);
        all = begin(2); /* alpha of what it is made of */
        refer(all, 1, 2, 1, 0, how | REVERSED);
        refer(all, 1, 2, 1, 0, how);
        assert_int_equal(end(all), BIREFNET_ERROR_FORMAT);
    }
}

static void towers_are_refused(void **state)
{
    (void)state;
    bn_heif_references *all = begin(30);
    for (uint32_t id = 1; id < 9; id++) refer(all, id, id + 1, 1, 0, 0);
    assert_int_equal(end(all), BIREFNET_ERROR_UNSUPPORTED);
    all = begin(30); /* 10 of 10 of 10 of ... the same */
    for (uint32_t id = 1; id < 6; id++) refer(all, id, id + 1, 10, 0, 0);
    assert_int_equal(end(all), BIREFNET_ERROR_UNSUPPORTED);
}

static void ids_that_no_item_has_are_none(void **state)
{
    (void)state;
    bn_heif_references *all = begin(2);
    refer(all, 3, 3, 1, 0, 0);
    refer(all, 1, 5, 9, 1, 0);
    assert_int_equal(end(all), BIREFNET_OK);
}

static void too_many_are_refused(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_heif_references *all = begin(1);
    bn_status status = BIREFNET_OK;
    static uint8_t box[4 + 2 * 65535] = {0, 1, 0xff, 0xff};
    for (int i = 0; i < 100 && status == BIREFNET_OK;
         i++) /* to items that are not there: only looking takes time */
        status = bn_heif_references_add_box(all, box, sizeof box, false, &err);
    assert_int_equal(status, BIREFNET_ERROR_UNSUPPORTED);
    bn_heif_references_destroy(&all);
    all = begin(2);
    for (size_t i = 4; i < sizeof box; i += 2) box[i + 1] = 2;
    status = BIREFNET_OK;
    for (int i = 0; i < 100 && status == BIREFNET_OK; i++)
        status = bn_heif_references_add_box(all, box, sizeof box, false, &err);
    assert_int_equal(status, BIREFNET_ERROR_UNSUPPORTED);
    bn_heif_references_destroy(&all);
    all = begin(0);
    status = BIREFNET_OK;
    for (uint32_t i = 0; i < 100000 && status == BIREFNET_OK; i++)
        status = bn_heif_references_add_item(all, i, &err);
    assert_int_equal(status, BIREFNET_ERROR_UNSUPPORTED);
    bn_heif_references_destroy(&all);
}

/* Before libheif is asked anything. Boxes of items: version 2 has ids of 16 bits, 3 of 32; of others libheif takes 0. */
static void a_file_is_looked_at_first(void **state)
{
    (void)state;
    static const uint8_t files[][60] = {
        "\0\0\0\x15infe\2\0\0\1\0\7\0\0grid\0\0\0\0\x0e"
        "dimg\0\7\0\1\0\7",
        "\0\0\0\x17infe\3\0\0\1\0\1\0\7\0\0grid\0\0\0\0\x12"
        "dimg\0\1\0\7\0\1\0\1\0\7",
        "\0\0\0\x17infe\4\0\0\1\0\0grid\0\0\0\0\0\0\0\0\0\x0e"
        "dimg\0\0\0\1\0\0",
        "\0\0\0\x15infe\2\0\0\1\0\7\0\0hvc1\0\0\0\0\x0e"
        "auxl\0\7\0\1\0\7",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bn_heif_facts facts;
        bn_error err = {0};
        assert_int_equal(bn_heif_facts_read(files[i], sizeof files[i], &facts, &err), BIREFNET_ERROR_FORMAT);
        assert_non_null(strstr(err.message, "a part of itself"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cameras_write_is_read), cmocka_unit_test(a_part_of_itself_is_damaged),
        cmocka_unit_test(towers_are_refused),         cmocka_unit_test(ids_that_no_item_has_are_none),
        cmocka_unit_test(too_many_are_refused),       cmocka_unit_test(a_file_is_looked_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
