/* patience.h - how long threads wait for each other before they let the CPU go. */
#ifndef BN_CLI_PATIENCE_H
#define BN_CLI_PATIENCE_H

/* GNU OpenMP's threads spin for about a millisecond at every barrier. A network has hundreds of barriers, and where
 * other processes want the same CPUs each can cost a time slice (measured: 40 ms become seconds). A thousandth of a
 * millisecond serves as well on an idle machine. The setting is read when the library is loaded, before main, so the
 * program starts itself again with it; where the user set GOMP_SPINCOUNT or OMP_WAIT_POLICY, that stands. */
void bn_patience_limit(char **argv);

#endif
