/* sqlite_seen.c - what clients see of open requests: their holders tell, front ends look at all at once. */
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

typedef struct telling {
    int64_t worker;
    const bn_live *rows;
    size_t count;
} telling;

static bn_status tell(bn_db *db, void *user, bn_error *err)
{
    const telling *self = user;
    for (size_t i = 0; i < self->count; i++) {
        const bn_live *row = &self->rows[i];
        BN_TRY(bn_db_run(
            db, err,
            "INSERT INTO live SELECT id, ?4, ?5, ?6 FROM requests"
            " WHERE id = ?1 AND ended = 0 AND worker = ?2 AND claim = ?3"
            " ON CONFLICT(id) DO UPDATE SET progress = ?4, log_count = ?5, logs = coalesce(?6, logs)",
            "tiidit", row->id, self->worker, row->claim, row->progress, (int64_t)row->log_count, row->logs));
    }
    return BIREFNET_OK;
}

bn_status bn_sqlite_tell(bn_store *store, int64_t worker, const bn_live *rows, size_t count, bn_error *err)
{
    telling self = {worker, rows, count};
    return bn_db_transact(bn_sqlite_writer(store), false, tell, &self, err);
}

static void *grown(void *items, size_t count, size_t size, bn_error *err)
{
    if (count > 0 && (count < 64 || (count & (count - 1)) != 0)) return items;
    void *more = realloc(items, (count ? 2 * count : 64) * size);
    if (!more) bn_fail_memory(err, count * size, "a snapshot");
    return more;
}

static bn_status read_seen(sqlite3_stmt *statement, bn_seen *seen, bn_error *err)
{
    bn_db_text(statement, 0, seen->id, sizeof seen->id);
    bn_db_text(statement, 1, seen->key_id, sizeof seen->key_id);
    seen->seq = sqlite3_column_int64(statement, 2);
    seen->turn = sqlite3_column_int64(statement, 3);
    seen->worker = sqlite3_column_int64(statement, 4);
    seen->low_priority = sqlite3_column_int(statement, 5) != 0;
    seen->sync = sqlite3_column_int(statement, 6) != 0;
    seen->running = sqlite3_column_int(statement, 7) != 0;
    seen->cancelled = sqlite3_column_int(statement, 8) != 0;
    seen->created_ms = sqlite3_column_int64(statement, 9);
    seen->start_by_ms = sqlite3_column_int64(statement, 10);
    seen->body_bytes = (size_t)sqlite3_column_int64(statement, 11);
    seen->progress = sqlite3_column_double(statement, 12);
    seen->log_count = sqlite3_column_int(statement, 13);
    seen->fetches = sqlite3_column_int(statement, 15) != 0;
    seen->front = sqlite3_column_int64(statement, 16);
    return bn_db_copy(statement, 14, &seen->logs, NULL, err);
}

static bn_status read_requests(bn_db *db, bool want_logs, bn_snapshot *snapshot, bn_error *err)
{
    sqlite3_stmt *statement;
    BN_TRY(bn_db_query(
        db, &statement, err,
        "SELECT r.id, coalesce(key_id, ''), seq, turn, iif(held, worker, 0), low_priority, sync, running,"
        " cancel, created_ms, start_by_ms, coalesce(length(body), 0), coalesce(progress, 0),"
        " coalesce(log_count, 0), iif(?1 AND held, l.logs, NULL), fetches, front"
        " FROM requests AS r LEFT JOIN live AS l ON held = 1 AND l.id = r.id"
        " WHERE ended = 0 ORDER BY held = 0, low_priority, turn, seq",
        "i", (int64_t)want_logs));
    for (;;) {
        bool row;
        BN_TRY(bn_db_step(db, statement, &row, err));
        if (!row) return BIREFNET_OK;
        bn_seen *rows = grown(snapshot->rows, snapshot->count, sizeof *rows, err);
        bn_status status = rows ? BIREFNET_OK : BIREFNET_ERROR_MEMORY;
        if (rows) {
            snapshot->rows = rows;
            bn_seen *seen = &rows[snapshot->count++];
            *seen = (bn_seen){.id = ""};
            status = read_seen(statement, seen, err);
            snapshot->held += seen->worker != 0;
        }
        if (status != BIREFNET_OK) {
            sqlite3_reset(statement);
            return status;
        }
    }
}

static bn_status read_processes(bn_db *db, bn_snapshot *snapshot, bn_error *err)
{
    sqlite3_stmt *statement;
    BN_TRY(bn_db_query(db, &statement, err,
                       "SELECT id, role, host, version, idle, started_ms, seen_ms FROM processes ORDER BY id",
                       ""));
    for (;;) {
        bool row;
        BN_TRY(bn_db_step(db, statement, &row, err));
        if (!row) return BIREFNET_OK;
        bn_process *list = grown(snapshot->processes, snapshot->process_count, sizeof *list, err);
        if (!list) {
            sqlite3_reset(statement);
            return BIREFNET_ERROR_MEMORY;
        }
        snapshot->processes = list;
        bn_process *process = &list[snapshot->process_count++];
        *process = (bn_process){.id = sqlite3_column_int64(statement, 0)};
        bn_db_text(statement, 1, process->role, sizeof process->role);
        bn_db_text(statement, 2, process->host, sizeof process->host);
        bn_db_text(statement, 3, process->version, sizeof process->version);
        process->idle = sqlite3_column_int(statement, 4) != 0;
        process->started_ms = sqlite3_column_int64(statement, 5);
        process->seen_ms = sqlite3_column_int64(statement, 6);
    }
}

bn_status bn_sqlite_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    *snapshot = (bn_snapshot){.now_ms = bn_sqlite_now(store)};
    bn_status status = read_requests(db, want_logs, snapshot, err);
    if (status == BIREFNET_OK) status = read_processes(db, snapshot, err);
    bn_db_unlock(db);
    if (status != BIREFNET_OK) bn_snapshot_free(snapshot);
    return status;
}

bn_status bn_sqlite_processes(bn_store *store, bn_process **list, size_t *count, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    bn_snapshot found = {.now_ms = 0};
    const bn_status status = read_processes(db, &found, err);
    bn_db_unlock(db);
    *list = found.processes;
    *count = found.process_count;
    if (status == BIREFNET_OK) return BIREFNET_OK;
    bn_snapshot_free(&found);
    *list = NULL;
    return status;
}
