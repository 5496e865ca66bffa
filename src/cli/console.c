/* console.c - lines and the progress bar on standard error, kept apart by one lock. */
#include "cli/console.h"

#include "base/clock.h"
#include "base/size.h"
#include "base/visible.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MIN_REDRAW_MS (1000.0 / 6)
#define BEHIND_BYTES  ((size_t)256 * 1024) /* of lines that are not written yet */
#define LAST_LINES_MS 1000

void bn_console_init(bn_console *console, bool quiet, bool verbose, bool no_progress)
{
    *console = (bn_console){.quiet = quiet, .verbose = verbose, .terminal = isatty(STDERR_FILENO) == 1};
    console->bar = console->terminal && !quiet && !no_progress;
    pthread_mutex_init(&console->lock, NULL);
}

static int say_lost(char *line, size_t size, uint64_t lost)
{
    return snprintf(line, size, "birefnet: lines are missing here, nobody took them (%llu so far)\n",
                    (unsigned long long)lost);
}

bn_status bn_console_write_behind(bn_console *console, bn_error *err)
{
    return bn_line_writer_open(STDERR_FILENO, BEHIND_BYTES, say_lost, &console->writer, err);
}

void bn_console_destroy(bn_console *console)
{
    bn_line_writer_close(&console->writer, LAST_LINES_MS);
    bn_console_bar_end(console);
    pthread_mutex_destroy(&console->lock);
}

static void erase_bar(bn_console *console)
{
    if (console->drawn) fputs("\r\033[K", stderr);
    console->drawn = false;
}

enum { LINE_BYTES = 4096 };

/* Names of files may hold anything, escape sequences of terminals among it. Returns the length with the newline. */
static size_t make_line(char line[LINE_BYTES], const char *prefix, const char *format, va_list args)
{
    const int before = snprintf(line, LINE_BYTES, "%s", prefix);
    const int words = vsnprintf(line + before, (size_t)(LINE_BYTES - before - 1), format, args);
    const int whole = BN_MIN(before + BN_MAX(words, 0), LINE_BYTES - 2);
    const size_t length = bn_make_visible(line, (size_t)whole);
    line[length] = '\n';
    return length + 1;
}

/* One write a line, so that lines of several processes do not mix. */
static void print_line(bn_console *console, const char *prefix, const char *format, va_list args)
{
    char line[LINE_BYTES];
    const size_t length = make_line(line, prefix, format, args);
    if (console->writer) {
        bn_line_writer_put(console->writer, line, length);
        return;
    }
    pthread_mutex_lock(&console->lock);
    erase_bar(console);
    fwrite(line, 1, length, stderr);
    console->drawn_ms = 0; /* the bar comes back with the next update */
    pthread_mutex_unlock(&console->lock);
}

void bn_console_print(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    fwrite(line, 1, make_line(line, "", format, args), stdout);
    va_end(args);
}

void bn_console_error(bn_console *console, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(console, "birefnet: ", format, args);
    va_end(args);
}

void bn_console_say(bn_console *console, const char *format, ...)
{
    if (console->quiet) return;
    va_list args;
    va_start(args, format);
    print_line(console, "", format, args);
    va_end(args);
}

void bn_console_detail(bn_console *console, const char *format, ...)
{
    if (!console->verbose) return;
    va_list args;
    va_start(args, format);
    print_line(console, "", format, args);
    va_end(args);
}

void bn_console_bar_start(bn_console *console)
{
    pthread_mutex_lock(&console->lock);
    console->started_ms = bn_clock_ms();
    console->drawn_ms = 0;
    pthread_mutex_unlock(&console->lock);
}

/* Whether a bar is to be drawn now. The lock is held. */
static bool is_due(bn_console *console)
{
    const double now = bn_clock_ms();
    if (!console->bar || now - console->drawn_ms < MIN_REDRAW_MS) return false;
    console->drawn_ms = now;
    return true;
}

/* "[######------] words", cut to the terminal's width. share < 0: unknown, words only. */
static void draw(bn_console *console, double share, const char *words)
{
    struct winsize window = {0};
    size_t columns = 80;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) columns = window.ws_col;
    const size_t length = strlen(words);
    size_t cells = columns > length + 4 ? columns - length - 4 : 0;
    cells = BN_MIN(cells, 40);
    char bar[48] = "";
    if (share >= 0 && cells >= 4) {
        const size_t full = (size_t)((double)cells * BN_MIN(share, 1.0));
        bar[0] = '[';
        memset(bar + 1, '#', full);
        memset(bar + 1 + full, '-', cells - full);
        memcpy(bar + 1 + cells, "] ", 3);
    }
    fprintf(stderr, "\r%s%.*s\033[K", bar, (int)columns - 1, words);
    fflush(stderr);
    console->drawn = true;
}

/* "1:02:03", "4:05" */
static void format_duration(char *text, size_t size, double seconds)
{
    const long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, size, "%ld:%02ld", whole / 60, whole % 60);
}

void bn_console_bar_count(bn_console *console, const char *unit, double done, uint64_t total, size_t failed)
{
    char words[128], left[32], bad[40] = "";
    pthread_mutex_lock(&console->lock);
    if (is_due(console)) {
        const double seconds = (bn_clock_ms() - console->started_ms) / 1e3;
        const double each = done > 0 ? seconds / done : 0;
        if (done > 0)
            format_duration(left, sizeof left, each * ((double)total - done));
        else
            snprintf(left, sizeof left, "?");
        if (failed) snprintf(bad, sizeof bad, ", %zu failed", failed);
        if (total == 0)
            snprintf(words, sizeof words, "%.0f %s, %.2f s each", floor(done), unit, each);
        else if (total == 1)
            snprintf(words, sizeof words, "%.0f %%, %s left", 100 * done, left);
        else
            snprintf(words, sizeof words, "%.0f/%llu %s%s, %.2f s each, %s left", floor(done),
                     (unsigned long long)total, unit, bad, each, left);
        draw(console, total ? done / (double)total : -1, words);
    }
    pthread_mutex_unlock(&console->lock);
}

void bn_console_bar_bytes(bn_console *console, const char *what, double done_bytes, double total_bytes)
{
    char words[160], left[32];
    pthread_mutex_lock(&console->lock);
    if (is_due(console)) {
        const double seconds = (bn_clock_ms() - console->started_ms) / 1e3;
        const double rate = seconds > 0 ? done_bytes / seconds : 0;
        if (total_bytes > 0) {
            format_duration(left, sizeof left, rate > 0 ? (total_bytes - done_bytes) / rate : 0);
            snprintf(words, sizeof words, "%s %.0f/%.0f MB, %.1f MB/s, %s left", what, done_bytes / 1e6,
                     total_bytes / 1e6, rate / 1e6, left);
        } else {
            snprintf(words, sizeof words, "%s %.0f MB, %.1f MB/s", what, done_bytes / 1e6, rate / 1e6);
        }
        draw(console, total_bytes > 0 ? done_bytes / total_bytes : -1, words);
    }
    pthread_mutex_unlock(&console->lock);
}

void bn_console_bar_end(bn_console *console)
{
    pthread_mutex_lock(&console->lock);
    erase_bar(console);
    fflush(stderr);
    pthread_mutex_unlock(&console->lock);
}
