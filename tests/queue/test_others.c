/* test_others.c - a server that works, too, and others over its store that come, die and leave: what they leave behind is seen and
 * done, also by the one that has the store to itself from then on. */
#include "tests/test.h"

#include "base/clock.h"
#include "base/times.h"
#include "store/ids.h"
#include "store/store.h"
#include "tests/queue/rig.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

bn_status __real_bn_store_beat(bn_store *store, const bn_process *process, int64_t *now_ms,
                               bn_holding **holdings, size_t *count, bn_error *err);
bn_status __wrap_bn_store_beat(bn_store *store, const bn_process *process, int64_t *now_ms,
                               bn_holding **holdings, size_t *count, bn_error *err);
bn_status __real_bn_store_duty(bn_store *store, const char *name, int64_t process, int64_t lease_ms,
                               bool *mine, bn_error *err);
bn_status __wrap_bn_store_duty(bn_store *store, const char *name, int64_t process, int64_t lease_ms,
                               bool *mine, bn_error *err);
bn_status __real_bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);
bn_status __wrap_bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

enum { STRANGER = 99, CLAIM = 5 };

#define SCARCE "0123456789abcdef"

static struct {
    rig rig;
    bn_store *store; /* the stranger's */
    char id[BN_REQUEST_ID_CHARS];
    atomic_int snapshots; /* of the server */
    atomic_bool leaves;   /* the stranger, before the server beats next */
    atomic_int beats_left;
    atomic_bool has_duty;              /* the stranger had it when he died */
    atomic_bool is_down;               /* the store, for beats */
    sem_t reading, looked, gone, lost; /* lost: a lease, or a claim */
} all;

/* Whether what he holds was cancelled. */
static bn_cancel_reason beat_as_stranger(void)
{
    bn_error err = {0};
    bn_holding *holdings;
    size_t count;
    int64_t now_ms;
    const bn_process alive = {.id = STRANGER, .role = "work"};
    assert_ok(__real_bn_store_beat(all.store, &alive, &now_ms, &holdings, &count, &err), err);
    const bn_cancel_reason cancel = count > 0 ? holdings[0].cancel : BN_CANCEL_NOT;
    free(holdings);
    return cancel;
}

/* A request that nobody here knows of. */
static void bring(void)
{
    static const char body[] = "{\"image_url\":\"data:,x\"}";
    bn_error err = {0};
    bn_accepted made = {
        .created_ms = bn_wall_ms(), .model = "Matting", .body = body, .body_bytes = strlen(body)};
    bn_uuid_make(made.id);
    memcpy(all.id, made.id, sizeof all.id);
    assert_ok(bn_store_accept(all.store, &made, NULL, &err), err);
}

/* This process holds it from now on, as far as the store knows. */
static void claim_as(int64_t worker)
{
    bn_error err = {0};
    bn_accepted held;
    const bn_claim_terms terms = {.worker = worker, .claim = CLAIM};
    assert_ok(bn_store_claim_next(all.store, &terms, &held, &err), err);
    assert_string_equal(held.id, all.id);
    bn_accepted_free(&held);
}

static void hold_as(int64_t worker)
{
    bring();
    claim_as(worker);
}

static void hear_line(void *user, birefnet_log_level level, const char *line)
{
    (void)user, (void)level;
    if (strstr(line, "the lease is lost") || strstr(line, "was given back")) sem_post(&all.lost);
}

static void prepare(int lease_ms)
{
    static char address[120];
    bn_error err = {0};
    rig_init(&all.rig);
    snprintf(address, sizeof address, "sqlite:%s/shared.sqlite", all.rig.folder);
    if (!rig_shares_store()) all.rig.options.store = address;
    all.rig.options.lease_ms = lease_ms;
    all.rig.options.allow_private = true;
    all.rig.options.log = (bn_log){.write = hear_line};
    assert_ok(bn_store_open(all.rig.options.store, &all.store, &err), err);
    sem_init(&all.reading, 0, 0);
    sem_init(&all.looked, 0, 0);
    sem_init(&all.gone, 0, 0);
    sem_init(&all.lost, 0, 0);
    atomic_store(&all.snapshots, 0);
}

static void open_beside_stranger(int lease_ms)
{
    prepare(lease_ms);
    beat_as_stranger();
    hold_as(STRANGER);
    rig_open(&all.rig);
}

static void close_all(void)
{
    bn_store_close(&all.store);
    rig_destroy(&all.rig);
    sem_destroy(&all.reading);
    sem_destroy(&all.looked);
    sem_destroy(&all.gone);
    sem_destroy(&all.lost);
}

static void wait_for(sem_t *event)
{
    while (sem_wait(event) != 0) continue;
}

bn_status __wrap_bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err)
{
    sem_post(&all.reading);
    const bn_status status = __real_bn_store_snapshot(store, want_logs, snapshot, err);
    if (atomic_fetch_add(&all.snapshots, 1) == 1) sem_post(&all.looked); /* the first is that of opening */
    return status;
}

/* There is no memory for this text. */
char *__wrap_strdup(const char *text)
{
    return strcmp(text, SCARCE) == 0 ? NULL : __real_strdup(text);
}

static void end_and_leave(void)
{
    bn_error err = {0};
    bool mine;
    const bn_ending ending = {.code = 422, .completed_ms = bn_wall_ms()};
    assert_ok(bn_store_finish(all.store, all.id, STRANGER, CLAIM, &ending, NULL, 0, &mine, &err), err);
    assert_true(mine);
    assert_ok(bn_store_release(all.store, STRANGER, &err), err);
}

bn_status __wrap_bn_store_beat(bn_store *store, const bn_process *process, int64_t *now_ms,
                               bn_holding **holdings, size_t *count, bn_error *err)
{
    if (atomic_exchange(&all.leaves, false)) {
        end_and_leave();
        atomic_store(&all.beats_left, 2);
    }
    if (atomic_load(&all.beats_left) > 0 && atomic_fetch_sub(&all.beats_left, 1) == 1) sem_post(&all.gone);
    if (atomic_load(&all.is_down)) return bn_fail(err, BIREFNET_ERROR_IO, "the database does not answer");
    return __real_bn_store_beat(store, process, now_ms, holdings, count, err);
}

static void what_the_last_other_has_ended_is_seen(void **state)
{
    (void)state;
    open_beside_stranger(60000);
    wait_for(&all.looked); /* nobody asks: the next look would be in some seconds */
    atomic_store(&all.leaves, true);
    wait_for(&all.gone); /* the server has beaten once since */
    rig_wait(&all.rig, all.id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(&all.rig, all.id).code, 422);
    close_all();
}

/* Whoever takes from the dead what they held does so after the server has seen that they are dead. */
bn_status __wrap_bn_store_duty(bn_store *store, const char *name, int64_t process, int64_t lease_ms,
                               bool *mine, bn_error *err)
{
    *mine = false;
    if (strcmp(name, "tick") == 0 && atomic_load(&all.has_duty)) return BIREFNET_OK;
    return __real_bn_store_duty(store, name, process, lease_ms, mine, err);
}

/* Until the server begins its next beat. */
static void wait_beat(void)
{
    atomic_store(&all.beats_left, 1);
    wait_for(&all.gone);
}

static void what_the_last_other_held_when_it_died_is_done(void **state)
{
    enum { LEASE_MS = 2000 };
    (void)state;
    atomic_store(&all.has_duty, true);
    open_beside_stranger(LEASE_MS);
    const double dead_ms = bn_clock_ms() + LEASE_MS; /* he beat before */
    while (bn_clock_ms() < dead_ms) wait_beat();
    for (int i = 0; i < 2; i++) wait_beat(); /* the first may have been under way */
    atomic_store(&all.has_duty, false);
    rig_wait(&all.rig, all.id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(&all.rig, all.id).code, 422);
    close_all();
}

/* The database is away for longer than a lease, for all: nobody has taken anything when it is there again. */
static void what_a_lost_lease_stopped_is_done_again(void **state)
{
    enum { LEASE_MS = 2000 };
    (void)state;
    rig_blocked held;
    atomic_store(&all.has_duty, true);
    open_beside_stranger(LEASE_MS);
    rig_block(&all.rig, &held);
    atomic_store(&all.is_down, true);
    wait_for(&all.lost);
    wait_beat(); /* what runs has been stopped */
    atomic_store(&all.is_down, false);
    slow_photo_answer(&held.photo);
    rig_wait(&all.rig, held.id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(&all.rig, held.id).code, 200);
    atomic_store(&all.has_duty, false);
    rig_unblock(&held);
    close_all();
}

/* Who stood still, or whose beats do not come through, counts as dead: what it took then would wait for who buries it once more. */
static void nothing_is_claimed_without_a_lease(void **state)
{
    enum { LEASE_MS = 2000 };
    (void)state;
    atomic_store(&all.has_duty, true);
    open_beside_stranger(LEASE_MS);
    atomic_store(&all.is_down, true);
    wait_for(&all.lost);
    bring();
    for (int i = 0; i < 4; i++) wait_beat(); /* a fifth of the lease apart: it would have looked for work */
    claim_as(STRANGER);
    atomic_store(&all.is_down, false);
    atomic_store(&all.has_duty, false);
    rig_wait(&all.rig, all.id, BN_REQUEST_COMPLETED); /* once the stranger is dead */
    assert_int_equal(rig_status(&all.rig, all.id).code, 422);
    close_all();
}

static int64_t find_server(void)
{
    bn_error err = {0};
    bn_process *list;
    size_t count;
    assert_ok(bn_store_processes(all.store, &list, &count, &err), err);
    assert_int_equal(count, 1);
    const int64_t id = list[0].id;
    free(list);
    return id;
}

/* A claim that it does not know of is given back; which requests wait is nothing to it, and would stay in its memory. */
static void a_worker_does_not_look_at_what_clients_see(void **state)
{
    static const char *const only[] = {"Portrait", NULL}; /* it takes nothing else */
    (void)state;
    prepare(60000);
    all.rig.options.role = BN_ROLE_WORK;
    all.rig.options.only = only;
    rig_open(&all.rig);
    hold_as(find_server());
    wait_for(&all.lost); /* it is given back */
    for (int i = 0; i < 2; i++) wait_beat();
    assert_int_equal(atomic_load(&all.snapshots), 0);
    close_all();
}

/* The server accepts a request that it leaves to others, and one takes it before the server has heard of him. */
static void submit_to_a_stranger(void)
{
    static const char *const only[] = {"Portrait", NULL};
    prepare(60000);
    all.rig.options.only = only;
    rig_open(&all.rig);
    rig_submit_body(&all.rig, "{\"image_url\":\"data:,x\"}", all.id);
    claim_as(STRANGER);
}

/* Who came a moment ago and has taken a request before the server heard of him is told that it was cancelled. */
static void what_a_newcomer_holds_is_cancelled(void **state)
{
    (void)state;
    submit_to_a_stranger();
    assert_int_equal(bn_jobs_cancel(all.rig.jobs, all.id, false), BN_CANCEL_REQUESTED);
    assert_int_equal(beat_as_stranger(), BN_CANCEL_BY_CLIENT);
    close_all();
}

/* Where there is no memory for the name of its owner it is not in the table, rather than everybody's. */
static void nobody_sees_what_is_another_s(void **state)
{
    bn_error err = {0};
    char key[] = SCARCE;
    bn_accepted made = {.created_ms = bn_wall_ms(), .key_id = key};
    (void)state;
    prepare(60000);
    all.rig.options.role = BN_ROLE_FRONT;
    beat_as_stranger();
    bn_uuid_make(made.id);
    assert_ok(bn_store_accept(all.store, &made, NULL, &err), err);
    rig_open(&all.rig); /* it looks */
    assert_int_equal(bn_jobs_may_see(all.rig.jobs, made.id, "another", &err), BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(bn_jobs_may_see(all.rig.jobs, made.id, SCARCE, &err), BIREFNET_OK);
    close_all();
}

/* Somebody ends a request behind the server's back, as where a crash of the database forgets one that was not on its disk: who comes
 * and goes between two beats is not seen. It is found now and then. */
static void what_is_gone_behind_its_back_is_found(void **state)
{
    const bn_ending ending = {.code = 422, .completed_ms = bn_wall_ms()};
    bn_error err = {0};
    bool mine;
    (void)state;
    submit_to_a_stranger();
    assert_ok(bn_store_finish(all.store, all.id, STRANGER, CLAIM, &ending, NULL, 0, &mine, &err), err);
    bn_jobs_sweep(all.rig.jobs);
    rig_wait(&all.rig, all.id, BN_REQUEST_COMPLETED);
    close_all();
}

static void submit_sync(double start_timeout_s)
{
    static const char id[] = "7c9e6679-7425-40de-944b-e07fc1f90ae7", body[] = "{\"image_url\":\"data:,x\"}";
    const bn_submit wish = {.id = id,
                            .body = body,
                            .body_bytes = strlen(body),
                            .sync = true,
                            .start_timeout_s = start_timeout_s,
                            .max_queue_length = -1};
    rig_submit(&all.rig, &wish, all.id);
}

/* One that was begun elsewhere, just in time, is out of the table for a moment, and its client waits all the while. */
static void a_client_is_waited_for_where_a_snapshot_brings_his_request(void **state)
{
    static const char *const only[] = {"Portrait", NULL}; /* the server leaves it to the newcomer */
    (void)state;
    prepare(60000);
    all.rig.options.only = only;
    atomic_store(&all.rig.now_ms, bn_wall_ms());
    rig_open(&all.rig);
    submit_sync(100);
    claim_as(STRANGER);
    atomic_fetch_add(&all.rig.now_ms, 200000);
    bn_jobs_sweep(all.rig.jobs); /* too late, as far as the server knows: it is told better, and looks */
    wait_for(&all.reading);
    for (int i = 0; i < 2; i++) { /* the last time that it begins to look, the one before is laid */
        submit_sync(100);
        wait_for(&all.reading);
    }
    assert_int_equal(rig_status(&all.rig, all.id).state, BN_REQUEST_QUEUED);
    assert_false(bn_jobs_drain(all.rig.jobs, 0));
    close_all();
}

/* A worker looks for work also where it could not say at first that it lives, and nobody tells it anything. */
static void a_worker_whose_first_beat_is_lost_works(void **state)
{
    (void)state;
    prepare(60000);
    all.rig.options.role = BN_ROLE_WORK;
    all.rig.options.store_listen = "off";
    atomic_store(&all.is_down, true);
    rig_open(&all.rig);
    atomic_store(&all.is_down, false);
    wait_beat();
    bring();
    rig_wait(&all.rig, all.id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(&all.rig, all.id).code, 422);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_sees_what_is_another_s),
        cmocka_unit_test(what_is_gone_behind_its_back_is_found),
        cmocka_unit_test(a_client_is_waited_for_where_a_snapshot_brings_his_request),
        cmocka_unit_test(what_a_newcomer_holds_is_cancelled),
        cmocka_unit_test(a_worker_whose_first_beat_is_lost_works),
        cmocka_unit_test(a_worker_does_not_look_at_what_clients_see),
        cmocka_unit_test(what_a_lost_lease_stopped_is_done_again),
        cmocka_unit_test(nothing_is_claimed_without_a_lease),
        cmocka_unit_test(what_the_last_other_has_ended_is_seen),
        cmocka_unit_test(what_the_last_other_held_when_it_died_is_done)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
