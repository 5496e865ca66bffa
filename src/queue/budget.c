/* budget.c - see budget.h. First come, first served: else small amounts could keep a large one waiting for ever. */
#include "queue/budget.h"

#include <stddef.h>

struct bn_budget_wait {
    bn_budget_wait *next;
};

void bn_budget_init(bn_budget *budget, uint64_t most)
{
    *budget = (bn_budget){.most = most};
    pthread_mutex_init(&budget->lock, NULL);
    pthread_cond_init(&budget->changed, NULL);
}

static bool fits(const bn_budget *budget, uint64_t amount)
{
    return budget->used == 0 || (budget->used <= budget->most && amount <= budget->most - budget->used);
}

static void join_line(bn_budget *budget, bn_budget_wait *self)
{
    bn_budget_wait **at = &budget->first;
    while (*at) at = &(*at)->next;
    *at = self;
    budget->waiting++;
}

static void leave_line(bn_budget *budget, const bn_budget_wait *self)
{
    bn_budget_wait **at = &budget->first;
    while (*at != self) at = &(*at)->next;
    *at = self->next;
    budget->waiting--;
}

bool bn_budget_take(bn_budget *budget, uint64_t amount, bool (*cancelled)(void *user), void *user)
{
    bn_budget_wait self = {0};
    bool stopped;
    pthread_mutex_lock(&budget->lock);
    join_line(budget, &self);
    while (!(stopped = cancelled(user)) && (budget->first != &self || !fits(budget, amount)))
        pthread_cond_wait(&budget->changed, &budget->lock);
    leave_line(budget, &self);
    if (!stopped) budget->used += amount;
    pthread_cond_broadcast(&budget->changed); /* the next in line may fit as well */
    pthread_mutex_unlock(&budget->lock);
    return !stopped;
}

void bn_budget_give_back(bn_budget *budget, uint64_t amount)
{
    pthread_mutex_lock(&budget->lock);
    budget->used -= amount;
    pthread_cond_broadcast(&budget->changed);
    pthread_mutex_unlock(&budget->lock);
}

void bn_budget_wake(bn_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    pthread_cond_broadcast(&budget->changed);
    pthread_mutex_unlock(&budget->lock);
}

uint64_t bn_budget_used(bn_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    const uint64_t used = budget->used;
    pthread_mutex_unlock(&budget->lock);
    return used;
}
