/* test_store.c - what store.h promises of the way of a request: one holder at a time, only the holder writes, and answers
 * that were lost can be asked for again. */
#include "tests/store/fixture.h"

#include "base/file.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

static void only_the_holder_ends_it(void **state)
{
    store_fixture *self = *state;
    char id[BN_REQUEST_ID_CHARS] = "";
    store_accept_one(self, id, NULL);
    assert_false(store_finish(self, id, ALICE, 1, 200)); /* she has no claim */
    assert_true(store_claim(self, id, ALICE, 1, 50));
    assert_false(store_claim(self, id, BOB, 2, 50));
    assert_false(store_finish(self, id, BOB, 2, 200));
    assert_false(store_finish(self, id, BOB, 1, 200));
    assert_false(store_finish(self, id, ALICE, 3, 200));
    assert_false(store_finish(self, id, BOB, 0, 499)); /* to him it does not wait */
    assert_int_equal(store_code_of(self, id), 0);
    assert_true(store_finish(self, id, ALICE, 1, 200));
    assert_int_equal(store_code_of(self, id), 200);
    assert_int_equal(store_look_at_open(self).count, 0);
    assert_false(store_claim(self, id, BOB, 4, 50));
}

static void a_lost_answer_is_given_again(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    char id[BN_REQUEST_ID_CHARS] = "";
    int64_t of_key, of_all;
    store_accept_one(self, id, "http://example.com/hook");
    bn_accepted again = {.created_ms = 5000, .body = "{\"other\":1}", .body_bytes = 11};
    memcpy(again.id, id, sizeof again.id);
    assert_ok(bn_store_accept(self->store, &again, NULL, &err), err);
    assert_true(again.repeated);
    assert_true(again.seq > 0);
    assert_int_equal(store_look_at_open(self).count, 1);
    assert_true(store_claim(self, id, ALICE, 1, 0));
    assert_true(store_finish(self, id, ALICE, 1, 200));
    assert_true(store_finish(self, id, ALICE, 1, 500)); /* it was; and nothing changes */
    assert_false(store_finish(self, id, BOB, 2, 500));
    assert_int_equal(store_code_of(self, id), 200);
    assert_ok(bn_store_webhooks_pending(self->store, NULL, &of_key, &of_all, &err), err);
    assert_int_equal(of_all, 1);
}

static void what_waits_is_ended_by_whoever_finds_it(void **state)
{
    store_fixture *self = *state;
    char waiting[BN_REQUEST_ID_CHARS] = "", ours[BN_REQUEST_ID_CHARS] = "";
    store_accept_one(self, waiting, NULL);
    store_accept_one(self, ours, NULL);
    assert_true(store_finish(self, waiting, ALICE, 0, 499));
    assert_false(store_claim(self, waiting, ALICE, 1, 50)); /* a claim that was under way comes too late */
    assert_true(store_claim(self, ours, ALICE, 2, 50));
    assert_true(store_finish(self, ours, ALICE, 0, 499)); /* her own process holds it */
    assert_false(store_finish(self, ours, ALICE, 2, 200));
    assert_int_equal(store_code_of(self, waiting), 499);
    assert_int_equal(store_code_of(self, ours), 499);
}

static void the_dead_give_back_what_they_held(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bool mine;
    char id[BN_REQUEST_ID_CHARS] = "";
    store_accept_one(self, id, NULL);
    assert_true(store_claim(self, id, ALICE, 1, 50));
    assert_int_equal(store_rescue(self, ALICE), 0); /* she lives */
    assert_ok(bn_store_start(self->store, id, ALICE, 1, 51, false, &mine, &err), err);
    assert_true(mine);
    assert_ok(bn_store_start(self->store, id, BOB, 2, 7, true, &mine, &err), err); /* not his to say */
    assert_false(mine);
    bn_store_close(&self->store);
    store_open(self, &self->store);
    assert_int_equal(store_rescue(self, BOB), 1);
    assert_int_equal(store_rescue(self, BOB), 0);
    assert_int_equal(store_look_at_open(self).attempts, 51);
    assert_false(store_finish(self, id, ALICE, 1, 200)); /* back from the dead: nothing */
    assert_true(store_claim(self, id, BOB, 2, 50));
    assert_false(store_finish(self, id, ALICE, 1, 200));
    assert_true(store_finish(self, id, BOB, 2, 200));
}

static void giving_back_is_no_failed_attempt(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    char hers[BN_REQUEST_ID_CHARS] = "", his[BN_REQUEST_ID_CHARS] = "";
    store_accept_one(self, hers, NULL);
    store_accept_one(self, his, NULL);
    assert_true(store_claim(self, hers, ALICE, 1, 50));
    assert_true(store_claim(self, his, BOB, 2, 50));
    assert_ok(bn_store_release(self->store, ALICE, &err), err);
    assert_false(store_finish(self, hers, ALICE, 1, 200));
    assert_true(store_claim(self, hers, BOB, 3, 50));
    assert_true(store_finish(self, hers, BOB, 3, 200));
    assert_true(store_finish(self, his, BOB, 2, 200));
    assert_int_equal(store_rescue(self, ALICE), 0);
}

/* ---- many at once ---- */

enum { REQUESTS = 60, THREADS = 8 };

static struct crowd {
    store_fixture *fixture;
    char ids[REQUESTS][BN_REQUEST_ID_CHARS];
    _Atomic(int) claimed[REQUESTS], ended[REQUESTS];
} crowd;

static void *work(void *user)
{
    const int64_t worker = 100 + (intptr_t)user;
    for (int i = 0; i < REQUESTS; i++) {
        const int64_t number = worker * 1000 + i;
        bool mine = false, last = false;
        const bn_ending ending = {.code = 200, .completed_ms = 2000};
        if (bn_store_claim(crowd.fixture->store, crowd.ids[i], worker, number, 0, &mine, NULL) != BIREFNET_OK)
            return "claim";
        crowd.claimed[i] += mine;
        if (bn_store_finish(crowd.fixture->store, crowd.ids[i], worker, number, &ending, NULL, 0, &last,
                            NULL) != BIREFNET_OK)
            return "finish";
        crowd.ended[i] += last;
    }
    return NULL;
}

static void each_request_has_one_holder_whoever_asks(void **state)
{
    pthread_t threads[THREADS];
    crowd.fixture = *state;
    for (int i = 0; i < REQUESTS; i++) store_accept_one(crowd.fixture, crowd.ids[i], NULL);
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *fault;
        pthread_join(threads[i], &fault);
        if (fault) fail_msg("%s failed", (const char *)fault);
    }
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(crowd.claimed[i], 1);
        assert_int_equal(crowd.ended[i], 1);
    }
}

/* The embedded store brings no client library into the process; and it would be seen. */
static void libpq_comes_only_when_it_is_needed(void **state)
{
    bn_error err = {0};
    bn_buffer maps;
    (void)state;
    bn_buffer_init(&maps, (size_t)16 << 20);
    assert_ok(bn_file_read("/proc/self/maps", &maps, &err), err);
    assert_ok(bn_buffer_append(&maps, "", 1, &err), err);
    assert_int_equal(strstr((char *)maps.data, "/libpq.so") != NULL, getenv("BN_TEST_STORE") != NULL);
    bn_buffer_free(&maps);
}

/* No file may grow, as on a full disk: whoever starts then can read, and so find what may be removed. */
static void it_opens_where_nothing_can_be_written(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bn_store *store = NULL;
    char address[120], id[BN_REQUEST_ID_CHARS] = "";
    struct rlimit whole, small;
    if (!self->folder[0]) skip(); /* a database has a disk of its own */
    store_accept_one(self, id, NULL);
    snprintf(address, sizeof address, "sqlite:%s/jobs.sqlite", self->folder);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    small = (struct rlimit){.rlim_cur = 1, .rlim_max = whole.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const bn_status status = bn_store_open(address, &store, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    assert_ok(status, err);
    bn_store_close(&store);
}

static void addresses_name_their_kind(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_store *store;
    assert_int_equal(bn_store_open("/tmp/jobs.sqlite", &store, &err), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(bn_store_open("oracle:x", &store, &err), BIREFNET_ERROR_ARGUMENT);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(only_the_holder_ends_it),
        STORE_TEST(a_lost_answer_is_given_again),
        STORE_TEST(what_waits_is_ended_by_whoever_finds_it),
        STORE_TEST(the_dead_give_back_what_they_held),
        STORE_TEST(giving_back_is_no_failed_attempt),
        STORE_TEST(each_request_has_one_holder_whoever_asks),
        STORE_TEST(libpq_comes_only_when_it_is_needed),
        STORE_TEST(it_opens_where_nothing_can_be_written),
        cmocka_unit_test(addresses_name_their_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
