/* budget.h - an amount that threads share: each takes what it needs and waits while there is not enough left. */
#ifndef BN_QUEUE_BUDGET_H
#define BN_QUEUE_BUDGET_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct bn_budget_wait bn_budget_wait;

typedef struct bn_budget {
    pthread_mutex_t lock; /* none is taken under it */
    pthread_cond_t changed;
    uint64_t most, used;
    bn_budget_wait *first; /* those that wait, in order of arrival */
    unsigned waiting;
} bn_budget;

void bn_budget_init(bn_budget *budget, uint64_t most);

/* Take an amount, after all who came before. One that is larger than the whole budget waits until nothing is taken, and
 * then has it alone. False, with nothing taken, once cancelled(user) says so: it is asked at first, at each change, and
 * after bn_budget_wake. (waits) */
bool bn_budget_take(bn_budget *budget, uint64_t amount, bool (*cancelled)(void *user), void *user);
void bn_budget_give_back(bn_budget *budget, uint64_t amount);

/* Something has been cancelled. */
void bn_budget_wake(bn_budget *budget);

uint64_t bn_budget_used(bn_budget *budget);

#endif
