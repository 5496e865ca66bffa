/* test_hints.c - hints between processes over PostgreSQL; "deaf": through a pooler, where none come, which must be noticed. */
#include "tests/store/fixture.h"
#include "tests/store/postgres.h"

#include <string.h>
#include <unistd.h>

enum { LONG_MS = 60000 }; /* a busy machine takes its time */

static bn_ear *open_ear(bn_store *store)
{
    bn_error err = {0};
    bn_ear *ear;
    assert_ok(bn_ear_open(store, NULL, &ear, &err), err);
    return ear;
}

static unsigned hear(bn_ear *ear, int wake, int64_t ms)
{
    bn_error err = {0};
    unsigned hints;
    assert_ok(bn_ear_hear(ear, wake, ms, &hints, &err), err);
    return hints;
}

static void what_one_tells_the_other_hears(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    int wake[2];
    unsigned all = 0;
    assert_int_equal(pipe(wake), 0);
    bn_ear *here = open_ear(self->store), *there = open_ear(self->other);
    assert_int_equal(hear(there, wake[0], 0), 0);
    assert_ok(bn_ear_tell(here, BN_HINT_WORK | BN_HINT_KEYS, &err), err);
    assert_int_equal(hear(there, wake[0], LONG_MS), BN_HINT_WORK | BN_HINT_KEYS);
    const unsigned each[] = {BN_HINT_CANCEL, BN_HINT_ENDED, BN_HINT_WEBHOOKS};
    for (int i = 0; i < 3; i++) assert_ok(bn_ear_tell(there, each[i], &err), err);
    while (all != (BN_HINT_CANCEL | BN_HINT_ENDED | BN_HINT_WEBHOOKS)) all |= hear(here, wake[0], LONG_MS);
    assert_int_equal(hear(here, wake[0], 0), 0); /* nothing of its own */
    assert_int_equal(write(wake[1], "", 1), 1);
    assert_int_equal(hear(here, wake[0], LONG_MS), 0); /* woken by another thread */
    bn_ear_close(&here);
    bn_ear_close(&there);
    close(wake[0]);
    close(wake[1]);
}

static void a_lost_connection_is_told(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    unsigned hints = 0;
    int wake[2];
    assert_int_equal(pipe(wake), 0);
    bn_ear *ear = open_ear(self->store);
    assert_true(test_postgres_disconnect());
    bn_status status = BIREFNET_OK;
    while (status == BIREFNET_OK) status = bn_ear_hear(ear, wake[0], LONG_MS, &hints, &err);
    assert_int_equal(status, BIREFNET_ERROR_IO);
    bn_ear_close(&ear);
    ear = open_ear(self->store); /* and again */
    bn_ear_close(&ear);
    close(wake[0]);
    close(wake[1]);
}

static void where_no_hints_come_an_ear_says_so(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bn_ear *ear = NULL;
    assert_int_equal(bn_ear_open(self->store, NULL, &ear, &err), BIREFNET_ERROR_UNSUPPORTED);
    assert_null(ear);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest direct[] = {
        cmocka_unit_test_setup_teardown(what_one_tells_the_other_hears, store_set_up, store_tear_down),
        cmocka_unit_test_setup_teardown(a_lost_connection_is_told, store_set_up, store_tear_down),
    };
    const struct CMUnitTest deaf[] = {
        cmocka_unit_test_setup_teardown(where_no_hints_come_an_ear_says_so, store_set_up, store_tear_down),
    };
    test_postgres_address(); /* skips where there is none */
    if (argc > 1 && strcmp(argv[1], "deaf") == 0) return cmocka_run_group_tests(deaf, NULL, NULL);
    return cmocka_run_group_tests(direct, NULL, NULL);
}
