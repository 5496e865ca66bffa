/* test_shared.c - a front end and workers that share one store and one folder: what clients see of it, and what becomes of what
 * the dead held. Each bn_jobs here stands for a process. */
#include "tests/test.h"

#include "base/clock.h"
#include "store/store.h"
#include "tests/queue/rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Long where nobody dies, so that a busy machine holds none for dead. */
enum { LEASE_MS = 3600000, SHORT_LEASE_MS = 2000, DEAD = 99 };

typedef struct cluster {
    rig front;
    bn_jobs *workers[2];
    bn_store *dead; /* a process that claims and never beats */
    pthread_mutex_t lock;
    char log[16384]; /* the lines of all */
} cluster;

static void keep_line(void *user, birefnet_log_level level, const char *line)
{
    cluster *self = user;
    (void)level;
    pthread_mutex_lock(&self->lock);
    const size_t used = strlen(self->log);
    snprintf(self->log + used, sizeof self->log - used, "%s\n", line);
    pthread_mutex_unlock(&self->lock);
}

/* How many lines say this of a request. */
static int count_lines(cluster *self, const char *id, const char *words)
{
    char line[200];
    int count = 0;
    snprintf(line, sizeof line, "request %s %s", id, words);
    pthread_mutex_lock(&self->lock);
    for (const char *at = strstr(self->log, line); at; at = strstr(at + 1, line)) count++;
    pthread_mutex_unlock(&self->lock);
    return count;
}

static void open_worker(cluster *self, int i)
{
    bn_error err = {0};
    bn_jobs_options options = self->front.options;
    options.role = BN_ROLE_WORK;
    assert_ok(bn_jobs_open(&options, &self->workers[i], &err), err);
}

static int set_up_with(void **state, int lease_ms)
{
    cluster *self = calloc(1, sizeof *self);
    bn_error err = {0};
    char address[120];
    rig_init(&self->front);
    self->front.options.role = BN_ROLE_FRONT;
    self->front.options.lease_ms = lease_ms;
    self->front.options.allow_private = true;
    pthread_mutex_init(&self->lock, NULL);
    self->front.options.log = (bn_log){.write = keep_line, .user = self};
    rig_open(&self->front);
    snprintf(address, sizeof address, "sqlite:%s/jobs.sqlite", self->front.folder);
    assert_ok(
        bn_store_open(self->front.options.store ? self->front.options.store : address, &self->dead, &err),
        err);
    *state = self;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, LEASE_MS);
}

static int set_up_mortals(void **state)
{
    return set_up_with(state, SHORT_LEASE_MS);
}

static int tear_down(void **state)
{
    cluster *self = *state;
    for (int i = 0; i < 2; i++) bn_jobs_close(&self->workers[i]);
    bn_store_close(&self->dead);
    rig_destroy(&self->front);
    pthread_mutex_destroy(&self->lock);
    free(self);
    return 0;
}

/* Without an order of its own: news come in a while. */
static bn_request_status wait_state(cluster *self, const char *id, bn_request_state state)
{
    rig_wait(&self->front, id, state);
    return rig_status(&self->front, id);
}

static void what_a_front_end_accepts_a_worker_does(void **state)
{
    cluster *self = *state;
    bn_error err = {0};
    char ids[4][BN_REQUEST_ID_CHARS];
    bn_request_status status;
    char *body = rig_body(40, 40, "\"sync_mode\":true");
    for (int i = 0; i < 4; i++) rig_submit_body(&self->front, body, ids[i]);
    assert_int_equal(rig_status(&self->front, ids[3]).position, 3);
    for (int i = 0; i < 2; i++) open_worker(self, i);
    json_t *first = NULL;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(wait_state(self, ids[i], BN_REQUEST_COMPLETED).code, 200);
        json_t *result = rig_result(&self->front, ids[i], 200);
        json_t *url = json_object_get(json_object_get(result, "image"), "url"); /* a data URI */
        if (first)
            assert_string_equal(json_string_value(first), json_string_value(url)); /* whoever made it */
        if (!first) first = json_incref(url);
        json_decref(result);
    }
    assert_ok(bn_jobs_status(self->front.jobs, ids[0], true, 0, &status, &err), err);
    assert_non_null(strstr(status.logs, "Done"));
    bn_request_status_free(&status);
    json_decref(first);
    free(body);
}

static void what_runs_elsewhere_is_seen_and_cancelled_here(void **state)
{
    cluster *self = *state;
    bn_error err = {0};
    bn_request_status status;
    rig_blocked held;
    char body[200], waits[BN_REQUEST_ID_CHARS];
    open_worker(self, 0);
    rig_host(&held, body);
    rig_submit_body(&self->front, body, held.id);
    slow_photo_wait_asked(&held.photo); /* a worker holds it */
    const double start_ms = bn_clock_ms();
    assert_int_equal(wait_state(self, held.id, BN_REQUEST_RUNNING).state, BN_REQUEST_RUNNING);
    do {
        assert_ok(bn_jobs_status(self->front.jobs, held.id, true, 0, &status, &err), err);
        const bool told = strstr(status.logs, "Fetching") != NULL;
        bn_request_status_free(&status);
        if (told) break;
    } while (bn_clock_ms() < start_ms + 60000);
    assert_int_equal(bn_jobs_cancel(self->front.jobs, held.id, false), BN_CANCEL_REQUESTED);
    assert_int_equal(wait_state(self, held.id, BN_REQUEST_COMPLETED).code, 499);
    assert_int_equal(bn_jobs_cancel(self->front.jobs, held.id, false), BN_CANCEL_COMPLETED);
    bn_jobs_close(&self->workers[0]);
    rig_submit_body(&self->front, "{\"image_url\":\"data:,x\"}", waits);
    assert_int_equal(bn_jobs_cancel(self->front.jobs, waits, false), BN_CANCEL_REQUESTED);
    assert_int_equal(rig_status(&self->front, waits).code, 499);
    rig_unblock(&held);
}

static void what_the_dead_held_is_done_by_the_living(void **state)
{
    cluster *self = *state;
    bn_error err = {0};
    bn_accepted claimed;
    char id[BN_REQUEST_ID_CHARS];
    const bn_claim_terms terms = {.worker = DEAD, .claim = 5, .weight = 50};
    char *body = rig_body(24, 24, "");
    rig_submit_body(&self->front, body, id);
    assert_ok(bn_store_claim_next(self->dead, &terms, &claimed, &err), err);
    assert_string_equal(claimed.id, id);
    bn_accepted_free(&claimed);
    open_worker(self, 0);
    assert_int_equal(wait_state(self, id, BN_REQUEST_COMPLETED).code, 200);
    assert_int_equal(count_lines(self, id, "was rescued from process 63, which has gone"), 1);
    bool mine;
    const bn_ending late = {.code = 500, .completed_ms = 1};
    assert_ok(bn_store_finish(self->dead, id, DEAD, 5, &late, NULL, 0, &mine, &err), err);
    assert_false(mine); /* back from the dead */
    assert_int_equal(rig_status(&self->front, id).code, 200);
    free(body);
}

static void beat(cluster *self)
{
    bn_error err = {0};
    bn_holding *holdings;
    size_t count;
    int64_t now_ms;
    const bn_process alive = {.id = DEAD, .role = "work"};
    assert_ok(bn_store_beat(self->dead, &alive, &now_ms, &holdings, &count, &err), err);
    free(holdings);
}

/* As one that works: it beats, holds the request and tells of it. */
static void hold_and_tell(cluster *self, const char *id)
{
    bn_error err = {0};
    bn_accepted claimed;
    const bn_claim_terms terms = {.worker = DEAD, .claim = 5, .weight = 50};
    bn_live told = {.claim = 5, .progress = 0.5, .log_count = 2, .logs = "[\"one\",\"two\"]"};
    beat(self);
    assert_ok(bn_store_claim_next(self->dead, &terms, &claimed, &err), err);
    assert_string_equal(claimed.id, id);
    memcpy(told.id, id, sizeof told.id);
    assert_ok(bn_store_tell(self->dead, DEAD, &told, 1, &err), err);
    bn_accepted_free(&claimed);
}

/* Logs of one that a dead worker had told of, and that waits again: they were read where there were none. It lives until they
 * have been seen. */
static void logs_of_what_waits_again_are_empty(void **state)
{
    cluster *self = *state;
    bn_error err = {0};
    bn_request_status status;
    char id[BN_REQUEST_ID_CHARS];
    bool told = false, again = false;
    rig_submit_body(&self->front, "{\"image_url\":\"data:,x\"}", id);
    hold_and_tell(self, id);
    for (const double start_ms = bn_clock_ms(); !again && bn_clock_ms() < start_ms + 60000;) {
        if (!told) beat(self);
        assert_ok(bn_jobs_status(self->front.jobs, id, true, 0, &status, &err), err);
        told |= strcmp(status.logs, "[\"one\",\"two\"]") == 0 && status.last_log == 2;
        again = told && strcmp(status.logs, "[]") == 0 && status.last_log == 0;
        bn_request_status_free(&status);
    }
    assert_true(told);
    assert_true(again);
    assert_int_equal(count_lines(self, id, "was rescued from process 63, which has gone"), 1);
}

static void a_photo_that_kills_workers_ends(void **state)
{
    cluster *self = *state;
    bn_error err = {0};
    bn_accepted claimed;
    char id[BN_REQUEST_ID_CHARS];
    const bn_claim_terms terms = {.worker = DEAD, .claim = 5, .weight = 300};
    rig_submit_body(&self->front, "{\"image_url\":\"data:,x\"}", id);
    assert_ok(bn_store_claim_next(self->dead, &terms, &claimed, &err), err);
    assert_string_equal(claimed.id, id);
    bn_accepted_free(&claimed);
    assert_int_equal(wait_state(self, id, BN_REQUEST_COMPLETED).code, 500);
}

static void what_a_worker_that_goes_held_waits_again(void **state)
{
    cluster *self = *state;
    rig_blocked held;
    char body[200];
    open_worker(self, 0);
    rig_host(&held, body);
    rig_submit_body(&self->front, body, held.id);
    slow_photo_wait_asked(&held.photo);
    bn_jobs_close(&self->workers[0]);
    assert_int_equal(count_lines(self, held.id, "was handed over to others"), 1);
    slow_photo_answer(&held.photo);
    slow_photo_stop(&held.photo);
    open_worker(self, 1);
    const int code = wait_state(self, held.id, BN_REQUEST_COMPLETED).code;
    assert_int_equal(code, 422); /* by the other one: the host has gone meanwhile */
    free(held.png);
}

#define SHARED_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define MORTAL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_mortals, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARED_TEST(what_a_front_end_accepts_a_worker_does),
        SHARED_TEST(what_runs_elsewhere_is_seen_and_cancelled_here),
        MORTAL_TEST(what_the_dead_held_is_done_by_the_living),
        MORTAL_TEST(logs_of_what_waits_again_are_empty),
        MORTAL_TEST(a_photo_that_kills_workers_ends),
        SHARED_TEST(what_a_worker_that_goes_held_waits_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
