/* test_webhooks.c - webhooks: what they carry, their signature by the receivers' recipe, and when they are tried again. */
#include "tests/test.h"

#include "tests/queue/rig.h"
#include "tests/queue/receiver.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fixture {
    rig rig;
    receiver hooks;
    char url[100];
} fixture;

static fixture *start(const int *codes, size_t count)
{
    fixture *self = calloc(1, sizeof *self);
    rig_init(&self->rig);
    atomic_store(&self->rig.now_ms, 1700000000000);
    rig_open(&self->rig);
    receiver_start(&self->hooks, codes, count);
    snprintf(self->url, sizeof self->url, "http://127.0.0.1:%d/hook?x=1", self->hooks.port);
    return self;
}

static void end(fixture *self)
{
    rig_destroy(&self->rig);
    receiver_stop(&self->hooks);
    free(self);
}

static void submit(fixture *self, const char *body, char id[BN_REQUEST_ID_CHARS])
{
    const bn_submit submit = {.body = body,
                              .body_bytes = strlen(body),
                              .webhook = self->url,
                              .file_base = "https://photos.example",
                              .max_queue_length = -1};
    rig_submit(&self->rig, &submit, id);
}

/* As receivers do it: any key of the set, the four fields, the raw body. */
static bool verifies(const char *jwks, const received *hook, const char *body)
{
    bool good = false;
    json_t *keys = json_loads(jwks, 0, NULL), *key;
    size_t index;
    uint8_t signature[crypto_sign_BYTES], digest[crypto_hash_sha256_BYTES];
    char hex[65], message[400];
    crypto_hash_sha256(digest, (const uint8_t *)body, strlen(body));
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    snprintf(message, sizeof message, "%s\n%s\n%s\n%s", hook->request_id, hook->user_id, hook->timestamp,
             hex);
    assert_int_equal(sodium_hex2bin(signature, sizeof signature, hook->signature, strlen(hook->signature),
                                    NULL, NULL, NULL),
                     0);
    json_array_foreach(json_object_get(keys, "keys"), index, key)
    {
        uint8_t public_key[32];
        const char *x = json_string_value(json_object_get(key, "x"));
        assert_string_equal(json_string_value(json_object_get(key, "kty")), "OKP");
        assert_string_equal(json_string_value(json_object_get(key, "crv")), "Ed25519");
        assert_int_equal(sodium_base642bin(public_key, sizeof public_key, x, strlen(x), NULL, NULL, NULL,
                                           sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                         0);
        good = good || crypto_sign_verify_detached(signature, (const uint8_t *)message, strlen(message),
                                                   public_key) == 0;
    }
    json_decref(keys);
    return good;
}

static void a_result_is_delivered_and_signed(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer jwks;
    char id[BN_REQUEST_ID_CHARS], text[40];
    fixture *self = start(NULL, 0);
    char *body = rig_body(20, 20, "");
    submit(self, body, id);
    free(body);
    receiver_wait(&self->hooks, 1);
    received *hook = &self->hooks.list[0];
    assert_string_equal(hook->request_id, id);
    assert_string_equal(hook->timestamp, "1700000000");
    json_t *root = json_loads(hook->body, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "request_id")), id);
    assert_string_equal(json_string_value(json_object_get(root, "gateway_request_id")), id);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "OK");
    assert_null(json_object_get(root, "error"));
    const char *url =
        json_string_value(json_object_get(json_object_get(json_object_get(root, "payload"), "image"), "url"));
    snprintf(text, sizeof text, "https://photos.example/files/b/");
    assert_memory_equal(url, text, strlen(text));
    json_decref(root);
    bn_buffer_init(&jwks, 10000);
    assert_ok(bn_jobs_jwks(self->rig.jobs, &jwks, &err), err);
    assert_true(verifies((char *)jwks.data, hook, hook->body));
    hook->body[hook->body_bytes / 2] ^= 1;
    assert_false(verifies((char *)jwks.data, hook, hook->body));
    bn_buffer_free(&jwks);
    char path[100];
    struct stat facts;
    snprintf(path, sizeof path, "%s/webhook.key", self->rig.folder);
    if (rig_shares_store()) { /* which holds the key for all */
        assert_int_equal(stat(path, &facts), -1);
    } else {
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_mode & 0777, 0600);
    }
    end(self);
}

static void failures_carry_the_errors(void **state)
{
    (void)state;
    char id[BN_REQUEST_ID_CHARS];
    fixture *self = start(NULL, 0);
    submit(self, "{\"image_url\":\"data:,not an image\"}", id);
    receiver_wait(&self->hooks, 1);
    json_t *root = json_loads(self->hooks.list[0].body, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "ERROR");
    assert_string_equal(json_string_value(json_object_get(root, "error")), "Invalid status code: 422");
    const json_t *detail = json_object_get(json_object_get(root, "payload"), "detail");
    assert_string_equal(json_string_value(json_object_get(json_array_get(detail, 0), "type")),
                        "image_load_error");
    json_decref(root);
    end(self);
}

static void wait_for_failures(fixture *self, int count)
{
    bn_error err = {0};
    char line[80];
    snprintf(line, sizeof line, "\nbirefnet_webhooks_failed_total %d\n", count);
    for (bool there = false; !there;) { /* the attempt is over a moment after the receiver has answered */
        bn_buffer text;
        bn_buffer_init(&text, 1u << 20);
        assert_ok(bn_jobs_metrics(self->rig.jobs, &text, &err), err);
        there = strstr((char *)text.data, line) != NULL;
        bn_buffer_free(&text);
    }
}

static void failed_attempts_come_again_after_a_restart_too(void **state)
{
    (void)state;
    static const int codes[] = {500, 503};
    char id[BN_REQUEST_ID_CHARS];
    fixture *self = start(codes, 2);
    submit(self, "{}", id);
    receiver_wait(&self->hooks, 1);
    wait_for_failures(self, 1);
    bn_jobs_sweep(self->rig.jobs);
    assert_int_equal(self->hooks.count, 1); /* not before its time */
    atomic_fetch_add(&self->rig.now_ms, 1500);
    bn_jobs_sweep(self->rig.jobs);
    receiver_wait(&self->hooks, 2);
    wait_for_failures(self, 2);
    rig_close(&self->rig);
    atomic_fetch_add(&self->rig.now_ms, 5500);
    rig_open(&self->rig);
    receiver_wait(&self->hooks, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(self->hooks.list[i].request_id, id);
    assert_string_equal(self->hooks.list[0].body, self->hooks.list[2].body);
    end(self);
}

/* After the one delivery that there was: hours later the next thing that comes is of another request. */
static void expect_no_other_attempt(fixture *self)
{
    char second[BN_REQUEST_ID_CHARS];
    atomic_fetch_add(&self->rig.now_ms, 7200 * 1000);
    bn_jobs_sweep(self->rig.jobs);
    submit(self, "{}", second);
    receiver_wait(&self->hooks, 2);
    assert_string_equal(self->hooks.list[1].request_id, second);
}

static void a_redirect_is_not_followed_or_repeated(void **state)
{
    (void)state;
    static const int codes[] = {302};
    char id[BN_REQUEST_ID_CHARS];
    fixture *self = start(codes, 1);
    submit(self, "{}", id);
    receiver_wait(&self->hooks, 1);
    wait_for_failures(self, 1);
    expect_no_other_attempt(self);
    end(self);
}

/* A receiver that takes connections and never answers. */
static int tarpit_start(char url[100])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, 100, "http://127.0.0.1:%d/hook", ntohs(address.sin_port));
    return fd;
}

/* Bob has one, then one for each of his many requests. */
static void slow_receivers_hold_up_nobody_else(void **state)
{
    (void)state;
    enum { PITS = 12 };
    char id[BN_REQUEST_ID_CHARS], urls[PITS][100];
    int pits[PITS];
    fixture *self = start(NULL, 0);
    rig_close(&self->rig);
    self->rig.options.webhook_timeout_ms = 3600 * 1000; /* so that nobody gets a place by another's timeout */
    rig_open(&self->rig);
    for (int i = 0; i < PITS; i++) pits[i] = tarpit_start(urls[i]);
    for (int many = 0; many < 2; many++) {
        bn_submit slow = {.body = "{}", .body_bytes = 2, .key_id = "bob", .max_queue_length = -1};
        for (int i = 0; i < PITS; i++) {
            slow.webhook = urls[many ? i : 0];
            rig_submit(&self->rig, &slow, id);
        }
        const bn_submit quick = {.body = "{}",
                                 .body_bytes = 2,
                                 .key_id = many ? "alice" : "bob",
                                 .webhook = self->url,
                                 .max_queue_length = -1};
        rig_submit(&self->rig, &quick, id);
        receiver_wait(&self->hooks, (size_t)many + 1);
        assert_string_equal(self->hooks.list[many].request_id, id);
    }
    end(self);
    for (int i = 0; i < PITS; i++) close(pits[i]);
}

/* 200 is 200, however much the receiver has to say. */
static void a_long_acknowledgement_is_one(void **state)
{
    (void)state;
    char id[BN_REQUEST_ID_CHARS];
    fixture *self = start(NULL, 0);
    self->hooks.reply_bytes = 3u << 20;
    submit(self, "{}", id);
    receiver_wait(&self->hooks, 1);
    for (bool over = false; !over;) {
        bn_error err = {0};
        bn_buffer text;
        bn_buffer_init(&text, 1u << 20);
        assert_ok(bn_jobs_metrics(self->rig.jobs, &text, &err), err);
        const bool failed = strstr((char *)text.data, "webhooks_failed_total 0\n") == NULL;
        over = failed || strstr((char *)text.data, "webhooks_delivered_total 1\n");
        bn_buffer_free(&text);
        assert_false(failed);
    }
    expect_no_other_attempt(self);
    end(self);
}

static int try_to_submit(rig *self, const bn_submit *submit, const char *reason)
{
    bn_answer answer;
    char id[BN_REQUEST_ID_CHARS];
    bn_jobs_submit(self->jobs, submit, id, NULL, &answer);
    const int code = answer.code;
    if (code == 429) {
        assert_non_null(strstr(answer.body, "webhooks_limit"));
        assert_non_null(strstr(answer.body, reason));
        assert_true(answer.retry && answer.retry_after_s > 0);
    }
    bn_answer_free(&answer);
    return code;
}

static void those_that_nobody_takes_are_limited(void **state)
{
    (void)state;
    static const int codes[] = {500, 500};
    fixture *self = start(codes, 2);
    rig *room = &self->rig;
    rig_close(room);
    room->options.max_key_webhooks = 2;
    room->options.max_webhooks = 3;
    rig_open(room);
    bn_submit submit = {
        .body = "{}", .body_bytes = 2, .webhook = self->url, .key_id = "bob", .max_queue_length = -1};
    for (int i = 0; i < 2; i++) assert_int_equal(try_to_submit(room, &submit, ""), 200);
    assert_int_equal(try_to_submit(room, &submit, "of this key"), 429);
    submit.webhook = NULL; /* nothing else is held back */
    assert_int_equal(try_to_submit(room, &submit, ""), 200);
    submit.webhook = self->url;
    wait_for_failures(self, 2);
    rig_close(room); /* and they count after a restart */
    rig_open(room);
    assert_int_equal(try_to_submit(room, &submit, "of this key"), 429);
    submit.key_id = NULL;
    submit.webhook = "http://127.0.0.1:1/"; /* nobody is there */
    assert_int_equal(try_to_submit(room, &submit, ""), 200);
    assert_int_equal(try_to_submit(room, &submit, "Too many webhooks wait"), 429);
    atomic_fetch_add(&room->now_ms, 1500);
    bn_jobs_sweep(room->jobs);
    receiver_wait(&self->hooks, 4); /* bob's are taken now */
    submit.key_id = "bob";
    submit.webhook = self->url;
    while (try_to_submit(room, &submit, "") != 200) continue; /* a moment after the receiver has answered */
    end(self);
}

/* The best of some rounds, so that other work on the machine does not count. */
static double submit_ms(rig *self, const bn_submit *submit)
{
    enum { ROUNDS = 15, EACH = 20 };
    char id[BN_REQUEST_ID_CHARS];
    double best_ms = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double start_ms = bn_clock_ms();
        for (int i = 0; i < EACH; i++) rig_submit(self, submit, id);
        const double each_ms = (bn_clock_ms() - start_ms) / EACH;
        if (each_ms < best_ms) best_ms = each_ms;
    }
    return best_ms;
}

static bn_submit submit_to(const char *url)
{
    return (bn_submit){.body = "{}", .body_bytes = 2, .webhook = url, .max_queue_length = -1};
}

static void many_that_wait_cost_the_others_nothing(void **state)
{
    (void)state;
    char url[100], id[BN_REQUEST_ID_CHARS];
    const int pit = tarpit_start(url);
    fixture *self = start(NULL, 0);
    const bn_submit submit = submit_to(url);
    const double before_ms = submit_ms(&self->rig, &submit);
    for (int i = 0; i < 2500; i++) rig_submit(&self->rig, &submit, id);
    const double ms = submit_ms(&self->rig, &submit);
    if (ms > 8 * before_ms + 1) fail_msg("%g ms a submit, %g ms before", ms, before_ms); /* 40 times, once */
    const bn_submit quick = submit_to(self->url);
    rig_submit(&self->rig, &quick, id);
    receiver_wait(&self->hooks, 1);
    assert_string_equal(self->hooks.list[0].request_id, id);
    end(self);
    close(pit);
}

/* What a database of version 3 held is delivered, and counts. */
static void those_of_an_older_program_are_delivered(void **state)
{
    (void)state;
    static const int codes[] = {500};
    static const char back[] =
        "DROP INDEX requests_waiting; DROP INDEX requests_line; DROP INDEX requests_held; DROP INDEX "
        "webhooks_taken;"
        "DROP TABLE processes; DROP TABLE live; DROP TABLE rate; DROP TABLE duties; DROP TABLE secrets;"
        "ALTER TABLE requests DROP COLUMN turn; ALTER TABLE requests DROP COLUMN model;"
        "ALTER TABLE requests DROP COLUMN fetches; ALTER TABLE requests DROP COLUMN key_running;"
        "ALTER TABLE requests DROP COLUMN front; ALTER TABLE requests DROP COLUMN extras;"
        "ALTER TABLE requests DROP COLUMN running; ALTER TABLE requests DROP COLUMN cancel;"
        "ALTER TABLE webhooks DROP COLUMN claim; ALTER TABLE webhooks DROP COLUMN process;"
        "DROP TRIGGER webhook_comes; DROP TRIGGER webhook_goes; DROP TABLE webhook_counts;"
        "DROP INDEX webhooks_turn; DROP INDEX webhooks_due; ALTER TABLE webhooks DROP COLUMN host;"
        "ALTER TABLE webhooks DROP COLUMN key_id; ALTER TABLE webhooks DROP COLUMN again;"
        "ALTER TABLE webhooks DROP COLUMN public_only; ALTER TABLE requests DROP COLUMN public_only;"
        "ALTER TABLE requests DROP COLUMN held; ALTER TABLE requests DROP COLUMN worker;"
        "ALTER TABLE requests DROP COLUMN claim; ALTER TABLE requests DROP COLUMN weight;"
        "ALTER TABLE requests DROP COLUMN ended_claim; DROP INDEX files_object; DROP INDEX parts_object;"
        "ALTER TABLE files DROP COLUMN object; ALTER TABLE parts DROP COLUMN object; DROP TABLE objects;"
        "CREATE INDEX webhooks_due ON webhooks(next_ms); PRAGMA user_version = 3;";
    char id[BN_REQUEST_ID_CHARS], path[100];
    if (rig_shares_store()) skip();
    fixture *self = start(codes, 1);
    submit(self, "{}", id);
    wait_for_failures(self, 1);
    rig_close(&self->rig);
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/jobs.sqlite", self->rig.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, back, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    self->rig.options.max_key_webhooks = 1;
    rig_open(&self->rig);
    const bn_submit second = submit_to(self->url);
    assert_int_equal(try_to_submit(&self->rig, &second, "of this key"), 429);
    atomic_fetch_add(&self->rig.now_ms, 1500);
    bn_jobs_sweep(self->rig.jobs);
    receiver_wait(&self->hooks, 2);
    assert_string_equal(self->hooks.list[1].request_id, id);
    end(self);
}

/* Submits a second while so many webhooks wait: test_queue_webhooks --time. */
static void measure(size_t pending, const char *what, const char *url)
{
    enum { COUNT = 300 };
    rig self;
    char id[BN_REQUEST_ID_CHARS];
    rig_init(&self);
    self.options.max_key_webhooks = self.options.max_webhooks;
    rig_open(&self);
    const bn_submit submit = submit_to(url);
    for (size_t i = 0; i < pending; i++) rig_submit(&self, &submit, id);
    const double start_ms = bn_clock_ms();
    for (int i = 0; i < COUNT; i++) rig_submit(&self, &submit, id);
    printf("%4zu webhooks wait for a receiver that %s: %.0f submits a second\n", pending, what,
           COUNT / (bn_clock_ms() - start_ms) * 1e3);
    rig_destroy(&self);
}

static int measure_all(void)
{
    char url[100];
    const int pit = tarpit_start(url);
    for (size_t pending = 0; pending <= 5000; pending += 2500) {
        measure(pending, "is silent", url);
        measure(pending, "refuses", "http://127.0.0.1:1/");
    }
    close(pit);
    return 0;
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "--time") == 0) return measure_all();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_delivered_and_signed),
        cmocka_unit_test(failures_carry_the_errors),
        cmocka_unit_test(failed_attempts_come_again_after_a_restart_too),
        cmocka_unit_test(slow_receivers_hold_up_nobody_else),
        cmocka_unit_test(a_redirect_is_not_followed_or_repeated),
        cmocka_unit_test(a_long_acknowledgement_is_one),
        cmocka_unit_test(those_that_nobody_takes_are_limited),
        cmocka_unit_test(many_that_wait_cost_the_others_nothing),
        cmocka_unit_test(those_of_an_older_program_are_delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
