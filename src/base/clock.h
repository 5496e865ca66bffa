/* clock.h - the monotonic clock. */
#ifndef BN_BASE_CLOCK_H
#define BN_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since some fixed moment; never goes back. */
double bn_clock_ms(void);

/* The moment that many milliseconds from now, for waits by CLOCK_MONOTONIC. */
struct timespec bn_clock_after(int64_t ms);

#endif
