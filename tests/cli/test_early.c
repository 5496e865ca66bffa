/* test_early.c - what cannot end well is said before the network runs, not behind its minutes of work. */
#include "tests/cli/cli.h"

static cli_result result;

static void bench_looks_at_the_photo_first(void **state)
{
    (void)state;
    cli_shell("echo no image > text.jpg");
    cli_expect(&result, 4, "cannot open nothing.jpg", "bench " SMALL_MODEL " -n 1 --photo nothing.jpg");
    assert_null(strstr(result.err, "opened: "));
    cli_expect(&result, 1, "not an image", "bench " SMALL_MODEL " -n 1 --photo text.jpg");
    assert_null(strstr(result.err, "opened: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bench_looks_at_the_photo_first),
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
