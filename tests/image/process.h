/* process.h - what the kernel says of this process's memory. */
#ifndef BN_TESTS_IMAGE_PROCESS_H
#define BN_TESTS_IMAGE_PROCESS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

#endif
