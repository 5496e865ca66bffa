/* console.h - everything the program says on standard error: lines, and one progress bar below them; and lines with names
 * in them on standard output. */
#ifndef BN_CLI_CONSOLE_H
#define BN_CLI_CONSOLE_H

#include "base/line_writer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bn_console {
    bool quiet, verbose;
    bool terminal; /* standard error is one */
    bool bar;      /* a bar may be drawn: a terminal, not quiet, not forbidden */
    pthread_mutex_t lock;
    bool drawn; /* the bar stands on the last line now */
    double started_ms, drawn_ms;
    bn_line_writer *writer; /* NULL: lines are written at once, by whoever says them */
} bn_console;

/* Any thread may call what follows. */
void bn_console_init(bn_console *console, bool quiet, bool verbose, bool no_progress);
void bn_console_destroy(bn_console *console);

/* From now on nobody who says something waits for who reads it; for programs that do not end. Before other threads. */
bn_status bn_console_write_behind(bn_console *console, bn_error *err);

void bn_console_error(bn_console *console, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bn_console_say(bn_console *console, const char *format, ...) /* not when quiet */
    __attribute__((format(printf, 2, 3)));
void bn_console_detail(bn_console *console, const char *format, ...) /* only when verbose */
    __attribute__((format(printf, 2, 3)));

/* A result on standard output that holds a name or a path: one line, made visible (base/visible.h). main looks for write
 * errors. */
void bn_console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "1 frame", "2 frames": what stands behind the word. */
static inline const char *bn_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* A bar of `done` (may be a fraction) of `total` photos or frames (`unit`; total 0 where it is unknown); drawn at most six
 * times a second. */
void bn_console_bar_start(bn_console *console);
void bn_console_bar_count(bn_console *console, const char *unit, double done, uint64_t total, size_t failed);
/* A bar of bytes; total 0 where it is unknown. */
void bn_console_bar_bytes(bn_console *console, const char *what, double done_bytes, double total_bytes);
void bn_console_bar_end(bn_console *console);

#endif
