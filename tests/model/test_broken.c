/* test_broken.c - weights that hold infinity or what is not a number, and calls without what they need: errors that say so,
 * where there was a picture or a crash. */
#include "tests/test.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/size.h"
#include "matte/matte.h"
#include "model/model.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define TINY    "seeded:gen3-pvt_v2_b0:7"
#define STARTER BN_SOURCE_DIR "/models/starter.safetensors"

/* ---- weights ------------------------------------------------------------------------------------------------------ */

/* Where the numbers of a tensor begin in the bytes of the starter weights (float16). */
static uint16_t *find_tensor(const bn_buffer *file, const char *name)
{
    char key[128];
    uint64_t header = 0, begin = 0;
    memcpy(&header, file->data, 8);
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = memmem(file->data + 8, header, key, strlen(key));
    assert_non_null(at);
    at = strstr(at, "data_offsets");
    assert_non_null(at);
    assert_int_equal(sscanf(strpbrk(at, "0123456789"), "%lu", &begin), 1);
    return (uint16_t *)(void *)(file->data + 8 + header + begin);
}

/* Opens the starter weights with element `at` of a tensor set to these bits of a float16, and a session on them. */
static bn_status open_spoilt(const char *name, size_t at, uint16_t bits, bn_error *err)
{
    char path[] = "/tmp/bn-broken-XXXXXX.safetensors";
    bn_buffer file;
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    const birefnet_session_options size = {.width = 64, .height = 64, .threads = 1};
    const int fd = mkstemps(path, 12);
    assert_true(fd >= 0);
    close(fd);
    bn_buffer_init(&file, (size_t)1 << 28);
    assert_ok(bn_file_read(STARTER, &file, err), *err);
    find_tensor(&file, name)[at] = bits;
    assert_ok(bn_file_write_atomic(path, file.data, file.size, err), *err);
    bn_buffer_free(&file);
    bn_status status = birefnet_model_open(path, NULL, &model, err);
    if (status == BIREFNET_OK) status = birefnet_session_open(model, &size, &session, err);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    unlink(path);
    return status;
}

static void the_first_broken_tensor_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *tensor;
        size_t at;
        uint16_t bits;
        const char *said;
    } cases[] = {
        {"bb.patch_embed1.proj.weight", 5, 0x7e00, "element 5 of"},       /* NaN in a product's weights */
        {"bb.patch_embed1.proj.bias", 0, 0x7c00, "element 0 of"},         /* infinity */
        {"bb.patch_embed1.norm.weight", 31, 0xfc00, "element 31 of"},     /* a norm of our own kernels */
        {"bb.block1.0.mlp.dwconv.dwconv.weight", 7, 0x7e01, "element 7"}, /* a depthwise filter */
        {"decoder.decoder_block4.bn_in.running_var", 3, 0xbc00,
         "bn_in"},                                              /* a variance of -1, finite by itself */
        {"decoder.conv_out1.0.weight", 1, 0x7e00, "conv_out1"}, /* multiplied out with others */
    };
    for (size_t i = 0; i < BN_COUNT(cases); i++) {
        bn_error err = {0};
        assert_int_equal(open_spoilt(cases[i].tensor, cases[i].at, cases[i].bits, &err),
                         BIREFNET_ERROR_FORMAT);
        char tensor[128];
        snprintf(tensor, sizeof tensor, "%.*s", (int)(strrchr(cases[i].tensor, '.') - cases[i].tensor),
                 cases[i].tensor);
        if (!strstr(err.message, tensor) || !strstr(err.message, cases[i].said))
            fail_msg("%s, %s: %s", cases[i].tensor, cases[i].said, err.message);
    }
    bn_error err = {0};
    assert_ok(open_spoilt("bb.patch_embed1.proj.weight", 5, 0x7bff, &err),
              err); /* 65504: large is not broken */
    /* a variance of more than that, in float16: its channel gives its bias alone */
    assert_ok(open_spoilt("decoder.decoder_block4.bn_in.running_var", 3, 0x7c00, &err), err);
}

/* Finite weights may give one, too, where they overflow. */
static void a_result_that_is_not_a_number_is_an_error(void **state)
{
    (void)state;
    bn_error err = {0};
    float logits[8 * 8] = {[9] = NAN, [40] = INFINITY, [41] = -INFINITY};
    uint8_t matte[16 * 16];
    const bn_matte_size size = {8, 8, 2, BN_ISA_PLAIN};
    assert_int_equal(bn_matte_finish(logits, size, matte, 16, 16, 16, &err), BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "1 of 64 pixels"));
    logits[9] = 0;
    assert_ok(bn_matte_finish(logits, size, matte, 16, 16, 16, &err), err);
}

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

static void calls_without_what_they_need_are_refused(void **state)
{
    (void)state;
    bn_error err = {0};
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    birefnet_model_info model_info = {.width = 1};
    birefnet_session_info info = {.width = 1};
    float numbers[3] = {0};
    assert_int_equal(birefnet_model_open(NULL, NULL, &model, &err), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(birefnet_model_open(TINY, NULL, NULL, NULL), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(birefnet_session_open(NULL, NULL, &session, &err), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(birefnet_session_run(NULL, numbers, numbers, &err), BIREFNET_ERROR_ARGUMENT);
    assert_ok(birefnet_model_open(TINY, NULL, &model, &err), err);
    assert_int_equal(birefnet_session_open(model, NULL, NULL, &err), BIREFNET_ERROR_ARGUMENT);
    const birefnet_session_options size = {.width = 32, .height = 32, .threads = 1};
    assert_ok(birefnet_session_open(model, &size, &session, &err), err);
    assert_int_equal(birefnet_session_run(session, NULL, NULL, &err), BIREFNET_ERROR_ARGUMENT);
    assert_true(strlen(err.message) > 10);
    assert_int_equal(birefnet_session_run(session, numbers, NULL, NULL), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(birefnet_session_matte(session, NULL, 1, 1, 3, NULL, 1, NULL), BIREFNET_ERROR_ARGUMENT);
    birefnet_model_get_info(NULL, &model_info);
    birefnet_session_get_info(NULL, &info);
    assert_true(model_info.width == 0 && info.width == 0);
    birefnet_model_get_info(model, NULL);
    birefnet_session_get_info(session, NULL);
    birefnet_session_set_progress(NULL, NULL, NULL);
    birefnet_model_options_default(NULL);
    birefnet_session_options_default(NULL);
    birefnet_session_close(NULL);
    birefnet_model_close(NULL);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
}

/* Nobody may ever write into it. */
static void a_pipe_is_refused_and_not_waited_for(void **state)
{
    (void)state;
    char folder[] = "/tmp/bn-broken-XXXXXX", path[64];
    bn_error err = {0};
    birefnet_model *model = NULL;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pipe.safetensors", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(30); /* one that waits ends by a signal */
    assert_int_equal(birefnet_model_open(path, NULL, &model, &err), BIREFNET_ERROR_IO);
    alarm(0);
    assert_non_null(strstr(err.message, "not a regular file"));
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_broken_tensor_is_named),
        cmocka_unit_test(a_result_that_is_not_a_number_is_an_error),
        cmocka_unit_test(calls_without_what_they_need_are_refused),
        cmocka_unit_test(a_pipe_is_refused_and_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
