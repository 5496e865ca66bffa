/* test_contention.c - everything at once, from many threads: requests that are submitted, watched, cancelled and left,
 * uploads, webhooks, keys, metrics. For the thread sanitizer, and for what must hold all the same: whatever was accepted
 * ends, once. */
#include "tests/test.h"

#include "tests/queue/rig.h"
#include "tests/queue/receiver.h"

#include <unistd.h>

enum { ROUNDS = 12, CLIENTS = 4 };

typedef struct crowd {
    rig rig;
    receiver hooks;
    char url[100], *photo;
    _Atomic(int) accepted, working;
    char ids[CLIENTS * ROUNDS][BN_REQUEST_ID_CHARS];
    pthread_t threads[CLIENTS + 4];
    int thread_count;
} crowd;

static void note_change(void *user)
{
    atomic_fetch_add((_Atomic(int) *)user, 1);
}

/* Some are left to themselves, some cancelled, some left by their client. */
static void *come_and_go(void *user)
{
    crowd *self = user;
    bn_jobs *jobs = self->rig.jobs;
    for (int i = 0; i < ROUNDS; i++) {
        _Atomic(int) changes = 0;
        bn_watch *watch = NULL;
        bn_answer answer;
        bn_error err = {0};
        bn_request_status status = {0};
        const int at = atomic_fetch_add(&self->accepted, 1);
        char *id = self->ids[at];
        const char *body = i == 0 ? self->photo : "{\"image_url\":\"data:,no photo\"}";
        const bn_submit submit = {.body = body,
                                  .body_bytes = strlen(body),
                                  .sync = i % 4 == 1,
                                  .low_priority = i % 3 == 0,
                                  .webhook = i % 4 == 1 ? NULL : self->url,
                                  .max_queue_length = -1};
        bn_jobs_submit(jobs, &submit, id, NULL, &answer);
        if (answer.code != 200) fail_msg("refused with %d: %s", answer.code, answer.body);
        bn_answer_free(&answer);
        assert_ok(bn_jobs_watch(jobs, id, note_change, &changes, &watch, &err), err);
        if (i % 2) bn_jobs_cancel(jobs, id, i % 4 == 1);
        if (bn_jobs_status(jobs, id, true, 0, &status, &err) == BIREFNET_OK) bn_request_status_free(&status);
        bn_jobs_unwatch(&watch);
    }
    atomic_fetch_sub(&self->working, 1);
    return NULL;
}

static void *upload(void *user)
{
    crowd *self = user;
    for (int i = 0; atomic_load(&self->working) > 0; i++) {
        bn_error err = {0};
        bn_file_facts facts;
        char text[40], secret[BN_FILE_ID_CHARS];
        const int fd = rig_fd(text, (size_t)snprintf(text, sizeof text, "content %d", i));
        const bn_upload plain = {.name = "x.txt"};
        assert_ok(bn_jobs_upload_begin(self->rig.jobs, &plain, &facts, secret, &err), err);
        assert_true(bn_jobs_upload_known(self->rig.jobs, secret));
        assert_ok(bn_jobs_upload_put(self->rig.jobs, secret, fd, NULL, &err), err);
        close(fd);
        int read_fd;
        assert_ok(rig_file_open(self->rig.jobs, facts.id, &facts, &read_fd, &err), err);
        close(read_fd);
    }
    return NULL;
}

static void *operate(void *user)
{
    crowd *self = user;
    while (atomic_load(&self->working) > 0) {
        char why[300];
        bn_error err = {0};
        bn_buffer text;
        bn_buffer_init(&text, 1u << 20);
        assert_ok(bn_jobs_metrics(self->rig.jobs, &text, &err), err);
        bn_buffer_free(&text);
        bn_jobs_ready(self->rig.jobs, why, sizeof why);
        bn_jobs_sweep(self->rig.jobs);
    }
    return NULL;
}

static void *change_keys(void *user)
{
    crowd *self = user;
    while (atomic_load(&self->working) > 0) {
        char key[BN_KEY_CHARS], field[BN_KEY_CHARS + 8], id[BN_KEY_ID_CHARS], token[BN_TOKEN_CHARS];
        bn_key_facts facts;
        bn_credential credential;
        int64_t expires_ms;
        bn_error err = {0};
        rig_make_key(&self->rig, "one", NULL, key, &facts);
        snprintf(field, sizeof field, "Key %s", key);
        assert_int_equal(bn_jobs_authorize(self->rig.jobs, field, id, &credential), BN_AUTH_OK);
        assert_ok(bn_jobs_token_make(self->rig.jobs, BN_TOKEN_STREAM, id, 60, token, &expires_ms, &err), err);
        rig_revoke_key(&self->rig, facts.id);
        assert_int_equal(bn_jobs_authorize(self->rig.jobs, field, id, &credential), BN_AUTH_UNKNOWN);
        assert_int_equal(bn_jobs_token_check(self->rig.jobs, BN_TOKEN_STREAM, token, id), BN_AUTH_UNKNOWN);
    }
    return NULL;
}

static void start(crowd *self, void *(*main)(void *))
{
    assert_int_equal(pthread_create(&self->threads[self->thread_count++], NULL, main, self), 0);
}

static void whatever_was_accepted_ends(void **state)
{
    (void)state;
    crowd *self = calloc(1, sizeof *self);
    rig_init(&self->rig);
    rig_open(&self->rig);
    receiver_start(&self->hooks, NULL, 0);
    snprintf(self->url, sizeof self->url, "http://127.0.0.1:%d/hook", self->hooks.port);
    self->photo = rig_body(20, 20, "");
    self->working = CLIENTS;
    for (int i = 0; i < CLIENTS; i++) start(self, come_and_go);
    start(self, upload);
    start(self, upload);
    start(self, operate);
    start(self, change_keys);
    for (int i = 0; i < self->thread_count; i++) pthread_join(self->threads[i], NULL);
    for (int i = 0; i < CLIENTS * ROUNDS; i++) {
        rig_wait(&self->rig, self->ids[i], BN_REQUEST_COMPLETED);
        const int code = rig_status(&self->rig, self->ids[i]).code;
        assert_true(code == 200 || code == 422 || code == 499);
    }
    receiver_wait_distinct(&self->hooks, CLIENTS * ROUNDS * 3 / 4);
    rig_destroy(&self->rig);
    receiver_stop(&self->hooks);
    free(self->photo);
    free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_was_accepted_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
