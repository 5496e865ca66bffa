/* test_stop.c - in a terminal (a pseudo one): progress, the word about starter weights, Ctrl-C. */
#include "tests/cli/terminal.h"

#include <signal.h>
#include <unistd.h>

static void make_row(int count)
{
    cli_shell("rm -rf row out && mkdir row && for i in $(seq 100 %d); do cp " PHOTO " row/$i.jpg; done",
              99 + count);
}

static terminal screen;

static void a_folder_shows_progress_in_a_terminal_only(void **state)
{
    (void)state;
    make_row(6);
    terminal_start(&screen, "remove row -o out " SMALL_MODEL);
    assert_true(terminal_await(&screen, "photos, "));
    assert_int_equal(terminal_finish(&screen), 0);
    assert_non_null(strstr(screen.text, " s each, "));
    assert_non_null(strstr(screen.text, " left"));
    assert_non_null(strstr(screen.text, "6 of 6 photos done"));
    assert_non_null(strstr(screen.text, "starter weights"));
    assert_non_null(strstr(screen.text, "birefnet pull light"));
    assert_null(strstr(strstr(screen.text, "starter weights") + 1, "starter weights")); /* said once */

    terminal_start(&screen,
                   "remove row/100.jpg -o out/ -r 128 -m " BN_SOURCE_DIR "/models/starter.safetensors");
    assert_int_equal(terminal_finish(&screen), 0);
    assert_non_null(strstr(screen.text, "starter weights")); /* given as a path, too */

    terminal_start(&screen, "remove row -o out --no-progress " SMALL_MODEL);
    assert_int_equal(terminal_finish(&screen), 0);
    assert_null(strstr(screen.text, " s each, "));
    terminal_start(&screen, "remove row -o out --quiet " SMALL_MODEL);
    assert_int_equal(terminal_finish(&screen), 0);
    assert_string_equal(screen.text, "");
    static cli_result result;
    cli_expect(&result, 0, "6 of 6", "remove row -o out " SMALL_MODEL);
    assert_null(strchr(result.err, '\r'));
    const char *said = strstr(result.err, "starter weights"); /* in a pipe, too, and once */
    assert_true(said && !strstr(said + 1, "starter weights"));
    cli_expect(&result, 0, "", "remove row -o out --quiet " SMALL_MODEL);
    assert_string_equal(result.err, "");
    cli_expect(&result, 0, "starter weights", "remove row/100.jpg -o - " SMALL_MODEL);
    assert_memory_equal(result.out, "\x89PNG", 4); /* and not between the bytes of the picture */
}

/* As ps and pkill see it, though it starts itself again. */
static void expect_called_birefnet(int process)
{
    char path[40], name[20] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", process);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(name, sizeof name, file));
    fclose(file);
    assert_string_equal(name, "birefnet\n");
}

static void ctrl_c_leaves_whole_files_only(void **state)
{
    (void)state;
    make_row(200);
    terminal_start(&screen, "remove row -o out -m starter --report stop.json");
    /* the bar counts what the network has seen; the first file comes a little later */
    while (!cli_exists("out/100.png")) assert_true(terminal_read(&screen));
    expect_called_birefnet(screen.child);
    kill(screen.child, SIGINT);
    assert_int_equal(terminal_finish(&screen), 130);
    assert_non_null(strstr(screen.text, "interrupted"));
    assert_non_null(strstr(screen.text, "not reached"));
    const int written = cli_count("out");
    assert_true(written >= 1 && written < 200);
    cli_shell("ls out | grep -vE '^[0-9]+\\.png$' && exit 1 || exit 0"); /* no temporary file */
    cli_shell("grep -q not_reached stop.json");
    static cli_result result;
    cli_shell("rm row/1[1-9]?.jpg row/2*.jpg");
    cli_expect(&result, 0, "skipped", "remove row -o out -s " SMALL_MODEL);
    assert_int_equal(cli_count("out"), 10 > written ? 10 : written);
}

static void ctrl_c_gets_through_to_standard_input(void **state)
{
    (void)state;
    terminal_start(&screen, "remove - -o never.png -m starter -v");
    assert_true(terminal_await(&screen, "model ")); /* it waits for the photo now, or will soon */
    kill(screen.child, SIGTERM);
    assert_int_equal(terminal_finish(&screen), 130);
    assert_false(cli_exists("never.png"));
}

static void a_missing_preset_is_offered(void **state)
{
    (void)state;
    terminal_start(&screen, "remove " PHOTO " -o never.png -m light");
    assert_true(terminal_await(&screen, "Download them now?"));
    assert_true(write(screen.master, "n\n", 2) == 2);
    assert_int_equal(terminal_finish(&screen), 7);
    assert_non_null(strstr(screen.text, "birefnet pull light"));
}

static void ctrl_c_answers_a_question(void **state)
{
    (void)state;
    terminal_start(&screen, "remove " PHOTO " -o never.png -m light");
    assert_true(terminal_await(&screen, "Download them now?"));
    kill(screen.child, SIGINT); /* once */
    assert_int_equal(terminal_finish(&screen), 130);
    assert_false(cli_exists("never.png"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_shows_progress_in_a_terminal_only),
        cmocka_unit_test(ctrl_c_leaves_whole_files_only),
        cmocka_unit_test(ctrl_c_gets_through_to_standard_input),
        cmocka_unit_test(a_missing_preset_is_offered),
        cmocka_unit_test(ctrl_c_answers_a_question),
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
