/* test_store.c - what store.h promises of the way of a request: one holder at a time, only the holder writes, and answers
 * that were lost can be asked for again. */
#include "tests/test.h"

#include "store/ids.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { ALICE = 11, BOB = 22 }; /* workers */

typedef struct fixture {
    char folder[64];
    bn_store *store;
} fixture;

static void open_store(fixture *self)
{
    bn_error err = {0};
    char address[120];
    snprintf(address, sizeof address, "sqlite:%s/jobs.sqlite", self->folder);
    assert_ok(bn_store_open(address, &self->store, &err), err);
}

static int set_up(void **state)
{
    fixture *self = calloc(1, sizeof *self);
    strcpy(self->folder, "/tmp/bn_store_XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    open_store(self);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"};
    fixture *self = *state;
    char path[120];
    bn_store_close(&self->store);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", self->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(self->folder), 0);
    free(self);
    return 0;
}

static void accept_one(fixture *self, char id[BN_REQUEST_ID_CHARS], const char *webhook)
{
    bn_error err = {0};
    bn_accepted accepted = {.created_ms = 1000, .body = "{}", .body_bytes = 2};
    if (!id[0]) bn_uuid_make(id);
    memcpy(accepted.id, id, BN_REQUEST_ID_CHARS);
    accepted.webhook = webhook ? strdup(webhook) : NULL;
    assert_ok(bn_store_accept(self->store, &accepted, NULL, &err), err);
    assert_true(accepted.seq > 0);
    bn_accepted_free(&accepted);
}

static bool claim(fixture *self, const char *id, int64_t worker, int64_t number, int weight)
{
    bn_error err = {0};
    bool mine;
    assert_ok(bn_store_claim(self->store, id, worker, number, weight, &mine, &err), err);
    return mine;
}

static bool finish(fixture *self, const char *id, int64_t worker, int64_t number, int code)
{
    bn_error err = {0};
    bool mine;
    const bn_ending ending = {.code = code, .completed_ms = 2000};
    assert_ok(bn_store_finish(self->store, id, worker, number, &ending, NULL, 0, &mine, &err), err);
    return mine;
}

/* 0: it has not ended. */
static int code_of(fixture *self, const char *id)
{
    bn_ending ending;
    const bn_status status = bn_store_ending(self->store, id, false, false, &ending, NULL);
    if (status == BIREFNET_ERROR_NOT_FOUND) return 0;
    assert_int_equal(status, BIREFNET_OK);
    const int code = ending.code;
    bn_ending_free(&ending);
    return code;
}

typedef struct found {
    int count, attempts; /* of the last */
} found;

static bn_status note(void *user, bn_accepted *accepted, bn_error *err)
{
    (void)err;
    found *self = user;
    self->count++;
    self->attempts = accepted->attempts;
    bn_accepted_free(accepted);
    return BIREFNET_OK;
}

static found look_at_open(fixture *self)
{
    bn_error err = {0};
    found seen = {0};
    assert_ok(bn_store_each_open(self->store, note, &seen, &err), err);
    return seen;
}

static int rescue(fixture *self, int64_t worker)
{
    bn_error err = {0};
    int count;
    assert_ok(bn_store_rescue(self->store, worker, &count, &err), err);
    return count;
}

static void only_the_holder_ends_it(void **state)
{
    fixture *self = *state;
    char id[BN_REQUEST_ID_CHARS] = "";
    accept_one(self, id, NULL);
    assert_false(finish(self, id, ALICE, 1, 200)); /* she has no claim */
    assert_true(claim(self, id, ALICE, 1, 50));
    assert_false(claim(self, id, BOB, 2, 50));
    assert_false(finish(self, id, BOB, 2, 200));
    assert_false(finish(self, id, BOB, 1, 200));
    assert_false(finish(self, id, ALICE, 3, 200));
    assert_false(finish(self, id, BOB, 0, 499)); /* to him it does not wait */
    assert_int_equal(code_of(self, id), 0);
    assert_true(finish(self, id, ALICE, 1, 200));
    assert_int_equal(code_of(self, id), 200);
    assert_int_equal(look_at_open(self).count, 0);
    assert_false(claim(self, id, BOB, 4, 50));
}

static void a_lost_answer_is_given_again(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    char id[BN_REQUEST_ID_CHARS] = "";
    int64_t of_key, of_all;
    accept_one(self, id, "http://example.com/hook");
    bn_accepted again = {.created_ms = 5000, .body = "{\"other\":1}", .body_bytes = 11};
    memcpy(again.id, id, sizeof again.id);
    assert_ok(bn_store_accept(self->store, &again, NULL, &err), err);
    assert_true(again.repeated);
    assert_int_equal(again.seq, 1);
    assert_int_equal(look_at_open(self).count, 1);
    assert_true(claim(self, id, ALICE, 1, 0));
    assert_true(finish(self, id, ALICE, 1, 200));
    assert_true(finish(self, id, ALICE, 1, 500)); /* it was; and nothing changes */
    assert_false(finish(self, id, BOB, 2, 500));
    assert_int_equal(code_of(self, id), 200);
    assert_ok(bn_store_webhooks_pending(self->store, NULL, &of_key, &of_all, &err), err);
    assert_int_equal(of_all, 1);
}

static void what_waits_is_ended_by_whoever_finds_it(void **state)
{
    fixture *self = *state;
    char waiting[BN_REQUEST_ID_CHARS] = "", ours[BN_REQUEST_ID_CHARS] = "";
    accept_one(self, waiting, NULL);
    accept_one(self, ours, NULL);
    assert_true(finish(self, waiting, ALICE, 0, 499));
    assert_false(claim(self, waiting, ALICE, 1, 50)); /* a claim that was under way comes too late */
    assert_true(claim(self, ours, ALICE, 2, 50));
    assert_true(finish(self, ours, ALICE, 0, 499)); /* her own process holds it */
    assert_false(finish(self, ours, ALICE, 2, 200));
    assert_int_equal(code_of(self, waiting), 499);
    assert_int_equal(code_of(self, ours), 499);
}

static void the_dead_give_back_what_they_held(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    char id[BN_REQUEST_ID_CHARS] = "";
    accept_one(self, id, NULL);
    assert_true(claim(self, id, ALICE, 1, 50));
    assert_int_equal(rescue(self, ALICE), 0); /* she lives */
    assert_ok(bn_store_start(self->store, id, ALICE, 1, 51, &err), err);
    assert_ok(bn_store_start(self->store, id, BOB, 2, 7, &err), err); /* not his to say */
    bn_store_close(&self->store);
    open_store(self);
    assert_int_equal(rescue(self, BOB), 1);
    assert_int_equal(rescue(self, BOB), 0);
    assert_int_equal(look_at_open(self).attempts, 51);
    assert_false(finish(self, id, ALICE, 1, 200)); /* back from the dead: nothing */
    assert_true(claim(self, id, BOB, 2, 50));
    assert_false(finish(self, id, ALICE, 1, 200));
    assert_true(finish(self, id, BOB, 2, 200));
}

static void giving_back_is_no_failed_attempt(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    char hers[BN_REQUEST_ID_CHARS] = "", his[BN_REQUEST_ID_CHARS] = "";
    accept_one(self, hers, NULL);
    accept_one(self, his, NULL);
    assert_true(claim(self, hers, ALICE, 1, 50));
    assert_true(claim(self, his, BOB, 2, 50));
    assert_ok(bn_store_release(self->store, ALICE, &err), err);
    assert_false(finish(self, hers, ALICE, 1, 200));
    assert_true(claim(self, hers, BOB, 3, 50));
    assert_true(finish(self, hers, BOB, 3, 200));
    assert_true(finish(self, his, BOB, 2, 200));
    assert_int_equal(rescue(self, ALICE), 0);
}

static size_t astray(fixture *self, int64_t before_ms, char objects[8][BN_OBJECT_CHARS])
{
    bn_error err = {0};
    size_t count;
    assert_ok(bn_store_objects_astray(self->store, before_ms, objects, 8, &count, &err), err);
    return count;
}

/* No bytes lie anywhere that no row knows. */
static void objects_are_known_from_before_their_bytes(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bool known;
    char strays[8][BN_OBJECT_CHARS];
    bn_stored_file file = {.multipart = true,
                           .facts = {.name = "x", .type = "image/png", .created_ms = 1000}};
    bn_id_make(file.facts.id);
    bn_id_make(file.upload_id);
    assert_ok(bn_store_file_promise(self->store, &file, &err), err);
    assert_ok(bn_store_object_promise(self->store, "part-one", 1000, &err), err);
    assert_ok(bn_store_object_promise(self->store, "part-two", 1000, &err), err);
    assert_int_equal(astray(self, 1000, strays), 0);
    assert_int_equal(astray(self, 1001, strays), 2); /* nobody came to put them into a file */
    bn_stored_part part = {.number = 1, .size = 3, .etag = "a", .object = "part-one"};
    assert_ok(bn_store_part_put(self->store, file.upload_id, &part, &err), err);
    assert_ok(bn_store_object_known(self->store, "part-one", &known, &err), err);
    assert_true(known);
    assert_int_equal(astray(self, 1001, strays), 1);
    strcpy(part.object, "part-two"); /* once more: the first one's object strays, however young */
    assert_ok(bn_store_part_put(self->store, file.upload_id, &part, &err), err);
    assert_int_equal(astray(self, 0, strays), 1);
    assert_string_equal(strays[0], "part-one");
    assert_ok(bn_store_object_forget(self->store, "part-one", &err), err);
    strcpy(file.facts.object, "whole");
    assert_ok(bn_store_object_promise(self->store, "whole", 1000, &err), err);
    assert_ok(bn_store_file_whole(self->store, &file.facts, &err), err);
    assert_int_equal(bn_store_file_whole(self->store, &file.facts, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(astray(self, INT64_MAX, strays), 1); /* its parts are not needed any more */
    assert_string_equal(strays[0], "part-two");
    assert_ok(bn_store_file_delete(self->store, file.facts.id, &err), err);
    assert_int_equal(astray(self, 0, strays), 2);
    assert_ok(bn_store_object_known(self->store, "whole", &known, &err), err);
    assert_false(known);
}

/* ---- many at once ---- */

enum { REQUESTS = 60, THREADS = 8 };

static struct crowd {
    fixture *fixture;
    char ids[REQUESTS][BN_REQUEST_ID_CHARS];
    _Atomic(int) claimed[REQUESTS], ended[REQUESTS];
} crowd;

static void *work(void *user)
{
    const int64_t worker = 100 + (intptr_t)user;
    for (int i = 0; i < REQUESTS; i++) {
        const int64_t number = worker * 1000 + i;
        bool mine = false, last = false;
        const bn_ending ending = {.code = 200, .completed_ms = 2000};
        if (bn_store_claim(crowd.fixture->store, crowd.ids[i], worker, number, 0, &mine, NULL) != BIREFNET_OK)
            return "claim";
        crowd.claimed[i] += mine;
        if (bn_store_finish(crowd.fixture->store, crowd.ids[i], worker, number, &ending, NULL, 0, &last,
                            NULL) != BIREFNET_OK)
            return "finish";
        crowd.ended[i] += last;
    }
    return NULL;
}

static void each_request_has_one_holder_whoever_asks(void **state)
{
    pthread_t threads[THREADS];
    crowd.fixture = *state;
    for (int i = 0; i < REQUESTS; i++) accept_one(crowd.fixture, crowd.ids[i], NULL);
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *fault;
        pthread_join(threads[i], &fault);
        if (fault) fail_msg("%s failed", (const char *)fault);
    }
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(crowd.claimed[i], 1);
        assert_int_equal(crowd.ended[i], 1);
    }
}

static void addresses_name_their_kind(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_store *store;
    assert_int_equal(bn_store_open("/tmp/jobs.sqlite", &store, &err), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(bn_store_open("oracle:x", &store, &err), BIREFNET_ERROR_ARGUMENT);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(only_the_holder_ends_it),
        STORE_TEST(a_lost_answer_is_given_again),
        STORE_TEST(what_waits_is_ended_by_whoever_finds_it),
        STORE_TEST(the_dead_give_back_what_they_held),
        STORE_TEST(giving_back_is_no_failed_attempt),
        STORE_TEST(objects_are_known_from_before_their_bytes),
        STORE_TEST(each_request_has_one_holder_whoever_asks),
        cmocka_unit_test(addresses_name_their_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
