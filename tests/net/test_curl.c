/* test_curl.c - where libcurl is not installed: one sentence, once with its name. The linker puts a loader of ours in front of
 * libc's (--wrap), which says what that says then. */
#include "tests/test.h"

#include "net/curl.h"

void *__wrap_dlopen(const char *file, int flags);
char *__wrap_dlerror(void);

void *__wrap_dlopen(const char *file, int flags)
{
    (void)flags;
    assert_string_equal(file, "libcurl.so.4");
    return NULL;
}

char *__wrap_dlerror(void)
{
    static char words[] = "libcurl.so.4: cannot open shared object file: No such file or directory";
    return words;
}

static void what_is_missing_is_said_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        bn_error err = {0};
        assert_null(bn_curl_open(&err));
        assert_int_equal(err.status, BIREFNET_ERROR_NETWORK);
        assert_string_equal(err.message,
                            "libcurl.so.4 cannot be loaded (apt-get install libcurl4): cannot open "
                            "shared object file: No such file or directory");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_missing_is_said_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
