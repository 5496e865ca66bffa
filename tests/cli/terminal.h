/* terminal.h - the program in a terminal (a pseudo one): what it shows there, and signals to it. */
#ifndef BN_TESTS_TERMINAL_H
#define BN_TESTS_TERMINAL_H

#include "tests/cli/cli.h"

#include <signal.h>
#include <sys/types.h>

typedef struct terminal {
    int master;
    pid_t child;
    char text[1 << 16]; /* all that the program has shown */
    size_t size;
} terminal;

/* Start `birefnet ARGUMENTS` with standard input and error on a new terminal. */
void terminal_start(terminal *self, const char *arguments);

/* Read some more of what the program says; false once it has closed its end. */
bool terminal_read(terminal *self);

/* Read until the text shows `word`, or the program has closed the terminal; false then. */
bool terminal_await(terminal *self, const char *word);

/* The exit code, after the program has said all it has to say. */
int terminal_finish(terminal *self);

#endif
