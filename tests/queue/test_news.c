/* test_news.c - snapshots of the store as clients see them: what has ended while one was read does not come back with it, nor
 * with who accepted it, where a worker knew it from a snapshot before. */
#include "tests/test.h"

#include "store/store.h"
#include "tests/queue/rig.h"

#include <semaphore.h>

bn_status __real_bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);
bn_status __wrap_bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);

bn_status __real_bn_store_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending,
                                 bn_error *err);
bn_status __wrap_bn_store_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending,
                                 bn_error *err);

/* The next snapshot that is read shows a request that is then cancelled, and what is remembered of endings is dropped; when the one
 * after it is about to be read, clients are told what the first has left. */
static struct {
    rig rig;
    char ids[2][BN_REQUEST_ID_CHARS];
    atomic_bool armed;
    int snapshots; /* since then */
    bn_request_status first, second;
    int result;
    sem_t seen;
} probe;

static void ask_as_a_client(void)
{
    bn_answer answer;
    probe.first = rig_status(&probe.rig, probe.ids[0]);
    probe.second = rig_status(&probe.rig, probe.ids[1]);
    bn_jobs_result(probe.rig.jobs, probe.ids[0], NULL, &answer);
    probe.result = answer.code;
    bn_answer_free(&answer);
    atomic_store(&probe.armed, false);
    sem_post(&probe.seen);
}

bn_status __wrap_bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err)
{
    const bool armed = atomic_load(&probe.armed);
    if (armed && ++probe.snapshots == 2) ask_as_a_client();
    const bn_status status = __real_bn_store_snapshot(store, want_logs, snapshot, err);
    if (armed && probe.snapshots == 1) {
        bn_jobs_cancel(probe.rig.jobs, probe.ids[0], false);
        bn_jobs_sweep(probe.rig.jobs);
    }
    return status;
}

static void what_ended_meanwhile_does_not_come_back(void **state)
{
    (void)state;
    rig_init(&probe.rig);
    sem_init(&probe.seen, 0, 0);
    probe.rig.options.role = BN_ROLE_FRONT;
    rig_open(&probe.rig);
    for (int i = 0; i < 2; i++) rig_submit_body(&probe.rig, "{\"image_url\":\"data:,x\"}", probe.ids[i]);
    assert_int_equal(rig_status(&probe.rig, probe.ids[1]).position, 1);
    atomic_store(&probe.armed, true);
    while (sem_wait(&probe.seen) != 0) continue;
    assert_int_equal(probe.first.state, BN_REQUEST_COMPLETED);
    assert_int_equal(probe.first.code, 499);
    assert_int_equal(probe.result, 499);
    assert_int_equal(probe.second.state, BN_REQUEST_QUEUED);
    assert_int_equal(probe.second.position, 0);
    rig_destroy(&probe.rig);
    sem_destroy(&probe.seen);
}

/* The next request that is stored is done before its server knows that it was: the same again makes it read a snapshot, and its
 * own worker finds it there. */
static struct {
    rig rig;
    atomic_bool armed;
    bn_submit submit;
} overtaken;

bn_status __wrap_bn_store_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending,
                                 bn_error *err)
{
    char id[BN_REQUEST_ID_CHARS];
    const bn_status status = __real_bn_store_accept(store, accepted, ending, err);
    if (!atomic_exchange(&overtaken.armed, false)) return status;
    rig_submit(&overtaken.rig, &overtaken.submit, id);
    rig_wait(&overtaken.rig, accepted->id, BN_REQUEST_COMPLETED);
    return status;
}

static void submit_one_that_is_overtaken(bool sync)
{
    static const char body[] = "{\"image_url\":\"data:,x\"}", id[] = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    char same[BN_REQUEST_ID_CHARS];
    rig_init(&overtaken.rig);
    rig_open(&overtaken.rig);
    overtaken.submit =
        (bn_submit){.id = id, .body = body, .body_bytes = strlen(body), .sync = sync, .max_queue_length = -1};
    atomic_store(&overtaken.armed, true);
    rig_submit(&overtaken.rig, &overtaken.submit, same);
    assert_string_equal(same, id);
    assert_false(atomic_load(&overtaken.armed));
}

static void what_was_done_before_it_was_known_stays_done(void **state)
{
    (void)state;
    submit_one_that_is_overtaken(false);
    const bn_request_status status = rig_status(&overtaken.rig, overtaken.submit.id);
    assert_int_equal(status.state, BN_REQUEST_COMPLETED);
    assert_int_equal(status.code, 422);
    rig_destroy(&overtaken.rig);
}

static void nobody_is_waited_for_after_it(void **state)
{
    (void)state;
    submit_one_that_is_overtaken(true);
    assert_true(bn_jobs_drain(overtaken.rig.jobs, 10000));
    rig_destroy(&overtaken.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_ended_meanwhile_does_not_come_back),
                                       cmocka_unit_test(what_was_done_before_it_was_known_stays_done),
                                       cmocka_unit_test(nobody_is_waited_for_after_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
