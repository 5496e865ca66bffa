/* test_servers.c - two servers, each with a data folder of its own, over one store: what one writes the other leaves alone, and
 * keys are the same for both. */
#include "tests/test.h"

#include "base/clock.h"
#include "blobs/blobs.h"
#include "store/ids.h"
#include "store/store.h"
#include "tests/queue/rig.h"
#include "tests/store/postgres.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LEASE_MS = 3600000, STRANGER = 77, DEAD = 78 }; /* nobody is missed because a machine is slow */

typedef struct servers {
    rig one, two;
    char address[120], files[80];
    bn_store *store; /* of a third process */
} servers;

static int set_up(void **state)
{
    servers *self = calloc(1, sizeof *self);
    bn_error err = {0};
    char folder[] = "/tmp/bn-jobs-XXXXXX";
    assert_non_null(mkdtemp(folder));
    rig_init(&self->one);
    rig_init_at(&self->two, folder);
    snprintf(self->address, sizeof self->address, "sqlite:%s/shared.sqlite", self->one.folder);
    if (!rig_shares_store()) self->one.options.store = self->two.options.store = self->address;
    snprintf(self->files, sizeof self->files, "folder:%s", self->one.folder);
    self->one.options.files = self->two.options.files = self->files;
    self->one.options.lease_ms = self->two.options.lease_ms = LEASE_MS;
    assert_ok(bn_store_open(self->one.options.store, &self->store, &err), err);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    servers *self = *state;
    bn_store_close(&self->store);
    rig_destroy(&self->two);
    rig_destroy(&self->one);
    free(self);
    return 0;
}

static void beat(servers *self, int64_t process)
{
    bn_error err = {0};
    int64_t now_ms;
    bn_holding *holdings;
    size_t count;
    const bn_process who = {.id = process, .role = "serve"};
    assert_ok(bn_store_beat(self->store, &who, &now_ms, &holdings, &count, &err), err);
    free(holdings);
}

/* A file that this process is about to fill: its bytes are there. */
static void promise(servers *self, int64_t process, bn_stored_file *file)
{
    bn_error err = {0};
    *file = (bn_stored_file){.facts = {.name = "x", .type = "image/png", .created_ms = 1}};
    file->facts.created_ms = (int64_t)time(NULL) * 1000;
    bn_id_make(file->facts.id);
    bn_id_make(file->upload_id);
    bn_id_make(file->facts.object);
    assert_ok(bn_store_file_promise(self->store, file, &err), err);
    assert_ok(bn_store_object_promise(self->store, file->facts.object, file->facts.created_ms, process, false,
                                      &err),
              err);
    const bn_blobs_options limits = {
        .max_file_bytes = 100, .max_total_bytes = 1000 + BN_STORED_COST, .others = true};
    bn_blobs *blobs;
    bn_blob blob;
    assert_ok(bn_blobs_open(self->files, &limits, &blobs, &err), err);
    assert_ok(bn_blobs_write(blobs, file->facts.object, "abc", 3, &blob, &err), err);
    bn_blobs_close(&blobs);
}

static bn_status fill(servers *self, const bn_stored_file *file)
{
    return bn_store_file_whole(self->store, &file->facts, NULL);
}

static void what_a_living_server_writes_stays(void **state)
{
    servers *self = *state;
    bn_error err = {0};
    bn_stored_file hers, old;
    bn_rescued *rescued;
    size_t count;
    beat(self, STRANGER);
    promise(self, STRANGER, &hers);
    promise(self, DEAD, &old); /* which never beat */
    rig_open(&self->one);
    rig_open(&self->two);
    beat(self, STRANGER);
    bn_jobs_sweep(self->one.jobs);
    bn_jobs_sweep(self->two.jobs);
    assert_ok(bn_store_rescue(self->store, STRANGER, 3600000, &rescued, &count, &err), err);
    free(rescued);
    bn_jobs_sweep(self->two.jobs);
    assert_int_equal(rig_count_files(&self->one, "files"), 1);
    assert_int_equal(fill(self, &old), BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(fill(self, &hers), BIREFNET_OK);
}

/* A server that others hold for dead loses what it was writing, and is told so; no file without bytes comes of it. */
static void what_a_server_wrote_before_it_was_missed_strays(void **state)
{
    servers *self = *state;
    bn_stored_file hers;
    beat(self, STRANGER);
    promise(self, STRANGER, &hers);
    atomic_store(&self->one.now_ms, (int64_t)time(NULL) * 1000 + 100 * LEASE_MS); /* the store's clock, too */
    rig_open(&self->one);
    assert_int_equal(rig_count_files(&self->one, "files"), 0);
    beat(self, STRANGER); /* it had only been stopped */
    assert_int_equal(fill(self, &hers), BIREFNET_ERROR_NOT_FOUND);
}

/* What other servers have changed comes within two seconds; a busy machine is given more. */
static bn_auth comes_to(rig *server, const char *field, bn_auth wanted)
{
    char id[BN_KEY_ID_CHARS];
    bn_credential shown;
    bn_auth got;
    const struct timespec pause = {.tv_nsec = 20000000};
    const double end_ms = bn_clock_ms() + 60000;
    do {
        got = bn_jobs_authorize(server->jobs, field, id, &shown);
        if (got != wanted) nanosleep(&pause, NULL);
    } while (got != wanted && bn_clock_ms() < end_ms);
    return got;
}

static void keys_are_those_of_all(void **state)
{
    servers *self = *state;
    bn_error err = {0};
    bn_key_facts facts;
    char key[BN_KEY_CHARS], field[BN_KEY_CHARS + 8], token[BN_TOKEN_CHARS], bearer[BN_TOKEN_CHARS + 8];
    int64_t expires_ms;
    if (!rig_shares_store()) skip(); /* keys.json is each folder's own */
    rig_open(&self->one);
    rig_open(&self->two);
    assert_false(bn_jobs_has_keys(self->two.jobs));
    rig_make_key(&self->one, "laptop", NULL, key, &facts);
    snprintf(field, sizeof field, "Key %s", key);
    assert_int_equal(comes_to(&self->two, NULL, BN_AUTH_NONE), BN_AUTH_NONE);
    assert_int_equal(comes_to(&self->two, field, BN_AUTH_OK), BN_AUTH_OK);
    assert_ok(bn_jobs_token_make(self->one.jobs, BN_TOKEN_STREAM, facts.id, 3600, token, &expires_ms, &err),
              err);
    snprintf(bearer, sizeof bearer, "Bearer %s", token);
    assert_int_equal(comes_to(&self->two, bearer, BN_AUTH_OK), BN_AUTH_OK);
    rig_revoke_key(&self->two, facts.id);
    assert_int_equal(comes_to(&self->one, field, BN_AUTH_UNKNOWN), BN_AUTH_UNKNOWN);
    assert_int_equal(comes_to(&self->one, bearer, BN_AUTH_UNKNOWN), BN_AUTH_UNKNOWN);
    assert_true(bn_jobs_has_keys(self->one.jobs)); /* the door stays shut */
}

static int submit(rig *server, const char *key_id)
{
    bn_answer answer;
    char id[BN_REQUEST_ID_CHARS];
    const bn_submit wish = {.body = "{}", .body_bytes = 2, .key_id = key_id, .max_queue_length = -1};
    bn_jobs_submit(server->jobs, &wish, id, NULL, &answer);
    const int code = answer.code;
    bn_answer_free(&answer);
    return code;
}

/* Two front ends that know a key with four submits a minute. */
static void open_with_limit(servers *self, bn_key_facts *facts)
{
    char key[BN_KEY_CHARS], field[BN_KEY_CHARS + 8];
    const bn_key_limits limits = {.per_minute = 4, .running = -1, .waiting = -1};
    const int64_t now_ms = (int64_t)time(NULL) * 1000;
    self->one.options.role = self->two.options.role = BN_ROLE_FRONT;
    atomic_store(&self->one.now_ms, now_ms); /* no token comes back while a busy machine takes its time */
    atomic_store(&self->two.now_ms, now_ms);
    rig_open(&self->one);
    rig_open(&self->two);
    rig_make_key(&self->one, "laptop", &limits, key, facts);
    snprintf(field, sizeof field, "Key %s", key);
    assert_int_equal(comes_to(&self->two, NULL, BN_AUTH_NONE), BN_AUTH_NONE); /* without keys any is right */
    assert_int_equal(comes_to(&self->two, field, BN_AUTH_OK), BN_AUTH_OK);
}

/* A key's submits a minute are counted over both. */
static void limits_are_those_of_all(void **state)
{
    servers *self = *state;
    bn_key_facts facts;
    if (!rig_shares_store()) skip();
    open_with_limit(self, &facts);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(submit(&self->one, facts.id), 200);
        assert_int_equal(submit(&self->two, facts.id), 200);
    }
    assert_int_equal(submit(&self->one, facts.id), 429);
    assert_int_equal(submit(&self->two, facts.id), 429);
}

static void what_cannot_be_counted_is_refused(void **state)
{
    servers *self = *state;
    bn_key_facts facts;
    if (!rig_shares_store()) skip();
    open_with_limit(self, &facts);
    assert_true(test_postgres_run("ALTER TABLE rate RENAME TO rate_away"));
    assert_int_equal(submit(&self->two, facts.id), 503);
    assert_true(test_postgres_run("ALTER TABLE rate_away RENAME TO rate"));
    assert_int_equal(submit(&self->two, facts.id), 200);
}

/* What the client of a request hears of it from a server that has not heard of it yet. */
static void ask(bn_jobs *jobs, const char *id, bn_status *may, int *result, bn_cancel_result *cancel)
{
    bn_error err = {0};
    bn_answer answer;
    *may = bn_jobs_may_see(jobs, id, NULL, &err);
    bn_jobs_result(jobs, id, "http://127.0.0.1", &answer);
    *result = answer.code;
    bn_answer_free(&answer);
    *cancel = bn_jobs_cancel(jobs, id, false);
}

/* Clients give up where they are told that there is no such request; while the database is away nobody knows. */
static void what_cannot_be_read_is_not_unknown(void **state)
{
    servers *self = *state;
    bn_status may;
    int result;
    bn_cancel_result cancel;
    char id[BN_REQUEST_ID_CHARS], none[BN_REQUEST_ID_CHARS];
    if (!rig_shares_store()) skip();
    rig_open(&self->one);
    rig_submit_body(&self->one, "{\"image_url\":\"data:,x\"}", id);
    rig_wait(&self->one, id, BN_REQUEST_COMPLETED);
    self->two.options.role = BN_ROLE_FRONT;
    rig_open(&self->two);
    assert_true(test_postgres_run("ALTER TABLE requests RENAME TO requests_away"));
    ask(self->two.jobs, id, &may, &result, &cancel);
    assert_true(test_postgres_run("ALTER TABLE requests_away RENAME TO requests"));
    assert_true(may != BIREFNET_OK && may != BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(result, 503);
    assert_int_equal(cancel, BN_CANCEL_FAILED);
    ask(self->two.jobs, id, &may, &result, &cancel);
    assert_int_equal(may, BIREFNET_OK);
    assert_int_equal(result, 422);
    assert_int_equal(cancel, BN_CANCEL_COMPLETED);
    bn_uuid_make(none);
    ask(self->two.jobs, none, &may, &result, &cancel);
    assert_int_equal(may, BIREFNET_OK);
    assert_int_equal(result, 404);
    assert_int_equal(cancel, BN_CANCEL_NOT_FOUND);
}

static int count_uploads(rig *server, int most)
{
    static const char bytes[1000];
    bn_file_facts facts;
    const bn_upload wish = {
        .name = "x", .key_id = "greedy", .lifecycle = "{\"expiration_duration_seconds\":60}"};
    const int fd = rig_fd(bytes, sizeof bytes);
    int count = 0;
    while (count < most && bn_jobs_upload(server->jobs, &wish, fd, &facts, NULL) == BIREFNET_OK) count++;
    close(fd);
    return count;
}

/* One writes, and another, whose duty it is, removes what has expired: the room is the same for all. */
static void room_is_that_of_all(void **state)
{
    servers *self = *state;
    char why[300];
    const int64_t now_ms = (int64_t)time(NULL) * 1000;
    const int most = 180000 / (1000 + 2 * BN_STORED_COST);
    rig *const both[] = {&self->one, &self->two};
    for (int i = 0; i < 2; i++) {
        both[i]->options.role = BN_ROLE_FRONT;
        both[i]->options.max_file_bytes = both[i]->options.max_stored_bytes = 200000;
        atomic_store(&both[i]->now_ms, now_ms);
        rig_open(both[i]);
    }
    assert_int_equal(count_uploads(&self->one, 100), most);
    bn_jobs_sweep(self->two.jobs);
    assert_int_equal(count_uploads(&self->two, 1), 0);
    for (int i = 0; i < 2; i++) atomic_fetch_add(&both[i]->now_ms, 61000);
    bn_jobs_sweep(self->two.jobs);
    bn_jobs_sweep(self->one.jobs);
    assert_true(bn_jobs_ready(self->one.jobs, why, sizeof why));
    assert_int_equal(count_uploads(&self->one, 100), most);
}

/* From the next connections on the database takes nothing in, as after a failover to a standby. */
static void set_read_only(const char *sql)
{
    char all[300];
    snprintf(all, sizeof all,
             "BEGIN READ WRITE; DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I %s', current_database()); END "
             "$$; COMMIT",
             sql);
    assert_true(test_postgres_run(all));
    assert_true(test_postgres_disconnect());
}

static void not_ready_for_the_database_is_not_for_a_disk(void **state)
{
    servers *self = *state;
    char why[300] = "";
    if (!rig_shares_store()) skip();
    self->one.options.role = BN_ROLE_FRONT;
    rig_open(&self->one);
    assert_true(bn_jobs_ready(self->one.jobs, why, sizeof why));
    set_read_only("SET default_transaction_read_only = on");
    const int code = submit(&self->one, NULL);
    const bool ready = bn_jobs_ready(self->one.jobs, why, sizeof why);
    set_read_only("RESET default_transaction_read_only");
    assert_int_equal(code, 503);
    assert_false(ready);
    assert_non_null(strstr(why, "database"));
    assert_null(strstr(why, "disk"));
}

/* How often it has heard of others; 1 when it has begun to listen. */
static int heard(bn_jobs *jobs)
{
    static const char name[] = "\nbirefnet_hints_heard_total ";
    bn_error err = {0};
    bn_buffer text;
    bn_buffer_init(&text, 1u << 20);
    assert_ok(bn_jobs_metrics(jobs, &text, &err), err);
    assert_ok(bn_buffer_append(&text, "", 1, &err), err);
    const char *line = strstr((const char *)text.data, name);
    assert_non_null(line);
    const int count = atoi(line + strlen(name));
    bn_buffer_free(&text);
    return count;
}

static void wait_heard(bn_jobs *jobs, int least)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    const double end_ms = bn_clock_ms() + 60000;
    while (heard(jobs) < least && bn_clock_ms() < end_ms) nanosleep(&pause, NULL);
    assert_true(heard(jobs) >= least);
}

/* A worker is told of work, and a server that its client's run has ended; both go on where nobody tells them anything. */
static void hints_come_or_are_missed(void **state)
{
    servers *self = *state;
    char id[BN_REQUEST_ID_CHARS];
    if (!rig_shares_store()) skip(); /* nothing to listen to */
    self->one.options.role = BN_ROLE_FRONT;
    self->two.options.role = BN_ROLE_WORK;
    char *body = rig_body(40, 40, "");
    for (int deaf = 0; deaf < 2; deaf++) {
        self->one.options.store_listen = self->two.options.store_listen = deaf ? "off" : NULL;
        rig_open(&self->one);
        rig_open(&self->two);
        if (!deaf) wait_heard(self->one.jobs, 1);
        if (!deaf) wait_heard(self->two.jobs, 1);
        rig_submit_body(&self->one, body, id);
        rig_wait(&self->one, id, BN_REQUEST_COMPLETED);
        if (!deaf) wait_heard(self->two.jobs, 2);
        const bn_submit run = {
            .body = body, .body_bytes = strlen(body), .sync = true, .max_queue_length = -1};
        rig_submit(&self->one, &run, id);
        rig_wait(&self->one, id, BN_REQUEST_COMPLETED);
        if (!deaf) wait_heard(self->one.jobs, 2);
        if (deaf) assert_int_equal(heard(self->one.jobs) + heard(self->two.jobs), 0);
        rig_close(&self->two);
        rig_close(&self->one);
    }
    free(body);
}

#define SERVERS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVERS_TEST(what_a_living_server_writes_stays),
        SERVERS_TEST(what_a_server_wrote_before_it_was_missed_strays),
        SERVERS_TEST(keys_are_those_of_all),
        SERVERS_TEST(limits_are_those_of_all),
        SERVERS_TEST(what_cannot_be_counted_is_refused),
        SERVERS_TEST(what_cannot_be_read_is_not_unknown),
        SERVERS_TEST(room_is_that_of_all),
        SERVERS_TEST(not_ready_for_the_database_is_not_for_a_disk),
        SERVERS_TEST(hints_come_or_are_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
