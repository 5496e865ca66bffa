/* test_limits.c - what is bounded: retention, limits of keys and of all, models in memory; readiness and metrics. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include <jansson.h>
#include <unistd.h>

static void results_and_files_are_forgotten_in_time(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    char id[BN_REQUEST_ID_CHARS];
    char *body = rig_body(30, 30, "");
    const bn_submit submit = {.body = body,
                              .body_bytes = strlen(body),
                              .max_queue_length = -1,
                              .lifecycle = "{\"expiration_duration_seconds\": 60}"};
    rig_submit(self, &submit, id);
    free(body);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    bn_answer answer;
    bn_jobs_result(self->jobs, id, NULL, &answer);
    bn_file_facts facts;
    int fd;
    assert_ok(rig_file_open(self->jobs, answer.image_id, &facts, &fd, &err), err);
    close(fd);
    assert_int_equal(rig_count_files(self, "files"), 1);
    atomic_fetch_add(&self->now_ms, 60 * 1000);
    assert_int_equal(rig_file_open(self->jobs, answer.image_id, &facts, &fd, &err), BIREFNET_ERROR_NOT_FOUND);
    bn_jobs_sweep(self->jobs);
    assert_int_equal(rig_count_files(self, "files"), 0);
    bn_answer_free(&answer);
    assert_int_equal(rig_status(self, id).code, 200);
    atomic_fetch_add(&self->now_ms, 24 * 3600 * 1000);
    bn_jobs_sweep(self->jobs);
    bn_request_status status;
    assert_int_equal(bn_jobs_status(self->jobs, id, false, 0, &status, &err), BIREFNET_ERROR_NOT_FOUND);
    bn_jobs_result(self->jobs, id, NULL, &answer);
    assert_int_equal(answer.code, 404);
    bn_answer_free(&answer);
}

/* X-Fal-Store-IO: 0 */
static void some_results_are_forgotten_sooner(void **state)
{
    rig *self = *state;
    char soon[BN_REQUEST_ID_CHARS], usual[BN_REQUEST_ID_CHARS];
    char *body = rig_body(30, 30, "");
    const bn_submit submit = {
        .body = body, .body_bytes = strlen(body), .max_queue_length = -1, .forget_soon = true};
    rig_submit(self, &submit, soon);
    rig_submit_body(self, body, usual);
    free(body);
    rig_wait(self, soon, BN_REQUEST_COMPLETED);
    rig_wait(self, usual, BN_REQUEST_COMPLETED);
    atomic_fetch_add(&self->now_ms, (BN_FORGET_SOON_S - 1) * 1000LL);
    bn_jobs_sweep(self->jobs);
    assert_int_equal(rig_status(self, soon).code, 200);
    atomic_fetch_add(&self->now_ms, 2000);
    bn_jobs_sweep(self->jobs);
    json_decref(rig_result(self, soon, 404));
    assert_int_equal(rig_status(self, usual).code, 200);
}

static void limits_hold_for_each_key(void **state)
{
    rig *self = *state;
    bn_answer answer;
    char key[BN_KEY_CHARS], id[BN_REQUEST_ID_CHARS];
    bn_key_facts facts;
    const bn_key_limits limits = {.per_minute = 3, .running = 1, .waiting = 0};
    rig_make_key(self, "tester", &limits, key, &facts);
    bn_submit submit = {.body = "{}", .body_bytes = 2, .key_id = facts.id, .max_queue_length = -1};
    for (int i = 0; i < 3; i++) rig_submit(self, &submit, id);
    bn_jobs_submit(self->jobs, &submit, id, NULL, &answer);
    assert_int_equal(answer.code, 429);
    assert_int_equal(answer.retry_after_s, 21);
    bn_answer_free(&answer);
    submit.key_id = NULL; /* others are not held back */
    rig_submit(self, &submit, id);
    submit.key_id = facts.id;
    atomic_fetch_add(&self->now_ms, 21000);
    rig_submit(self, &submit, id);

    rig_blocked held;
    size_t size;
    char body[200];
    atomic_fetch_add(&self->now_ms, 60000);
    held.png = rig_png(50, 50, &size);
    slow_photo_start(&held.photo, held.png, size);
    snprintf(body, sizeof body, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", held.photo.port);
    submit.body = body;
    submit.body_bytes = strlen(body);
    rig_submit(self, &submit, held.id);
    slow_photo_wait_asked(&held.photo);
    rig_submit(self, &submit, id); /* the queue takes it, and it waits */
    submit.sync = true;
    char other[BN_REQUEST_ID_CHARS];
    bn_jobs_submit(self->jobs, &submit, other, NULL, &answer);
    assert_int_equal(answer.code, 429);
    assert_non_null(strstr(answer.body, "concurrent_requests_limit"));
    bn_answer_free(&answer);
    assert_int_equal(rig_status(self, id).state, BN_REQUEST_QUEUED);
    slow_photo_answer(&held.photo);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    rig_unblock(&held);
}

typedef struct crowd {
    rig *rig;
    const bn_submit *submit;
    pthread_barrier_t start;
    atomic_int accepted;
    char ids[40][BN_REQUEST_ID_CHARS];
} crowd;

static void *submit_one(void *user)
{
    crowd *self = user;
    char id[BN_REQUEST_ID_CHARS];
    bn_answer answer;
    pthread_barrier_wait(&self->start);
    bn_jobs_submit(self->rig->jobs, self->submit, id, NULL, &answer);
    if (answer.code == 200) memcpy(self->ids[atomic_fetch_add(&self->accepted, 1)], id, sizeof id);
    bn_answer_free(&answer);
    return NULL;
}

/* Forty submits at once, one waits already: three find a place, by each of the three limits. */
static void limits_hold_for_a_crowd(void **state)
{
    rig *self = *state;
    bn_jobs_options usual = self->options;
    for (int limit = 0; limit < 3; limit++) {
        pthread_t threads[40];
        rig_blocked held, second;
        char body[200];
        rig_close(self);
        self->options = usual;
        if (limit == 0) self->options.limits.waiting = 3;
        if (limit == 1) self->options.max_waiting = 4;
        rig_open(self);
        rig_block(self, &held);
        rig_block(self, &second);
        snprintf(body, sizeof body, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", held.photo.port);
        const bn_submit submit = {.body = body,
                                  .body_bytes = strlen(body),
                                  .key_id = "many",
                                  .max_queue_length = limit == 2 ? 3 : -1};
        crowd group = {.rig = self, .submit = &submit};
        pthread_barrier_init(&group.start, NULL, 40);
        for (int i = 0; i < 40; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, submit_one, &group), 0);
        for (int i = 0; i < 40; i++) pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&group.start);
        assert_int_equal(group.accepted, 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal(bn_jobs_cancel(self->jobs, group.ids[i], false), BN_CANCEL_REQUESTED);
        const bn_submit broken = {.body = "{", .body_bytes = 1, .key_id = "many", .max_queue_length = -1};
        char id[BN_REQUEST_ID_CHARS];
        for (int i = 0; i < 5; i++) { /* refused, and no place is lost */
            bn_answer answer;
            bn_jobs_submit(self->jobs, &broken, id, NULL, &answer);
            assert_int_equal(answer.code, 422);
            bn_answer_free(&answer);
        }
        for (int i = 0; i < 3; i++) rig_submit(self, &submit, group.ids[i]);
        rig_unblock(&held);
        rig_unblock(&second);
        for (int i = 0; i < 3; i++) rig_wait(self, group.ids[i], BN_REQUEST_COMPLETED);
        rig_wait(self, held.id, BN_REQUEST_COMPLETED);
        rig_wait(self, second.id, BN_REQUEST_COMPLETED);
    }
}

static void one_data_folder_has_one_server(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_jobs *second;
    assert_int_equal(bn_jobs_open(&self->options, &second, &err), BIREFNET_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "another server"));
}

static void readiness_and_metrics_tell(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    char why[300];
    bn_buffer text;
    assert_true(bn_jobs_ready(self->jobs, why, sizeof why));
    bn_buffer_init(&text, 1u << 20);
    char id[BN_REQUEST_ID_CHARS];
    char *body = rig_body(30, 30, "");
    rig_submit_body(self, body, id);
    free(body);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    rig_submit_body(self, "{}", id);
    assert_true(bn_jobs_drain(self->jobs, 60000));
    assert_false(bn_jobs_ready(self->jobs, why, sizeof why));
    assert_string_equal(why, "shutting down");
    assert_ok(bn_jobs_metrics(self->jobs, &text, &err), err);
    assert_non_null(strstr((char *)text.data, "birefnet_requests_accepted_total 2\n"));
    assert_non_null(
        strstr((char *)text.data, "birefnet_requests_failed_total{reason=\"invalid_input\"} 1\n"));
    assert_non_null(strstr((char *)text.data, "birefnet_requests_waiting 0\n"));
    bn_buffer_free(&text);
    bn_answer answer;
    const bn_submit late = {.body = "{}", .body_bytes = 2, .max_queue_length = -1};
    bn_jobs_submit(self->jobs, &late, id, NULL, &answer);
    assert_int_equal(answer.code, 503);
    bn_answer_free(&answer);
}

static void no_weights_at_all_is_said(void **state)
{
    rig *self = *state;
    char why[300], id[BN_REQUEST_ID_CHARS];
    rig_close(self);
    self->options.fallback_model = "";
    rig_open(self);
    assert_false(bn_jobs_ready(self->jobs, why, sizeof why));
    assert_memory_equal(why, "no weights", 10);
    char *body = rig_body(30, 30, "");
    rig_submit_body(self, body, id);
    free(body);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    json_decref(rig_result(self, id, 503));
}

static void copy_starter(rig *self, const char *name)
{
    char command[600];
    snprintf(command, sizeof command, "cp %s/models/starter.safetensors %s/%s", BN_SOURCE_DIR, self->folder,
             name);
    assert_int_equal(system(command), 0);
}

static void models_are_closed_when_there_are_too_many(void **state)
{
    rig *self = *state;
    static const char *const models[] = {"General Use (Light)", "Portrait", "Matting", "Portrait"};
    static const char *const weights[] = {"General Use (Light)", "Portrait", SEEDED, "Portrait"};
    static const int open_after[] = {1, 1, 1, 1};
    rig_close(self);
    self->options.max_models = 1;
    copy_starter(self, "BiRefNet.safetensors");
    copy_starter(self, "BiRefNet-portrait.safetensors");
    rig_open(self);
    for (size_t i = 0; i < 4; i++) {
        char id[BN_REQUEST_ID_CHARS], extra[100], line[60];
        bn_error err = {0};
        bn_answer answer;
        bn_buffer text;
        snprintf(extra, sizeof extra, "\"model\":\"%s\"", models[i]);
        char *body = rig_body(30, 30, extra);
        rig_submit_body(self, body, id);
        free(body);
        rig_wait(self, id, BN_REQUEST_COMPLETED);
        bn_jobs_result(self->jobs, id, NULL, &answer);
        assert_int_equal(answer.code, 200);
        assert_string_equal(answer.weights, weights[i]);
        bn_answer_free(&answer);
        bn_buffer_init(&text, 1u << 20);
        assert_ok(bn_jobs_metrics(self->jobs, &text, &err), err);
        snprintf(line, sizeof line, "\nbirefnet_models_open %d\n", open_after[i]);
        assert_non_null(strstr((char *)text.data, line));
        bn_buffer_free(&text);
    }
}

static void a_sync_run_does_not_outlive_its_client(void **state)
{
    rig *self = *state;
    rig_blocked held;
    size_t size;
    char body[200];
    held.png = rig_png(50, 50, &size);
    slow_photo_start(&held.photo, held.png, size);
    snprintf(body, sizeof body, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", held.photo.port);
    const bn_submit submit = {.body = body, .body_bytes = strlen(body), .sync = true, .max_queue_length = -1};
    rig_submit(self, &submit, held.id);
    slow_photo_wait_asked(&held.photo);
    rig_close(self);
    rig_open(self);
    assert_string_equal(rig_status(self, held.id).error_type, "client_disconnected");
    json_decref(rig_result(self, held.id, 499));
    rig_unblock(&held);
}

static void bodies_that_wait_are_bounded(void **state)
{
    rig *self = *state;
    bn_answer answer;
    char id[BN_REQUEST_ID_CHARS];
    rig_close(self);
    self->options.max_waiting_bytes = 200;
    rig_open(self);
    rig_blocked held;
    rig_block(self, &held); /* some fifty bytes */
    const char *body =
        "{\"image_url\":\"data:,0123456789012345678901234567890123456789012345678901234567890123456789\"}";
    const bn_submit submit = {.body = body, .body_bytes = strlen(body), .max_queue_length = -1};
    rig_submit(self, &submit, id);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    bn_jobs_cancel(self->jobs, id, false);
    char *big = rig_body(30, 30, "");
    const bn_submit large = {.body = big, .body_bytes = strlen(big), .max_queue_length = -1};
    bn_jobs_submit(self->jobs, &large, id, NULL, &answer);
    assert_int_equal(answer.code, 429);
    assert_non_null(strstr(answer.body, "queue_full"));
    bn_answer_free(&answer);
    free(big);
    rig_unblock(&held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(results_and_files_are_forgotten_in_time),
        RIG_TEST(some_results_are_forgotten_sooner),
        RIG_TEST(limits_hold_for_each_key),
        RIG_TEST(models_are_closed_when_there_are_too_many),
        RIG_TEST(a_sync_run_does_not_outlive_its_client),
        RIG_TEST(bodies_that_wait_are_bounded),
        RIG_TEST(limits_hold_for_a_crowd),
        RIG_TEST(one_data_folder_has_one_server),
        RIG_TEST(readiness_and_metrics_tell),
        RIG_TEST(no_weights_at_all_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
