/* times.h - wall-clock times as requests carry them. */
#ifndef BN_BASE_TIMES_H
#define BN_BASE_TIMES_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* Milliseconds since 1970 by the system's clock. */
static inline int64_t bn_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define BN_TIME_CHARS 32

/* "2026-02-17T10:30:01.123Z" */
static inline void bn_time_write(int64_t ms, char text[BN_TIME_CHARS])
{
    const time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    const size_t used = strftime(text, BN_TIME_CHARS, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + used, BN_TIME_CHARS - used, ".%03dZ", (int)(ms % 1000));
}

#endif
