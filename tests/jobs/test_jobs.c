/* test_jobs.c - requests from submit to result: results, positions, priorities, cancelling, timeouts, limits, logs. */
#include "tests/test.h"

#include "tests/jobs/bench.h"

#include "base/clock.h"
#include "image/codec.h"
#include "jobs/datauri.h"

#include <jansson.h>
#include <unistd.h>

static json_t *result_of(bench *self, const char *id, int code)
{
    bn_answer answer;
    bn_jobs_result(self->jobs, id, "http://here", &answer);
    if (answer.code != code) fail_msg("answered %d: %s", answer.code, answer.body);
    json_t *root = json_loadb(answer.body, answer.body_bytes, 0, NULL);
    assert_non_null(root);
    bn_answer_free(&answer);
    return root;
}

static const char *text_of(json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static void decode_stored(bench *self, const char *id, int width, int height, int channels)
{
    bn_error err = {0};
    bn_file_facts facts;
    int fd;
    uint8_t bytes[100000];
    bn_image *image;
    assert_ok(bn_jobs_file_open(self->jobs, id, &facts, &fd, &err), err);
    const ssize_t size = read(fd, bytes, sizeof bytes);
    close(fd);
    assert_int_equal(size, facts.size);
    assert_ok(bn_image_decode(bytes, (size_t)size, NULL, &image, &err), err);
    assert_int_equal(image->width, width);
    assert_int_equal(image->height, height);
    assert_int_equal(image->channels, channels);
    bn_image_destroy(&image);
}

static void a_photo_becomes_a_cutout_and_a_mask(void **state)
{
    bench *self = *state;
    char id[BN_REQUEST_ID_CHARS];
    char *body = bench_body(90, 60, "\"output_mask\":true,\"unknown\":[1]");
    bench_submit_body(self, body, id);
    free(body);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    json_t *result = result_of(self, id, 200), *image = json_object_get(result, "image"),
           *mask = json_object_get(result, "mask_image");
    assert_int_equal(json_object_size(image), 6);
    assert_int_equal(json_object_size(mask), 6);
    assert_string_equal(text_of(image, "content_type"), "image/png");
    assert_int_equal(json_integer_value(json_object_get(image, "width")), 90);
    assert_int_equal(json_integer_value(json_object_get(image, "height")), 60);
    bn_answer answer;
    bn_jobs_result(self->jobs, id, "http://here", &answer);
    assert_true(answer.billable_s > 0);
    assert_string_equal(answer.weights, SEEDED);
    decode_stored(self, answer.image_id, 90, 60, 4);
    char url[200];
    snprintf(url, sizeof url, "http://here/files/b/%s/%s", answer.image_id, text_of(image, "file_name"));
    assert_string_equal(text_of(image, "url"), url);
    bn_answer_free(&answer);
    json_decref(result);
}

static void mask_only_inline_and_formats(void **state)
{
    bench *self = *state;
    static const char *const formats[] = {"webp", "gif", "png"};
    for (size_t i = 0; i < 3; i++) {
        char id[BN_REQUEST_ID_CHARS], extra[200], start[100];
        bn_error err = {0};
        bn_buffer bytes;
        bn_format format;
        int width, height;
        snprintf(extra, sizeof extra, "\"mask_only\":true,\"sync_mode\":\"yes\",\"output_format\":\"%s\"",
                 formats[i]);
        char *body = bench_body(70, 40, extra);
        bench_submit_body(self, body, id);
        free(body);
        bench_wait(self, id, BN_REQUEST_COMPLETED);
        json_t *result = result_of(self, id, 200), *image = json_object_get(result, "image");
        assert_null(json_object_get(result, "mask_image"));
        snprintf(start, sizeof start, "data:image/%s;base64,", formats[i]);
        assert_memory_equal(text_of(image, "url"), start, strlen(start));
        bn_buffer_init(&bytes, 1u << 20);
        assert_ok(bn_data_uri_read(text_of(image, "url"), &bytes, &err), err);
        assert_int_equal(bytes.size, json_integer_value(json_object_get(image, "file_size")));
        assert_ok(bn_image_probe(bytes.data, bytes.size, &format, &width, &height, &err), err);
        assert_int_equal(format, bn_format_from_name(formats[i]));
        assert_int_equal(width, 70);
        bn_buffer_free(&bytes);
        json_decref(result);
    }
}

static void bad_input_is_accepted_and_answered_with_422(void **state)
{
    bench *self = *state;
    char id[BN_REQUEST_ID_CHARS];
    bench_submit_body(self, "{}", id);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    json_t *result = result_of(self, id, 422);
    json_t *entry = json_array_get(json_object_get(result, "detail"), 0);
    assert_string_equal(text_of(entry, "type"), "missing");
    assert_string_equal(json_string_value(json_array_get(json_object_get(entry, "loc"), 1)), "image_url");
    json_decref(result);

    const bn_submit broken = {.body = "{", .body_bytes = 1, .max_queue_length = -1};
    bn_answer answer;
    bn_jobs_submit(self->jobs, &broken, id, NULL, &answer);
    assert_int_equal(answer.code, 422);
    assert_non_null(strstr(answer.body, "json_invalid"));
    bn_answer_free(&answer);

    const bn_submit sync = {
        .body = "{\"image_url\":7}", .body_bytes = 15, .sync = true, .max_queue_length = -1};
    bn_jobs_submit(self->jobs, &sync, id, NULL, &answer);
    assert_int_equal(answer.code, 422);
    assert_non_null(strstr(answer.body, "string_type"));
    bn_answer_free(&answer);

    const bn_submit path = {.body = "{}", .body_bytes = 2, .app_path = "/v2/nope", .max_queue_length = -1};
    bench_submit(self, &path, id);
    result = result_of(self, id, 404);
    assert_string_equal(text_of(result, "detail"), "Path /v2/nope not found");
    json_decref(result);
}

static void check_photo_error(bench *self, const char *body, const char *type)
{
    char id[BN_REQUEST_ID_CHARS];
    bench_submit_body(self, body, id);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    json_t *result = result_of(self, id, 422);
    json_t *entry = json_array_get(json_object_get(result, "detail"), 0);
    assert_string_equal(text_of(entry, "type"), type);
    json_decref(result);
}

static void photos_that_cannot_be_used_say_why(void **state)
{
    bench *self = *state;
    check_photo_error(self, "{\"image_url\":\"data:image/png;base64,AAAA\"}", "image_load_error");
    check_photo_error(self, "{\"image_url\":\"data:image/png;base64,A*\"}", "file_download_error");
    check_photo_error(self, "{\"image_url\":\"http://127.0.0.1:9/x.png\"}", "file_download_error");
    check_photo_error(self, "{\"image_url\":\"file:///etc/passwd\"}", "file_download_error");
    check_photo_error(self, "{\"image_url\":\"\"}", "file_download_error");
    char *body = bench_body(20, 20, "\"operating_resolution\":\"2304x2304\"");
    check_photo_error(self, body, "feature_not_supported");
    free(body);
}

static void logs_tell_stage_and_percent_and_come_once(void **state)
{
    bench *self = *state;
    bn_error err = {0};
    bn_request_status status;
    char id[BN_REQUEST_ID_CHARS];
    char *body = bench_body(40, 40, "");
    for (int i = 0; i < 2; i++) {
        bench_submit_body(self, body, id);
        bench_wait(self, id, BN_REQUEST_COMPLETED);
        assert_ok(bn_jobs_status(self->jobs, id, true, 0, &status, &err), err);
        const bool opens = strstr(status.logs, "Opening the weights of General Use (Light)") != NULL;
        assert_int_equal(opens, i == 0); /* they stay open */
        if (i == 0) bn_request_status_free(&status);
    }
    free(body);
    json_t *all = json_loads(status.logs, 0, NULL);
    const int64_t last = status.last_log;
    assert_int_equal(json_array_size(all), last);
    assert_true(last >= 6);
    assert_non_null(strstr(status.logs, "Network: 50 %"));
    assert_non_null(strstr(status.logs, "The weights of General Use (Light) are not here"));
    json_t *line = json_array_get(all, 0);
    assert_string_equal(text_of(line, "level"), "INFO");
    assert_string_equal(text_of(line, "source"), "USER");
    assert_int_equal(strlen(text_of(line, "timestamp")), 24);
    assert_true(json_is_object(json_object_get(line, "labels")));
    json_decref(all);
    bn_request_status_free(&status);
    assert_ok(bn_jobs_status(self->jobs, id, true, last - 1, &status, &err), err);
    all = json_loads(status.logs, 0, NULL);
    assert_int_equal(json_array_size(all), 1);
    json_decref(all);
    bn_request_status_free(&status);
    assert_ok(bn_jobs_status(self->jobs, id, false, 0, &status, &err), err);
    assert_null(status.logs);
    assert_true(status.inference_s > 0);
    bn_request_status_free(&status);
}

/* ---- with one request that stays where it is */

typedef struct blocked {
    slow_photo photo;
    uint8_t *png;
    char id[BN_REQUEST_ID_CHARS];
} blocked;

/* A host of photos; body names one of them. */
static void start_host(blocked *host, char body[200])
{
    size_t size;
    host->png = bench_png(50, 50, &size);
    slow_photo_start(&host->photo, host->png, size);
    snprintf(body, 200, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", host->photo.port);
}

/* Two of these hold up all whose photos must be fetched: the tests fetch four at a time, two of them for one key. */
static void block(bench *self, blocked *held)
{
    char body[200];
    start_host(held, body);
    bench_submit_body(self, body, held->id);
    slow_photo_wait_asked(&held->photo);
}

static void unblock(blocked *held)
{
    slow_photo_stop(&held->photo);
    free(held->png);
}

static bn_request_status status_of(bench *self, const char *id)
{
    bn_error err = {0};
    bn_request_status status;
    assert_ok(bn_jobs_status(self->jobs, id, false, 0, &status, &err), err);
    return status;
}

static void those_behind_wait_and_know_their_position(void **state)
{
    bench *self = *state;
    blocked held, second, quick;
    char body[200];
    char ids[3][BN_REQUEST_ID_CHARS];
    bn_answer answer;
    block(self, &held);
    block(self, &second); /* no more is fetched now */
    assert_int_equal(status_of(self, held.id).state, BN_REQUEST_RUNNING);
    assert_int_equal(status_of(self, second.id).state, BN_REQUEST_QUEUED);
    start_host(&quick, body);
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
    assert_int_equal(status_of(self, ids[1]).position, 1);
    assert_int_equal(status_of(self, ids[2]).position, 2);
    assert_int_equal(status_of(self, ids[0]).position, 3); /* low priority: behind all */
    bn_jobs_result(self->jobs, ids[1], NULL, &answer);
    assert_int_equal(answer.code, 400);
    bn_answer_free(&answer);

    const bn_submit full = {.body = body, .body_bytes = strlen(body), .max_queue_length = 2};
    char id[BN_REQUEST_ID_CHARS];
    bn_jobs_submit(self->jobs, &full, id, NULL, &answer);
    assert_int_equal(answer.code, 429);
    bn_answer_free(&answer);

    slow_photo_answer(&held.photo);
    for (int i = 0; i < 3; i++) bench_wait(self, ids[i], BN_REQUEST_COMPLETED);
    assert_int_equal(status_of(self, ids[0]).code, 200);
    unblock(&held);
    unblock(&second);
    unblock(&quick);
    bench_wait(self, second.id, BN_REQUEST_COMPLETED);
}

/* Bob names hosts that do not answer; Alice's photos come with her requests, lie here, or come from a host that does. */
static void slow_hosts_hold_up_nobody_else(void **state)
{
    bench *self = *state;
    bn_error err = {0};
    blocked slow[2], quick;
    char body[200], bobs[4][BN_REQUEST_ID_CHARS], id[BN_REQUEST_ID_CHARS];
    for (int i = 0; i < 4; i++) {
        if (i < 2) start_host(&slow[i], body);
        const bn_submit submit = {
            .body = body, .body_bytes = strlen(body), .max_queue_length = -1, .key_id = "bob"};
        bench_submit(self, &submit, bobs[i]);
        if (i < 2) slow_photo_wait_asked(&slow[i].photo);
    }
    assert_int_equal(status_of(self, bobs[0]).state, BN_REQUEST_RUNNING);
    assert_int_equal(status_of(self, bobs[3]).position, 2);
    char *inside = bench_body(30, 30, "");
    bn_submit submit = {
        .body = inside, .body_bytes = strlen(inside), .max_queue_length = -1, .key_id = "alice"};
    bench_submit(self, &submit, id);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    free(inside);

    bn_file_facts facts;
    const int fd = bench_fd(slow[0].png, slow[0].photo.size);
    assert_ok(bn_jobs_upload(self->jobs, &(bn_upload){.type = "image/png"}, fd, &facts, &err), err);
    close(fd);
    char here[300];
    snprintf(here, sizeof here, "{\"image_url\":\"http://here/files/b/%s/%s\"}", facts.id, facts.name);
    submit.body = here;
    submit.body_bytes = strlen(here);
    submit.key_id = "bob"; /* even he */
    bench_submit(self, &submit, id);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    assert_int_equal(status_of(self, id).code, 200);

    start_host(&quick, body);
    slow_photo_answer(&quick.photo);
    submit = (bn_submit){.body = body, .body_bytes = strlen(body), .max_queue_length = -1, .key_id = "alice"};
    bench_submit(self, &submit, id);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    assert_int_equal(status_of(self, bobs[0]).state, BN_REQUEST_RUNNING);
    assert_int_equal(status_of(self, bobs[3]).position, 2);
    for (int i = 0; i < 2; i++) slow_photo_answer(&slow[i].photo);
    for (int i = 0; i < 4; i++) bench_wait(self, bobs[i], BN_REQUEST_COMPLETED);
    for (int i = 0; i < 2; i++) unblock(&slow[i]);
    unblock(&quick);
}

static void count_news(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

/* The queue moves hundreds of times a second; each move is not worth waking everybody. */
static void moves_of_the_queue_are_told_now_and_then(void **state)
{
    bench *self = *state;
    bn_error err = {0};
    blocked held, second;
    char body[200], behind[BN_REQUEST_ID_CHARS], ids[300][BN_REQUEST_ID_CHARS];
    atomic_int news = 0;
    bn_watch *watch;
    block(self, &held);
    block(self, &second);
    snprintf(body, sizeof body, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", held.photo.port);
    const bn_submit submit = {
        .body = body, .body_bytes = strlen(body), .low_priority = true, .max_queue_length = -1};
    bench_submit(self, &submit, behind);
    assert_ok(bn_jobs_watch(self->jobs, behind, count_news, &news, &watch, &err), err);
    const double start_ms = bn_clock_ms();
    for (int i = 0; i < 300; i++) bench_submit_body(self, "{\"image_url\":\"data:,x\"}", ids[i]);
    for (int i = 0; i < 300; i++) bench_wait(self, ids[i], BN_REQUEST_COMPLETED);
    const double passed_ms = bn_clock_ms() - start_ms;
    bn_jobs_unwatch(&watch);
    if (atomic_load(&news) > 2 + (int)(passed_ms / 200))
        fail_msg("%d calls in %.0f ms", atomic_load(&news), passed_ms);
    bench_wait_position(self, behind, 1);
    bench_submit_body(self, body, ids[0]);
    bench_wait_position(self, behind, 2);
    bn_jobs_cancel(self->jobs, second.id, false); /* the last move is told as well */
    bench_wait_position(self, behind, 1);
    unblock(&held);
    unblock(&second);
}

/* Clients ask for what they like. */
static void a_watch_of_no_request_is_taken_away_again(void **state)
{
    bench *self = *state;
    bn_error err = {0};
    bn_watch *watch;
    atomic_int news = 0;
    char id[BN_REQUEST_ID_CHARS];
    assert_ok(bn_jobs_watch(self->jobs, "00000000-0000-4000-8000-000000000000-and-more", count_news, &news,
                            &watch, &err),
              err);
    bn_jobs_unwatch(&watch);
    char *body = bench_body(30, 30, "");
    bench_submit_body(self, body, id); /* all that are watched are told of the move */
    free(body);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
}

static void low_priority_runs_last(void **state)
{
    bench *self = *state;
    blocked held, second, quick;
    char body[200];
    char low[BN_REQUEST_ID_CHARS], normal[BN_REQUEST_ID_CHARS];
    block(self, &held);
    block(self, &second);
    start_host(&quick, body);
    slow_photo_answer(&quick.photo);
    const bn_submit submit = {
        .body = body, .body_bytes = strlen(body), .low_priority = true, .max_queue_length = -1};
    bench_submit(self, &submit, low);
    bench_submit_body(self, body, normal);
    slow_photo_answer(&held.photo);
    slow_photo_answer(&second.photo);
    bench_wait(self, low, BN_REQUEST_RUNNING);
    assert_true(status_of(self, normal).state >= BN_REQUEST_RUNNING);
    bench_wait(self, low, BN_REQUEST_COMPLETED);
    unblock(&held);
    unblock(&second);
    unblock(&quick);
}

static void cancelling_while_waiting_running_and_after(void **state)
{
    bench *self = *state;
    blocked held, second, third, quick;
    char body[200];
    char id[BN_REQUEST_ID_CHARS];
    block(self, &held);
    block(self, &second);
    start_host(&quick, body);
    slow_photo_answer(&quick.photo);
    bench_submit_body(self, body, id);
    assert_int_equal(bn_jobs_cancel(self->jobs, id, false), BN_CANCEL_REQUESTED);
    bn_request_status status = status_of(self, id);
    assert_int_equal(status.state, BN_REQUEST_COMPLETED);
    assert_string_equal(status.error_type, "client_cancelled");
    json_t *result = result_of(self, id, 499);
    assert_string_equal(text_of(result, "error_type"), "client_cancelled");
    json_decref(result);
    assert_int_equal(bn_jobs_cancel(self->jobs, id, false), BN_CANCEL_COMPLETED);
    assert_int_equal(bn_jobs_cancel(self->jobs, "00000000-0000-4000-8000-000000000000", false),
                     BN_CANCEL_NOT_FOUND);

    /* queued, but its photo is being fetched already */
    assert_int_equal(bn_jobs_cancel(self->jobs, second.id, false), BN_CANCEL_REQUESTED);
    assert_int_equal(status_of(self, second.id).code, 499);
    /* running */
    assert_int_equal(bn_jobs_cancel(self->jobs, held.id, true), BN_CANCEL_REQUESTED);
    bench_wait(self, held.id, BN_REQUEST_COMPLETED);
    status = status_of(self, held.id);
    assert_int_equal(status.code, 499);
    assert_string_equal(status.error_type, "client_disconnected");
    block(self, &third); /* the only one now, and seen as running */
    assert_int_equal(status_of(self, third.id).state, BN_REQUEST_RUNNING);
    unblock(&held);
    unblock(&second);
    unblock(&third);
    unblock(&quick);
}

/* The network itself is stopped, not only what stands around it. */
static void cancelling_stops_the_network(void **state)
{
    bench *self = *state;
    bn_error err = {0};
    char id[BN_REQUEST_ID_CHARS];
    bench_close(self);
    self->options.network_width = self->options.network_height = 1024;
    bench_open(self);
    char *body = bench_body(30, 30, "");
    bench_submit_body(self, body, id);
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
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    assert_int_equal(status_of(self, id).code, 499);
}

static void start_timeout_ends_what_did_not_start(void **state)
{
    bench *self = *state;
    blocked held, second, quick;
    char body[200];
    char id[BN_REQUEST_ID_CHARS];
    bn_answer answer;
    block(self, &held);
    block(self, &second);
    start_host(&quick, body);
    slow_photo_answer(&quick.photo);
    const bn_submit submit = {
        .body = body, .body_bytes = strlen(body), .start_timeout_s = 2, .max_queue_length = -1};
    bench_submit(self, &submit, id);
    bn_jobs_sweep(self->jobs);
    assert_int_equal(status_of(self, id).state, BN_REQUEST_QUEUED);
    atomic_fetch_add(&self->now_ms, 2001);
    bn_jobs_sweep(self->jobs);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    bn_jobs_result(self->jobs, id, NULL, &answer);
    assert_int_equal(answer.code, 504);
    assert_true(answer.user_timeout);
    assert_string_equal(answer.error_type, "request_timeout");
    bn_answer_free(&answer);
    unblock(&held);
    unblock(&second);
    unblock(&quick);
    bench_wait(self, held.id, BN_REQUEST_COMPLETED);
    assert_int_equal(status_of(self, held.id).code, 200);
}

static void results_and_files_are_forgotten_in_time(void **state)
{
    bench *self = *state;
    bn_error err = {0};
    char id[BN_REQUEST_ID_CHARS];
    char *body = bench_body(30, 30, "");
    const bn_submit submit = {.body = body,
                              .body_bytes = strlen(body),
                              .max_queue_length = -1,
                              .lifecycle = "{\"expiration_duration_seconds\": 60}"};
    bench_submit(self, &submit, id);
    free(body);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    bn_answer answer;
    bn_jobs_result(self->jobs, id, NULL, &answer);
    bn_file_facts facts;
    int fd;
    assert_ok(bn_jobs_file_open(self->jobs, answer.image_id, &facts, &fd, &err), err);
    close(fd);
    atomic_fetch_add(&self->now_ms, 60 * 1000);
    assert_int_equal(bn_jobs_file_open(self->jobs, answer.image_id, &facts, &fd, &err),
                     BIREFNET_ERROR_NOT_FOUND);
    bn_jobs_sweep(self->jobs);
    char path[200];
    snprintf(path, sizeof path, "%s/files/%.2s/%s", self->folder, answer.image_id, answer.image_id);
    assert_int_equal(access(path, F_OK), -1);
    bn_answer_free(&answer);
    assert_int_equal(status_of(self, id).code, 200);
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
    bench *self = *state;
    char soon[BN_REQUEST_ID_CHARS], usual[BN_REQUEST_ID_CHARS];
    char *body = bench_body(30, 30, "");
    const bn_submit submit = {
        .body = body, .body_bytes = strlen(body), .max_queue_length = -1, .forget_soon = true};
    bench_submit(self, &submit, soon);
    bench_submit_body(self, body, usual);
    free(body);
    bench_wait(self, usual, BN_REQUEST_COMPLETED);
    atomic_fetch_add(&self->now_ms, (BN_FORGET_SOON_S - 1) * 1000LL);
    bn_jobs_sweep(self->jobs);
    assert_int_equal(status_of(self, soon).code, 200);
    atomic_fetch_add(&self->now_ms, 2000);
    bn_jobs_sweep(self->jobs);
    json_decref(result_of(self, soon, 404));
    assert_int_equal(status_of(self, usual).code, 200);
}

static void limits_hold_for_each_key(void **state)
{
    bench *self = *state;
    bn_error err = {0};
    bn_answer answer;
    char key[BN_KEY_CHARS], id[BN_REQUEST_ID_CHARS];
    bn_key_facts facts;
    const bn_key_limits limits = {.per_minute = 3, .running = 1, .waiting = 0};
    assert_ok(bn_keys_make(self->folder, "tester", NULL, &limits, key, &facts, &err), err);
    bn_submit submit = {.body = "{}", .body_bytes = 2, .key_id = facts.id, .max_queue_length = -1};
    for (int i = 0; i < 3; i++) bench_submit(self, &submit, id);
    bn_jobs_submit(self->jobs, &submit, id, NULL, &answer);
    assert_int_equal(answer.code, 429);
    assert_int_equal(answer.retry_after_s, 21);
    bn_answer_free(&answer);
    submit.key_id = NULL; /* others are not held back */
    bench_submit(self, &submit, id);
    submit.key_id = facts.id;
    atomic_fetch_add(&self->now_ms, 21000);
    bench_submit(self, &submit, id);

    blocked held;
    size_t size;
    char body[200];
    atomic_fetch_add(&self->now_ms, 60000);
    held.png = bench_png(50, 50, &size);
    slow_photo_start(&held.photo, held.png, size);
    snprintf(body, sizeof body, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", held.photo.port);
    submit.body = body;
    submit.body_bytes = strlen(body);
    bench_submit(self, &submit, held.id);
    slow_photo_wait_asked(&held.photo);
    bench_submit(self, &submit, id); /* the queue takes it, and it waits */
    submit.sync = true;
    char other[BN_REQUEST_ID_CHARS];
    bn_jobs_submit(self->jobs, &submit, other, NULL, &answer);
    assert_int_equal(answer.code, 429);
    assert_non_null(strstr(answer.body, "concurrent_requests_limit"));
    bn_answer_free(&answer);
    assert_int_equal(status_of(self, id).state, BN_REQUEST_QUEUED);
    slow_photo_answer(&held.photo);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    unblock(&held);
}

typedef struct crowd {
    bench *bench;
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
    bn_jobs_submit(self->bench->jobs, self->submit, id, NULL, &answer);
    if (answer.code == 200) memcpy(self->ids[atomic_fetch_add(&self->accepted, 1)], id, sizeof id);
    bn_answer_free(&answer);
    return NULL;
}

/* Forty submits at once, one waits already: three find a place, by each of the three limits. */
static void limits_hold_for_a_crowd(void **state)
{
    bench *self = *state;
    bn_jobs_options usual = self->options;
    for (int limit = 0; limit < 3; limit++) {
        pthread_t threads[40];
        blocked held, second;
        char body[200];
        bench_close(self);
        self->options = usual;
        if (limit == 0) self->options.limits.waiting = 3;
        if (limit == 1) self->options.max_waiting = 4;
        bench_open(self);
        block(self, &held);
        block(self, &second);
        snprintf(body, sizeof body, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", held.photo.port);
        const bn_submit submit = {.body = body,
                                  .body_bytes = strlen(body),
                                  .key_id = "many",
                                  .max_queue_length = limit == 2 ? 3 : -1};
        crowd group = {.bench = self, .submit = &submit};
        pthread_barrier_init(&group.start, NULL, 40);
        for (int i = 0; i < 40; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, submit_one, &group), 0);
        for (int i = 0; i < 40; i++) pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&group.start);
        assert_int_equal(group.accepted, 3);
        for (int i = 0; i < 3; i++) bn_jobs_cancel(self->jobs, group.ids[i], false);
        const bn_submit broken = {.body = "{", .body_bytes = 1, .key_id = "many", .max_queue_length = -1};
        char id[BN_REQUEST_ID_CHARS];
        for (int i = 0; i < 5; i++) { /* refused, and no place is lost */
            bn_answer answer;
            bn_jobs_submit(self->jobs, &broken, id, NULL, &answer);
            assert_int_equal(answer.code, 422);
            bn_answer_free(&answer);
        }
        for (int i = 0; i < 3; i++) bench_submit(self, &submit, group.ids[i]);
        unblock(&held);
        unblock(&second);
        for (int i = 0; i < 3; i++) bench_wait(self, group.ids[i], BN_REQUEST_COMPLETED);
        bench_wait(self, held.id, BN_REQUEST_COMPLETED);
        bench_wait(self, second.id, BN_REQUEST_COMPLETED);
    }
}

static void one_data_folder_has_one_server(void **state)
{
    bench *self = *state;
    bn_error err = {0};
    bn_jobs *second;
    assert_int_equal(bn_jobs_open(&self->options, &second, &err), BIREFNET_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "another server"));
}

static void readiness_and_metrics_tell(void **state)
{
    bench *self = *state;
    bn_error err = {0};
    char why[300];
    bn_buffer text;
    assert_true(bn_jobs_ready(self->jobs, why, sizeof why));
    bn_buffer_init(&text, 1u << 20);
    char id[BN_REQUEST_ID_CHARS];
    char *body = bench_body(30, 30, "");
    bench_submit_body(self, body, id);
    free(body);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    bench_submit_body(self, "{}", id);
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
    bench *self = *state;
    char why[300], id[BN_REQUEST_ID_CHARS];
    bench_close(self);
    self->options.fallback_model = "";
    bench_open(self);
    assert_false(bn_jobs_ready(self->jobs, why, sizeof why));
    assert_memory_equal(why, "no weights", 10);
    char *body = bench_body(30, 30, "");
    bench_submit_body(self, body, id);
    free(body);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    json_decref(result_of(self, id, 503));
}

static void copy_starter(bench *self, const char *name)
{
    char command[600];
    snprintf(command, sizeof command, "cp %s/models/starter.safetensors %s/%s", BN_SOURCE_DIR, self->folder,
             name);
    assert_int_equal(system(command), 0);
}

static void models_are_closed_when_there_are_too_many(void **state)
{
    bench *self = *state;
    static const char *const models[] = {"General Use (Light)", "Portrait", "Matting", "Portrait"};
    static const char *const weights[] = {"General Use (Light)", "Portrait", SEEDED, "Portrait"};
    static const int open_after[] = {1, 1, 1, 1};
    bench_close(self);
    self->options.max_models = 1;
    copy_starter(self, "BiRefNet.safetensors");
    copy_starter(self, "BiRefNet-portrait.safetensors");
    bench_open(self);
    for (size_t i = 0; i < 4; i++) {
        char id[BN_REQUEST_ID_CHARS], extra[100], line[60];
        bn_error err = {0};
        bn_answer answer;
        bn_buffer text;
        snprintf(extra, sizeof extra, "\"model\":\"%s\"", models[i]);
        char *body = bench_body(30, 30, extra);
        bench_submit_body(self, body, id);
        free(body);
        bench_wait(self, id, BN_REQUEST_COMPLETED);
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
    bench *self = *state;
    blocked held;
    size_t size;
    char body[200];
    held.png = bench_png(50, 50, &size);
    slow_photo_start(&held.photo, held.png, size);
    snprintf(body, sizeof body, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", held.photo.port);
    const bn_submit submit = {.body = body, .body_bytes = strlen(body), .sync = true, .max_queue_length = -1};
    bench_submit(self, &submit, held.id);
    slow_photo_wait_asked(&held.photo);
    bench_close(self);
    bench_open(self);
    assert_string_equal(status_of(self, held.id).error_type, "client_disconnected");
    json_decref(result_of(self, held.id, 499));
    unblock(&held);
}

static void bodies_that_wait_are_bounded(void **state)
{
    bench *self = *state;
    bn_answer answer;
    char id[BN_REQUEST_ID_CHARS];
    bench_close(self);
    self->options.max_waiting_bytes = 200;
    bench_open(self);
    blocked held;
    block(self, &held); /* some fifty bytes */
    const char *body =
        "{\"image_url\":\"data:,0123456789012345678901234567890123456789012345678901234567890123456789\"}";
    const bn_submit submit = {.body = body, .body_bytes = strlen(body), .max_queue_length = -1};
    bench_submit(self, &submit, id);
    bench_wait(self, id, BN_REQUEST_COMPLETED);
    bn_jobs_cancel(self->jobs, id, false);
    char *big = bench_body(30, 30, "");
    const bn_submit large = {.body = big, .body_bytes = strlen(big), .max_queue_length = -1};
    bn_jobs_submit(self->jobs, &large, id, NULL, &answer);
    assert_int_equal(answer.code, 429);
    assert_non_null(strstr(answer.body, "queue_full"));
    bn_answer_free(&answer);
    free(big);
    unblock(&held);
}

static int start_bench(void **state)
{
    bench *self = calloc(1, sizeof *self);
    bench_init(self);
    self->options.allow_private = true;
    self->options.fetch_threads = 4;
    atomic_store(&self->now_ms, 1700000000000);
    bench_open(self);
    *state = self;
    return 0;
}

static int end_bench(void **state)
{
    bench_destroy(*state);
    free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_bench, end_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_photo_becomes_a_cutout_and_a_mask),
        TEST(mask_only_inline_and_formats),
        TEST(bad_input_is_accepted_and_answered_with_422),
        TEST(photos_that_cannot_be_used_say_why),
        TEST(logs_tell_stage_and_percent_and_come_once),
        TEST(those_behind_wait_and_know_their_position),
        TEST(slow_hosts_hold_up_nobody_else),
        TEST(moves_of_the_queue_are_told_now_and_then),
        TEST(a_watch_of_no_request_is_taken_away_again),
        TEST(low_priority_runs_last),
        TEST(cancelling_while_waiting_running_and_after),
        TEST(cancelling_stops_the_network),
        TEST(start_timeout_ends_what_did_not_start),
        TEST(results_and_files_are_forgotten_in_time),
        TEST(some_results_are_forgotten_sooner),
        TEST(limits_hold_for_each_key),
        TEST(models_are_closed_when_there_are_too_many),
        TEST(a_sync_run_does_not_outlive_its_client),
        TEST(bodies_that_wait_are_bounded),
        TEST(limits_hold_for_a_crowd),
        TEST(one_data_folder_has_one_server),
        TEST(readiness_and_metrics_tell),
        TEST(no_weights_at_all_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
