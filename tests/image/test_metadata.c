/* test_metadata.c - density, EXIF, XMP and IPTC through every format: what is kept at which level, and what never is. */
#include "tests/test.h"

#include "base/file.h"
#include "image/codec.h"
#include "image/iptc.h"
#include "image/orientation.h"
#include "image/xmp.h"

#include <math.h>

/* ---- a photo's block, as a camera writes it ---- */

typedef struct writing {
    uint8_t bytes[4096];
    size_t size;
    bool big_endian;
} writing;

static void put(writing *w, size_t at, uint32_t value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        w->bytes[at + i] = (uint8_t)(value >> 8 * (w->big_endian ? count - 1 - i : i));
}

/* An entry at `at`; a value that does not fit is put at the end. */
static size_t entry(writing *w, size_t at, unsigned tag, unsigned type, uint32_t count, const void *value,
                    size_t bytes, uint32_t number)
{
    put(w, at, tag, 2);
    put(w, at + 2, type, 2);
    put(w, at + 4, count, 4);
    if (!value) {
        put(w, at + 8, number, type == 3 ? 2 : 4);
    } else {
        size_t place = at + 8;
        if (bytes > 4) {
            put(w, at + 8, (uint32_t)w->size, 4);
            place = w->size;
            w->size += bytes + bytes % 2;
        }
        memcpy(w->bytes + place, value, bytes);
    }
    return at + 12;
}

static size_t text(writing *w, size_t at, unsigned tag, const char *value)
{
    const size_t bytes = strlen(value) + 1;
    return entry(w, at, tag, 2, (uint32_t)bytes, value, bytes, 0);
}

/* Orientation 6, 240 dots per centimetre across and 120 down, make, artist, place, serial number, maker's note, a
 * thumbnail in the second folder. */
static void write_photo_block(writing *w, bool big_endian)
{
    enum { FIRST = 8, PHOTO = 200, PLACE = 320, SECOND = 400 };
    *w = (writing){.size = 500, .big_endian = big_endian};
    memcpy(w->bytes, big_endian ? "MM\0*" : "II*\0", 4);
    put(w, 4, FIRST, 4);
    put(w, FIRST, 9, 2);
    uint8_t dots[8] = {0};
    size_t at = FIRST + 2;
    at = text(w, at, 0x010E, "DESCRIPTION of mine");
    at = text(w, at, 0x010F, "CameraMaker");
    at = entry(w, at, 0x0112, 3, 1, NULL, 0, 6);
    for (unsigned i = 0; i < 2; i++) {
        writing number = {.big_endian = big_endian};
        put(&number, 0, i ? 240 : 480, 4);
        put(&number, 4, 2, 4);
        memcpy(dots, number.bytes, 8);
        at = entry(w, at, 0x011A + i, 5, 1, dots, 8, 0);
    }
    at = entry(w, at, 0x0128, 3, 1, NULL, 0, 3);
    at = text(w, at, 0x013B, "Ann Artist");
    at = entry(w, at, 0x8769, 4, 1, NULL, 0, PHOTO);
    at = entry(w, at, 0x8825, 4, 1, NULL, 0, PLACE);
    put(w, at, SECOND, 4);
    put(w, PHOTO, 5, 2);
    at = text(w, PHOTO + 2, 0x9003, "2026:11:26 23:00:00");
    at = entry(w, at, 0x927C, 7, 12, "MAKERS-NOTE!", 12, 0);
    at = entry(w, at, 0xA002, 4, 1, NULL, 0, 4000);
    at = text(w, at, 0xA431, "SERIAL-12345");
    text(w, at, 0xA434, "Lens 50mm");
    put(w, PLACE, 2, 2);
    at = text(w, PLACE + 2, 1, "N");
    text(w, at, 29, "PLACE-DATE");
    put(w, SECOND, 1, 2);
    text(w, SECOND + 2, 0x010F, "THUMBNAIL-BYTES");
}

static bool holds(const void *bytes, size_t size, const char *word)
{
    return size > 0 && memmem(bytes, size, word, strlen(word)) != NULL;
}

static void blocks_are_filtered_by_level(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bn_metadata level; /* from which on it is kept */
    } words[] = {
        {"CameraMaker", BN_METADATA_SAFE},  {"Ann Artist", BN_METADATA_SAFE},
        {"2026:11:26", BN_METADATA_SAFE},   {"Lens 50mm", BN_METADATA_SAFE},
        {"DESCRIPTION", BN_METADATA_ALL},   {"SERIAL", BN_METADATA_ALL},
        {"PLACE-DATE", BN_METADATA_ALL},    {"MAKERS-NOTE", BN_METADATA_ALL + 1},
        {"THUMBNAIL", BN_METADATA_ALL + 1},
    };
    for (int order = 0; order < 2; order++)
        for (bn_metadata level = BN_METADATA_NONE; level <= BN_METADATA_ALL; level++) {
            writing photo;
            bn_error err = {0};
            bn_buffer out, again;
            const bn_density none = {0};
            write_photo_block(&photo, order);
            assert_int_equal(bn_exif_get_orientation(photo.bytes, photo.size), 6);
            bn_buffer_init(&out, BN_EXIF_MAX_BYTES);
            bn_buffer_init(&again, BN_EXIF_MAX_BYTES);
            assert_ok(bn_exif_filter(photo.bytes, photo.size, level, none, &out, &err), err);
            for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (holds(out.data, out.size, words[i].word) != (words[i].level <= level))
                    fail_msg("%s at level %d", words[i].word, (int)level);
            assert_true((out.size == 0) == (level == BN_METADATA_NONE));
            assert_int_equal(bn_exif_get_orientation(out.data, out.size), 1);
            assert_ok(bn_exif_filter(out.data, out.size, level, none, &again, &err), err);
            assert_true(again.size == out.size && (out.size == 0 || !memcmp(again.data, out.data, out.size)));
            bn_buffer_free(&out);
            bn_buffer_free(&again);
        }
}

static bn_image *make_photo(void)
{
    bn_error err = {0};
    bn_image *image = NULL;
    writing photo;
    write_photo_block(&photo, true);
    assert_ok(bn_image_create(40, 30, 3, 8, &image, &err), err);
    assert_ok(bn_image_adopt_exif(image, photo.bytes, photo.size, &err), err);
    return image;
}

static bn_image *through(const bn_image *image, bn_format format, bn_metadata level)
{
    bn_error err = {0};
    bn_buffer file;
    bn_image *back = NULL;
    bn_encode_options options;
    bn_encode_options_default(&options, format);
    options.metadata = level;
    bn_buffer_init(&file, 1 << 20);
    assert_ok(bn_image_encode(image, &options, &file, &err), err);
    assert_ok(bn_image_decode(file.data, file.size, NULL, &back, &err), err);
    bn_buffer_free(&file);
    return back;
}

static const bn_format kinds[] = {BN_FORMAT_JPEG, BN_FORMAT_PNG, BN_FORMAT_WEBP, BN_FORMAT_TIFF};

static void files_keep_what_the_level_says(void **state)
{
    (void)state;
    bn_image *photo = make_photo();
    for (size_t i = 0; i < 4; i++)
        for (bn_metadata level = BN_METADATA_NONE; level <= BN_METADATA_ALL; level++) {
            bn_image *back = through(photo, kinds[i], level);
            const bool tiff = kinds[i] == BN_FORMAT_TIFF; /* it has tags for texts of the first folder only */
            assert_int_equal(holds(back->exif.data, back->exif.size, "CameraMaker"),
                             level >= BN_METADATA_SAFE);
            assert_int_equal(holds(back->exif.data, back->exif.size, "Ann Artist"),
                             level >= BN_METADATA_SAFE);
            assert_int_equal(holds(back->exif.data, back->exif.size, "DESCRIPTION"),
                             level == BN_METADATA_ALL);
            assert_int_equal(holds(back->exif.data, back->exif.size, "PLACE-DATE"),
                             level == BN_METADATA_ALL && !tiff);
            assert_int_equal(holds(back->exif.data, back->exif.size, "Lens 50mm"),
                             level >= BN_METADATA_SAFE && !tiff);
            assert_true(back->source_orientation == 1 && back->width == 40);
            assert_true(fabs(back->density.x - 240 * 2.54) < 0.5 && fabs(back->density.y - 120 * 2.54) < 0.5);
            bn_image_destroy(&back);
        }
    bn_image_destroy(&photo);
}

static void density_is_kept_without_any_data(void **state)
{
    (void)state;
    static const double values[][2] = {{300, 300}, {72, 72}, {600, 300}, {96.5, 1200}};
    for (size_t v = 0; v < sizeof values / sizeof *values; v++)
        for (size_t i = 0; i < 4; i++) {
            bn_error err = {0};
            bn_image *image = NULL;
            assert_ok(bn_image_create(8, 8, 3, 8, &image, &err), err);
            image->density = (bn_density){values[v][0], values[v][1]};
            bn_image *back = through(image, kinds[i], BN_METADATA_NONE);
            const double error = kinds[i] == BN_FORMAT_JPEG ? 0.51 : 0.02; /* whole dots an inch */
            assert_true(fabs(back->density.x - values[v][0]) < error);
            assert_true(fabs(back->density.y - values[v][1]) < error);
            image->density = (bn_density){0};
            bn_image_destroy(&back);
            back = through(image, kinds[i], BN_METADATA_NONE);
            assert_true(back->density.x == 0 && back->density.y == 0 && back->exif.size == 0);
            bn_image_destroy(&back);
            bn_image_destroy(&image);
        }
}

static void density_turns_with_the_photo(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_image *image = NULL;
    for (int orientation = 1; orientation <= 8; orientation++) {
        assert_ok(bn_image_create(4, 3, 3, 8, &image, &err), err);
        image->density = (bn_density){100, 200};
        assert_ok(bn_image_orient(image, orientation, &err), err);
        assert_true(image->density.x == (orientation >= 5 ? 200 : 100));
        assert_true(image->density.y == (orientation >= 5 ? 100 : 200));
        bn_image_destroy(&image);
    }
}

/* A block that points at itself, outside, or claims billions: nothing of it, and no harm. */
static void blocks_that_lie_give_nothing(void **state)
{
    (void)state;
    writing photo;
    for (uint32_t value = 0; value < 5; value++) {
        static const uint32_t lies[] = {0, 8, 499, 0x7fffffff, 0xffffffff};
        for (size_t at = 0; at + 4 <= 500; at++) {
            bn_buffer out;
            bn_error err = {0};
            const bn_density density = {300, 300};
            write_photo_block(&photo, at % 2);
            put(&photo, at, lies[value], 4);
            bn_buffer_init(&out, BN_EXIF_MAX_BYTES);
            assert_ok(bn_exif_filter(photo.bytes, photo.size, BN_METADATA_ALL, density, &out, &err), err);
            assert_int_equal(bn_exif_get_orientation(out.data, out.size), 1);
            assert_true(bn_exif_get_density(out.data, out.size).x == 300);
            bn_buffer_free(&out);
        }
    }
}

static void the_density_of_a_bmp_is_read(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer file;
    bn_image *image = NULL;
    bn_buffer_init(&file, 1 << 20);
    assert_ok(bn_file_read(BN_SOURCE_DIR "/fuzz/corpus/image/rgb8.bmp", &file, &err), err);
    memcpy(file.data + 38, "\x23\x2e\0\0\x12\x17\0\0", 8); /* 11811 and 5906 pixels a metre */
    assert_ok(bn_image_decode(file.data, file.size, NULL, &image, &err), err);
    assert_true(fabs(image->density.x - 300) < 0.01 && fabs(image->density.y - 150) < 0.02);
    bn_image_destroy(&image);
    bn_buffer_free(&file);
}

static void the_author_of_a_heic_is_kept(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer file;
    if (bn_format_missing(BN_FORMAT_HEIF)) skip();
    bn_buffer_init(&file, 1 << 20);
    assert_ok(bn_file_read(BN_SOURCE_DIR "/fuzz/corpus/image/grey8-author.heic", &file, &err), err);
    bn_image *image = NULL;
    assert_ok(bn_image_decode(file.data, file.size, NULL, &image, &err), err);
    assert_true(holds(image->exif.data, image->exif.size, "Ann Artist"));
    bn_image_destroy(&image);
    bn_buffer_free(&file);
}

/* A pointer to a folder makes no sense in a folder that is moved: readers would follow it to anywhere. */
static void pointers_below_are_left_out(void **state)
{
    (void)state;
    enum { FIRST = 8, PHOTO = 100 };
    writing w = {.size = 400};
    bn_error err = {0};
    bn_buffer out;
    const bn_density none = {0};
    memcpy(w.bytes, "II*\0", 4);
    put(&w, 4, FIRST, 4);
    put(&w, FIRST, 1, 2);
    entry(&w, FIRST + 2, 0x8769, 4, 1, NULL, 0, PHOTO);
    static const unsigned pointers[] = {0x014A, 0x0201, 0x0202, 0x8769, 0x8825};
    put(&w, PHOTO, 6, 2);
    size_t at = text(&w, PHOTO + 2, 0xA434, "Lens 50mm");
    for (size_t i = 0; i < 5; i++) at = entry(&w, at, pointers[i], 4, 1, NULL, 0, PHOTO);
    bn_buffer_init(&out, BN_EXIF_MAX_BYTES);
    assert_ok(bn_exif_filter(w.bytes, w.size, BN_METADATA_ALL, none, &out, &err), err);
    assert_true(holds(out.data, out.size, "Lens 50mm"));
    for (size_t i = 0; i < 5; i++) {
        const uint8_t tag[4] = {(uint8_t)pointers[i], (uint8_t)(pointers[i] >> 8), 4, 0};
        const uint8_t *found = memmem(out.data, out.size, tag, sizeof tag);
        if (pointers[i] == 0x8769 && found) /* the one of ours */
            found = memmem(found + 1, out.size - (size_t)(found + 1 - out.data), tag, sizeof tag);
        assert_null(found);
    }
    bn_buffer_free(&out);
}

/* ---- XMP and IPTC -------------------------------------------------------------------------------------- */

static bn_buffer read_seed(const char *name)
{
    bn_error err = {0};
    bn_buffer file;
    char path[500];
    bn_buffer_init(&file, 1 << 20);
    snprintf(path, sizeof path, "%s/fuzz/corpus/%s", BN_SOURCE_DIR, name);
    assert_ok(bn_file_read(path, &file, &err), err);
    return file;
}

typedef struct word_rule {
    const char *word;
    bn_metadata level; /* from which on it is kept */
} word_rule;

static const word_rule xmp_words[] = {
    {"Camera &#38; Sons", BN_METADATA_SAFE}, {"Ann Artist", BN_METADATA_SAFE},
    {"2026-11-26T23", BN_METADATA_SAFE},     {"DESCRIPTION &#60;of&#62; mine", BN_METADATA_ALL},
    {"52,31.2N", BN_METADATA_ALL},           {"CITY-NAME", BN_METADATA_ALL},
    {"PLACE-NAME", BN_METADATA_ALL},         {"EDITOR", BN_METADATA_ALL},
    {"Orientation", BN_METADATA_ALL + 1},    {"THUMBNAIL", BN_METADATA_ALL + 1},
    {"HasExtended", BN_METADATA_ALL + 1},
};

static const word_rule iptc_words[] = {
    {"Ann Artist", BN_METADATA_SAFE},      {"20261126", BN_METADATA_SAFE},
    {"(c) Ann", BN_METADATA_SAFE},         {"TITLE", BN_METADATA_ALL},
    {"CITY-NAME", BN_METADATA_ALL},        {"THUMBNAIL", BN_METADATA_ALL + 1},
    {"\x1c\x02\x83", BN_METADATA_ALL + 1}, /* orientation */
};

static void check_words(const void *bytes, size_t size, const word_rule *words, size_t count,
                        bn_metadata level)
{
    for (size_t i = 0; i < count; i++)
        if (holds(bytes, size, words[i].word) != (words[i].level <= level))
            fail_msg("%s at level %d", words[i].word, (int)level);
}

static void xmp_is_filtered_by_level(void **state)
{
    (void)state;
    bn_error err = {0};
    static const char *const names[] = {"image_xmp/photo", "image_xmp/utf16"};
    for (size_t n = 0; n < 2; n++)
        for (bn_metadata level = BN_METADATA_NONE; level <= BN_METADATA_ALL; level++) {
            bn_buffer photo = read_seed(names[n]), out;
            bn_buffer_init(&out, BN_XMP_MAX_BYTES);
            assert_ok(bn_xmp_filter(photo.data, photo.size, level, &out, &err), err);
            check_words(out.data, out.size, xmp_words, sizeof xmp_words / sizeof *xmp_words, level);
            assert_true((out.size == 0) == (level == BN_METADATA_NONE));
            bn_buffer_free(&out);
            bn_buffer_free(&photo);
        }
}

/* No entities, nothing of what is cut off, nothing deeper than sane. */
static void xmp_that_lies_gives_nothing(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer out, deep, entities = read_seed("image_xmp/entities"), photo = read_seed("image_xmp/photo");
    bn_buffer_init(&out, BN_XMP_MAX_BYTES);
    bn_buffer_init(&deep, 1 << 20);
    assert_ok(bn_xmp_filter(entities.data, entities.size, BN_METADATA_ALL, &out, &err), err);
    assert_int_equal(out.size, 0);
    for (size_t size = 0; size < photo.size - 30; size += 7) {
        assert_ok(bn_xmp_filter(photo.data, size, BN_METADATA_ALL, &out, &err), err);
        assert_int_equal(out.size, 0);
    }
    assert_ok(
        bn_buffer_printf(&deep, &err,
                         "<r:RDF xmlns:r=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><r:Description>"),
        err);
    for (int i = 0; i < 5000; i++) assert_ok(bn_buffer_printf(&deep, &err, "<a:b xmlns:a=\"u\">"), err);
    for (int i = 0; i < 5000; i++) assert_ok(bn_buffer_printf(&deep, &err, "</a:b>"), err);
    assert_ok(bn_buffer_printf(&deep, &err, "</r:Description></r:RDF>"), err);
    assert_ok(bn_xmp_filter(deep.data, deep.size, BN_METADATA_ALL, &out, &err), err);
    assert_int_equal(out.size, 0);
    bn_buffer_free(&out);
    bn_buffer_free(&deep);
    bn_buffer_free(&entities);
    bn_buffer_free(&photo);
}

/* A property of 60 KB is left out; those around it stay. */
static void long_properties_are_left_out(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer xmp, out;
    bn_buffer_init(&xmp, 1 << 20);
    bn_buffer_init(&out, BN_XMP_MAX_BYTES);
    assert_ok(
        bn_buffer_printf(&xmp, &err,
                         "<r:RDF xmlns:r=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><r:Description>"
                         "<a:b xmlns:a=\"u\">FIRST</a:b><c:d xmlns:c=\"v\">%060000d</c:d>"
                         "<a:e xmlns:a=\"u\">LAST</a:e></r:Description></r:RDF>",
                         1),
        err);
    assert_ok(bn_xmp_filter(xmp.data, xmp.size, BN_METADATA_ALL, &out, &err), err);
    assert_true(holds(out.data, out.size, "FIRST") && holds(out.data, out.size, "LAST"));
    assert_true(!holds(out.data, out.size, "00000") && !holds(out.data, out.size, "xmlns:c"));
    bn_buffer_free(&xmp);
    bn_buffer_free(&out);
}

static void files_keep_xmp_and_iptc_by_level(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_image *photo = make_photo();
    bn_buffer xmp = read_seed("image_xmp/photo"), iptc = read_seed("image_iptc/datasets");
    assert_ok(bn_image_adopt_xmp(photo, xmp.data, xmp.size, &err), err);
    assert_ok(bn_image_adopt_iptc(photo, iptc.data, iptc.size, &err), err);
    for (size_t i = 0; i < 4; i++)
        for (bn_metadata level = BN_METADATA_NONE; level <= BN_METADATA_ALL; level++) {
            bn_image *back = through(photo, kinds[i], level);
            const bn_metadata of_iptc =
                kinds[i] == BN_FORMAT_WEBP ? BN_METADATA_NONE : level; /* it has no place */
            check_words(back->xmp.data, back->xmp.size, xmp_words, sizeof xmp_words / sizeof *xmp_words,
                        level);
            check_words(back->iptc.data, back->iptc.size, iptc_words, sizeof iptc_words / sizeof *iptc_words,
                        of_iptc);
            assert_true(back->source_orientation == 1);
            bn_image_destroy(&back);
        }
    bn_image_destroy(&photo);
    bn_buffer_free(&xmp);
    bn_buffer_free(&iptc);
}

static void iptc_is_found_among_resources(void **state)
{
    (void)state;
    bn_buffer resources = read_seed("image_iptc/resources");
    const uint8_t *found = NULL;
    size_t size = 0;
    assert_true(bn_iptc_find(resources.data, resources.size, &found, &size));
    assert_true(holds(found, size, "Ann Artist") && !holds(found, size, "8BIM"));
    for (size_t cut = 0; cut < resources.size; cut++)
        if (bn_iptc_find(resources.data, cut, &found, &size))
            assert_true(found + size <= resources.data + cut);
    bn_buffer_free(&resources);
}

/* JPEG XL with plain boxes and with boxes packed by Brotli, AVIF, HEIC. Where the pixels' own boxes say how they are turned, EXIF's
 * orientation (6 in those of AVIF and of plain boxes) has no say. */
static void boxes_and_items_are_read(void **state)
{
    (void)state;
    static const char *const names[] = {"image/facts.jxl", "image/facts-packed.jxl", "image/facts.avif",
                                        "image/facts.heic"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bn_error err = {0};
        bn_image *image = NULL;
        bn_buffer file = read_seed(names[i]);
        if (!bn_format_missing(bn_format_from_bytes(file.data, file.size))) {
            assert_ok(bn_image_decode(file.data, file.size, NULL, &image, &err), err);
            assert_true(holds(image->exif.data, image->exif.size, "CameraMaker"));
            assert_true(holds(image->xmp.data, image->xmp.size, "Ann Artist"));
            assert_true(fabs(image->density.x - 240 * 2.54) < 0.5 &&
                        fabs(image->density.y - 120 * 2.54) < 0.5);
            assert_int_equal(image->width, 40);
            bn_image_destroy(&image);
        }
        bn_buffer_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xmp_is_filtered_by_level),
        cmocka_unit_test(xmp_that_lies_gives_nothing),
        cmocka_unit_test(long_properties_are_left_out),
        cmocka_unit_test(files_keep_xmp_and_iptc_by_level),
        cmocka_unit_test(iptc_is_found_among_resources),
        cmocka_unit_test(boxes_and_items_are_read),
        cmocka_unit_test(the_density_of_a_bmp_is_read),
        cmocka_unit_test(the_author_of_a_heic_is_kept),
        cmocka_unit_test(blocks_are_filtered_by_level),
        cmocka_unit_test(files_keep_what_the_level_says),
        cmocka_unit_test(density_is_kept_without_any_data),
        cmocka_unit_test(density_turns_with_the_photo),
        cmocka_unit_test(blocks_that_lie_give_nothing),
        cmocka_unit_test(pointers_below_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
