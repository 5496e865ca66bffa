/* test_budget.c - a budget is never exceeded, nobody is overtaken, what is cancelled goes; and a server whose budget is
 * smaller than any photo answers all of them. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include "base/size.h"
#include "queue/budget.h"

#include <unistd.h>

static bool never(void *user)
{
    (void)user;
    return false;
}

static bool is_set(void *user)
{
    return atomic_load((_Atomic(bool) *)user);
}

/* ---- many at once -------------------------------------------------------------------------------------- */

enum { MOST = 100, THREADS = 8, ROUNDS = 400 };

typedef struct crowd {
    bn_budget budget;
    _Atomic(int64_t) used, worst; /* of amounts that are not larger than the budget */
    _Atomic(int) alone, beside_alone;
} crowd;

typedef struct member {
    crowd *all;
    unsigned number;
} member;

static void *take_and_give(void *user)
{
    const member *self = user;
    crowd *all = self->all;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint64_t amount = (i * 37 + self->number * 53) % 120 + 1;
        if (!bn_budget_take(&all->budget, amount, never, NULL)) abort();
        const int64_t used = atomic_fetch_add(&all->used, (int64_t)amount) + (int64_t)amount;
        if (amount > MOST && used != (int64_t)amount) atomic_fetch_add(&all->beside_alone, 1);
        if (amount > MOST) atomic_fetch_add(&all->alone, 1);
        int64_t worst = atomic_load(&all->worst);
        while (amount <= MOST && used > worst && !atomic_compare_exchange_weak(&all->worst, &worst, used)) {
        }
        atomic_fetch_sub(&all->used, (int64_t)amount);
        bn_budget_give_back(&all->budget, amount);
    }
    return NULL;
}

static void a_budget_is_never_exceeded(void **state)
{
    (void)state;
    static crowd all;
    pthread_t threads[THREADS];
    member members[THREADS];
    bn_budget_init(&all.budget, MOST);
    for (unsigned i = 0; i < THREADS; i++) {
        members[i] = (member){&all, i};
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &members[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_true(all.worst <= MOST);
    assert_int_equal(all.beside_alone, 0);
    assert_true(all.alone > 0);
    assert_int_equal(bn_budget_used(&all.budget), 0);
}

/* ---- one at a time ------------------------------------------------------------------------------------- */

typedef struct taker {
    bn_budget *budget;
    uint64_t amount;
    _Atomic(bool) cancelled;
    bool got;
    pthread_t thread;
} taker;

static void *take(void *user)
{
    taker *self = user;
    self->got = bn_budget_take(self->budget, self->amount, is_set, &self->cancelled);
    return NULL;
}

static unsigned waiting(bn_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    const unsigned count = budget->waiting;
    pthread_mutex_unlock(&budget->lock);
    return count;
}

static void start(taker *self, bn_budget *budget, uint64_t amount, unsigned behind)
{
    *self = (taker){.budget = budget, .amount = amount};
    assert_int_equal(pthread_create(&self->thread, NULL, take, self), 0);
    while (waiting(budget) != behind) sched_yield();
}

static void nobody_is_overtaken_and_the_cancelled_leave(void **state)
{
    (void)state;
    bn_budget budget;
    taker large, small;
    bn_budget_init(&budget, MOST);
    assert_true(bn_budget_take(&budget, 60, never, NULL));
    start(&large, &budget, 70, 1); /* does not fit */
    start(&small, &budget, 10, 2); /* would, and waits behind it */
    assert_int_equal(bn_budget_used(&budget), 60);
    atomic_store(&large.cancelled, true);
    bn_budget_wake(&budget);
    pthread_join(large.thread, NULL);
    pthread_join(small.thread, NULL);
    assert_false(large.got);
    assert_true(small.got);
    assert_int_equal(bn_budget_used(&budget), 70);
}

/* ---- a server ------------------------------------------------------------------------------------------ */

static void a_budget_below_any_photo_only_makes_them_wait(void **state)
{
    (void)state;
    rig self;
    rig_init(&self);
    self.options.max_decode_bytes = 1;
    rig_open(&self);
    char ids[6][BN_REQUEST_ID_CHARS];
    for (size_t i = 0; i < BN_COUNT(ids); i++) {
        char *body = rig_body(300 + (int)i, 200, "");
        rig_submit_body(&self, body, ids[i]);
        free(body);
    }
    for (size_t i = 0; i < BN_COUNT(ids); i++) {
        rig_wait(&self, ids[i], BN_REQUEST_COMPLETED);
        json_decref(rig_result(&self, ids[i], 200));
    }
    rig_destroy(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_is_never_exceeded),
        cmocka_unit_test(nobody_is_overtaken_and_the_cancelled_leave),
        cmocka_unit_test(a_budget_below_any_photo_only_makes_them_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
