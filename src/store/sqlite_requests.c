/* sqlite_requests.c - requests that have ended. */
#include "store/sqlite.h"

#include <string.h>

bn_status bn_sqlite_forget(bn_store *store, int64_t before_ms, int64_t soon_ms, bn_error *err)
{
    bn_db *db = bn_sqlite_writer(store);
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, false, err);
    if (status == BIREFNET_OK) {
        status = bn_db_run(db, err,
                           "DELETE FROM requests WHERE ended = 1"
                           " AND (completed_ms < ?1 OR (forget_soon AND completed_ms < ?2))"
                           " AND id NOT IN (SELECT request_id FROM webhooks)",
                           "ii", before_ms, soon_ms);
        status = bn_db_end(db, status, err);
    }
    if (status == BIREFNET_OK)
        bn_db_exec_alone(db, "PRAGMA incremental_vacuum(4000)", NULL); /* pages of large bodies */
    bn_db_unlock(db);
    return status;
}

static bn_status read_ending(sqlite3_stmt *statement, bn_ending *ending, bn_error *err)
{
    ending->code = sqlite3_column_int(statement, 0);
    bn_db_text(statement, 1, ending->error_type, sizeof ending->error_type);
    bn_db_text(statement, 2, ending->error, sizeof ending->error);
    ending->user_timeout = sqlite3_column_int(statement, 3) != 0;
    ending->retry = sqlite3_column_int(statement, 4) != 0;
    ending->inline_images = sqlite3_column_int(statement, 5) != 0;
    ending->billable_s = sqlite3_column_double(statement, 6);
    ending->inference_s = sqlite3_column_double(statement, 7);
    bn_db_text(statement, 8, ending->weights, sizeof ending->weights);
    bn_db_text(statement, 9, ending->image_id, sizeof ending->image_id);
    ending->completed_ms = sqlite3_column_int64(statement, 10);
    BN_TRY(bn_db_copy(statement, 11, &ending->result, NULL, err));
    return bn_db_copy(statement, 12, &ending->logs, NULL, err);
}

bn_status bn_sqlite_ending(bn_store *store, const char *id, bool want_result, bool want_logs,
                           bn_ending *ending, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    bool row = false;
    bn_ending found = {0};
    bn_status status = bn_db_query(
        db, &statement, err,
        "SELECT code, error_type, error, user_timeout, retry, inline_images, billable_s,"
        " inference_s, weights, image_id, completed_ms, iif(?2, result, NULL), iif(?3, logs, NULL)"
        " FROM requests WHERE id = ?1 AND ended = 1",
        "tii", id, (int64_t)want_result, (int64_t)want_logs);
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, &row, err);
    if (status == BIREFNET_OK && !row)
        status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such request");
    if (row) {
        status = read_ending(statement, &found, err);
        sqlite3_reset(statement);
    }
    bn_db_unlock(db);
    if (status == BIREFNET_OK)
        *ending = found;
    else
        bn_ending_free(&found);
    return status;
}

bn_status bn_sqlite_owner(bn_store *store, const char *id, char key_id[BN_KEY_ID_CHARS], bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    bool row = false;
    bn_status status = bn_db_query(db, &statement, err, "SELECT key_id FROM requests WHERE id = ?", "t", id);
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, &row, err);
    if (status == BIREFNET_OK && !row)
        status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such request");
    if (row) {
        bn_db_text(statement, 0, key_id, BN_KEY_ID_CHARS);
        sqlite3_reset(statement);
    }
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_extras(bn_store *store, const char *id, char **extras, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    bool row = false;
    bn_status status =
        bn_db_query(db, &statement, err,
                    "SELECT extras FROM requests WHERE id = ? AND ended = 1 AND code = 200", "t", id);
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, &row, err);
    if (status == BIREFNET_OK && !row)
        status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such request");
    if (row) {
        status = bn_db_copy(statement, 0, extras, NULL, err);
        sqlite3_reset(statement);
    }
    bn_db_unlock(db);
    return status;
}
