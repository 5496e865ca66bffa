/* cli.h - driving the real program from tests: a scratch folder, runs with their output, small files to feed it. */
#ifndef BN_TESTS_CLI_H
#define BN_TESTS_CLI_H

#include "tests/test.h"

#include "base/buffer.h"

#include <stdbool.h>

typedef struct cli_result {
    int code; /* exit code; -1 where a signal ended it */
    char out[1 << 20];
    size_t out_size;
    char err[1 << 16];
} cli_result;

/* Group set-up and tear-down: a scratch folder becomes the working folder, and the user's own models are hidden. */
int cli_enter(void **state);
int cli_leave(void **state);

/* Run `birefnet ARGUMENTS` through the shell, so that redirections work: cli_run(r, "remove %s < x", photo). */
void cli_run(cli_result *result, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a script that starts the program itself, as "$BIREFNET". */
void cli_script(cli_result *result, const char *script);

/* As cli_run, and expect this exit code and this text ("" for any) within standard error. */
#define cli_expect(result, expected_code, expected_err, ...)                                                 \
    do {                                                                                                     \
        cli_run(result, __VA_ARGS__);                                                                        \
        if ((result)->code != (expected_code))                                                               \
            fail_msg("exit code %d, not %d: %s", (result)->code, (expected_code), (result)->err);            \
        if (!strstr((result)->err, (expected_err)))                                                          \
            fail_msg("'%s' is not in: %s", (expected_err), (result)->err);                                   \
    } while (0)

/* A small model and a small network: enough for everything but looks. */
#define SMALL_MODEL "-m starter -r 128x128"

void cli_shell(const char *format, ...) __attribute__((format(printf, 1, 2))); /* must succeed */
bool cli_exists(const char *path);
int cli_count(const char *folder); /* entries, all below included */

/* Read and decode an image; the caller destroys it. */
struct bn_image *cli_image(const char *path);

/* The photo of the examples; 400x446. */
#define PHOTO        BN_SOURCE_DIR "/examples/photo1.jpg"
#define PHOTO_WIDTH  400
#define PHOTO_HEIGHT 446

#endif
