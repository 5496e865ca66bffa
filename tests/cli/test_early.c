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

/* Weights that cannot be opened: where the program fails for another reason, it has not tried to. */
#define NO_WEIGHTS "-m broken.safetensors"

static int set_up(void **state)
{
    if (cli_enter(state) != 0) return 1;
    cli_shell("echo broken > broken.safetensors && mkdir -p in place/taken.png && cp %s in/a.jpg", PHOTO);
    cli_shell("echo x > place/file");
    return 0;
}

static void an_output_that_cannot_be_written_costs_no_work(void **state)
{
    (void)state;
    static const char *const outputs[] = {
        "-o place/missing/a.png",
        "-o place/file/a.png",
        "-o place/file/below/",
        "-o a.png --mask=place/no/m.png",
        "-o a.png --mask=place/taken.png",
    };
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        cli_expect(&result, 5, "cannot write ", "remove in/a.jpg " NO_WEIGHTS " %s", outputs[i]);
    cli_expect(&result, 3, "0 of 1 photos done, 1 failed", "remove in " NO_WEIGHTS " -o place/file/below");
    cli_expect(&result, 7, "", "remove in " NO_WEIGHTS " -o place/new/deep");
    /* of an input that is not there either, that is said */
    cli_expect(&result, 4, "cannot open nowhere/a.jpg", "remove nowhere/a.jpg " SMALL_MODEL);
    cli_expect(&result, 4, "cannot open a.jpg", "remove a.jpg -o place/missing/a.png " SMALL_MODEL);
    cli_shell("cp %s $(printf '%%0251d' 0).jpg", PHOTO); /* 255 bytes: -cutout makes it too long */
    cli_expect(&result, 5, "File name too long", "remove $(printf '%%0251d' 0).jpg " NO_WEIGHTS);
}

static void an_output_that_can_be_made_is_made(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "remove in " SMALL_MODEL " -o place/new/deep --mask");
    assert_int_equal(cli_count("place/new"), 3);
    cli_expect(&result, 0, "0 of 1 photos done, 1 skipped", "remove in -s " NO_WEIGHTS " -o place/new/deep");
    cli_shell("ln -s new/linked.png place/link.png"); /* to nothing yet */
    cli_expect(&result, 0, "", "remove in/a.jpg " SMALL_MODEL " -o place/link.png");
    assert_true(cli_exists("place/new/linked.png"));
}

static void a_report_that_cannot_be_written_costs_no_work(void **state)
{
    (void)state;
    cli_expect(&result, 5, "report: cannot write nowhere/r.json: No such file",
               "remove in/a.jpg -o a.png --report nowhere/r.json " NO_WEIGHTS);
    cli_expect(&result, 5, "report: cannot write in: Is a directory",
               "remove in/a.jpg -o a.png --report in " NO_WEIGHTS);
    cli_expect(&result, 5, "report: cannot write place/file/r.json: Not a directory",
               "remove in -o out --report place/file/r.json " NO_WEIGHTS);
    assert_false(cli_exists("a.png") || cli_exists("out"));
}

/* It tells of photos that failed, so no cut-out need have made its folder. */
static void a_report_lies_in_the_folder_of_outputs(void **state)
{
    (void)state;
    cli_shell("mkdir -p bad && echo x > bad/a.jpg");
    cli_expect(&result, 3, "1 failed", "remove bad -o out --report out/r.json " SMALL_MODEL);
    if (strstr(result.err, "report:")) fail_msg("%s", result.err);
    assert_true(cli_exists("out/r.json"));
}

static void a_page_that_cannot_be_written_costs_no_work(void **state)
{
    (void)state;
    cli_shell("mkdir -p pairs && cp %s pairs/a.jpg", PHOTO);
    cli_expect(&result, 0, "", "remove pairs/a.jpg -o pairs/a.png --mask-only " SMALL_MODEL);
    cli_expect(&result, 5, "cannot write nowhere/p.html", "eval pairs --html nowhere/p.html " NO_WEIGHTS);
    cli_expect(&result, 5, "Is a directory", "eval pairs --html pairs " NO_WEIGHTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bench_looks_at_the_photo_first),
        cmocka_unit_test(an_output_that_cannot_be_written_costs_no_work),
        cmocka_unit_test(an_output_that_can_be_made_is_made),
        cmocka_unit_test(a_report_that_cannot_be_written_costs_no_work),
        cmocka_unit_test(a_report_lies_in_the_folder_of_outputs),
        cmocka_unit_test(a_page_that_cannot_be_written_costs_no_work),
    };
    return cmocka_run_group_tests(tests, set_up, cli_leave);
}
