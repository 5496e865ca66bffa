/* descriptors.h - how many connections the limit on open files (RLIMIT_NOFILE) allows: a server that has none left accepts
 * nobody, and libmicrohttpd may not notice when there are some again. */
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

/* Raise the limit as far as is useful and allowed. Before anything is opened. */
void bn_descriptors_raise(void);

/* Share out what is left now: `helpers` threads fetch and post, and each of `ports` listens with pool_threads behind it.
 * Half of what is left is kept for all that is no connection, or as much as that can need. LIMIT where it is too little. */
bn_status bn_descriptors_share(int ports, bool proxy, int helpers, int pool_threads, bn_descriptor_plan *plan,
                               bn_error *err);

#endif
