/* test_lazy.c - no GPL library is in the process until a file of a kind that needs one comes. */
#include "tests/image/sample.h"

#include "base/file.h"
#include "image/codec.h"

/* Libraries that are GPL, and those that bring them. */
static const char *const lazy[] = {"/libjbig.so", "/libx265.so", "/libx264.so", "/libtiff.so", "/libheif.so"};

static bool is_loaded(const char *library)
{
    bn_error err = {0};
    bn_buffer maps;
    bn_buffer_init(&maps, 16u << 20);
    assert_ok(bn_file_read("/proc/self/maps", &maps, &err), err);
    const bool found = strstr((char *)maps.data, library) != NULL;
    bn_buffer_free(&maps);
    return found;
}

static bn_status decode_sample(const char *name)
{
    bn_error err = {0};
    bn_buffer file;
    bn_image *image = NULL;
    read_sample(name, &file);
    const bn_status status = bn_image_decode(file.data, file.size, NULL, &image, &err);
    bn_image_destroy(&image);
    bn_buffer_free(&file);
    return status;
}

static void gpl_comes_only_when_it_is_needed(void **state)
{
    (void)state;
    static const char *const common[] = {"rgb8.jpg", "rgb8.png", "rgb8.webp", "grey8.gif", "rgb8.avif"};
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        assert_int_equal(decode_sample(common[i]), BIREFNET_OK);
    for (size_t i = 0; i < sizeof lazy / sizeof *lazy; i++)
        if (is_loaded(lazy[i])) fail_msg("%s is loaded", lazy[i]);
    /* so that the test could fail: it is seen where it is loaded */
    if (decode_sample("rgb8.tif") != BIREFNET_OK) skip();
    assert_true(is_loaded("/libtiff.so"));
    assert_false(is_loaded("/libheif.so"));
    if (decode_sample("rgb8.heic") == BIREFNET_OK) assert_true(is_loaded("/libheif.so"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gpl_comes_only_when_it_is_needed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
