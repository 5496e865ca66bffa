/* test_database_crash.c - the database of BN_TEST_STORE, or what stands before it, dies as in a power failure, again and
 * again, while a server takes requests and works on them: whatever was accepted ends, once. BN_TEST_CRASH is the command that kills it and starts it
 * again; only a database of the test's own may be. */
#include "tests/test.h"

#include "tests/queue/rig.h"
#include "tests/queue/receiver.h"
#include "tests/store/postgres.h"

#include <time.h>

enum { CRASHES = 4, MAX_ACCEPTED = 4000 };

typedef struct submitter {
    rig *rig;
    char hook[100];
    char (*ids)[BN_REQUEST_ID_CHARS];
    _Atomic(size_t) count;
    _Atomic(size_t) refused;
    _Atomic(bool) stop;
    const char *fault;
} submitter;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* A client of the queue: a 200 is a promise, a 503 is none; a full queue gets no more for a moment. */
static void *submit_until_told(void *user)
{
    submitter *self = user;
    char *body = rig_body(24, 24, "\"output_mask\":true");
    while (!self->stop && self->count < MAX_ACCEPTED) {
        char id[BN_REQUEST_ID_CHARS];
        bn_answer answer;
        const bn_submit submit = {
            .body = body, .body_bytes = strlen(body), .webhook = self->hook, .max_queue_length = 4};
        bn_jobs_submit(self->rig->jobs, &submit, id, NULL, &answer);
        if (answer.code == 200)
            memcpy(self->ids[self->count++], id, sizeof id);
        else if (answer.code == 503)
            self->refused++;
        else if (answer.code != 429)
            self->fault = "a submit was answered with neither 200, 429 nor 503";
        if (answer.code != 200) pause_ms(5);
        bn_answer_free(&answer);
    }
    free(body);
    return NULL;
}

static void crash(void)
{
    assert_int_equal(system(getenv("BN_TEST_CRASH")), 0);
}

/* The first answers after a crash may still be 503, which says nothing about the request. */
static int code_of(rig *self, const char *id)
{
    for (;;) {
        bn_error err = {0};
        bn_request_status status;
        const bn_status found = bn_jobs_status(self->jobs, id, false, 0, &status, &err);
        if (found == BIREFNET_ERROR_NOT_FOUND)
            fail_msg("%s was accepted and is not known: %s", id, err.message);
        if (found == BIREFNET_OK && status.state == BN_REQUEST_COMPLETED) {
            const int code = status.code;
            bn_request_status_free(&status);
            return code;
        }
        if (found == BIREFNET_OK) bn_request_status_free(&status);
        pause_ms(20);
    }
}

static void what_was_accepted_ends_whatever_becomes_of_the_database(void **state)
{
    (void)state;
    rig self;
    receiver hooks;
    pthread_t thread;
    static const int fine[] = {200};
    submitter client = {.rig = &self, .ids = calloc(MAX_ACCEPTED, BN_REQUEST_ID_CHARS)};
    assert_non_null(client.ids);
    rig_init(&self);
    self.options.allow_private = true;
    receiver_start(&hooks, fine, 1);
    snprintf(client.hook, sizeof client.hook, "http://127.0.0.1:%d/hook", hooks.port);
    rig_open(&self);
    assert_int_equal(pthread_create(&thread, NULL, submit_until_told, &client), 0);
    for (size_t i = 0; i < CRASHES; i++) {
        receiver_wait_distinct(&hooks, receiver_distinct(&hooks) + 3); /* it works */
        crash();
    }
    receiver_wait_distinct(&hooks, receiver_distinct(&hooks) + 3);
    client.stop = true;
    pthread_join(thread, NULL);
    if (client.fault) fail_msg("%s", client.fault);
    for (size_t i = 0; i < client.count; i++) assert_int_equal(code_of(&self, client.ids[i]), 200);
    receiver_wait_distinct(&hooks, client.count);
    printf("%zu accepted, %zu refused, %d crashes\n", client.count, client.refused, CRASHES);
    /* nothing is left, and what was stored belongs to a result */
    assert_true(test_postgres_run("DO $$ BEGIN ASSERT (SELECT count(*) = 0 FROM queue);"
                                  " ASSERT (SELECT count(*) = 0 FROM requests WHERE ended_ms IS NULL);"
                                  " ASSERT (SELECT 2 * count(*) FROM requests WHERE code = 200) ="
                                  "  (SELECT count(*) FROM files); END $$"));
    rig_destroy(&self);
    receiver_stop(&hooks);
    free(client.ids);
}

int main(void)
{
    test_postgres_address();
    if (!getenv("BN_TEST_CRASH")) {
        printf("skipped: BN_TEST_CRASH says not how to kill the database\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_accepted_ends_whatever_becomes_of_the_database)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
