/* rig_requests.c - see rig.h: requests as the tests look at them, and requests that stay where they are. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include <unistd.h>

json_t *rig_result(rig *self, const char *id, int code)
{
    bn_answer answer;
    bn_jobs_result(self->jobs, id, "http://here", &answer);
    if (answer.code != code) fail_msg("answered %d: %s", answer.code, answer.body);
    json_t *root = json_loadb(answer.body, answer.body_bytes, 0, NULL);
    assert_non_null(root);
    bn_answer_free(&answer);
    return root;
}

void rig_result_etag(rig *self, const char *id, char etag[33])
{
    bn_error err = {0};
    bn_answer answer;
    bn_file_facts facts;
    int fd;
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    bn_jobs_result(self->jobs, id, NULL, &answer);
    assert_int_equal(answer.code, 200);
    assert_ok(rig_file_open(self->jobs, answer.image_id, &facts, &fd, &err), err);
    close(fd);
    snprintf(etag, 33, "%s", facts.etag);
    bn_answer_free(&answer);
}

const char *rig_text(json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

/* A host of photos; body names one of them. */
void rig_host(rig_blocked *host, char body[200])
{
    size_t size;
    host->png = rig_png(50, 50, &size);
    slow_photo_start(&host->photo, host->png, size);
    snprintf(body, 200, "{\"image_url\":\"http://127.0.0.1:%d/x.png\"}", host->photo.port);
}

/* Two of these hold up all whose photos must be fetched: the tests fetch four at a time, two of them for one key. */
void rig_block(rig *self, rig_blocked *held)
{
    char body[200];
    rig_host(held, body);
    rig_submit_body(self, body, held->id);
    slow_photo_wait_asked(&held->photo);
}

void rig_unblock(rig_blocked *held)
{
    slow_photo_stop(&held->photo);
    free(held->png);
}

bn_request_status rig_status(rig *self, const char *id)
{
    bn_error err = {0};
    bn_request_status status;
    assert_ok(bn_jobs_status(self->jobs, id, false, 0, &status, &err), err);
    return status;
}

int rig_start(void **state)
{
    rig *self = calloc(1, sizeof *self);
    rig_init(self);
    self->options.allow_private = true;
    self->options.fetch_threads = 4;
    atomic_store(&self->now_ms, 1700000000000);
    rig_open(self);
    *state = self;
    return 0;
}

int rig_end(void **state)
{
    rig_destroy(*state);
    free(*state);
    return 0;
}
