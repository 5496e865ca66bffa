/* test.h - cmocka with what it needs in front of it, and helpers that several tests share. */
#ifndef BN_TESTS_TEST_H
#define BN_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

/* Expect BIREFNET_OK; print the error's message where it is not. */
#define assert_ok(expression, err)                                                                           \
    do {                                                                                                     \
        if ((expression) != BIREFNET_OK) fail_msg("%s", (err).message);                                      \
    } while (0)

/* The folder with the golden files, or NULL; a test without it must call skip(). */
static inline const char *reference_folder(void)
{
    const char *folder = getenv("BN_REFERENCE");
    if (!folder) return NULL;
    char probe[4096];
    snprintf(probe, sizeof probe, "%s/README.md", folder);
    FILE *file = fopen(probe, "re");
    if (!file) return NULL;
    fclose(file);
    return folder;
}

#endif
