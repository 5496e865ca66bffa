/* test_claims.c - what happens to a request while the store is asked for it, or while it is being stored: it is cancelled, a snapshot
 * is read, the server drains or ends. */
#include "tests/test.h"

#include "blobs/blobs.h"
#include "store/store.h"
#include "tests/queue/rig.h"

#include <semaphore.h>
#include <string.h>

bn_status __real_bn_store_claim_next(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                                     bn_error *err);
bn_status __wrap_bn_store_claim_next(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                                     bn_error *err);
bn_status __real_bn_store_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending,
                                 bn_error *err);
bn_status __wrap_bn_store_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending,
                                 bn_error *err);
bn_status __real_bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);
bn_status __wrap_bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);
bn_status __real_bn_store_body(bn_store *store, const char *id, char **body, size_t *body_bytes,
                               bn_error *err);
bn_status __wrap_bn_store_body(bn_store *store, const char *id, char **body, size_t *body_bytes,
                               bn_error *err);
void __real_bn_blobs_stop(bn_blobs *blobs);
void __wrap_bn_blobs_stop(bn_blobs *blobs);

static const char id[] = "7c9e6679-7425-40de-944b-e07fc1f90ae7", no_photo[] = "{\"image_url\":\"data:,x\"}",
                  nobody[] = "{\"image_url\":\"http://127.0.0.1:1/x.png\"}";

/* What is called once by the thread that asks the store: before it, or when it has answered. */
static struct {
    rig rig;
    void (*_Atomic asking)(void);
    void (*_Atomic claimed)(void);
    void (*_Atomic nothing)(void);
    void (*_Atomic accepted)(void);
    sem_t reading, claiming, closing;
    atomic_bool has_ended;
    bool open_again, idle;
    char other[BN_REQUEST_ID_CHARS];
} all;

static void call_once(void (*_Atomic *what)(void))
{
    void (*const call)(void) = atomic_exchange(what, NULL);
    if (call) call();
}

bn_status __wrap_bn_store_claim_next(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                                     bn_error *err)
{
    call_once(&all.asking);
    const bn_status status = __real_bn_store_claim_next(store, terms, accepted, err);
    if (status == BIREFNET_OK && strcmp(accepted->id, id) == 0) call_once(&all.claimed);
    if (status == BIREFNET_OK && !accepted->id[0]) call_once(&all.nothing);
    return status;
}

bn_status __wrap_bn_store_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending,
                                 bn_error *err)
{
    const bn_status status = __real_bn_store_accept(store, accepted, ending, err);
    call_once(&all.accepted);
    return status;
}

bn_status __wrap_bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err)
{
    sem_post(&all.reading);
    return __real_bn_store_snapshot(store, want_logs, snapshot, err);
}

bn_status __wrap_bn_store_body(bn_store *store, const char *of, char **body, size_t *body_bytes,
                               bn_error *err)
{
    if (strcmp(of, id) == 0 && atomic_load(&all.has_ended))
        all.open_again = rig_status(&all.rig, id).state != BN_REQUEST_COMPLETED;
    return __real_bn_store_body(store, of, body, body_bytes, err);
}

void __wrap_bn_blobs_stop(bn_blobs *blobs)
{
    __real_bn_blobs_stop(blobs);
    sem_post(&all.closing);
}

static void wait_for(sem_t *event)
{
    while (sem_wait(event) != 0) continue;
}

static void prepare(void)
{
    rig_init(&all.rig);
    all.rig.options.allow_private = true;
    all.rig.options.fetch_threads = 1;
    atomic_store(&all.has_ended, false);
    all.open_again = all.idle = false;
    sem_init(&all.reading, 0, 0);
    sem_init(&all.claiming, 0, 0);
    sem_init(&all.closing, 0, 0);
}

static void end(void)
{
    rig_destroy(&all.rig);
    sem_destroy(&all.reading);
    sem_destroy(&all.claiming);
    sem_destroy(&all.closing);
}

static void submit(const char *body, bool sync)
{
    char same[BN_REQUEST_ID_CHARS];
    const bn_submit wish = {
        .id = id, .body = body, .body_bytes = strlen(body), .sync = sync, .max_queue_length = -1};
    rig_submit(&all.rig, &wish, same);
    assert_string_equal(same, id);
}

/* ---- cancelled ---- */

static void cancel(void)
{
    bn_jobs_cancel(all.rig.jobs, id, false);
    atomic_store(&all.has_ended, true);
}

static void bring_another(void)
{
    rig_submit_body(&all.rig, nobody, all.other);
    sem_post(&all.claiming);
}

/* What is remembered of endings is dropped, too. */
static void cancel_sweep_and_bring_another(void)
{
    cancel();
    bn_jobs_sweep(all.rig.jobs);
    bring_another();
}

/* The one thread that fetches asks for a request that is gone, and another comes before it hears that there is none. */
static void what_comes_while_the_store_is_asked_is_done(void **state)
{
    (void)state;
    prepare();
    rig_open(&all.rig);
    atomic_store(&all.asking, cancel);
    atomic_store(&all.nothing, bring_another);
    submit(nobody, false);
    wait_for(&all.claiming);
    rig_wait(&all.rig, all.other, BN_REQUEST_COMPLETED);
    end();
}

static void what_is_cancelled_while_it_is_claimed_stays_ended(void **state)
{
    (void)state;
    prepare();
    rig_open(&all.rig);
    atomic_store(&all.claimed, cancel_sweep_and_bring_another);
    submit(nobody, false);
    wait_for(&all.claiming);
    rig_wait(&all.rig, all.other, BN_REQUEST_COMPLETED); /* the one thread that fetches goes on */
    assert_false(all.open_again);
    assert_int_equal(rig_status(&all.rig, id).code, 499);
    end();
}

/* ---- a snapshot ---- */

/* Until a snapshot that was begun from now on is laid over the table: the one after it is about to be read. */
static void look(void)
{
    for (int i = 0; i < 2; i++) {
        submit(no_photo, true);
        wait_for(&all.reading);
    }
}

static void look_and_drain(void)
{
    look();
    all.idle = bn_jobs_drain(all.rig.jobs, 0);
}

static void a_snapshot_leaves_what_is_being_claimed(void **state)
{
    (void)state;
    prepare();
    rig_open(&all.rig);
    atomic_store(&all.claimed, look_and_drain);
    submit(no_photo, true);
    rig_wait(&all.rig, id, BN_REQUEST_COMPLETED);
    assert_false(all.idle); /* a client waits */
    end();
}

/* ---- the server ends ---- */

static void drain_at_once(void)
{
    all.idle = bn_jobs_drain(all.rig.jobs, 0);
}

static void what_is_being_stored_is_waited_for(void **state)
{
    (void)state;
    prepare();
    rig_open(&all.rig);
    atomic_store(&all.accepted, drain_at_once);
    submit(no_photo, true);
    assert_false(all.idle);
    rig_wait(&all.rig, id, BN_REQUEST_COMPLETED);
    end();
}

static void wait_until_closing(void)
{
    sem_post(&all.claiming);
    wait_for(&all.closing);
}

static void what_is_claimed_at_the_end_is_not_begun(void **state)
{
    rig_blocked host;
    char body[200];
    (void)state;
    prepare();
    all.rig.options.fetch_timeout_ms = 2000;
    rig_open(&all.rig);
    rig_host(&host, body);
    atomic_store(&all.claimed, wait_until_closing);
    submit(body, false);
    wait_for(&all.claiming);
    rig_close(&all.rig);
    pthread_mutex_lock(&host.photo.lock);
    const bool asked = host.photo.asked;
    pthread_mutex_unlock(&host.photo.lock);
    assert_false(asked);
    slow_photo_answer(&host.photo);
    rig_open(&all.rig);
    rig_wait(&all.rig, id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(&all.rig, id).code, 200);
    rig_unblock(&host);
    end();
}

/* A running one, whose thread has not seen it yet. */
static void what_is_cancelled_at_the_end_is_not_done_again(void **state)
{
    rig_blocked host;
    char body[200];
    (void)state;
    prepare();
    rig_open(&all.rig);
    rig_host(&host, body);
    submit(body, false);
    rig_wait(&all.rig, id, BN_REQUEST_RUNNING);
    assert_int_equal(bn_jobs_cancel(all.rig.jobs, id, false), BN_CANCEL_REQUESTED);
    rig_close(&all.rig);
    slow_photo_answer(&host.photo);
    rig_open(&all.rig);
    rig_wait(&all.rig, id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(&all.rig, id).code, 499);
    rig_unblock(&host);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_while_the_store_is_asked_is_done),
        cmocka_unit_test(what_is_cancelled_while_it_is_claimed_stays_ended),
        cmocka_unit_test(a_snapshot_leaves_what_is_being_claimed),
        cmocka_unit_test(what_is_being_stored_is_waited_for),
        cmocka_unit_test(what_is_claimed_at_the_end_is_not_begun),
        cmocka_unit_test(what_is_cancelled_at_the_end_is_not_done_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
