/* test_queue.c - requests that wait: positions, priorities, slow photo hosts, cancelling, start timeouts. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include "base/clock.h"

#include <jansson.h>
#include <sqlite3.h>
#include <unistd.h>

static void those_behind_wait_and_know_their_position(void **state)
{
    rig *self = *state;
    rig_blocked held, second, quick;
    char body[200];
    char ids[3][BN_REQUEST_ID_CHARS];
    bn_answer answer;
    rig_block(self, &held);
    rig_block(self, &second); /* no more is fetched now */
    assert_int_equal(rig_status(self, held.id).state, BN_REQUEST_RUNNING);
    assert_int_equal(rig_status(self, second.id).state, BN_REQUEST_QUEUED);
    rig_host(&quick, body);
    slow_photo_answer(&quick.photo);
    for (int i = 0; i < 3; i++) {
        const bn_submit submit = {
            .body = body, .body_bytes = strlen(body), .low_priority = i == 0, .max_queue_length = -1};
        int position;
        bn_jobs_submit(self->jobs, &submit, ids[i], &position, &answer);
        assert_int_equal(answer.code, 200);
        assert_int_equal(position, 1 + (i > 0 ? i - 1 : 0));
        bn_answer_free(&answer);
    }
    assert_int_equal(rig_status(self, ids[1]).position, 1);
    assert_int_equal(rig_status(self, ids[2]).position, 2);
    assert_int_equal(rig_status(self, ids[0]).position, 3); /* low priority: behind all */
    bn_jobs_result(self->jobs, ids[1], NULL, &answer);
    assert_int_equal(answer.code, 400);
    bn_answer_free(&answer);

    const bn_submit full = {.body = body, .body_bytes = strlen(body), .max_queue_length = 2};
    char id[BN_REQUEST_ID_CHARS];
    bn_jobs_submit(self->jobs, &full, id, NULL, &answer);
    assert_int_equal(answer.code, 429);
    bn_answer_free(&answer);

    slow_photo_answer(&held.photo);
    for (int i = 0; i < 3; i++) rig_wait(self, ids[i], BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(self, ids[0]).code, 200);
    rig_unblock(&held);
    rig_unblock(&second);
    rig_unblock(&quick);
    rig_wait(self, second.id, BN_REQUEST_COMPLETED);
}

enum { MANY = 40 };

/* Normal ones in their order, then those of low priority. */
static int count_ahead(const bool *low, const bool *waits, int count, int of)
{
    int ahead = 0;
    for (int i = 0; i < count; i++) ahead += waits[i] && i != of && (low[i] == low[of] ? i < of : !low[i]);
    return ahead;
}

/* Whoever leaves the queue, first, last or between, in whatever order: nobody works here, and clients cancel. */
static void positions_are_those_of_whoever_is_left(void **state)
{
    (void)state;
    rig self;
    char ids[MANY][BN_REQUEST_ID_CHARS];
    bool low[MANY], waits[MANY];
    int count = 0;
    uint32_t random = 1;
    rig_init(&self);
    self.options.role = BN_ROLE_FRONT;
    rig_open(&self);
    for (int step = 0; step < 200; step++) {
        random = random * 1664525u + 1013904223u;
        const uint32_t choice = random >> 8;
        if (count < MANY && choice % 3 == 0) {
            static const char body[] = "{\"image_url\":\"data:,x\"}";
            low[count] = choice / 3 % 4 == 0;
            const bn_submit submit = {
                .body = body, .body_bytes = strlen(body), .low_priority = low[count], .max_queue_length = -1};
            rig_submit(&self, &submit, ids[count]);
            waits[count++] = true;
        } else if (choice % 3 == 1 && count > 0) { /* the first of those that wait after some */
            int i = choice / 3 % 2 == 0 ? 0 : (int)(choice / 6 % (uint32_t)count);
            while (i < count && !waits[i]) i++;
            if (i == count) continue;
            assert_int_equal(bn_jobs_cancel(self.jobs, ids[i], false), BN_CANCEL_REQUESTED);
            waits[i] = false;
        } else {
            for (int i = 0; i < count; i++)
                if (waits[i])
                    assert_int_equal(rig_status(&self, ids[i]).position, count_ahead(low, waits, count, i));
        }
    }
    rig_destroy(&self);
}

/* Bob names hosts that do not answer; Alice's photos come with her requests, lie here, or come from a host that does. */
static void slow_hosts_hold_up_nobody_else(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    rig_blocked slow[2], quick;
    char body[200], bobs[4][BN_REQUEST_ID_CHARS], id[BN_REQUEST_ID_CHARS];
    for (int i = 0; i < 4; i++) {
        if (i < 2) rig_host(&slow[i], body);
        const bn_submit submit = {
            .body = body, .body_bytes = strlen(body), .max_queue_length = -1, .key_id = "bob"};
        rig_submit(self, &submit, bobs[i]);
        if (i < 2) slow_photo_wait_asked(&slow[i].photo);
    }
    assert_int_equal(rig_status(self, bobs[0]).state, BN_REQUEST_RUNNING);
    assert_int_equal(rig_status(self, bobs[3]).position, 2);
    char *inside = rig_body(30, 30, "");
    bn_submit submit = {
        .body = inside, .body_bytes = strlen(inside), .max_queue_length = -1, .key_id = "alice"};
    rig_submit(self, &submit, id);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    free(inside);

    bn_file_facts facts;
    const int fd = rig_fd(slow[0].png, slow[0].photo.size);
    assert_ok(bn_jobs_upload(self->jobs, &(bn_upload){.type = "image/png"}, fd, &facts, &err), err);
    close(fd);
    char here[300];
    snprintf(here, sizeof here, "{\"image_url\":\"http://here/files/b/%s/%s\"}", facts.id, facts.name);
    submit.body = here;
    submit.body_bytes = strlen(here);
    submit.key_id = "bob"; /* even he */
    rig_submit(self, &submit, id);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(self, id).code, 200);

    rig_host(&quick, body);
    slow_photo_answer(&quick.photo);
    submit = (bn_submit){.body = body, .body_bytes = strlen(body), .max_queue_length = -1, .key_id = "alice"};
    rig_submit(self, &submit, id);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(self, bobs[0]).state, BN_REQUEST_RUNNING);
    assert_int_equal(rig_status(self, bobs[3]).position, 2);
    for (int i = 0; i < 2; i++) slow_photo_answer(&slow[i].photo);
    for (int i = 0; i < 4; i++) rig_wait(self, bobs[i], BN_REQUEST_COMPLETED);
    for (int i = 0; i < 2; i++) rig_unblock(&slow[i]);
    rig_unblock(&quick);
}

static void count_news(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

/* The queue moves hundreds of times a second; each move is not worth waking everybody. */
static void moves_of_the_queue_are_told_now_and_then(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    rig_blocked held, second;
    char body[200], behind[BN_REQUEST_ID_CHARS], ids[300][BN_REQUEST_ID_CHARS];
    atomic_int news = 0;
    bn_watch *watch;
    rig_block(self, &held);
    rig_block(self, &second);
    snprintf(body, sizeof body, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", held.photo.port);
    const bn_submit submit = {
        .body = body, .body_bytes = strlen(body), .low_priority = true, .max_queue_length = -1};
    rig_submit(self, &submit, behind);
    assert_ok(bn_jobs_watch(self->jobs, behind, count_news, &news, &watch, &err), err);
    const double start_ms = bn_clock_ms();
    for (int i = 0; i < 300; i++) rig_submit_body(self, "{\"image_url\":\"data:,x\"}", ids[i]);
    for (int i = 0; i < 300; i++) rig_wait(self, ids[i], BN_REQUEST_COMPLETED);
    const double passed_ms = bn_clock_ms() - start_ms;
    bn_jobs_unwatch(&watch);
    if (atomic_load(&news) > 2 + (int)(passed_ms / 200))
        fail_msg("%d calls in %.0f ms", atomic_load(&news), passed_ms);
    rig_wait_position(self, behind, 1);
    rig_submit_body(self, body, ids[0]);
    rig_wait_position(self, behind, 2);
    bn_jobs_cancel(self->jobs, second.id, false); /* the last move is told as well */
    rig_wait_position(self, behind, 1);
    rig_unblock(&held);
    rig_unblock(&second);
}

/* Clients ask for what they like. */
static void a_watch_of_no_request_is_taken_away_again(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_watch *watch;
    atomic_int news = 0;
    char id[BN_REQUEST_ID_CHARS];
    assert_ok(bn_jobs_watch(self->jobs, "00000000-0000-4000-8000-000000000000-and-more", count_news, &news,
                            &watch, &err),
              err);
    bn_jobs_unwatch(&watch);
    char *body = rig_body(30, 30, "");
    rig_submit_body(self, body, id); /* all that are watched are told of the move */
    free(body);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
}

static void low_priority_runs_last(void **state)
{
    rig *self = *state;
    rig_blocked held, second, quick;
    char body[200];
    char low[BN_REQUEST_ID_CHARS], normal[BN_REQUEST_ID_CHARS];
    rig_block(self, &held);
    rig_block(self, &second);
    rig_host(&quick, body);
    slow_photo_answer(&quick.photo);
    const bn_submit submit = {
        .body = body, .body_bytes = strlen(body), .low_priority = true, .max_queue_length = -1};
    rig_submit(self, &submit, low);
    rig_submit_body(self, body, normal);
    slow_photo_answer(&held.photo);
    slow_photo_answer(&second.photo);
    rig_wait(self, low, BN_REQUEST_RUNNING);
    assert_true(rig_status(self, normal).state >= BN_REQUEST_RUNNING);
    rig_wait(self, low, BN_REQUEST_COMPLETED);
    rig_unblock(&held);
    rig_unblock(&second);
    rig_unblock(&quick);
}

static void cancelling_while_waiting_running_and_after(void **state)
{
    rig *self = *state;
    rig_blocked held, second, third, quick;
    char body[200];
    char id[BN_REQUEST_ID_CHARS];
    rig_block(self, &held);
    rig_block(self, &second);
    rig_host(&quick, body);
    slow_photo_answer(&quick.photo);
    rig_submit_body(self, body, id);
    assert_int_equal(bn_jobs_cancel(self->jobs, id, false), BN_CANCEL_REQUESTED);
    bn_request_status status = rig_status(self, id);
    assert_int_equal(status.state, BN_REQUEST_COMPLETED);
    assert_string_equal(status.error_type, "client_cancelled");
    json_t *result = rig_result(self, id, 499);
    assert_string_equal(rig_text(result, "error_type"), "client_cancelled");
    json_decref(result);
    assert_int_equal(bn_jobs_cancel(self->jobs, id, false), BN_CANCEL_COMPLETED);
    assert_int_equal(bn_jobs_cancel(self->jobs, "00000000-0000-4000-8000-000000000000", false),
                     BN_CANCEL_NOT_FOUND);

    /* queued, but its photo is being fetched already */
    assert_int_equal(bn_jobs_cancel(self->jobs, second.id, false), BN_CANCEL_REQUESTED);
    assert_int_equal(rig_status(self, second.id).code, 499);
    /* running */
    assert_int_equal(bn_jobs_cancel(self->jobs, held.id, true), BN_CANCEL_REQUESTED);
    rig_wait(self, held.id, BN_REQUEST_COMPLETED);
    status = rig_status(self, held.id);
    assert_int_equal(status.code, 499);
    assert_string_equal(status.error_type, "client_disconnected");
    rig_block(self, &third); /* the only one now, and seen as running */
    assert_int_equal(rig_status(self, third.id).state, BN_REQUEST_RUNNING);
    rig_unblock(&held);
    rig_unblock(&second);
    rig_unblock(&third);
    rig_unblock(&quick);
}

/* The network itself is stopped, not only what stands around it. */
static void cancelling_stops_the_network(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    char id[BN_REQUEST_ID_CHARS];
    rig_close(self);
    self->options.network_width = self->options.network_height = 1024;
    rig_open(self);
    char *body = rig_body(30, 30, "");
    rig_submit_body(self, body, id);
    free(body);
    bool computing = false;
    while (!computing) { /* until the network has begun */
        bn_request_status status;
        assert_ok(bn_jobs_status(self->jobs, id, true, 0, &status, &err), err);
        assert_true(status.state != BN_REQUEST_COMPLETED);
        computing = strstr(status.logs, "at 1024 x 1024") != NULL;
        bn_request_status_free(&status);
    }
    assert_int_equal(bn_jobs_cancel(self->jobs, id, false), BN_CANCEL_REQUESTED);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(self, id).code, 499);
}

static void start_timeout_ends_what_did_not_start(void **state)
{
    rig *self = *state;
    rig_blocked held, second, quick;
    char body[200];
    char id[BN_REQUEST_ID_CHARS];
    bn_answer answer;
    rig_block(self, &held);
    rig_block(self, &second);
    rig_host(&quick, body);
    slow_photo_answer(&quick.photo);
    const bn_submit submit = {
        .body = body, .body_bytes = strlen(body), .start_timeout_s = 2, .max_queue_length = -1};
    rig_submit(self, &submit, id);
    bn_jobs_sweep(self->jobs);
    assert_int_equal(rig_status(self, id).state, BN_REQUEST_QUEUED);
    atomic_fetch_add(&self->now_ms, 2001);
    bn_jobs_sweep(self->jobs);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    bn_jobs_result(self->jobs, id, NULL, &answer);
    assert_int_equal(answer.code, 504);
    assert_true(answer.user_timeout);
    assert_string_equal(answer.error_type, "request_timeout");
    bn_answer_free(&answer);
    rig_unblock(&held);
    rig_unblock(&second);
    rig_unblock(&quick);
    rig_wait(self, held.id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(self, held.id).code, 200);
}

static void change_requests(rig *self, const char *sql)
{
    char path[100];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/jobs.sqlite", self->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_close(db);
}

/* The store's database came back without the claim, and its worker lives: the request waits again, is known all the time,
 * and is done. */
static void a_claim_that_was_lost_is_made_again(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    rig_blocked held;
    bn_request_status status;
    if (rig_shares_store()) skip(); /* it looks into SQLite's file */
    rig_block(self, &held);
    change_requests(self, "UPDATE requests SET held = 0, running = 0, worker = NULL, claim = NULL, weight = 0"
                          " WHERE held = 1"); /* what a power failure does to asynchronous writes */
    slow_photo_answer(&held.photo);
    do assert_ok(bn_jobs_status(self->jobs, held.id, false, 0, &status, &err), err);
    while (status.state != BN_REQUEST_COMPLETED);
    assert_int_equal(status.code, 200);
    rig_unblock(&held);
}

/* The store holds a request for this process, which never heard of it: it is given back, taken and done. */
static void a_claim_whose_answer_was_lost_is_made_again(void **state)
{
    rig *self = *state;
    rig_blocked held, second, quick;
    char body[200], id[BN_REQUEST_ID_CHARS];
    if (rig_shares_store()) skip(); /* it looks into SQLite's file */
    rig_block(self, &held);
    rig_block(self, &second);
    rig_host(&quick, body);
    slow_photo_answer(&quick.photo);
    rig_submit_body(self, body, id); /* waits: no more is fetched now */
    change_requests(self, "UPDATE requests SET held = 1, claim = 42, worker ="
                          " (SELECT max(worker) FROM requests WHERE held = 1) WHERE held = 0");
    rig_unblock(&held);
    rig_unblock(&second);
    rig_wait(self, held.id, BN_REQUEST_COMPLETED);
    rig_wait(self, second.id, BN_REQUEST_COMPLETED);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(self, id).code, 200);
    rig_unblock(&quick);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(those_behind_wait_and_know_their_position),
        cmocka_unit_test(positions_are_those_of_whoever_is_left),
        RIG_TEST(slow_hosts_hold_up_nobody_else),
        RIG_TEST(moves_of_the_queue_are_told_now_and_then),
        RIG_TEST(a_watch_of_no_request_is_taken_away_again),
        RIG_TEST(low_priority_runs_last),
        RIG_TEST(cancelling_while_waiting_running_and_after),
        RIG_TEST(cancelling_stops_the_network),
        RIG_TEST(start_timeout_ends_what_did_not_start),
        RIG_TEST(a_claim_that_was_lost_is_made_again),
        RIG_TEST(a_claim_whose_answer_was_lost_is_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
