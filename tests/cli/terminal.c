/* terminal.c - a pseudo terminal and the program behind it. */
#include "tests/cli/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

void terminal_start(terminal *self, const char *arguments)
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

bool terminal_read(terminal *self)
{
    struct pollfd wait = {.fd = self->master, .events = POLLIN};
    if (poll(&wait, 1, 120000) != 1) fail_msg("nothing for two minutes after: %s", self->text);
    const ssize_t got = read(self->master, self->text + self->size, sizeof self->text - 1 - self->size);
    if (got <= 0) return false; /* EIO: the other end is closed */
    self->size += (size_t)got;
    self->text[self->size] = '\0';
    return true;
}

bool terminal_await(terminal *self, const char *word)
{
    while (!word || !strstr(self->text, word))
        if (!terminal_read(self)) return false;
    return true;
}

int terminal_finish(terminal *self)
{
    int status;
    terminal_await(self, NULL);
    assert_int_equal(waitpid(self->child, &status, 0), self->child);
    close(self->master);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
