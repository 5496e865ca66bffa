/* test_stop.c - in a terminal (a pseudo one): progress, the word about starter weights, Ctrl-C. */
#include "tests/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

typedef struct terminal {
    int master;
    pid_t child;
    char text[1 << 16]; /* all that the program has shown */
    size_t size;
} terminal;

/* Start `birefnet ARGUMENTS` with standard input and error on a new terminal. */
static void terminal_start(terminal *self, const char *arguments)
{
    char command[2048], *argv[] = {"sh", "-c", command, NULL}, name[64];
    snprintf(command, sizeof command, "exec \"$BIREFNET\" %s", arguments);
    *self = (terminal){.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    assert_true(self->master >= 0 && grantpt(self->master) == 0 && unlockpt(self->master) == 0);
    assert_int_equal(ptsname_r(self->master, name, sizeof name), 0);
    const struct winsize window = {.ws_row = 24, .ws_col = 80};
    ioctl(self->master, TIOCSWINSZ, &window);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, name, O_RDWR | O_NOCTTY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, name, O_RDWR | O_NOCTTY, 0);
    assert_int_equal(posix_spawn(&self->child, "/bin/sh", &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
}

/* Read some more of what the program says; false once it has closed its end. */
static bool terminal_read(terminal *self)
{
    struct pollfd wait = {.fd = self->master, .events = POLLIN};
    if (poll(&wait, 1, 120000) != 1) fail_msg("nothing for two minutes after: %s", self->text);
    const ssize_t got = read(self->master, self->text + self->size, sizeof self->text - 1 - self->size);
    if (got <= 0) return false; /* EIO: the other end is closed */
    self->size += (size_t)got;
    self->text[self->size] = '\0';
    return true;
}

/* Read until the text shows `word`, or the program has closed the terminal; false then. */
static bool terminal_await(terminal *self, const char *word)
{
    while (!word || !strstr(self->text, word))
        if (!terminal_read(self)) return false;
    return true;
}

/* The exit code, after the program has said all it has to say. */
static int terminal_finish(terminal *self)
{
    int status;
    terminal_await(self, NULL);
    assert_int_equal(waitpid(self->child, &status, 0), self->child);
    close(self->master);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

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
    assert_null(strstr(result.err, "starter weights"));
}

static void ctrl_c_leaves_whole_files_only(void **state)
{
    (void)state;
    make_row(200);
    terminal_start(&screen, "remove row -o out -m starter --report stop.json");
    /* the bar counts what the network has seen; the first file comes a little later */
    while (!cli_exists("out/100.png")) assert_true(terminal_read(&screen));
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
