/* test_store_queue.c - what store.h promises of a queue that many processes share: order, limits, leases, cancelling, duties,
 * rates, turns of webhooks, and what clients see. Two handles stand for two processes. */
#include "tests/store/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEASE_MS = 15000 };

/* "" as key: none. */
static void accept_row(store_fixture *self, bn_accepted *row, const char *key_id)
{
    bn_error err = {0};
    if (!row->id[0]) bn_uuid_make(row->id);
    row->body = "{}";
    row->body_bytes = 2;
    row->created_ms = 1000;
    row->key_id = key_id[0] ? strdup(key_id) : NULL;
    assert_ok(bn_store_accept(self->store, row, NULL, &err), err);
}

static void put(store_fixture *self, char id[BN_REQUEST_ID_CHARS], bn_accepted row, const char *key_id)
{
    accept_row(self, &row, key_id);
    assert_false(row.refused);
    if (id) memcpy(id, row.id, BN_REQUEST_ID_CHARS);
    bn_accepted_free(&row);
}

/* Of whom it was, or NULL; the id goes into id. */
static bool claim_next(bn_store *store, bn_claim_terms terms, char id[BN_REQUEST_ID_CHARS])
{
    bn_error err = {0};
    bn_accepted accepted;
    static _Atomic(int64_t) number = 1000;
    if (!terms.worker) terms.worker = ALICE;
    if (!terms.claim) terms.claim = ++number;
    assert_ok(bn_store_claim_next(store, &terms, &accepted, &err), err);
    memcpy(id, accepted.id, BN_REQUEST_ID_CHARS);
    bn_accepted_free(&accepted);
    return id[0] != '\0';
}

static void expect_next(store_fixture *self, bn_claim_terms terms, const char *expected)
{
    char id[BN_REQUEST_ID_CHARS];
    claim_next(self->other, terms, id);
    assert_string_equal(id, expected);
}

static void the_order_is_that_of_arrival_low_ones_last(void **state)
{
    store_fixture *self = *state;
    char low[BN_REQUEST_ID_CHARS], first[BN_REQUEST_ID_CHARS], second[BN_REQUEST_ID_CHARS];
    put(self, low, (bn_accepted){.low_priority = true}, "");
    put(self, first, (bn_accepted){.id = ""}, "");
    put(self, second, (bn_accepted){.id = ""}, "");
    expect_next(self, (bn_claim_terms){.worker = BOB}, first);
    expect_next(self, (bn_claim_terms){.worker = ALICE}, second);
    expect_next(self, (bn_claim_terms){.normal_only = true}, "");
    expect_next(self, (bn_claim_terms){.worker = BOB}, low);
    expect_next(self, (bn_claim_terms){.worker = BOB}, "");
}

static void by_keys_each_key_has_its_turn(void **state)
{
    store_fixture *self = *state;
    char a[3][BN_REQUEST_ID_CHARS], b[2][BN_REQUEST_ID_CHARS];
    for (int i = 0; i < 3; i++) put(self, a[i], (bn_accepted){.by_keys = true}, "a");
    for (int i = 0; i < 2; i++) put(self, b[i], (bn_accepted){.by_keys = true}, "b");
    const char *const order[] = {a[0], b[0], a[1], b[1], a[2], ""};
    for (int i = 0; i < 6; i++) expect_next(self, (bn_claim_terms){.worker = BOB}, order[i]);
}

static void terms_say_what_a_worker_takes(void **state)
{
    store_fixture *self = *state;
    static const char *const busy[] = {"a"}, *const models[] = {"matting"};
    char fetched[BN_REQUEST_ID_CHARS], here[BN_REQUEST_ID_CHARS], other[BN_REQUEST_ID_CHARS],
        low[BN_REQUEST_ID_CHARS];
    put(self, fetched, (bn_accepted){.fetches = true, .model = "general"}, "a");
    put(self, here, (bn_accepted){.model = "general"}, "a");
    put(self, other, (bn_accepted){.model = "matting", .sync = true, .front = ALICE}, "b");
    put(self, low, (bn_accepted){.low_priority = true}, "a");
    expect_next(self, (bn_claim_terms){.models = models, .model_count = 1, .fetches = true}, "");
    expect_next(self, (bn_claim_terms){.busy_keys = busy, .busy_key_count = 1, .fetches = true}, "");
    expect_next(self, (bn_claim_terms){.fetches = true}, fetched);
    expect_next(self, (bn_claim_terms){.sync_only = true}, other);
    expect_next(self, (bn_claim_terms){.busy_keys = busy, .busy_key_count = 1}, "");
    expect_next(self, (bn_claim_terms){.busy_low_keys = busy, .busy_low_key_count = 1}, here);
    expect_next(self, (bn_claim_terms){.busy_low_keys = busy, .busy_low_key_count = 1}, "");
    expect_next(self, (bn_claim_terms){.worker = BOB}, low);
}

static void what_was_claimed_is_all_that_was_accepted(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bn_accepted row = {.model = "matting",
                       .fetches = true,
                       .public_only = true,
                       .start_by_ms = INT64_MAX,
                       .key_running = 3,
                       .webhook = strdup("http://example.com/hook"),
                       .lifecycle = strdup("{\"expiration_duration_seconds\":5}"),
                       .file_base = strdup("https://example.com/x"),
                       .extras = strdup("{\"hard_mask\":true}")},
                got;
    accept_row(self, &row, "a");
    const bn_claim_terms terms = {.worker = BOB, .claim = 7, .weight = 50, .fetches = true, .limited = true};
    assert_ok(bn_store_claim_next(self->other, &terms, &got, &err), err);
    assert_string_equal(got.id, row.id);
    assert_int_equal(got.seq, row.seq);
    assert_int_equal(got.created_ms, 1000);
    assert_true(got.public_only && got.fetches && !got.sync && !got.low_priority);
    assert_string_equal(got.model, "matting");
    assert_string_equal(got.webhook, "http://example.com/hook");
    assert_string_equal(got.lifecycle, row.lifecycle);
    assert_string_equal(got.file_base, row.file_base);
    assert_string_equal(got.key_id, "a");
    assert_string_equal(got.extras, row.extras);
    assert_int_equal(got.body_bytes, 2);
    char *extras;
    assert_int_equal(bn_store_extras(self->store, got.id, &extras, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_null(extras); /* as long as it has not ended */
    assert_true(store_finish(self, got.id, BOB, 7, 200));
    assert_ok(bn_store_extras(self->store, got.id, &extras, &err), err);
    assert_string_equal(extras, row.extras);
    free(extras);
    bn_accepted_free(&row);
    bn_accepted_free(&got);
}

/* ---- limits ---- */

enum { THREADS = 8, REQUESTS = 40, LIMIT = 3 };

static struct crowd {
    store_fixture *fixture;
    pthread_barrier_t start;
    _Atomic(int) held, most, ended, refused;
} crowd;

static void *claim_and_finish(void *user)
{
    const int64_t worker = 100 + (intptr_t)user;
    bn_store *store = worker % 2 ? crowd.fixture->store : crowd.fixture->other;
    pthread_barrier_wait(&crowd.start);
    for (int64_t i = 1; crowd.ended < REQUESTS; i++) {
        bool mine;
        bn_accepted accepted;
        const bn_ending ending = {.code = 200, .completed_ms = 2000};
        const bn_claim_terms terms = {.worker = worker, .claim = worker * 100000 + i, .limited = true};
        if (bn_store_claim_next(store, &terms, &accepted, NULL) != BIREFNET_OK) return "claim";
        if (!accepted.id[0]) continue;
        const int held = ++crowd.held;
        for (int most = crowd.most; held > most && !atomic_compare_exchange_weak(&crowd.most, &most, held);) {
        }
        crowd.held--; /* before the store knows of it */
        if (bn_store_finish(store, accepted.id, worker, terms.claim, &ending, NULL, 0, &mine, NULL) !=
            BIREFNET_OK)
            return "finish";
        crowd.ended += mine;
        bn_accepted_free(&accepted);
    }
    return NULL;
}

static void *submit_many(void *user)
{
    bn_store *store = (intptr_t)user % 2 ? crowd.fixture->store : crowd.fixture->other;
    pthread_barrier_wait(&crowd.start);
    for (int i = 0; i < 5; i++) {
        bn_accepted row = {.body = "{}", .body_bytes = 2, .key_waiting = 7, .key_id = strdup("a")};
        bn_uuid_make(row.id);
        if (bn_store_accept(store, &row, NULL, NULL) != BIREFNET_OK) return "accept";
        crowd.refused += row.refused;
        bn_accepted_free(&row);
    }
    return NULL;
}

static void run_crowd(store_fixture *self, void *(*main)(void *))
{
    pthread_t threads[THREADS];
    crowd.fixture = self;
    crowd.held = crowd.most = crowd.ended = crowd.refused = 0;
    pthread_barrier_init(&crowd.start, NULL, THREADS);
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, main, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *fault;
        pthread_join(threads[i], &fault);
        if (fault) fail_msg("%s failed", (const char *)fault);
    }
    pthread_barrier_destroy(&crowd.start);
}

static void running_limits_are_exact_whoever_claims(void **state)
{
    store_fixture *self = *state;
    for (int i = 0; i < REQUESTS; i++) put(self, NULL, (bn_accepted){.key_running = LIMIT}, "a");
    run_crowd(self, claim_and_finish);
    assert_true(crowd.most <= LIMIT);
    assert_int_equal(crowd.ended, REQUESTS);
    assert_int_equal(store_look_at_open(self).count, 0);
}

static void a_running_limit_holds_one_key_only(void **state)
{
    store_fixture *self = *state;
    char id[BN_REQUEST_ID_CHARS], last[BN_REQUEST_ID_CHARS];
    for (int i = 0; i < 2; i++) put(self, NULL, (bn_accepted){.key_running = 1}, "a");
    put(self, last, (bn_accepted){.key_running = 1}, "");
    assert_true(claim_next(self->store, (bn_claim_terms){.claim = 5, .limited = true}, id));
    expect_next(self, (bn_claim_terms){.limited = true}, last);
    expect_next(self, (bn_claim_terms){.limited = true}, "");
    assert_true(store_finish(self, id, ALICE, 5, 200));
    assert_true(claim_next(self->other, (bn_claim_terms){.limited = true}, id));
}

static void waiting_limits_are_exact_whoever_accepts(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    run_crowd(self, submit_many);
    assert_int_equal(crowd.refused, THREADS * 5 - 7);
    assert_int_equal(store_look_at_open(self).count, 7);
    bn_accepted row = {.key_waiting = 7, .key_id = strdup("a")}; /* one that is in is in */
    char id[BN_REQUEST_ID_CHARS];
    claim_next(self->store, (bn_claim_terms){.worker = BOB}, id);
    put(self, row.id, (bn_accepted){.key_waiting = 7}, "a");
    assert_ok(bn_store_accept(self->other, &row, NULL, &err), err);
    assert_true(row.repeated && !row.refused);
    bn_accepted_free(&row);
}

static void a_rate_is_kept_over_all_handles(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    int64_t wait_ms;
    for (int i = 0; i < 4; i++) {
        assert_ok(bn_store_rate(i % 2 ? self->store : self->other, "a", 4, &wait_ms, &err), err);
        assert_int_equal(wait_ms, 0);
    }
    assert_ok(bn_store_rate(self->store, "a", 4, &wait_ms, &err), err);
    assert_in_range(wait_ms, 1, 15001);
    assert_ok(bn_store_rate(self->store, "b", 4, &wait_ms, &err), err);
    assert_int_equal(wait_ms, 0);
    bn_store_shift(self->other, 15001);
    assert_ok(bn_store_rate(self->other, "a", 4, &wait_ms, &err), err);
    assert_int_equal(wait_ms, 0);
}

/* ---- leases ---- */

static size_t beat(bn_store *store, int64_t id, bn_holding *first)
{
    bn_error err = {0};
    bn_holding *holdings;
    size_t count;
    int64_t now_ms;
    const bn_process process = {.id = id, .role = "work", .host = "here", .version = "1", .idle = true};
    assert_ok(bn_store_beat(store, &process, &now_ms, &holdings, &count, &err), err);
    assert_true(now_ms > 0);
    if (first && count > 0) *first = holdings[0];
    free(holdings);
    return count;
}

static size_t rescue(bn_store *store, int64_t survivor, bn_rescued *first)
{
    bn_error err = {0};
    bn_rescued *rows;
    size_t count;
    assert_ok(bn_store_rescue(store, survivor, LEASE_MS, &rows, &count, &err), err);
    if (first && count > 0) *first = rows[0];
    free(rows);
    return count;
}

static void who_does_not_beat_loses_what_he_held(void **state)
{
    store_fixture *self = *state;
    bn_rescued row = {.id = ""};
    bn_holding holding = {.id = ""};
    char hers[BN_REQUEST_ID_CHARS] = "", his[BN_REQUEST_ID_CHARS] = "";
    store_accept_one(self, hers, NULL);
    store_accept_one(self, his, NULL);
    beat(self->store, ALICE, NULL);
    beat(self->other, BOB, NULL);
    assert_true(store_claim(self, hers, ALICE, 1, 50));
    assert_true(store_claim(self, his, BOB, 2, 7));
    assert_int_equal(rescue(self->other, BOB, NULL), 0);
    bn_store_shift(self->other, LEASE_MS / 2);
    assert_int_equal(rescue(self->other, BOB, NULL), 0); /* not yet */
    assert_int_equal(beat(self->other, BOB, &holding), 1);
    assert_string_equal(holding.id, his);
    assert_int_equal(holding.claim, 2);
    bn_store_shift(self->other, LEASE_MS + 1000);
    assert_int_equal(rescue(self->other, BOB, &row), 1);
    assert_string_equal(row.id, hers);
    assert_int_equal(row.worker, ALICE);
    assert_int_equal(row.attempts, 50);
    assert_int_equal(beat(self->store, ALICE, NULL), 0); /* back again: she sees that it is gone */
    assert_false(store_finish(self, hers, ALICE, 1, 200));
    assert_true(store_claim(self, hers, BOB, 3, 50));
    assert_true(store_finish(self, his, BOB, 2, 200));
}

static size_t bury(bn_store *store, int64_t process, bn_rescued *first)
{
    bn_error err = {0};
    bn_rescued *rows;
    size_t count;
    assert_ok(bn_store_bury(store, process, &rows, &count, &err), err);
    if (first && count > 0) *first = rows[0];
    free(rows);
    return count;
}

/* Whoever knows that she has died need not wait for her lease, and nothing is taken from those of whom he does not. */
static void the_buried_lose_all_at_once(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bool mine;
    bn_rescued row = {.id = ""};
    bn_process *list;
    size_t count;
    char hers[BN_REQUEST_ID_CHARS] = "", his[BN_REQUEST_ID_CHARS] = "", next[BN_REQUEST_ID_CHARS] = "";
    store_accept_one(self, hers, NULL);
    store_accept_one(self, his, NULL);
    store_accept_one(self, next, NULL);
    beat(self->store, ALICE, NULL);
    beat(self->other, BOB, NULL);
    assert_true(store_claim(self, hers, ALICE, 1, 50));
    assert_true(store_claim(self, his, BOB, 2, 7));
    assert_ok(bn_store_duty(self->store, "tick", ALICE, 60000, &mine, &err), err);
    assert_int_equal(rescue(self->other, BOB, NULL), 0); /* her lease is not over */
    assert_int_equal(bury(self->other, ALICE, &row), 1);
    assert_string_equal(row.id, hers);
    assert_int_equal(row.worker, ALICE);
    assert_int_equal(row.attempts, 50);
    assert_int_equal(bury(self->other, ALICE, NULL), 0);
    assert_ok(bn_store_duty(self->other, "tick", BOB, 60000, &mine, &err), err);
    assert_true(mine);
    assert_ok(bn_store_processes(self->other, &list, &count, &err), err);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].id, BOB);
    free(list);
    assert_false(store_finish(self, hers, ALICE, 1, 200)); /* what she had sent comes too late */
    expect_next(self, (bn_claim_terms){.worker = BOB}, hers);
    assert_true(store_finish(self, his, BOB, 2, 200));
}

static void rescued_ones_keep_their_place(void **state)
{
    store_fixture *self = *state;
    char first[BN_REQUEST_ID_CHARS] = "", second[BN_REQUEST_ID_CHARS] = "";
    store_accept_one(self, first, NULL);
    store_accept_one(self, second, NULL);
    expect_next(self, (bn_claim_terms){.worker = ALICE}, first);
    assert_int_equal(store_rescue(self, BOB), 1);
    expect_next(self, (bn_claim_terms){.worker = BOB}, first);
}

static void giving_back_is_for_the_holder(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bool mine;
    char id[BN_REQUEST_ID_CHARS] = "";
    store_accept_one(self, id, NULL);
    assert_true(store_claim(self, id, ALICE, 1, 50));
    assert_ok(bn_store_give_back(self->other, id, ALICE, 2, &mine, &err), err);
    assert_false(mine);
    assert_ok(bn_store_give_back(self->other, id, ALICE, 1, &mine, &err), err);
    assert_true(mine);
    assert_int_equal(store_look_at_open(self).attempts, 0);
    assert_false(store_finish(self, id, ALICE, 1, 200));
    assert_true(store_claim(self, id, BOB, 3, 50));
}

static bn_overdue_reason overdue(store_fixture *self, const char *id)
{
    bn_error err = {0};
    bn_overdue rows[4];
    size_t count;
    assert_ok(bn_store_overdue(self->store, ALICE, LEASE_MS, 300, rows, 4, &count, &err), err);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].id, id) == 0) return rows[i].reason;
    assert_int_equal(count, 0);
    return 0;
}

static void what_must_not_wait_any_more_is_found(void **state)
{
    store_fixture *self = *state;
    char sync[BN_REQUEST_ID_CHARS], late[BN_REQUEST_ID_CHARS], deadly[BN_REQUEST_ID_CHARS],
        id[BN_REQUEST_ID_CHARS];
    bn_error err = {0};
    int64_t now_ms;
    bn_holding *holdings;
    size_t count;
    const bn_process process = {.id = BOB, .role = "serve"};
    assert_ok(bn_store_beat(self->other, &process, &now_ms, &holdings, &count, &err), err);
    free(holdings);
    put(self, sync, (bn_accepted){.sync = true, .front = BOB}, "");
    assert_int_equal(overdue(self, sync), 0);
    bn_store_shift(self->store, LEASE_MS + 1000);
    assert_int_equal(overdue(self, sync), BN_OVERDUE_FRONT);
    assert_true(store_finish(self, sync, ALICE, 0, 499));
    assert_true(store_finish(self, sync, ALICE, 0, 499)); /* she did not hear the answer */
    assert_false(store_finish(self, sync, BOB, 0, 504));  /* he wanted to end it, too */
    assert_int_equal(store_code_of(self, sync), 499);
    put(self, late, (bn_accepted){.start_by_ms = now_ms + 2 * LEASE_MS}, "");
    assert_int_equal(overdue(self, late), 0);
    bn_store_shift(self->store, 2 * LEASE_MS + 1000);
    assert_int_equal(overdue(self, late), BN_OVERDUE_START);
    assert_false(claim_next(self->store, (bn_claim_terms){.worker = BOB}, id)); /* too late to begin */
    assert_true(store_finish(self, late, ALICE, 0, 504));
    put(self, deadly, (bn_accepted){.id = ""}, "");
    assert_true(store_claim(self, deadly, 99, 1, 300));
    assert_int_equal(overdue(self, deadly), 0);
    assert_int_equal(store_rescue(self, ALICE), 1);
    assert_int_equal(overdue(self, deadly), BN_OVERDUE_ATTEMPTS);
}

/* ---- cancelling ---- */

static bn_cancelled cancel(bn_store *store, const char *id, bn_cancel_reason reason)
{
    bn_error err = {0};
    bn_cancelled outcome;
    const bn_ending ending = {.code = 499, .completed_ms = 2000};
    assert_ok(bn_store_cancel(store, id, reason, &ending, &outcome, &err), err);
    return outcome;
}

static void anybody_cancels(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bn_holding holding;
    int64_t of_key, of_all;
    char waits[BN_REQUEST_ID_CHARS] = "", held[BN_REQUEST_ID_CHARS] = "", none[BN_REQUEST_ID_CHARS];
    store_accept_one(self, waits, "http://example.com/hook");
    store_accept_one(self, held, NULL);
    assert_int_equal(cancel(self->other, waits, BN_CANCEL_BY_CLIENT), BN_CANCELLED_ENDED);
    assert_int_equal(cancel(self->other, waits, BN_CANCEL_BY_CLIENT), BN_CANCELLED_NONE);
    assert_int_equal(store_code_of(self, waits), 499);
    assert_ok(bn_store_webhooks_pending(self->store, NULL, &of_key, &of_all, &err), err);
    assert_int_equal(of_all, 1);
    assert_true(store_claim(self, held, ALICE, 1, 50));
    assert_int_equal(cancel(self->other, held, BN_CANCEL_CLIENT_LEFT), BN_CANCELLED_TOLD);
    assert_int_equal(cancel(self->other, held, BN_CANCEL_BY_CLIENT), BN_CANCELLED_TOLD);
    assert_int_equal(beat(self->store, ALICE, &holding), 1);
    assert_int_equal(holding.cancel, BN_CANCEL_CLIENT_LEFT);
    assert_int_equal(store_code_of(self, held), 0);
    assert_true(store_finish(self, held, ALICE, 1, 499));
    bn_uuid_make(none);
    assert_int_equal(cancel(self->other, none, BN_CANCEL_BY_CLIENT), BN_CANCELLED_NONE);
}

/* ---- for all ---- */

static bool duty(bn_store *store, const char *name, int64_t process)
{
    bn_error err = {0};
    bool mine;
    assert_ok(bn_store_duty(store, name, process, 5000, &mine, &err), err);
    return mine;
}

static void a_duty_has_one_holder(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    assert_true(duty(self->store, "tick", ALICE));
    assert_true(duty(self->store, "tick", ALICE));
    assert_false(duty(self->other, "tick", BOB));
    assert_true(duty(self->other, "sweep", BOB));
    bn_store_shift(self->other, 6000);
    assert_true(duty(self->other, "tick", BOB)); /* her time is up */
    bn_store_shift(self->store, 6000);
    assert_false(duty(self->store, "tick", ALICE));
    assert_ok(bn_store_release(self->other, BOB, &err), err); /* he goes, and leaves it */
    assert_true(duty(self->store, "tick", ALICE));
}

static void a_secret_is_the_first_ones(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    uint8_t hers[32] = {1, 2, 3}, his[32] = {9};
    assert_ok(bn_store_secret(self->store, "token", hers, sizeof hers, &err), err);
    assert_int_equal(hers[1], 2);
    assert_ok(bn_store_secret(self->other, "token", his, sizeof his, &err), err);
    assert_memory_equal(hers, his, sizeof his);
}

/* ---- what clients see ---- */

static void a_snapshot_shows_all_that_is_open(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bool mine;
    bn_snapshot seen;
    char waits[BN_REQUEST_ID_CHARS], low[BN_REQUEST_ID_CHARS], held[BN_REQUEST_ID_CHARS];
    put(self, low, (bn_accepted){.low_priority = true}, "");
    put(self, held, (bn_accepted){.id = ""}, "a");
    put(self, waits, (bn_accepted){.sync = true, .front = BOB}, "b");
    beat(self->other, BOB, NULL);
    assert_true(store_claim(self, held, BOB, 7, 50));
    assert_ok(bn_store_start(self->other, held, BOB, 7, 1, true, &mine, &err), err);
    const bn_live lives[] = {{.claim = 7, .progress = 0.5, .log_count = 2, .logs = "[1,2]"},
                             {.claim = 8, .progress = 0.9}};
    bn_live rows[2] = {lives[0], lives[1]};
    memcpy(rows[0].id, held, sizeof held);
    memcpy(rows[1].id, held, sizeof held);
    assert_ok(bn_store_tell(self->other, BOB, rows, 2, &err), err); /* the second has no such claim */
    assert_ok(bn_store_snapshot(self->store, true, &seen, &err), err);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.held, 1);
    assert_string_equal(seen.rows[0].id, held);
    assert_string_equal(seen.rows[0].key_id, "a");
    assert_true(seen.rows[0].running);
    assert_int_equal(seen.rows[0].worker, BOB);
    assert_true(seen.rows[0].progress > 0.49 && seen.rows[0].progress < 0.51);
    assert_int_equal(seen.rows[0].log_count, 2);
    assert_string_equal(seen.rows[0].logs, "[1,2]");
    assert_string_equal(seen.rows[1].id, waits);
    assert_true(seen.rows[1].sync && seen.rows[1].worker == 0);
    assert_string_equal(seen.rows[2].id, low);
    assert_int_equal(seen.process_count, 1);
    assert_int_equal(seen.processes[0].id, BOB);
    assert_string_equal(seen.processes[0].host, "here");
    assert_true(seen.processes[0].idle);
    bn_snapshot_free(&seen);
    assert_true(store_finish(self, held, BOB, 7, 200));
    assert_ok(bn_store_snapshot(self->store, false, &seen, &err), err);
    assert_int_equal(seen.count, 2);
    bn_snapshot_free(&seen);
}

/* ---- webhooks ---- */

static bool take(bn_store *store, int64_t process, int64_t claim)
{
    bn_error err = {0};
    bn_webhook webhook;
    int64_t wait_ms;
    const bn_webhook_turn turn = {.host = ""};
    const bn_webhook_taker taker = {process, claim, 20000, 125000};
    assert_ok(bn_store_webhook_take(store, &turn, &taker, &wait_ms, &webhook, &err), err);
    const bool taken = webhook.url != NULL;
    bn_webhook_free(&webhook);
    return taken;
}

static int64_t pending(store_fixture *self)
{
    bn_error err = {0};
    int64_t of_key, of_all;
    assert_ok(bn_store_webhooks_pending(self->store, NULL, &of_key, &of_all, &err), err);
    return of_all;
}

static void a_webhook_has_one_courier_at_a_time(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    char id[BN_REQUEST_ID_CHARS] = "";
    store_accept_one(self, id, "http://example.com/hook");
    beat(self->store, ALICE, NULL);
    assert_true(store_finish(self, id, ALICE, 0, 200));
    assert_true(take(self->store, ALICE, 1));
    assert_false(take(self->other, BOB, 2));
    bn_store_shift(self->other, 21000); /* her time is up */
    assert_true(take(self->other, BOB, 3));
    assert_ok(bn_store_webhook_tried(self->store, id, 1, 0, &err), err); /* too late */
    assert_int_equal(pending(self), 1);
    assert_ok(bn_store_webhook_tried(self->other, id, 3, 60000, &err), err);
    assert_false(take(self->other, BOB, 4));
    bn_store_shift(self->other, 82000);
    assert_true(take(self->other, BOB, 5));
    assert_int_equal(rescue(self->other, ALICE, NULL), 0); /* he does not beat: what he took is due again */
    assert_true(take(self->other, ALICE, 6));
    assert_int_equal(bury(self->store, ALICE, NULL), 0); /* the same */
    assert_true(take(self->store, BOB, 7));
    assert_ok(bn_store_webhook_tried(self->store, id, 7, 0, &err), err);
    assert_int_equal(pending(self), 0);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(the_order_is_that_of_arrival_low_ones_last),
        STORE_TEST(by_keys_each_key_has_its_turn),
        STORE_TEST(terms_say_what_a_worker_takes),
        STORE_TEST(what_was_claimed_is_all_that_was_accepted),
        STORE_TEST(running_limits_are_exact_whoever_claims),
        STORE_TEST(a_running_limit_holds_one_key_only),
        STORE_TEST(waiting_limits_are_exact_whoever_accepts),
        STORE_TEST(a_rate_is_kept_over_all_handles),
        STORE_TEST(who_does_not_beat_loses_what_he_held),
        STORE_TEST(the_buried_lose_all_at_once),
        STORE_TEST(rescued_ones_keep_their_place),
        STORE_TEST(giving_back_is_for_the_holder),
        STORE_TEST(what_must_not_wait_any_more_is_found),
        STORE_TEST(anybody_cancels),
        STORE_TEST(a_duty_has_one_holder),
        STORE_TEST(a_secret_is_the_first_ones),
        STORE_TEST(a_snapshot_shows_all_that_is_open),
        STORE_TEST(a_webhook_has_one_courier_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
