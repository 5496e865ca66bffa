/* test_old_folder.c - the data folder of an older program (c1ace47, version 3 of the tables): what waited is done, what had ended
 * is there. */
#include "tests/test.h"

#include "base/file.h"
#include "tests/queue/rig.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const open_ids[] = {"0b4d380a-3c8e-43f7-be5c-b64eb71697a8",
                                       "4251dddb-11e4-4d30-bd0b-a6f61372b6c4",
                                       "11721e6d-aabf-4c75-b56b-a2a07275d7a7"};
static const char sync_id[] = "9f0c6b8e-52a8-4c0f-8f43-1b7f7f3c8f10";
static const char ended_id[] = "708c8f43-b668-4d25-8c05-3a810459b569";
static const char file_id[] = "22f78392d210458cca74639c336f2ee2";

static void make_database(const char *folder)
{
    bn_error err = {0};
    bn_buffer sql;
    sqlite3 *db;
    char path[120];
    bn_buffer_init(&sql, 1u << 20);
    snprintf(path, sizeof path, "%s/jobs.sqlite", folder);
    assert_ok(bn_file_read(BN_SOURCE_DIR "/tests/store/version3.sql", &sql, &err), err);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, (const char *)sql.data, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    bn_buffer_free(&sql);
}

/* Where that program had put it. */
static void make_file(const char *folder)
{
    bn_error err = {0};
    char path[200];
    const uint8_t bytes[73] = {1, 2, 3};
    snprintf(path, sizeof path, "%s/files/22", folder);
    assert_ok(bn_folder_make(path, &err), err);
    snprintf(path, sizeof path, "%s/files/22/%s", folder, file_id);
    assert_ok(bn_file_write_private(path, bytes, sizeof bytes, &err), err);
}

static void its_requests_and_files_are_there(void **state)
{
    (void)state;
    rig self;
    bn_error err = {0};
    bn_file_facts facts;
    int fd;
    uint8_t first;
    rig_init(&self);
    atomic_store(&self.now_ms, 1795739390000); /* seconds after it was killed */
    make_database(self.folder);
    make_file(self.folder);
    for (int round = 0; round < 2; round++) { /* and once more: nothing is left to be done */
        rig_open(&self);
        for (int i = 0; i < 3; i++) {
            rig_wait(&self, open_ids[i], BN_REQUEST_COMPLETED);
            assert_int_equal(rig_status(&self, open_ids[i]).code, 200);
        }
        assert_int_equal(rig_status(&self, sync_id).code, 499); /* its client has gone */
        json_decref(rig_result(&self, ended_id, 200));
        assert_ok(rig_file_open(self.jobs, file_id, &facts, &fd, &err), err);
        assert_int_equal(facts.size, 73);
        assert_int_equal(read(fd, &first, 1), 1);
        assert_int_equal(first, 1);
        close(fd);
        rig_close(&self);
    }
    rig_destroy(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(its_requests_and_files_are_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
