/* test_pull.c - `birefnet pull` from a mirror on the loopback, and the first run that needs it. */
#include "tests/cli/cli.h"

#include "base/file.h"
#include "tests/net/server.h"

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

/* What is there is held to its SHA-256 and to the network's list of tensors; without names all that is there. */
static void without_a_way_out_the_others_are_named(void **state)
{
    (void)state;
    mirror.faults[mirror.requests] = FAULT_REFUSE;
    cli_expect(&result, 8, "BIREFNET_MIRROR", "pull portrait --models-dir by-hand");
    assert_non_null(strstr(result.err, "/ZhengPeng7/BiRefNet-portrait/resolve/main/model.safetensors"));
    assert_non_null(strstr(result.err, "\n  by-hand/BiRefNet-portrait.safetensors\n"));
    /* which is where it is found */
    cli_shell("cp " BN_SOURCE_DIR "/models/starter.safetensors by-hand/BiRefNet-portrait.safetensors");
    cli_expect(&result, 0, "", "remove %s -m portrait -r 128x128 -o h.png --models-dir by-hand", PHOTO);
    /* missing ones: one line a place */
    cli_expect(&result, 7, "birefnet pull dynamic", "remove %s -m dynamic -o i.png --models-dir by-hand",
               PHOTO);
    assert_non_null(strstr(result.err, "\n  by-hand/BiRefNet_dynamic.safetensors\n  "));
}

static void what_is_there_is_verified(void **state)
{
    (void)state;
    cli_shell("rm -rf .local empty all && mkdir empty all");
    cli_expect(&result, 7, "no published weights are here", "pull --verify --models-dir empty");
    cli_expect(&result, 0, "", "pull light matting -q --models-dir all");
    cli_expect(&result, 0, "", "pull --verify --models-dir all");
    const char *light =
        strstr(result.err, "all/BiRefNet.safetensors is as it was pulled, and whole (gen3 pvt");
    assert_non_null(light);
    assert_null(strstr(light + 1, "all/BiRefNet.safetensors")); /* light's and heavy's: once */
    assert_non_null(strstr(result.err, "all/BiRefNet-matting.safetensors is as it was pulled"));
    cli_expect(&result, 0, "starter.safetensors is whole", "pull starter --verify");
    cli_shell("rm all/BiRefNet-matting.safetensors.sha256");
    cli_expect(&result, 7, "is whole, but no SHA-256 was noted", "pull matting --verify --models-dir all");
    cli_expect(&result, 0, "", "pull matting --models-dir all"); /* notes it */
    cli_expect(&result, 0, "as it was pulled", "pull matting --verify --models-dir all");
    cli_shell("head -c 9000000 all/BiRefNet.safetensors > x && mv x all/BiRefNet.safetensors");
    cli_expect(&result, 7, "all/BiRefNet.safetensors", "pull --verify --models-dir all");
    assert_non_null(strstr(result.err, "matting: ")); /* and goes on */
    /* a checkpoint, unharmed and pinned, of another network */
    cli_shell("printf '\\070\\000\\000\\000\\000\\000\\000\\000"
              "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}  abcd' > "
              "all/BiRefNet.safetensors");
    cli_shell("sha256sum < all/BiRefNet.safetensors > all/BiRefNet.safetensors.sha256");
    cli_expect(&result, 7, "not a BiRefNet", "pull light --verify --models-dir all");
}

static void weights_get_a_verdict(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "models --check starter -p f32");
    assert_non_null(strstr(result.out, "verdict       good"));
    assert_non_null(strstr(result.out, "(chosen, by "));
    cli_expect(&result, 0, "", "models --check %s/models/starter.safetensors --json", BN_SOURCE_DIR);
    assert_non_null(strstr(result.out, "\"verdict\": \"good\""));
    cli_expect(&result, 10, "", "models --check seeded:gen3-pvt_v2_b0:1 -r 96x96 -t 1");
    assert_non_null(strstr(result.out, "verdict       bad"));
    cli_expect(&result, 7, "photo1.jpg", "models --check %s", PHOTO);
    cli_expect(&result, 7, "there is no model file ./nothing.pth", "models --check ./nothing.pth");
    cli_expect(&result, 7, "birefnet pull matting", "models --check matting");
}

static void a_file_that_is_no_libcurl_is_named(void **state)
{
    (void)state;
    static const char words[] =
        "libcurl.so.4 cannot be loaded (apt-get install libcurl4): libs/libcurl.so.4: ";
    cli_shell("rm -rf libs && mkdir libs && echo no library > libs/libcurl.so.4");
    cli_script(&result, "LD_LIBRARY_PATH=libs \"$BIREFNET\" pull portrait");
    assert_int_equal(result.code, 8);
    assert_non_null(strstr(result.err, words));
    cli_script(&result, "LD_LIBRARY_PATH=libs \"$BIREFNET\" serve --data never -l 127.0.0.1:0");
    assert_int_equal(result.code, 8);
    assert_non_null(strstr(result.err, words));
    assert_ptr_equal(strchr(result.err, '\n'), result.err + strlen(result.err) - 1);
    assert_false(cli_exists("never"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_preset_is_pulled_once_and_can_be_checked),
        cmocka_unit_test(a_run_that_may_downloads_what_it_needs),
        cmocka_unit_test(failures_have_their_own_codes),
        cmocka_unit_test(a_file_that_is_no_libcurl_is_named),
        cmocka_unit_test(without_a_way_out_the_others_are_named),
        cmocka_unit_test(what_is_there_is_verified),
        cmocka_unit_test(weights_get_a_verdict),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
