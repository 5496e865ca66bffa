/* sqlite_requests.c - requests in SQLite. */
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

/* The body is not needed any more, and results do not repeat it. */
static bn_status write_ending(bn_db *db, const char *id, const bn_ending *ending, bn_error *err)
{
    return bn_db_run(db, err,
                     "UPDATE requests SET ended = 1, body = NULL, code = ?2, result = ?3, error_type = ?4,"
                     " error = ?5, user_timeout = ?6, retry = ?7, inline_images = ?8, billable_s = ?9,"
                     " inference_s = ?10, weights = ?11, image_id = ?12, completed_ms = ?13, logs = ?14"
                     " WHERE id = ?1",
                     "titttiiiddttit", id, (int64_t)ending->code, ending->result, ending->error_type,
                     ending->error, (int64_t)ending->user_timeout, (int64_t)ending->retry,
                     (int64_t)ending->inline_images, ending->billable_s, ending->inference_s, ending->weights,
                     ending->image_id, ending->completed_ms, ending->logs);
}

static bn_status write_webhook(bn_db *db, const char *id, const bn_ending *ending, bn_error *err)
{
    return bn_db_run(
        db, err,
        "INSERT OR IGNORE INTO webhooks(request_id, url, host, key_id, file_base, public_only, created_ms, "
        "next_ms)"
        " SELECT id, webhook, host_of(webhook), coalesce(key_id, ''), file_base, public_only, ?2, ?2"
        " FROM requests WHERE id = ?1 AND webhook IS NOT NULL",
        "ti", id, ending->completed_ms);
}

bn_status bn_sqlite_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err)
{
    bn_db *db = bn_sqlite_writer(store);
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, !accepted->sync, err);
    if (status == BIREFNET_OK) {
        status = bn_db_run(
            db, err,
            "INSERT INTO requests(id, sync, low_priority, created_ms, start_by_ms, body, webhook,"
            " lifecycle, file_base, key_id, forget_soon, public_only) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
            "?, ?)",
            "tiiiibttttii", accepted->id, (int64_t)accepted->sync, (int64_t)accepted->low_priority,
            accepted->created_ms, accepted->start_by_ms, (const void *)(ending ? NULL : accepted->body),
            ending ? (size_t)0 : accepted->body_bytes, accepted->webhook, accepted->lifecycle,
            accepted->file_base, accepted->key_id, (int64_t)accepted->forget_soon,
            (int64_t)accepted->public_only);
        accepted->seq = sqlite3_last_insert_rowid(db->handle);
        if (status == BIREFNET_OK && ending) status = write_ending(db, accepted->id, ending, err);
        if (status == BIREFNET_OK && ending) status = write_webhook(db, accepted->id, ending, err);
        status = bn_db_end(db, status, err);
    }
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_attempt(bn_store *store, const char *id, int weight, bn_error *err)
{
    bn_db *db = bn_sqlite_writer(store);
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, false, err);
    if (status == BIREFNET_OK) {
        status = bn_db_run(db, err, "UPDATE requests SET attempts = attempts + ? WHERE id = ?", "it",
                           (int64_t)weight, id);
        status = bn_db_end(db, status, err);
    }
    bn_db_unlock(db);
    return status;
}

/* They are whose the request is. */
static bn_status write_files(bn_db *db, const char *id, const bn_file_facts *files, size_t count,
                             bn_error *err)
{
    for (size_t i = 0; i < count; i++)
        BN_TRY(bn_db_run(db, err,
                         "INSERT INTO files(id, whole, multipart, name, type, size, created_ms, expires_ms,"
                         " access, etag, key_id) VALUES(?, 1, 0, ?, ?, ?, ?, ?, ?, ?,"
                         " (SELECT key_id FROM requests WHERE id = ?))",
                         "tttiiiitt", files[i].id, files[i].name, files[i].type, (int64_t)files[i].size,
                         files[i].created_ms, files[i].expires_ms, (int64_t)files[i].access, files[i].etag,
                         id));
    return BIREFNET_OK;
}

static bn_status has_ended(bn_db *db, const char *id, bool *ended, bn_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(bn_db_query(db, &statement, err, "SELECT 1 FROM requests WHERE id = ? AND ended = 0", "t", id));
    BN_TRY(bn_db_step(db, statement, &row, err));
    *ended = !row;
    sqlite3_reset(statement);
    return BIREFNET_OK;
}

bn_status bn_sqlite_complete(bn_store *store, const char *id, const bn_ending *ending,
                             const bn_file_facts *files, size_t file_count, bn_error *err)
{
    bn_db *db = bn_sqlite_writer(store);
    bool ended = false;
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, true, err);
    if (status == BIREFNET_OK) {
        status = has_ended(db, id, &ended, err);
        if (status == BIREFNET_OK && !ended) status = write_files(db, id, files, file_count, err);
        if (status == BIREFNET_OK && !ended) status = write_ending(db, id, ending, err);
        if (status == BIREFNET_OK && !ended) status = write_webhook(db, id, ending, err);
        status = bn_db_end(db, status, err);
    }
    bn_db_unlock(db);
    return status;
}

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
        bn_db_exec(db, "PRAGMA incremental_vacuum(4000)", NULL); /* pages of large bodies */
    bn_db_unlock(db);
    return status;
}

/* ---- reading ---- */

static bn_status read_accepted(sqlite3_stmt *statement, bn_accepted *accepted, bn_error *err)
{
    bn_db_text(statement, 0, accepted->id, sizeof accepted->id);
    accepted->seq = sqlite3_column_int64(statement, 1);
    accepted->sync = sqlite3_column_int(statement, 2) != 0;
    accepted->low_priority = sqlite3_column_int(statement, 3) != 0;
    accepted->created_ms = sqlite3_column_int64(statement, 4);
    accepted->start_by_ms = sqlite3_column_int64(statement, 5);
    accepted->attempts = sqlite3_column_int(statement, 6);
    BN_TRY(bn_db_copy(statement, 7, &accepted->lifecycle, NULL, err));
    BN_TRY(bn_db_copy(statement, 8, &accepted->file_base, NULL, err));
    accepted->body_bytes = (size_t)sqlite3_column_int64(statement, 10);
    accepted->public_only = sqlite3_column_int(statement, 11) != 0;
    return bn_db_copy(statement, 9, &accepted->key_id, NULL, err);
}

bn_status bn_sqlite_each_open(bn_store *store, bn_accepted_fn fn, void *user, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement = NULL;
    bn_status status = bn_db_query(
        db, &statement, err,
        "SELECT id, seq, sync, low_priority, created_ms, start_by_ms, attempts, lifecycle, file_base,"
        " key_id, coalesce(length(body), 0), public_only FROM requests WHERE ended = 0 ORDER BY seq",
        "");
    while (status == BIREFNET_OK) {
        bool row;
        bn_accepted accepted = {.id = ""};
        status = bn_db_step(db, statement, &row, err);
        if (status != BIREFNET_OK || !row) break;
        status = read_accepted(statement, &accepted, err);
        if (status == BIREFNET_OK)
            status = fn(user, &accepted, err);
        else
            bn_accepted_free(&accepted);
    }
    if (statement) sqlite3_reset(statement);
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_body(bn_store *store, const char *id, char **body, size_t *body_bytes, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    bool row = false;
    bn_status status =
        bn_db_query(db, &statement, err, "SELECT body FROM requests WHERE id = ? AND ended = 0", "t", id);
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, &row, err);
    if (status == BIREFNET_OK && !row)
        status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no waiting request %s", id);
    if (row) {
        status = bn_db_copy(statement, 0, body, body_bytes, err);
        sqlite3_reset(statement);
    }
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
