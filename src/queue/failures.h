/* failures.h - the last requests that failed, for administrators: in memory, of this process. */
#ifndef BN_QUEUE_FAILURES_H
#define BN_QUEUE_FAILURES_H

#include "store/facts.h"
#include "store/keys.h"

#include <pthread.h>

#define BN_FAILURES 50

typedef struct bn_failure {
    int64_t at_ms;
    int code;                                              /* of the answer */
    char id[BN_REQUEST_ID_CHARS], key_id[BN_KEY_ID_CHARS]; /* empty: refused before it had one; without key */
    char reason[40], error[200];                           /* as in bn_ending */
} bn_failure;

typedef struct bn_failures {
    pthread_mutex_t lock;
    uint64_t count; /* ever; the newest is rows[(count - 1) % BN_FAILURES] */
    bn_failure rows[BN_FAILURES];
} bn_failures;

void bn_failures_init(bn_failures *failures);
void bn_failures_note(bn_failures *failures, const bn_failure *failure);
/* A copy, newest first; how many. */
size_t bn_failures_read(bn_failures *failures, bn_failure rows[BN_FAILURES]);

#endif
