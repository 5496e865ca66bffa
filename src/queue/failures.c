/* failures.c - see failures.h. */
#include "queue/failures.h"

void bn_failures_init(bn_failures *failures)
{
    pthread_mutex_init(&failures->lock, NULL);
}

void bn_failures_note(bn_failures *failures, const bn_failure *failure)
{
    pthread_mutex_lock(&failures->lock);
    failures->rows[failures->count++ % BN_FAILURES] = *failure;
    pthread_mutex_unlock(&failures->lock);
}

size_t bn_failures_read(bn_failures *failures, bn_failure rows[BN_FAILURES])
{
    pthread_mutex_lock(&failures->lock);
    const uint64_t all = failures->count;
    const size_t count = all < BN_FAILURES ? (size_t)all : BN_FAILURES;
    for (size_t i = 0; i < count; i++) rows[i] = failures->rows[(all - 1 - i) % BN_FAILURES];
    pthread_mutex_unlock(&failures->lock);
    return count;
}
