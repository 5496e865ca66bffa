/* test_objects.c - what store.h promises of objects that no file has: their row is there before their bytes, and as long as any of them
 * may lie somewhere. */
#include "tests/store/fixture.h"

#include "tests/store/postgres.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LEASE_MS = 15000, IN_FLIGHT_MS = 600000 };

static size_t astray(store_fixture *self, int64_t before_ms, char objects[8][BN_OBJECT_CHARS])
{
    bn_error err = {0};
    size_t count;
    assert_ok(bn_store_objects_astray(self->store, before_ms, objects, 8, &count, &err), err);
    return count;
}

/* No bytes lie anywhere that no row knows. */
static void objects_are_known_from_before_their_bytes(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bool known;
    char strays[8][BN_OBJECT_CHARS];
    bn_stored_file file = {.multipart = true,
                           .facts = {.name = "x", .type = "image/png", .created_ms = 1000}};
    bn_id_make(file.facts.id);
    bn_id_make(file.upload_id);
    assert_ok(bn_store_file_promise(self->store, &file, &err), err);
    assert_ok(bn_store_object_promise(self->store, "part-one", 1000, ALICE, false, &err), err);
    assert_ok(bn_store_object_promise(self->store, "part-two", 1000, ALICE, false, &err), err);
    assert_ok(bn_store_object_known(self->store, "part-two", &known, &err), err);
    assert_true(known);
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
    assert_ok(bn_store_object_promise(self->store, "whole", 1000, ALICE, false, &err), err);
    assert_ok(bn_store_file_whole(self->store, &file.facts, &err), err);
    assert_int_equal(bn_store_file_whole(self->store, &file.facts, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(astray(self, INT64_MAX, strays), 1); /* its parts are not needed any more */
    assert_string_equal(strays[0], "part-two");
    assert_ok(bn_store_file_delete(self->store, file.facts.id, &err), err);
    assert_int_equal(astray(self, 0, strays), 2);
    assert_ok(bn_store_object_known(self->store, "whole", &known, &err), err);
    assert_false(known);
}

static void beat(bn_store *store, int64_t process)
{
    bn_error err = {0};
    int64_t now_ms;
    bn_holding *holdings;
    size_t count;
    const bn_process who = {.id = process, .role = "serve"};
    assert_ok(bn_store_beat(store, &who, &now_ms, &holdings, &count, &err), err);
    free(holdings);
}

/* Alice and Bob live, and she is about to write a file. */
static void begin_hers(store_fixture *self, bn_stored_file *file)
{
    bn_error err = {0};
    *file = (bn_stored_file){.facts = {.name = "x", .type = "image/png", .object = "hers"}};
    bn_id_make(file->facts.id);
    bn_id_make(file->upload_id);
    assert_ok(bn_store_file_promise(self->store, file, &err), err);
    beat(self->store, ALICE);
    beat(self->other, BOB);
    assert_ok(bn_store_object_promise(self->store, "hers", 1000, ALICE, false, &err), err);
}

/* Alice is held for dead. */
static void bob_takes_over(store_fixture *self, int64_t keep_ms)
{
    bn_error err = {0};
    bn_rescued *rescued;
    size_t count;
    assert_ok(bn_store_rescue(self->other, BOB, 0, &rescued, &count, &err), err);
    free(rescued);
    assert_ok(bn_store_objects_abandon(self->other, BOB, keep_ms, &err), err);
}

/* What the dead were writing strays, and should one of them live after all, no file has those bytes. */
static void what_the_dead_promised_strays(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    char strays[8][BN_OBJECT_CHARS];
    bn_stored_file file;
    bn_stored_part part = {.number = 1, .size = 3, .etag = "a", .object = "her-part"};
    begin_hers(self, &file);
    assert_ok(bn_store_object_promise(self->store, "her-part", 1000, ALICE, false, &err), err);
    assert_ok(bn_store_object_promise(self->other, "his", 1000, BOB, false, &err), err);
    assert_ok(bn_store_object_promise(self->other, "a-clients", 1000, 0, false, &err), err);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 0, &err), err);
    assert_int_equal(astray(self, 0, strays), 0); /* both live */
    bob_takes_over(self, 0);
    assert_int_equal(astray(self, 0, strays), 2);
    assert_memory_equal(strays[0], "her", 3);
    assert_memory_equal(strays[1], "her", 3);
    beat(self->store, ALICE);
    assert_int_equal(bn_store_part_put(self->store, file.upload_id, &part, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(bn_store_file_whole(self->store, &file.facts, &err), BIREFNET_ERROR_NOT_FOUND);
    strcpy(file.facts.object, "his");
    assert_ok(bn_store_file_whole(self->store, &file.facts, &err), err);
}

/* Bytes that a process sent before it died may arrive after it is held for dead: the row stays until then, and no file has them. */
static void what_the_dead_have_sent_is_waited_for(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    char strays[8][BN_OBJECT_CHARS];
    bn_stored_file file;
    begin_hers(self, &file);
    bob_takes_over(self, 600000);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 600000, &err),
              err); /* again: from the first time on */
    assert_int_equal(astray(self, INT64_MAX, strays), 0);
    assert_int_equal(bn_store_file_whole(self->store, &file.facts, &err), BIREFNET_ERROR_NOT_FOUND);
    bn_store_shift(self->store, 300000);
    assert_int_equal(astray(self, INT64_MAX, strays), 0);
    bn_store_shift(self->store, 660000);
    assert_int_equal(astray(self, 0, strays), 1);
    bn_store_shift(self->store, 0);
}

/* Those that were skipped by a rescue because their holder was about to finish are its own until it has. */
static void what_a_holder_promised_is_its_own(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    char strays[8][BN_OBJECT_CHARS], id[BN_REQUEST_ID_CHARS] = "";
    if (!getenv("BN_TEST_STORE")) skip(); /* SQLite rescues all or nothing */
    store_accept_one(self, id, NULL);
    assert_true(store_claim(self, id, ALICE, 1, 50)); /* which has no row among the processes */
    assert_ok(bn_store_object_promise(self->store, "hers", 1000, ALICE, false, &err), err);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 0, &err), err);
    assert_int_equal(astray(self, 0, strays), 0);
    assert_int_equal(store_rescue(self, BOB), 1);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 0, &err), err);
    assert_int_equal(astray(self, 0, strays), 1);
    assert_false(store_finish(self, id, ALICE, 1, 200));
}

/* ---- promises ---- */

static void promise(bn_store *store, const char *object, int64_t process, bool durable)
{
    bn_error err = {0};
    assert_ok(bn_store_object_promise(store, object, 1000, process, durable, &err), err);
}

/* Instead of libc's, for SQLite: how often this program has waited for the disk. */
static atomic_int syncs;

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fdatasync, fd);
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fsync, fd);
}

static void a_durable_promise_waits_for_the_disk(void **state)
{
    store_fixture *self = *state;
    if (getenv("BN_TEST_STORE")) skip(); /* another program writes */
    promise(self->store, "first", ALICE, false);
    const int before = atomic_load(&syncs);
    promise(self->store, "second", ALICE, false);
    assert_int_equal(atomic_load(&syncs), before);
    promise(self->store, "third", ALICE, true);
    assert_true(atomic_load(&syncs) > before);
}

/* What counts is how the transaction stands when it is committed: a trigger of that moment notes it. */
static void a_promise_waits_for_the_disk_of_the_database(void **state)
{
    store_fixture *self = *state;
    if (!getenv("BN_TEST_STORE")) skip();
    assert_true(test_postgres_run(
        "CREATE TABLE noted(name text, how text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
        "$f$ BEGIN INSERT INTO noted VALUES(TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN "
        "NULL; "
        "END $f$; CREATE CONSTRAINT TRIGGER note AFTER INSERT ON objects DEFERRABLE INITIALLY DEFERRED FOR "
        "EACH "
        "ROW EXECUTE FUNCTION note(); CREATE CONSTRAINT TRIGGER note AFTER INSERT ON processes DEFERRABLE "
        "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()"));
    beat(self->store, ALICE); /* which need not be on the disk */
    promise(self->store, "a", ALICE, false);
    promise(self->store, "b", ALICE, true);
    assert_true(test_postgres_run(
        "SELECT 1 / (count(*) FILTER (WHERE name = 'objects' AND how = 'on') = 2 AND"
        " count(*) FILTER (WHERE name = 'processes' AND how = 'off') = 1 AND count(*) = 3)::int FROM noted"));
}

/* By a store that lost the answer, or by anybody: who came first, and when, is what counts. */
static void a_second_promise_changes_nothing(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    char strays[8][BN_OBJECT_CHARS];
    bn_stored_file file;
    begin_hers(self, &file);
    assert_ok(bn_store_object_promise(self->other, "hers", 5000, BOB, true, &err), err);
    assert_int_equal(astray(self, 1000, strays), 0);
    assert_int_equal(astray(self, 1001, strays), 1);
    assert_ok(bn_store_release(self->store, ALICE, &err), err);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 0, &err), err);
    assert_int_equal(astray(self, 0, strays), 1); /* she has gone, and it was hers */
    promise(self->other, "hers", BOB, true);
    assert_int_equal(astray(self, 0, strays), 1);
    assert_int_equal(bn_store_file_whole(self->other, &file.facts, &err), BIREFNET_ERROR_NOT_FOUND);
}

static void shift(store_fixture *self, int64_t ms)
{
    bn_store_shift(self->store, ms);
    bn_store_shift(self->other, ms);
}

/* Bob looks for the dead: how many strays there are then. */
static size_t sweep(store_fixture *self, char strays[8][BN_OBJECT_CHARS])
{
    bn_error err = {0};
    bn_rescued *rescued;
    size_t count;
    beat(self->other, BOB);
    assert_ok(bn_store_rescue(self->other, BOB, LEASE_MS, &rescued, &count, &err), err);
    free(rescued);
    assert_ok(bn_store_objects_abandon(self->other, BOB, IN_FLIGHT_MS, &err), err);
    return astray(self, 0, strays);
}

/* After the lease it is nobody's any more, after what was sent has come it strays, and then no writer gets a file of it. */
static void a_dead_writers_promise_goes_in_its_time(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    char strays[8][BN_OBJECT_CHARS];
    bn_stored_file file;
    const bn_stored_part part = {.number = 1, .size = 3, .etag = "a", .object = "hers"};
    begin_hers(self, &file);
    promise(self->other, "his", BOB, true);
    shift(self, LEASE_MS / 2);
    assert_int_equal(sweep(self, strays), 0);
    shift(self, LEASE_MS / 2 + IN_FLIGHT_MS);
    beat(self->store, ALICE);
    assert_int_equal(sweep(self, strays), 0); /* she lives, and may take as long as she likes */
    shift(self, LEASE_MS * 2 + IN_FLIGHT_MS);
    assert_int_equal(sweep(self, strays), 0);
    shift(self, LEASE_MS * 2 + IN_FLIGHT_MS + IN_FLIGHT_MS / 2);
    assert_int_equal(sweep(self, strays), 0);
    shift(self, LEASE_MS * 3 + IN_FLIGHT_MS * 2);
    assert_int_equal(sweep(self, strays), 1);
    assert_string_equal(strays[0], "hers");
    assert_ok(bn_store_object_forget(self->other, "hers", &err), err); /* its bytes were removed */
    beat(self->store, ALICE);
    assert_int_equal(bn_store_file_whole(self->store, &file.facts, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(bn_store_part_put(self->store, file.upload_id, &part, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_ok(bn_store_file(self->store, file.facts.id, false, &file, &err), err);
    assert_false(file.whole);
    assert_int_equal(sweep(self, strays), 0);
}

/* A result is written under promises of its own; who lost the request meanwhile leaves no file. */
static void a_late_result_leaves_no_file(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    bool mine, known;
    char strays[8][BN_OBJECT_CHARS], id[BN_REQUEST_ID_CHARS] = "";
    bn_stored_file found;
    bn_file_facts facts = {.name = "x", .type = "image/png", .object = "late"};
    const bn_ending ending = {.code = 200};
    bn_id_make(facts.id);
    store_accept_one(self, id, NULL);
    beat(self->store, ALICE);
    assert_true(store_claim(self, id, ALICE, 1, 50));
    promise(self->store, "late", ALICE, true);
    shift(self, 2 * LEASE_MS);
    assert_int_equal(sweep(self, strays), 0);
    assert_true(store_claim(self, id, BOB, 2, 50));
    assert_ok(bn_store_finish(self->store, id, ALICE, 1, &ending, &facts, 1, &mine, &err), err);
    assert_false(mine);
    assert_int_equal(bn_store_file(self->store, facts.id, false, &found, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_ok(bn_store_object_known(self->store, "late", &known, &err), err);
    assert_false(known);
    shift(self, 3 * LEASE_MS + IN_FLIGHT_MS);
    assert_int_equal(sweep(self, strays), 1);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(objects_are_known_from_before_their_bytes),
        STORE_TEST(what_the_dead_promised_strays),
        STORE_TEST(what_the_dead_have_sent_is_waited_for),
        STORE_TEST(what_a_holder_promised_is_its_own),
        STORE_TEST(a_durable_promise_waits_for_the_disk),
        STORE_TEST(a_promise_waits_for_the_disk_of_the_database),
        STORE_TEST(a_second_promise_changes_nothing),
        STORE_TEST(a_dead_writers_promise_goes_in_its_time),
        STORE_TEST(a_late_result_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
