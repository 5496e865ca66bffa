/* interrupt.h - Ctrl-C, SIGTERM and SIGHUP, unless nohup keeps that away: the first asks for a tidy stop, the second ends
 * the process at once. */
#ifndef BN_CLI_INTERRUPT_H
#define BN_CLI_INTERRUPT_H

#include <stdbool.h>

void bn_interrupt_install(void);
bool bn_interrupted(void);

/* Readable from the first signal on: for poll() beside a descriptor that may block for ever. */
int bn_interrupt_fd(void);

/* Until one comes. */
void bn_interrupt_wait(void);

#endif
