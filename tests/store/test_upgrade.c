/* test_upgrade.c - a database of an older program, made by that program, opens with all that was in it. */
#include "tests/test.h"

#include "base/file.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

static void make_database(const char *path, const char *script)
{
    bn_error err = {0};
    bn_buffer sql;
    sqlite3 *db;
    bn_buffer_init(&sql, 1u << 20);
    assert_ok(bn_file_read(script, &sql, &err), err);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, (const char *)sql.data, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    bn_buffer_free(&sql);
}

static bn_status note(void *user, bn_accepted *accepted, bn_error *err)
{
    static const int attempts[] = {1, 1, 0};
    (void)err;
    int *count = user;
    assert_true(*count < 3);
    assert_int_equal(accepted->attempts, attempts[*count]);
    assert_int_equal(accepted->seq, *count + 2);
    assert_int_equal(accepted->body_bytes, 86);
    *count += 1;
    bn_accepted_free(accepted);
    return BIREFNET_OK;
}

static void version_5_opens_with_all_that_was_in_it(void **state)
{
    (void)state;
    static const char open_id[] = "0b4d380a-3c8e-43f7-be5c-b64eb71697a8";
    static const char file_id[] = "22f78392d210458cca74639c336f2ee2";
    static const char upload_id[] = "dd3edc2bb6234852971e4a426fc1bbe6";
    char folder[] = "/tmp/bn_upgrade_XXXXXX", address[100], command[100];
    bn_error err = {0};
    bn_store *store;
    bn_ending ending;
    bn_stored_file file;
    bn_stored_part part;
    int count = 0;
    bool known, mine;
    int64_t of_key, of_all;
    assert_non_null(mkdtemp(folder));
    snprintf(address, sizeof address, "sqlite:%s/jobs.sqlite", folder);
    make_database(address + 7, BN_SOURCE_DIR "/tests/store/version5.sql");
    assert_ok(bn_store_open(address, &store, &err), err);
    bn_store_close(&store); /* and once more: nothing is left to be done */
    assert_ok(bn_store_open(address, &store, &err), err);

    assert_ok(bn_store_each_open(store, note, &count, &err), err);
    assert_int_equal(count, 3);
    assert_ok(bn_store_claim(store, open_id, 1, 2, 50, &mine, &err), err);
    assert_true(mine);
    assert_ok(bn_store_ending(store, "708c8f43-b668-4d25-8c05-3a810459b569", true, false, &ending, &err),
              err);
    assert_int_equal(ending.code, 200);
    assert_non_null(strstr(ending.result, file_id));
    bn_ending_free(&ending);
    assert_ok(bn_store_webhooks_pending(store, NULL, &of_key, &of_all, &err), err);
    assert_int_equal(of_all, 1);

    assert_ok(bn_store_file(store, file_id, false, &file, &err), err);
    assert_true(file.whole);
    assert_string_equal(file.facts.object, file_id); /* where the older program had put its bytes */
    assert_ok(bn_store_object_known(store, file_id, &known, &err), err);
    assert_true(known);
    assert_ok(bn_store_file(store, upload_id, true, &file, &err), err);
    assert_true(!file.whole && file.multipart);
    assert_string_equal(file.facts.object, "");
    assert_ok(bn_store_part(store, upload_id, 1, &part, &err), err);
    assert_int_equal(part.size, 6);
    snprintf(command, sizeof command, "%s.1", upload_id);
    assert_string_equal(part.object, command);
    assert_ok(bn_store_object_known(store, part.object, &known, &err), err);
    assert_true(known);
    bn_store_close(&store);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(version_5_opens_with_all_that_was_in_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
