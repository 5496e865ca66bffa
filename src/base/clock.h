/* clock.h - the monotonic clock. */
#ifndef BN_BASE_CLOCK_H
#define BN_BASE_CLOCK_H

/* Milliseconds since some fixed moment; never goes back. */
double bn_clock_ms(void);

#endif
