/* sqlite_queue.c - requests from accepted to ended, and what only the holder may write; sqlite_claim.c: who becomes it. */
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
        " held = 0, running = 0, ended_claim = ?15"
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

/* accepted->refused: too many of its key wait. */
static bn_status check_waiting(bn_db *db, bn_accepted *accepted, bn_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    if (accepted->key_waiting <= 0) return BIREFNET_OK;
    BN_TRY(bn_db_query(db, &statement, err,
                       "SELECT count(*) >= ?2 FROM requests INDEXED BY requests_line"
                       " WHERE ended = 0 AND held = 0 AND key_id IS ?1",
                       "ti", accepted->key_id, (int64_t)accepted->key_waiting));
    BN_TRY(bn_db_step(db, statement, &row, err));
    accepted->refused = row && sqlite3_column_int(statement, 0);
    sqlite3_reset(statement);
    return BIREFNET_OK;
}

static bn_status insert(bn_db *db, bn_accepted *accepted, const bn_ending *ending, bn_error *err)
{
    BN_TRY(bn_db_run(
        db, err,
        "INSERT INTO requests(id, sync, low_priority, created_ms, start_by_ms, body, webhook, lifecycle,"
        " file_base, key_id, forget_soon, public_only, model, fetches, key_running, front, extras, turn)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, iif(?18,"
        " (SELECT coalesce(min(turn), 0) FROM requests WHERE ended = 0 AND held = 0) + (SELECT count(*)"
        " FROM requests INDEXED BY requests_line WHERE ended = 0 AND held = 0 AND key_id IS ?10), 0))"
        " ON CONFLICT(id) DO NOTHING",
        "tiiiibttttiitiiiti", accepted->id, (int64_t)accepted->sync, (int64_t)accepted->low_priority,
        accepted->created_ms, accepted->start_by_ms, (const void *)(ending ? NULL : accepted->body),
        ending ? (size_t)0 : accepted->body_bytes, accepted->webhook, accepted->lifecycle,
        accepted->file_base, accepted->key_id, (int64_t)accepted->forget_soon, (int64_t)accepted->public_only,
        accepted->model, (int64_t)accepted->fetches, (int64_t)accepted->key_running, accepted->front,
        accepted->extras, (int64_t)accepted->by_keys));
    if (sqlite3_changes(db->handle) == 0) return read_seq(db, accepted, err);
    accepted->seq = sqlite3_last_insert_rowid(db->handle);
    if (!ending) return BIREFNET_OK;
    BN_TRY(write_ending(db, accepted->id, 0, 0, ending, err));
    return write_webhook(db, accepted->id, ending, err);
}

typedef struct acceptance {
    bn_accepted *accepted;
    const bn_ending *ending;
} acceptance;

static bn_status accept_one(bn_db *db, void *user, bn_error *err)
{
    const acceptance *self = user;
    self->accepted->refused = false;
    if (!self->ending) BN_TRY(check_waiting(db, self->accepted, err));
    if (!self->accepted->refused) return insert(db, self->accepted, self->ending, err);
    BN_TRY(read_seq(db, self->accepted, err));
    self->accepted->refused = !self->accepted->repeated;
    return BIREFNET_OK;
}

bn_status bn_sqlite_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err)
{
    acceptance self = {accepted, ending};
    return bn_db_transact(bn_sqlite_writer(store), !accepted->sync, accept_one, &self, err);
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

/* Whether it has ended by this claim already: the answer to the first call was lost. Without a claim several may want to end it. */
static bn_status was_mine(bn_db *db, const char *id, int64_t claim, const bn_ending *ending, bool *mine,
                          bn_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(bn_db_query(db, &statement, err,
                       "SELECT 1 FROM requests WHERE id = ?1 AND ended = 1 AND ended_claim = ?2"
                       " AND (?2 <> 0 OR (code = ?3 AND completed_ms = ?4))",
                       "tiii", id, claim, (int64_t)ending->code, ending->completed_ms));
    BN_TRY(bn_db_step(db, statement, &row, err));
    *mine = row;
    sqlite3_reset(statement);
    return BIREFNET_OK;
}

typedef struct finishing {
    const char *id;
    int64_t worker, claim;
    const bn_ending *ending;
    const bn_file_facts *files;
    size_t file_count;
    bool mine;
} finishing;

static bn_status finish(bn_db *db, void *user, bn_error *err)
{
    finishing *self = user;
    self->mine = false;
    BN_TRY(write_ending(db, self->id, self->worker, self->claim, self->ending, err));
    if (sqlite3_changes(db->handle) == 0)
        return was_mine(db, self->id, self->claim, self->ending, &self->mine, err);
    self->mine = true;
    BN_TRY(bn_db_run(db, err, "DELETE FROM live WHERE id = ?", "t", self->id));
    BN_TRY(write_files(db, self->id, self->files, self->file_count, err));
    return write_webhook(db, self->id, self->ending, err);
}

bn_status bn_sqlite_finish(bn_store *store, const char *id, int64_t worker, int64_t claim,
                           const bn_ending *ending, const bn_file_facts *files, size_t file_count, bool *mine,
                           bn_error *err)
{
    finishing self = {id, worker, claim, ending, files, file_count, false};
    const bn_status status = bn_db_transact(bn_sqlite_writer(store), true, finish, &self, err);
    *mine = status == BIREFNET_OK && self.mine;
    return status;
}

/* ---- cancelled by whoever is asked ---- */

typedef struct cancelling {
    const char *id;
    bn_cancel_reason reason;
    const bn_ending *ending;
    bn_cancelled outcome;
} cancelling;

static bn_status cancel(bn_db *db, void *user, bn_error *err)
{
    cancelling *self = user;
    self->outcome = BN_CANCELLED_NONE;
    BN_TRY(write_ending(db, self->id, 0, 0, self->ending, err)); /* worker 0 holds nothing */
    if (sqlite3_changes(db->handle) > 0) {
        self->outcome = BN_CANCELLED_ENDED;
        return write_webhook(db, self->id, self->ending, err);
    }
    BN_TRY(bn_db_run(db, err,
                     "UPDATE requests SET cancel = iif(cancel, cancel, ?2) WHERE id = ?1 AND ended = 0", "ti",
                     self->id, (int64_t)self->reason));
    if (sqlite3_changes(db->handle) > 0) self->outcome = BN_CANCELLED_TOLD;
    return BIREFNET_OK;
}

bn_status bn_sqlite_cancel(bn_store *store, const char *id, bn_cancel_reason reason, const bn_ending *ending,
                           bn_cancelled *outcome, bn_error *err)
{
    cancelling self = {id, reason, ending, BN_CANCELLED_NONE};
    const bn_status status = bn_db_transact(bn_sqlite_writer(store), true, cancel, &self, err);
    *outcome = status == BIREFNET_OK ? self.outcome : BN_CANCELLED_NONE;
    return status;
}

/* ---- by the holder; not durable: a power failure may take them back, and the request is then as it was before ---- */

bn_status bn_sqlite_start(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                          bool running, bool *mine, bn_error *err)
{
    int changed;
    const bn_status status = bn_db_write(bn_sqlite_writer(store), false, &changed, err,
                                         "UPDATE requests SET weight = ?4, running = ?5 WHERE id = ?1 AND "
                                         "ended = 0 AND worker = ?2 AND claim = ?3",
                                         "tiiii", id, worker, claim, (int64_t)weight, (int64_t)running);
    if (mine) *mine = changed > 0;
    return status;
}

bn_status bn_sqlite_give_back(bn_store *store, const char *id, int64_t worker, int64_t claim, bool *mine,
                              bn_error *err)
{
    int changed;
    const bn_status status =
        bn_db_write(bn_sqlite_writer(store), false, &changed, err,
                    "UPDATE requests SET held = 0, running = 0, worker = NULL, claim = NULL, weight = 0"
                    " WHERE id = ?1 AND ended = 0 AND held = 1 AND worker = ?2 AND claim = ?3",
                    "tii", id, worker, claim);
    *mine = changed > 0;
    return status;
}
