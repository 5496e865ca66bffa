/* process.h - what the kernel says of a process's memory. */
#ifndef BN_TESTS_IMAGE_PROCESS_H
#define BN_TESTS_IMAGE_PROCESS_H

#include "tests/test.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define MEASURES false /* what the sanitizers hold themselves is more */
#else
#    define MEASURES true
#endif

/* A line of /proc/self/status in bytes. */
static inline uint64_t status_bytes(const char *name)
{
    char line[256];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0 && sscanf(line + strlen(name), ": %llu", &kilobytes) == 1)
            break;
    if (file) fclose(file);
    return kilobytes * 1024;
}

/* Run work(context, found) in a child, which begins with its own record of the most memory; `bytes` of what it found come back. Before
 * there are threads. */
static inline void run_in_child(void (*work)(const void *context, void *found), const void *context,
                                void *found, size_t bytes)
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    malloc_trim(0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        work(context, found);
        _exit(write(ends[1], found, bytes) == (ssize_t)bytes ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], found, bytes), bytes);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#endif
