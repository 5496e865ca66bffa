/* child.h - a program started as a child, with pipes to its standard input and output; what it says on standard error is kept
 * for the message. No shell is in between. */
#ifndef BN_CLI_CHILD_H
#define BN_CLI_CHILD_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct bn_child {
    const char *name; /* of the program; NULL: was not started */
    pid_t pid;        /* 0 once it is waited for */
    int handle;       /* of the process; -1: none */
    int in, out, err; /* our ends; -1: none */
    bool listens;     /* `listener` runs */
    pthread_t listener;
    char said[512]; /* its last line on standard error; whole once it is waited for */
} bn_child;

/* arguments[0] is found along PATH; the list ends with NULL. has_in, has_out: whether there is a pipe; else /dev/null. It is
 * out of the terminal's reach: Ctrl-C comes to us. UNSUPPORTED where there is no such program. bn_child_end in any case. */
bn_status bn_child_start(bn_child *child, const char *const *arguments, bool has_in, bool has_out,
                         bn_error *err);

/* Read until `count` bytes are there or it has closed its output. CANCELLED by an interrupt. */
bn_status bn_child_read(bn_child *child, void *bytes, size_t count, size_t *got, bn_error *err);
/* IO where it takes no more, CANCELLED by an interrupt. */
bn_status bn_child_write(bn_child *child, const void *bytes, size_t count, bn_error *err);

/* From any thread, before bn_child_wait. */
void bn_child_kill(bn_child *child);

/* Close its input and wait until it ends. FORMAT with its own last line where its exit code is not 0. CANCELLED by an
 * interrupt. */
bn_status bn_child_wait(bn_child *child, bn_error *err);

/* Kill it where it still runs, and close everything. Accepts what is all zero. */
void bn_child_end(bn_child *child);

#endif
