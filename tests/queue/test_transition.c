/* test_transition.c - what no table of transitions may allow, whatever else it says. */
#include "tests/test.h"

#include "queue/transition.h"

static void endings_are_final_and_running_is_its_holders(void **state)
{
    (void)state;
    for (int to = BN_STATE_WAITING; to <= BN_STATE_ENDED; to++)
        for (int by = BN_BY_FRONT; by <= BN_BY_SWEEPER; by++) {
            const bool is_holder = by == BN_BY_WORKER;
            assert_false(bn_may_move(BN_STATE_ENDED, (bn_state)to, (bn_maker)by));
            assert_false(bn_may_move((bn_state)to, (bn_state)to, (bn_maker)by));
            assert_false(bn_may_move((bn_state)to, BN_STATE_WAITING, (bn_maker)by));
            assert_int_equal(bn_may_move(BN_STATE_WAITING, BN_STATE_HELD, (bn_maker)by), is_holder);
            assert_int_equal(bn_may_move(BN_STATE_HELD, BN_STATE_RUNNING, (bn_maker)by), is_holder);
            assert_int_equal(bn_may_move(BN_STATE_RUNNING, BN_STATE_ENDED, (bn_maker)by), is_holder);
            assert_int_equal(bn_may_move(BN_STATE_WAITING, BN_STATE_ENDED, (bn_maker)by), !is_holder);
            assert_true(bn_may_move(BN_STATE_HELD, BN_STATE_ENDED, (bn_maker)by));
            assert_false(bn_may_move(BN_STATE_WAITING, BN_STATE_RUNNING, (bn_maker)by));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(endings_are_final_and_running_is_its_holders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
