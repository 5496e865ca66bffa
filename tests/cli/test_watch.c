/* test_watch.c - `birefnet watch`: what is there, what comes, what is broken, what vanishes; and that it resumes. */
#include "tests/cli/terminal.h"

#include <unistd.h>

#define WATCH "watch in -o out -m starter -r 64x64 "

static cli_result result;
static terminal screen;

static void begin(const char *arguments)
{
    terminal_start(&screen, arguments);
    assert_true(terminal_await(&screen, "watching in"));
}

static int end_it(void)
{
    kill(screen.child, SIGINT);
    return terminal_finish(&screen);
}

static void photos_are_taken_as_they_come(void **state)
{
    (void)state;
    cli_shell("rm -rf in out && mkdir -p in/deep && cp " PHOTO
              " in/first.jpg && touch -d '1 hour ago' in/first.jpg");
    begin(WATCH);
    assert_true(terminal_await(&screen, "in/first.jpg -> out/first.png"));
    cli_shell("cp " PHOTO " in/second.jpg && cp " PHOTO " in/deep/third.jpg");
    assert_true(terminal_await(&screen, "in/second.jpg -> out/second.png"));
    assert_true(terminal_await(&screen, "in/deep/third.jpg -> out/deep/third.png"));
    /* moved there, in a folder that is new, broken, and no photo at all */
    cli_shell("cp " PHOTO " waits && mv waits in/moved.jpg && mkdir in/new && cp " PHOTO
              " in/new/fourth.jpg");
    assert_true(terminal_await(&screen, "in/moved.jpg -> out/moved.png"));
    assert_true(terminal_await(&screen, "in/new/fourth.jpg -> out/new/fourth.png"));
    cli_shell("head -c 5000 " PHOTO " > in/broken.jpg && echo text > in/notes.txt");
    assert_true(terminal_await(&screen, "birefnet: in/broken.jpg: "));
    /* one that is gone again, seen or not, stops nothing */
    cli_shell("cp " PHOTO " in/gone.jpg && rm in/gone.jpg && cp " PHOTO " in/last.jpg");
    assert_true(terminal_await(&screen, "in/last.jpg -> out/last.png"));
    assert_int_equal(end_it(), 3);
    assert_non_null(strstr(screen.text, " photos done, "));
    assert_null(strstr(screen.text, "notes"));
    assert_null(strstr(strstr(screen.text, "in/broken.jpg: ") + 1, "in/broken.jpg: ")); /* once */
}

static void only_what_is_settled_is_taken(void **state)
{
    (void)state;
    cli_shell("rm -rf in out && mkdir in");
    begin(WATCH);
    /* a file stays open, half written, while another comes and is done */
    FILE *half = fopen("in/half.jpg", "we");
    assert_non_null(half);
    static char bytes[1 << 20];
    FILE *photo = fopen(PHOTO, "re");
    const size_t size = fread(bytes, 1, sizeof bytes, photo);
    fclose(photo);
    assert_int_equal(fwrite(bytes, 1, size / 2, half), size / 2);
    assert_int_equal(fflush(half), 0);
    cli_shell("cp " PHOTO " in/whole.jpg");
    assert_true(terminal_await(&screen, "in/whole.jpg -> out/whole.png"));
    assert_null(strstr(screen.text, "half"));
    assert_int_equal(fwrite(bytes + size / 2, 1, size - size / 2, half), size - size / 2);
    assert_int_equal(fclose(half), 0);
    assert_true(terminal_await(&screen, "in/half.jpg -> out/half.png"));
    assert_int_equal(end_it(), 0);
}

static void it_resumes_and_leaves_alone_what_is_done(void **state)
{
    (void)state;
    cli_shell("rm -rf in out && mkdir in out && cp " PHOTO " in/a.jpg && cp " PHOTO
              " in/b.jpg && echo mine > out/a.png "
              "&& touch -d '1 hour ago' in/*");
    begin(WATCH "-f png");
    assert_true(terminal_await(&screen, "in/b.jpg -> out/b.png"));
    assert_int_equal(end_it(), 0);
    assert_non_null(strstr(screen.text, "1 photo done"));
    cli_shell("echo mine | cmp - out/a.png");
    begin(WATCH);
    assert_int_equal(end_it(), 0);
    assert_non_null(strstr(screen.text, "0 photos done"));
}

static void what_goes_wrong_is_one_line(void **state)
{
    (void)state;
    cli_expect(&result, 2, "-o OUT is missing", "watch in");
    cli_expect(&result, 4, "cannot watch nowhere", "watch nowhere -o out");
    cli_expect(&result, 2, "is no folder", "watch " PHOTO " -o out");
    cli_shell("rm -rf in out && mkdir in && echo broken > broken.pth");
    static const char *const ways[][2] = {{"-o in", "would be taken for photos"},
                                          {"-o -", "one input only"},
                                          {"-o x.png", "name of one file"},
                                          {"-o out --mask=m.png", "leave =FILE out"}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) { /* and before any weights are opened */
        cli_expect(&result, 2, ways[i][1], "watch in -m broken.pth %s", ways[i][0]);
        assert_ptr_equal(strchr(result.err, '\n'), result.err + strlen(result.err) - 1);
    }
    begin(WATCH);
    cli_shell("rmdir in");
    assert_int_equal(terminal_finish(&screen), 4);
    assert_non_null(strstr(screen.text, "in is gone"));
}

/* As nohup starts it, which goes on when its terminal is closed. */
static void what_was_ignored_at_the_start_stops_nothing(void **state)
{
    (void)state;
    cli_shell("rm -rf in out && mkdir in");
    signal(SIGHUP, SIG_IGN);
    begin(WATCH);
    signal(SIGHUP, SIG_DFL);
    kill(screen.child, SIGHUP);
    cli_shell("cp " PHOTO " in/later.jpg");
    assert_true(terminal_await(&screen, "in/later.jpg -> out/later.png"));
    assert_int_equal(end_it(), 0);
    begin(WATCH);
    kill(screen.child, SIGHUP); /* else it is a stop like others */
    assert_int_equal(terminal_finish(&screen), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_ignored_at_the_start_stops_nothing),
        cmocka_unit_test(photos_are_taken_as_they_come),
        cmocka_unit_test(only_what_is_settled_is_taken),
        cmocka_unit_test(it_resumes_and_leaves_alone_what_is_done),
        cmocka_unit_test(what_goes_wrong_is_one_line),
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
