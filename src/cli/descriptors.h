/* descriptors.h - open files: the three standard ones, and how many connections the limit (RLIMIT_NOFILE) allows: a server that
 * has none left accepts nobody, and libmicrohttpd may not notice when there are some again. */
#ifndef BN_CLI_DESCRIPTORS_H
#define BN_CLI_DESCRIPTORS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct bn_descriptor_plan {
    uint64_t limit;      /* open files of this process */
    int max_connections; /* of each port */
    int max_passages;    /* of the proxy */
} bn_descriptor_plan;

/* Give those of the three standard streams that are closed to /dev/null, the wrong way round, so that they fail as closed ones
 * do: a file or a pipe that is opened next would become the stream. Before anything is opened. */
void bn_descriptors_hold_standard(void);

/* Raise the limit as far as is useful and allowed. Before anything is opened. */
void bn_descriptors_raise(void);

/* Share out what is left now: `helpers` threads fetch and post, and each of `ports` listens with pool_threads behind it.
 * Half of what is left is kept for all that is no connection, or as much as that can need. LIMIT where it is too little. */
bn_status bn_descriptors_share(int ports, bool proxy, int helpers, int pool_threads, bn_descriptor_plan *plan,
                               bn_error *err);

#endif
