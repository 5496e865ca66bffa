/* sqlite_queue.c - requests from accepted to ended: who holds them, and what only the holder may write. */
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

/* ---- from accepted to ended ---- */

/* The body is not needed any more, and results do not repeat it. */
static bn_status write_ending(bn_db *db, const char *id, int64_t worker, int64_t claim,
                              const bn_ending *ending, bn_error *err)
{
    return bn_db_run(
        db, err,
        "UPDATE requests SET ended = 1, body = NULL, code = ?2, result = ?3, error_type = ?4,"
        " error = ?5, user_timeout = ?6, retry = ?7, inline_images = ?8, billable_s = ?9,"
        " inference_s = ?10, weights = ?11, image_id = ?12, completed_ms = ?13, logs = ?14,"
        " held = 0, ended_claim = ?15"
        " WHERE id = ?1 AND ended = 0 AND iif(held, worker = ?16 AND ?15 IN (0, claim), ?15 = 0)",
        "titttiiiddttitii", id, (int64_t)ending->code, ending->result, ending->error_type, ending->error,
        (int64_t)ending->user_timeout, (int64_t)ending->retry, (int64_t)ending->inline_images,
        ending->billable_s, ending->inference_s, ending->weights, ending->image_id, ending->completed_ms,
        ending->logs, claim, worker);
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

/* Of a request that was accepted before: the answer to the first call was lost. */
static bn_status read_seq(bn_db *db, bn_accepted *accepted, bn_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(bn_db_query(db, &statement, err, "SELECT seq FROM requests WHERE id = ?", "t", accepted->id));
    BN_TRY(bn_db_step(db, statement, &row, err));
    if (row) accepted->seq = sqlite3_column_int64(statement, 0);
    accepted->repeated = row;
    sqlite3_reset(statement);
    return BIREFNET_OK;
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
            "?, ?) ON CONFLICT(id) DO NOTHING",
            "tiiiibttttii", accepted->id, (int64_t)accepted->sync, (int64_t)accepted->low_priority,
            accepted->created_ms, accepted->start_by_ms, (const void *)(ending ? NULL : accepted->body),
            ending ? (size_t)0 : accepted->body_bytes, accepted->webhook, accepted->lifecycle,
            accepted->file_base, accepted->key_id, (int64_t)accepted->forget_soon,
            (int64_t)accepted->public_only);
        const bool is_new = status == BIREFNET_OK && sqlite3_changes(db->handle) > 0;
        if (is_new) accepted->seq = sqlite3_last_insert_rowid(db->handle);
        if (status == BIREFNET_OK && !is_new) status = read_seq(db, accepted, err);
        if (is_new && ending) status = write_ending(db, accepted->id, 0, 0, ending, err);
        if (is_new && ending && status == BIREFNET_OK) status = write_webhook(db, accepted->id, ending, err);
        status = bn_db_end(db, status, err);
    }
    bn_db_unlock(db);
    return status;
}

/* They are whose the request is. */
static bn_status write_files(bn_db *db, const char *id, const bn_file_facts *files, size_t count,
                             bn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        BN_TRY(bn_db_run(db, err,
                         "INSERT INTO files(id, whole, multipart, name, type, size, created_ms, expires_ms,"
                         " access, etag, object, key_id) VALUES(?, 1, 0, ?, ?, ?, ?, ?, ?, ?, ?,"
                         " (SELECT key_id FROM requests WHERE id = ?))",
                         "tttiiiittt", files[i].id, files[i].name, files[i].type, (int64_t)files[i].size,
                         files[i].created_ms, files[i].expires_ms, (int64_t)files[i].access, files[i].etag,
                         files[i].object, id));
        BN_TRY(bn_sqlite_keep_object(db, files[i].object, err));
    }
    return BIREFNET_OK;
}

/* Whether it has ended by this claim already: the answer to the first call was lost. */
static bn_status was_mine(bn_db *db, const char *id, int64_t claim, bool *mine, bn_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(bn_db_query(db, &statement, err,
                       "SELECT 1 FROM requests WHERE id = ? AND ended = 1 AND ended_claim = ?", "ti", id,
                       claim));
    BN_TRY(bn_db_step(db, statement, &row, err));
    *mine = row;
    sqlite3_reset(statement);
    return BIREFNET_OK;
}

bn_status bn_sqlite_finish(bn_store *store, const char *id, int64_t worker, int64_t claim,
                           const bn_ending *ending, const bn_file_facts *files, size_t file_count, bool *mine,
                           bn_error *err)
{
    bn_db *db = bn_sqlite_writer(store);
    *mine = false;
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, true, err);
    if (status == BIREFNET_OK) {
        status = write_ending(db, id, worker, claim, ending, err);
        *mine = status == BIREFNET_OK && sqlite3_changes(db->handle) > 0;
        if (status == BIREFNET_OK && *mine) status = write_files(db, id, files, file_count, err);
        if (status == BIREFNET_OK && *mine) status = write_webhook(db, id, ending, err);
        if (status == BIREFNET_OK && !*mine) status = was_mine(db, id, claim, mine, err);
        status = bn_db_end(db, status, err);
    }
    bn_db_unlock(db);
    return status;
}

/* Not durable: a power failure may take them back, and the request is then as it was before. */

bn_status bn_sqlite_claim(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                          bool *mine, bn_error *err)
{
    int changed;
    const bn_status status = bn_db_write(bn_sqlite_writer(store), false, &changed, err,
                                         "UPDATE requests SET held = 1, worker = ?2, claim = ?3, weight = ?4"
                                         " WHERE id = ?1 AND ended = 0 AND held = 0",
                                         "tiii", id, worker, claim, (int64_t)weight);
    *mine = changed > 0;
    return status;
}

bn_status bn_sqlite_start(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                          bn_error *err)
{
    return bn_db_write(
        bn_sqlite_writer(store), false, NULL, err,
        "UPDATE requests SET weight = ?4 WHERE id = ?1 AND ended = 0 AND worker = ?2 AND claim = ?3", "tiii",
        id, worker, claim, (int64_t)weight);
}

bn_status bn_sqlite_release(bn_store *store, int64_t worker, bn_error *err)
{
    return bn_db_write(bn_sqlite_writer(store), false, NULL, err,
                       "UPDATE requests SET held = 0, worker = NULL, claim = NULL, weight = 0"
                       " WHERE ended = 0 AND held = 1 AND worker = ?",
                       "i", worker);
}

bn_status bn_sqlite_rescue(bn_store *store, int64_t worker, int *count, bn_error *err)
{
    return bn_db_write(
        bn_sqlite_writer(store), false, count, err,
        "UPDATE requests SET attempts = attempts + weight, held = 0, worker = NULL, claim = NULL, weight = 0"
        " WHERE ended = 0 AND held = 1 AND worker <> ?",
        "i", worker);
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
