/* test_s3_faults.c - S3 that is busy, slow, cut off or gone: calls are tried again and end within their deadline. The server
 * is a small one of our own: it says what it is told to. */
#include "tests/test.h"

#include "base/clock.h"
#include "base/size.h"
#include "blobs/blobs.h"
#include "store/store.h"
#include "tests/net/server.h"

#include <pthread.h>
#include <unistd.h>

typedef struct fixture {
    server server;
    char spool[64];
    bn_blobs *blobs;
} fixture;

static const uint8_t words[] = "what lies in the bucket";

/* From here on the server does what it was told to. */
static void open_blobs(fixture *self, int deadline_ms)
{
    assert_true(server_start(&self->server));
    bn_error err = {0};
    char address[100];
    const bn_blobs_options options = {.max_file_bytes = 100,
                                      .max_total_bytes = 100 + BN_STORED_COST,
                                      .max_upload_bytes = 100 + BN_STORED_COST,
                                      .spool = self->spool,
                                      .deadline_ms = deadline_ms,
                                      .slow_s = 3}; /* longer than a busy machine pauses */
    snprintf(address, sizeof address, "s3://bucket?endpoint=http://127.0.0.1:%d", self->server.port);
    assert_ok(bn_blobs_open(address, &options, &self->blobs, &err), err);
}

static int set_up(void **state)
{
    fixture *self = calloc(1, sizeof *self);
    self->server.body = words;
    self->server.size = sizeof words - 1;
    self->server.etag = "\"x\"";
    strcpy(self->spool, "/tmp/bn_spool_XXXXXX");
    assert_non_null(mkdtemp(self->spool));
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture *self = *state;
    if (self->blobs) bn_blobs_close(&self->blobs);
    server_stop(&self->server);
    rmdir(self->spool);
    free(self);
    return 0;
}

static void read_all(fixture *self)
{
    bn_error err = {0};
    bn_blob_reader reader;
    char text[100] = "";
    size_t got;
    assert_ok(bn_blob_open(self->blobs, "object", &reader, &err), err);
    assert_ok(bn_blob_read(&reader, 0, text, sizeof text, &got, &err), err);
    assert_int_equal(got, sizeof words - 1);
    assert_string_equal(text, (const char *)words);
    bn_blob_close(&reader);
}

static void what_may_pass_is_tried_again(void **state)
{
    fixture *self = *state;
    const fault faults[] = {FAULT_BUSY, FAULT_TOO_MANY, FAULT_DROP, FAULT_LONG, FAULT_STALL};
    memcpy(self->server.faults, faults, sizeof faults);
    open_blobs(self, 60000);
    read_all(self);
    assert_int_equal(atomic_load(&self->server.requests), BN_COUNT(faults) + 1);
}

static void it_is_given_up_at_the_deadline(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob_reader reader;
    for (int i = 0; i < SERVER_LOG; i++) self->server.faults[i] = FAULT_BUSY;
    open_blobs(self, 3000); /* time for a second try */
    assert_int_equal(bn_blob_open(self->blobs, "object", &reader, &err), BIREFNET_ERROR_IO);
    assert_non_null(strstr(err.message, "503"));
    assert_true(atomic_load(&self->server.requests) > 1);
    assert_true(atomic_load(&self->server.requests) < SERVER_LOG);
}

static void what_will_not_pass_is_said_at_once(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob_reader reader;
    self->server.faults[0] = FAULT_REFUSE;
    self->server.faults[1] = FAULT_TO_FILE;
    open_blobs(self, 60000);
    assert_int_equal(bn_blob_open(self->blobs, "object", &reader, &err), BIREFNET_ERROR_IO);
    assert_non_null(strstr(err.message, "403"));
    assert_int_equal(bn_blob_open(self->blobs, "object", &reader, &err), BIREFNET_ERROR_IO);
    assert_int_equal(atomic_load(&self->server.requests), 2); /* no redirect is followed */
}

static void a_write_that_failed_is_known(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob blob;
    open_blobs(self, 300); /* the server knows no PUT: it hangs up */
    assert_int_equal(bn_blobs_write(self->blobs, "object", "x", 1, &blob, &err), BIREFNET_ERROR_IO);
    assert_true(bn_blobs_failing(self->blobs));
    assert_true(bn_blobs_are_remote(self->blobs));
    assert_int_equal(bn_blobs_bytes(self->blobs), 0);
}

static void more_than_was_asked_for_is_refused(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob_reader reader;
    static uint8_t large[1200000];
    self->server.body = large;
    self->server.size = sizeof large;
    self->server.faults[0] = FAULT_IGNORE_RANGE;
    open_blobs(self, 60000);
    assert_int_equal(bn_blob_open(self->blobs, "object", &reader, &err), BIREFNET_ERROR_IO);
}

static void *open_object(void *user)
{
    fixture *self = user;
    bn_blob_reader reader;
    return (void *)(intptr_t)bn_blob_open(self->blobs, "object", &reader, NULL);
}

/* A server that closes does not wait for a bucket. */
static void calls_end_when_told_to(void **state)
{
    fixture *self = *state;
    pthread_t thread;
    void *status;
    for (int i = 0; i < SERVER_LOG; i++) self->server.faults[i] = FAULT_BUSY;
    open_blobs(self, 3600000);
    assert_int_equal(pthread_create(&thread, NULL, open_object, self), 0);
    while (atomic_load(&self->server.requests) < 2) usleep(1000);
    bn_blobs_stop(self->blobs);
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, BIREFNET_ERROR_IO);
}

#define FAULT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULT_TEST(what_may_pass_is_tried_again),       FAULT_TEST(it_is_given_up_at_the_deadline),
        FAULT_TEST(what_will_not_pass_is_said_at_once), FAULT_TEST(a_write_that_failed_is_known),
        FAULT_TEST(more_than_was_asked_for_is_refused), FAULT_TEST(calls_end_when_told_to),
    };
    if (sodium_init() < 0) return 1;
    setenv("AWS_ACCESS_KEY_ID", "me", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hush", 1);
    unsetenv("AWS_SESSION_TOKEN");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
