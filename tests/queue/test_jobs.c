/* test_jobs.c - requests from submit to result: what comes out, errors, logs. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include "base/file.h"
#include "base/size.h"
#include "image/codec.h"
#include "schema/datauri.h"

#include <jansson.h>
#include <unistd.h>

static void decode_stored(rig *self, const char *id, int width, int height, int channels)
{
    bn_error err = {0};
    bn_file_facts facts;
    int fd;
    uint8_t bytes[100000];
    bn_image *image;
    assert_ok(rig_file_open(self->jobs, id, &facts, &fd, &err), err);
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
    rig *self = *state;
    char id[BN_REQUEST_ID_CHARS];
    char *body = rig_body(90, 60, "\"output_mask\":true,\"unknown\":[1]");
    rig_submit_body(self, body, id);
    free(body);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    json_t *result = rig_result(self, id, 200), *image = json_object_get(result, "image"),
           *mask = json_object_get(result, "mask_image");
    assert_int_equal(json_object_size(image), 6);
    assert_int_equal(json_object_size(mask), 6);
    assert_string_equal(rig_text(image, "content_type"), "image/png");
    assert_int_equal(json_integer_value(json_object_get(image, "width")), 90);
    assert_int_equal(json_integer_value(json_object_get(image, "height")), 60);
    bn_answer answer;
    bn_jobs_result(self->jobs, id, "http://here", &answer);
    assert_true(answer.billable_s > 0);
    assert_string_equal(answer.weights, SEEDED);
    decode_stored(self, answer.image_id, 90, 60, 4);
    char url[200];
    snprintf(url, sizeof url, "http://here/files/b/%s/%s", answer.image_id, rig_text(image, "file_name"));
    assert_string_equal(rig_text(image, "url"), url);
    bn_answer_free(&answer);
    json_decref(result);
}

static void a_picture_for_a_shop_has_its_canvas(void **state)
{
    rig *self = *state;
    char id[BN_REQUEST_ID_CHARS];
    char *body = rig_body(90, 60, "\"for\":\"square\",\"canvas\":\"120x100\",\"output_mask\":true");
    rig_submit_body(self, body, id);
    free(body);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    json_t *result = rig_result(self, id, 200);
    static const char *const names[] = {"image", "mask_image"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *file = json_object_get(result, names[i]);
        assert_int_equal(json_integer_value(json_object_get(file, "width")), 120);
        assert_int_equal(json_integer_value(json_object_get(file, "height")), 100);
    }
    bn_answer answer;
    bn_jobs_result(self->jobs, id, "http://here", &answer);
    decode_stored(self, answer.image_id, 120, 100, 3);
    bn_answer_free(&answer);
    json_decref(result);
    static const char *const too_large[] = {"\"canvas\":\"20000x100\",\"output_format\":\"webp\"",
                                            "\"canvas\":5001"};
    for (size_t i = 0; i < 2; i++) {
        body = rig_body(90, 60, too_large[i]);
        rig_submit_body(self, body, id);
        free(body);
        rig_wait(self, id, BN_REQUEST_COMPLETED);
        result = rig_result(self, id, 422);
        const json_t *entry = json_array_get(json_object_get(result, "detail"), 0);
        assert_string_equal(json_string_value(json_array_get(json_object_get(entry, "loc"), 1)), "canvas");
        json_decref(result);
    }
}

/* 422 with the format's limit, and nothing was computed. */
static void a_result_that_its_format_cannot_hold_is_refused(void **state)
{
    rig *self = *state;
    char id[BN_REQUEST_ID_CHARS];
    char *body = rig_body(17000, 20, "\"output_format\":\"webp\"");
    rig_submit_body(self, body, id);
    free(body);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    json_t *result = rig_result(self, id, 422), *entry = json_array_get(json_object_get(result, "detail"), 0);
    assert_string_equal(rig_text(entry, "type"), "image_too_large");
    assert_non_null(strstr(rig_text(entry, "msg"), "16383"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(entry, "ctx"), "max_width")), 16383);
    json_decref(result);
    bn_error err = {0};
    bn_request_status status;
    assert_ok(bn_jobs_status(self->jobs, id, true, 0, &status, &err), err);
    assert_null(strstr(status.logs, "Network"));
    bn_request_status_free(&status);
}

static void mask_only_inline_and_formats(void **state)
{
    rig *self = *state;
    static const char *const formats[] = {"webp", "gif", "png"};
    for (size_t i = 0; i < 3; i++) {
        char id[BN_REQUEST_ID_CHARS], extra[200], start[100];
        bn_error err = {0};
        bn_buffer bytes;
        bn_format format;
        int width, height;
        snprintf(extra, sizeof extra, "\"mask_only\":true,\"sync_mode\":\"yes\",\"output_format\":\"%s\"",
                 formats[i]);
        char *body = rig_body(70, 40, extra);
        rig_submit_body(self, body, id);
        free(body);
        rig_wait(self, id, BN_REQUEST_COMPLETED);
        json_t *result = rig_result(self, id, 200), *image = json_object_get(result, "image");
        assert_null(json_object_get(result, "mask_image"));
        snprintf(start, sizeof start, "data:image/%s;base64,", formats[i]);
        assert_memory_equal(rig_text(image, "url"), start, strlen(start));
        bn_buffer_init(&bytes, 1u << 20);
        assert_ok(bn_data_uri_read(rig_text(image, "url"), &bytes, &err), err);
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
    rig *self = *state;
    char id[BN_REQUEST_ID_CHARS];
    rig_submit_body(self, "{}", id);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    json_t *result = rig_result(self, id, 422);
    json_t *entry = json_array_get(json_object_get(result, "detail"), 0);
    assert_string_equal(rig_text(entry, "type"), "missing");
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
    rig_submit(self, &path, id);
    result = rig_result(self, id, 404);
    assert_string_equal(rig_text(result, "detail"), "Path /v2/nope not found");
    json_decref(result);
}

static void check_photo_error(rig *self, const char *body, const char *type, const char *words)
{
    char id[BN_REQUEST_ID_CHARS];
    rig_submit_body(self, body, id);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    json_t *result = rig_result(self, id, 422);
    json_t *entry = json_array_get(json_object_get(result, "detail"), 0);
    assert_string_equal(rig_text(entry, "type"), type);
    if (!strstr(rig_text(entry, "msg"), words))
        fail_msg("'%s' does not say %s", rig_text(entry, "msg"), words);
    json_decref(result);
}

static void photos_that_cannot_be_used_say_why(void **state)
{
    rig *self = *state;
    check_photo_error(self, "{\"image_url\":\"data:image/png;base64,AAAA\"}", "image_load_error", "");
    check_photo_error(self, "{\"image_url\":\"data:,%1f%8b%08%00\"}", "image_load_error",
                      "this is gzip, not an image");
    check_photo_error(self, "{\"image_url\":\"data:,<!doctype html><p>404\"}", "image_load_error",
                      "this is a web page");
    check_photo_error(self, "{\"image_url\":\"data:,8BPS%00%01\"}", "unsupported_image_format",
                      "Photoshop PSD");
    check_photo_error(self, "{\"image_url\":\"data:image/png;base64,A*\"}", "file_download_error", "");
    check_photo_error(self, "{\"image_url\":\"http://127.0.0.1:9/x.png\"}", "file_download_error", "");
    check_photo_error(self, "{\"image_url\":\"file:///etc/passwd\"}", "file_download_error", "");
    check_photo_error(self, "{\"image_url\":\"\"}", "file_download_error", "");
    char *body = rig_body(20, 20, "\"operating_resolution\":\"2304x2304\"");
    check_photo_error(self, body, "feature_not_supported", "");
    free(body);
}

static void logs_tell_stage_and_percent_and_come_once(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_request_status status;
    char id[BN_REQUEST_ID_CHARS];
    char *body = rig_body(40, 40, "");
    for (int i = 0; i < 2; i++) {
        rig_submit_body(self, body, id);
        rig_wait(self, id, BN_REQUEST_COMPLETED);
        assert_ok(bn_jobs_status(self->jobs, id, true, 0, &status, &err), err);
        const bool opens = strstr(status.logs, "Opening the weights of " SEEDED) != NULL;
        assert_int_equal(opens,
                         i == 0); /* those that answer, not those that were asked for; they stay open */
        if (i == 0) bn_request_status_free(&status);
    }
    free(body);
    json_t *all = json_loads(status.logs, 0, NULL);
    const int64_t last = status.last_log;
    assert_int_equal(json_array_size(all), last);
    assert_true(last >= 6);
    assert_non_null(strstr(status.logs, "Network: 50 %"));
    assert_non_null(strstr(status.logs, "The weights of General Use (Light) are not here"));
    assert_non_null(strstr(status.logs, "birefnet pull light"));
    json_t *line = json_array_get(all, 0);
    assert_string_equal(rig_text(line, "level"), "INFO");
    assert_string_equal(rig_text(line, "source"), "USER");
    assert_int_equal(strlen(rig_text(line, "timestamp")), 24);
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

static void frames_that_are_left_out_are_told(void **state)
{
    rig *self = *state;
    static const char *const files[][2] = {{"six.jxl", "image/jxl"},
                                           {"disposals.gif", "image/gif"},
                                           {"disposals.png", "image/png"},
                                           {"disposals.webp", "image/webp"},
                                           {"sequence.avif", "image/avif"}};
    for (size_t i = 0; i < BN_COUNT(files); i++) {
        bn_error err = {0};
        bn_request_status status;
        bn_buffer file, body;
        char id[BN_REQUEST_ID_CHARS], path[512];
        if (i == 0 && bn_format_missing(BN_FORMAT_JXL)) continue;
        bn_buffer_init(&file, 1u << 20);
        bn_buffer_init(&body, 1u << 20);
        snprintf(path, sizeof path, BN_SOURCE_DIR "/tests/image/animations/%s", files[i][0]);
        assert_ok(bn_file_read(path, &file, &err), err);
        assert_ok(bn_buffer_printf(&body, &err, "{\"image_url\":\""), err);
        assert_ok(bn_data_uri_write(files[i][1], file.data, file.size, &body, &err), err);
        assert_ok(bn_buffer_printf(&body, &err, "\"}"), err);
        rig_submit_body(self, (const char *)body.data, id);
        rig_wait(self, id, BN_REQUEST_COMPLETED);
        json_decref(rig_result(self, id, 200));
        assert_ok(bn_jobs_status(self->jobs, id, true, 0, &status, &err), err);
        assert_non_null(
            strstr(status.logs, "An animation of 6 frames: the first one is cut out, 5 are left out"));
        bn_request_status_free(&status);
        bn_buffer_free(&file);
        bn_buffer_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_photo_becomes_a_cutout_and_a_mask),
        RIG_TEST(a_picture_for_a_shop_has_its_canvas),
        RIG_TEST(a_result_that_its_format_cannot_hold_is_refused),
        RIG_TEST(mask_only_inline_and_formats),
        RIG_TEST(bad_input_is_accepted_and_answered_with_422),
        RIG_TEST(photos_that_cannot_be_used_say_why),
        RIG_TEST(logs_tell_stage_and_percent_and_come_once),
        RIG_TEST(frames_that_are_left_out_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
