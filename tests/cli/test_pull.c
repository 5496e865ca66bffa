/* test_pull.c - `birefnet pull` from a mirror on the loopback, and the first run that needs it. */
#include "tests/cli/cli.h"

#include "base/file.h"
#include "tests/weights/server.h"

static cli_result result;
static server mirror;
static bn_buffer weights;

/* The starter weights stand in for published ones: the program asks for a preset and gets this file. */
static int set_up(void **state)
{
    if (cli_enter(state) != 0) return 1;
    bn_buffer_init(&weights, 1 << 26);
    if (bn_file_read(BN_SOURCE_DIR "/models/starter.safetensors", &weights, NULL) != BIREFNET_OK) return 1;
    mirror.body = weights.data;
    mirror.size = weights.size;
    mirror.etag = "\"first\"";
    if (!server_start(&mirror)) return 1;
    char address[64];
    snprintf(address, sizeof address, "http://127.0.0.1:%d", mirror.port);
    return setenv("BIREFNET_MIRROR", address, 1);
}

static int tear_down(void **state)
{
    server_stop(&mirror);
    bn_buffer_free(&weights);
    return cli_leave(state);
}

static void a_preset_is_pulled_once_and_can_be_checked(void **state)
{
    (void)state;
    cli_expect(&result, 7, "birefnet pull light", "pull light --verify");
    cli_expect(&result, 0, "pulled to", "pull light -v");
    assert_non_null(strstr(result.err, "SHA-256"));
    assert_non_null(strstr(result.err, "MIT"));
    assert_true(cli_exists(".local/share/birefnet/BiRefNet.safetensors"));
    const int requests = mirror.requests;
    cli_expect(&result, 0, "was there already", "pull light");
    assert_int_equal(mirror.requests, requests);
    cli_expect(&result, 0, "as it was pulled", "pull light --verify");
    cli_expect(&result, 0, "", "models");
    assert_non_null(strstr(result.out, ".local/share/birefnet/BiRefNet.safetensors"));
    cli_shell("printf x | dd of=.local/share/birefnet/BiRefNet.safetensors bs=1 seek=5000000 conv=notrunc "
              "2>/dev/null");
    cli_expect(&result, 7, "BiRefNet.safetensors", "pull light --verify");
    cli_expect(&result, 0, "pulled to", "pull light"); /* damaged: fetched again */
    cli_expect(&result, 0, "as it was pulled", "pull light --verify");
}

static void a_run_that_may_downloads_what_it_needs(void **state)
{
    (void)state;
    cli_expect(&result, 7, "birefnet pull matting", "remove %s -m matting -r 128x128 -o p.png", PHOTO);
    cli_expect(&result, 0, "pulled to mine/BiRefNet-matting.safetensors",
               "remove %s -m matting -r 128x128 -o p.png --yes --models-dir mine", PHOTO);
    assert_true(cli_exists("p.png"));
    cli_expect(&result, 0, "", "remove %s -m Matting -r 128x128 -o q.png --models-dir mine", PHOTO);
    assert_null(strstr(result.err, "pulled"));
    cli_shell("cmp p.png q.png");
}

static void failures_have_their_own_codes(void **state)
{
    (void)state;
    mirror.faults[mirror.requests] = FAULT_REFUSE;
    cli_expect(&result, 8, "403", "pull portrait");
    mirror.faults[mirror.requests] = FAULT_HTML;
    cli_expect(&result, 7, "portrait", "pull portrait");
    cli_expect(&result, 5, "", "pull portrait --models-dir %s/below", PHOTO);
    assert_false(cli_exists(".local/share/birefnet/BiRefNet-portrait.safetensors"));
    cli_expect(&result, 2, "nothing to download", "pull starter");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_preset_is_pulled_once_and_can_be_checked),
        cmocka_unit_test(a_run_that_may_downloads_what_it_needs),
        cmocka_unit_test(failures_have_their_own_codes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
