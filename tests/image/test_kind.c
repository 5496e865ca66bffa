/* test_kind.c - what is not read is named by its kind. */
#include "tests/test.h"

#include "image/codec.h"
#include "image/kind.h"

typedef struct kind_case {
    const char *bytes;
    size_t size;
    const char *name; /* NULL: not a kind of its own */
    bn_status status; /* of decoding */
} kind_case;

#define CASE(bytes, name, status)                                                                            \
    {                                                                                                        \
        bytes, sizeof bytes - 1, name, status                                                                \
    }
#define PICTURE BIREFNET_ERROR_UNSUPPORTED
#define OTHER   BIREFNET_ERROR_FORMAT

static const kind_case cases[] = {
    CASE("\x89PNG\r\n\x1a\n\0\0\0\4CgBI\x50\0\x20\6", "Apple CgBI PNG", PICTURE),
    CASE("\0\0\0\x0cjP  \r\n\x87\n....", "JPEG 2000", PICTURE),
    CASE("\0\0\0\x14"
         "ftypcrx \0\0\0\1crx isom",
         "a camera raw file", PICTURE),
    CASE("\0\0\0\x14"
         "ftypmp42\0\0\0\1mp42isom",
         "a video", PICTURE),
    CASE("\0\0\0\x14"
         "ftypXYZ \0\0\0\1XYZ ....",
         "a video", PICTURE),
    CASE("8BPS\0\1\0\0", "Photoshop PSD", PICTURE),
    CASE("%PDF-1.7\n", "PDF", PICTURE),
    CASE("\xef\xbb\xbf <?xml version='1.0'?>\n<!-- x -->\n<svg width='1'/>", "SVG", PICTURE),
    CASE("II*\0\x10\0\0\0CR\2\0\0\0\0\0", "a camera raw file", PICTURE),
    /* the first folder is a preview, the photo in another one below it */
    CASE("II*\0\x08\0\0\0\2\0\xfe\0\4\0\1\0\0\0\1\0\0\0\x4a\1\4\0\1\0\0\0\x40\0\0\0", "a camera raw file",
         PICTURE),
    CASE("MM\0*\0\0\0\x08\0\1\xc6\x12\0\1\0\0\0\4\1\4\0\0", "a camera raw file", PICTURE),
    CASE("\x1f\x8b\x08\0\0", "gzip", OTHER),
    CASE("PK\3\4\x14\0", "a ZIP archive", OTHER),
    CASE("\n <!DOCTYPE html><title>Not found</title>", "a web page", OTHER),
    CASE("<HTML><body>", "a web page", OTHER),
    CASE("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML", OTHER),
    CASE("{\"error\": \"expired\"}", "JSON", OTHER),
    CASE("Access to this photo has expired.", "text", OTHER),
    CASE("\0\5\x16\7\0\2\0\0", "an AppleDouble file (what macOS keeps beside a file)", OTHER),
    CASE("", NULL, OTHER),
    CASE("\0\0\0\0", NULL, OTHER),
    CASE("\1\2\3\4\5\6\7\x08", NULL, OTHER),
    CASE("II*\0\xff\xff\xff\xff", NULL, OTHER),
    CASE("\xff\xd8\xff\xe0", NULL, OTHER),
};

static void kinds_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const kind_case *c = &cases[i];
        bn_error err = {0};
        bn_image *image = NULL;
        const bn_kind *kind = bn_kind_of((const uint8_t *)c->bytes, c->size);
        if (!c->name != !kind || (kind && strcmp(kind->name, c->name) != 0))
            fail_msg("case %zu is %s, not %s", i, kind ? kind->name : "nothing",
                     c->name ? c->name : "nothing");
        if (kind) assert_int_equal(kind->is_picture, c->status == PICTURE);
        assert_int_equal(bn_image_decode(c->bytes, c->size, NULL, &image, &err), c->status);
        if (c->name && !strstr(err.message, c->name)) fail_msg("'%s' does not say %s", err.message, c->name);
        /* any shorter piece of it is read within its bounds */
        for (size_t size = 0; size < c->size; size++) {
            uint8_t *piece = malloc(size + !size);
            memcpy(piece, c->bytes, size);
            bn_kind_of(piece, size);
            free(piece);
        }
    }
    assert_string_equal(bn_kind_of_path("a/b.NEF")->name, "a camera raw file");
    assert_null(bn_kind_of_path("a.nef/b.jpg"));
    assert_null(bn_kind_of_path("a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds_are_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
