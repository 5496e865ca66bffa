/* test_gpu.c - --device: the program on a graphics card, here the driver that computes on the CPU, beside the CPU. */
#include "tests/test.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/size.h"
#include "image/image.h"
#include "tests/cli/cli.h"
#include "tests/gpu/device.h"

static cli_result result;

/* Where there is none the test is skipped. */
static const char *device(void)
{
    static char name[16];
    const int index = test_device_index();
    if (index < 0) skip();
    snprintf(name, sizeof name, "gpu:%d", index);
    return name;
}

static void masks_are_the_cpus(void **state)
{
    (void)state;
    const char *gpu = device();
    cli_expect(&result, 0, "", "remove %s " SMALL_MODEL " --device cpu -p f32 -o cpu.png --mask-only", PHOTO);
    cli_expect(&result, 0, gpu, "remove %s " SMALL_MODEL " --device %s -o gpu.png --mask-only -v", PHOTO,
               gpu);
    bn_image *wanted = cli_image("cpu.png"), *got = cli_image("gpu.png");
    assert_int_equal(bn_image_bytes(got), bn_image_bytes(wanted));
    const uint8_t *a = got->pixels, *b = wanted->pixels;
    double off = 0;
    for (size_t i = 0; i < bn_image_bytes(got); i++) off += abs(a[i] - b[i]);
    off /= 255.0 * (double)bn_image_bytes(got);
    print_message("mean difference of the masks %.6f\n", off);
    assert_true(off <= 0.002);
    bn_image_destroy(&wanted);
    bn_image_destroy(&got);
}

static void memory_calls_and_bytes_are_told(void **state)
{
    (void)state;
    const char *gpu = device();
    cli_expect(&result, 0, "", "info " SMALL_MODEL " --device %s", gpu);
    assert_non_null(strstr(result.out, "f16"));
    assert_non_null(strstr(result.out, gpu));
    cli_expect(&result, 0, "", "bench " SMALL_MODEL " --device %s -n 1 --batch 2 --json --photo " PHOTO, gpu);
    static const char *const words[] = {"\"calls\"", "\"mib\"", "\"batch\": 2", "\"precision\": \"f16\""};
    for (size_t i = 0; i < BN_COUNT(words); i++)
        if (!strstr(result.out, words[i])) fail_msg("%s is not in: %s", words[i], result.out);
}

/* Said before anything is taken, and what would help. */
static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    const char *gpu = device();
    cli_expect(&result, 6, "GiB",
               "remove %s -m seeded:gen3-swin_v1_l:1 -r 4096x4096 --device %s -p f32 -o x.png", PHOTO, gpu);
    assert_false(cli_exists("x.png"));
    cli_expect(&result, 7, "no device gpu:77", "remove %s " SMALL_MODEL " --device gpu:77 -o x.png", PHOTO);
    cli_expect(&result, 7, "bf16", "remove %s " SMALL_MODEL " --device %s -p bf16 -o x.png", PHOTO, gpu);
    cli_expect(&result, 7, "f16", "remove %s " SMALL_MODEL " -p f16 -o x.png", PHOTO);
}

/* Photos of a folder that share a run get the bytes that each gets alone. */
static void photos_at_once_are_those_alone(void **state)
{
    (void)state;
    enum { PHOTOS = 7 };
    const char *gpu = device();
    const char *how = "-m seeded:gen3-pvt_v2_b0:7 -r 64x64 -v";
    bn_error err = {0};
    assert_ok(bn_folder_make("photos", &err), err);
    for (int i = 0; i < PHOTOS; i++)
        cli_expect(&result, 0, "",
                   "remove %s -o photos/%d.jpg -q --device cpu -m starter -r 64x64 -b '#%02x8040' -f jpeg",
                   PHOTO, i, 30 * i);
    cli_expect(&result, 0, "", "remove photos -o alone %s --device %s --jobs 1", how, gpu);
    assert_null(strstr(result.err, "photos in runs of"));
    cli_expect(&result, 0, "photos in runs of 3",
               "remove photos -o together %s --device %s --jobs 1 --batch 3", how, gpu);
    for (int i = 0; i < PHOTOS; i++) {
        char name[2][40];
        snprintf(name[0], sizeof name[0], "alone/%d.png", i);
        snprintf(name[1], sizeof name[1], "together/%d.png", i);
        bn_buffer bytes[2];
        for (int k = 0; k < 2; k++) {
            bn_buffer_init(&bytes[k], 1 << 24);
            assert_ok(bn_file_read(name[k], &bytes[k], &err), err);
        }
        assert_int_equal(bytes[0].size, bytes[1].size);
        assert_memory_equal(bytes[0].data, bytes[1].data, bytes[0].size);
        for (int k = 0; k < 2; k++) bn_buffer_free(&bytes[k]);
    }
    /* a CPU takes one at a time, whatever is asked for */
    cli_expect(&result, 0, "", "remove photos/1.jpg -o one.png %s --device cpu --batch 3", how);
}

/* A software driver is nobody's choice but by name. */
static void auto_goes_on_without_a_card(void **state)
{
    (void)state;
    device();
    cli_expect(&result, 0, "cpu", "remove %s " SMALL_MODEL " --device auto -o a.png -v", PHOTO);
    assert_true(cli_exists("a.png"));
    cli_expect(&result, 0, "on cpu", "remove %s " SMALL_MODEL " -o b.png -v",
               PHOTO); /* which is what is meant */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_refused),    cmocka_unit_test(auto_goes_on_without_a_card),
        cmocka_unit_test(memory_calls_and_bytes_are_told), cmocka_unit_test(masks_are_the_cpus),
        cmocka_unit_test(photos_at_once_are_those_alone),
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
