/* test_memory.c - every allocation of the readers fails once: the answer is an error, nothing leaks or crashes.
 *
 * The linker puts the functions below in front of libc's (--wrap); run under ASan, leaks end the test. */
#include "tests/test.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/size.h"
#include "weights/presets.h"
#include "weights/print.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
char *__wrap_strdup(const char *text);

static long left = -1; /* allocations until one fails; negative: none does */

static int fails(void)
{
    return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *block, size_t bytes)
{
    return fails() ? NULL : __real_realloc(block, bytes);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

static void readers_survive_every_failed_allocation(void **state)
{
    (void)state;
    static const char *const files[] = {"safetensors", "legacy",      "zip-plain",
                                        "zip-nested",  "zip-wrapped", "zip-views"};
    for (size_t i = 0; i < BN_COUNT(files); i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/fuzz/corpus/weights/%s", BN_SOURCE_DIR, files[i]);
        bn_status status = BIREFNET_ERROR_MEMORY;
        long tried = 0;
        for (; status != BIREFNET_OK; tried++) {
            bn_error err = {0};
            bn_weights *weights = NULL;
            left = tried;
            status = bn_weights_open(path, &weights, &err);
            left = -1;
            if (status == BIREFNET_OK) {
                bn_weights_close(&weights);
                break;
            }
            assert_null(weights);
            if (status != BIREFNET_ERROR_MEMORY) fail_msg("%s", err.message);
            assert_true(tried < 10000);
        }
        assert_true(tried > 5);
    }
}

static void choosing_a_model_survives_every_failed_allocation(void **state)
{
    (void)state;
    bn_status status = BIREFNET_ERROR_MEMORY;
    for (long tried = 0; status == BIREFNET_ERROR_MEMORY; tried++) {
        bn_error err = {0};
        bn_model_choice choice;
        left = tried;
        status = bn_model_choose("no-such-model", "/nonexistent", &choice, &err);
        left = -1;
    }
    assert_int_equal(status, BIREFNET_ERROR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_survive_every_failed_allocation),
        cmocka_unit_test(choosing_a_model_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
