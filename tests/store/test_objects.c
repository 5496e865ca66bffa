/* test_objects.c - what store.h promises of objects that no file has: their row is there before their bytes, and as long as any of them
 * may lie somewhere. */
#include "tests/store/fixture.h"

#include <stdlib.h>

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
    assert_ok(bn_store_object_promise(self->store, "part-one", 1000, ALICE, &err), err);
    assert_ok(bn_store_object_promise(self->store, "part-two", 1000, ALICE, &err), err);
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
    assert_ok(bn_store_object_promise(self->store, "whole", 1000, ALICE, &err), err);
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
    assert_ok(bn_store_object_promise(self->store, "hers", 1000, ALICE, &err), err);
}

/* What the dead were writing strays, and should one of them live after all, no file has those bytes. */
static void what_the_dead_promised_strays(void **state)
{
    store_fixture *self = *state;
    bn_error err = {0};
    char strays[8][BN_OBJECT_CHARS];
    bn_rescued *rescued;
    size_t count;
    bn_stored_file file;
    bn_stored_part part = {.number = 1, .size = 3, .etag = "a", .object = "her-part"};
    begin_hers(self, &file);
    assert_ok(bn_store_object_promise(self->store, "her-part", 1000, ALICE, &err), err);
    assert_ok(bn_store_object_promise(self->other, "his", 1000, BOB, &err), err);
    assert_ok(bn_store_object_promise(self->other, "a-clients", 1000, 0, &err), err);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 0, &err), err);
    assert_int_equal(astray(self, 0, strays), 0); /* both live */
    assert_ok(bn_store_rescue(self->other, BOB, 0, &rescued, &count, &err), err);
    free(rescued);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 0, &err), err);
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
    bn_rescued *rescued;
    size_t count;
    bn_stored_file file;
    begin_hers(self, &file);
    assert_ok(bn_store_rescue(self->other, BOB, 0, &rescued, &count, &err), err);
    free(rescued);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 600000, &err), err);
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
    assert_ok(bn_store_object_promise(self->store, "hers", 1000, ALICE, &err), err);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 0, &err), err);
    assert_int_equal(astray(self, 0, strays), 0);
    assert_int_equal(store_rescue(self, BOB), 1);
    assert_ok(bn_store_objects_abandon(self->other, BOB, 0, &err), err);
    assert_int_equal(astray(self, 0, strays), 1);
    assert_false(store_finish(self, id, ALICE, 1, 200));
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(objects_are_known_from_before_their_bytes),
        STORE_TEST(what_the_dead_promised_strays),
        STORE_TEST(what_the_dead_have_sent_is_waited_for),
        STORE_TEST(what_a_holder_promised_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
