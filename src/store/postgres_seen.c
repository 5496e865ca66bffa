/* postgres_seen.c - what clients see of open requests, in PostgreSQL: their holders tell, front ends look at all at once. */
#include "store/postgres.h"

#include "base/size.h"

#include <jansson.h>
#include <stdlib.h>

static bn_status lives_to_json(const bn_live *rows, size_t count, char **text, bn_error *err)
{
    json_t *all = json_array();
    bool whole = all != NULL;
    for (size_t i = 0; i < count && whole; i++) {
        json_t *row =
            json_pack("{s:s, s:I, s:f, s:i, s:s?}", "id", rows[i].id, "claim", (json_int_t)rows[i].claim,
                      "progress", rows[i].progress, "log_count", rows[i].log_count, "logs", rows[i].logs);
        whole = json_array_append_new(all, row) == 0;
    }
    *text = whole ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    return *text ? BIREFNET_OK : bn_fail_memory(err, count * sizeof *rows, "what clients see");
}

bn_status bn_postgres_tell(bn_store *store, int64_t worker, const bn_live *rows, size_t count, bn_error *err)
{
    char *text;
    if (count == 0) return BIREFNET_OK;
    BN_TRY(lives_to_json(rows, count, &text, err));
    const bn_status status = bn_postgres_query(
        bn_postgres_db_of(store), NULL, err,
        "WITH " BN_SOON_CTE " INSERT INTO live SELECT q.id, j.progress, j.log_count, j.logs FROM soon,"
        " jsonb_to_recordset($1::jsonb) AS j(id uuid, claim bigint, progress float8, log_count int, logs "
        "text)"
        " JOIN queue q ON q.id = j.id AND q.held AND q.worker = $2::bigint AND q.claim = j.claim WHERE v = "
        "'off'"
        " ON CONFLICT (id) DO UPDATE SET progress = excluded.progress, log_count = excluded.log_count,"
        " logs = coalesce(excluded.logs, live.logs)",
        "ti", text, worker);
    free(text);
    return status;
}

/* ---- looking ---- */

static bn_status read_seen(const bn_rows *rows, int row, bn_seen *seen, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    bn_rows_uuid(rows, row, 0, seen->id, &status, err);
    bn_rows_text(rows, row, 1, seen->key_id, sizeof seen->key_id);
    seen->seq = bn_rows_int(rows, row, 2, &status, err);
    seen->turn = bn_rows_int(rows, row, 3, &status, err);
    seen->worker = bn_rows_int(rows, row, 4, &status, err);
    seen->low_priority = bn_rows_int(rows, row, 5, &status, err) != 0;
    seen->sync = bn_rows_int(rows, row, 6, &status, err) != 0;
    seen->running = bn_rows_int(rows, row, 7, &status, err) != 0;
    seen->cancelled = bn_rows_int(rows, row, 8, &status, err) != 0;
    seen->created_ms = bn_rows_int(rows, row, 9, &status, err);
    seen->start_by_ms = bn_rows_int(rows, row, 10, &status, err);
    seen->body_bytes = (size_t)bn_rows_int(rows, row, 11, &status, err);
    seen->progress = bn_rows_double(rows, row, 12, &status, err);
    seen->log_count = (int)bn_rows_int(rows, row, 13, &status, err);
    seen->fetches = bn_rows_int(rows, row, 15, &status, err) != 0;
    seen->front = bn_rows_int(rows, row, 16, &status, err);
    BN_TRY(status);
    return bn_rows_copy(rows, row, 14, &seen->logs, NULL, err);
}

static bn_status look_at_requests(bn_postgres_db *db, bool want_logs, bn_snapshot *snapshot, bn_error *err)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(
        db, &rows, err,
        "SELECT q.id, key_id, seq, turn, CASE WHEN held THEN worker ELSE 0 END, low, sync, running, cancel,"
        " created_ms, start_by_ms, body_bytes, progress, log_count, CASE WHEN $1::int = 1 THEN logs END, "
        "fetches, front"
        " FROM queue q LEFT JOIN live l ON q.held AND l.id = q.id ORDER BY NOT held, low, turn, seq",
        "i", (int64_t)want_logs));
    bn_status status = BIREFNET_OK;
    snapshot->rows = calloc((size_t)rows.count + 1, sizeof *snapshot->rows);
    if (!snapshot->rows)
        status = bn_fail_memory(err, (size_t)rows.count * sizeof *snapshot->rows, "a snapshot");
    for (int i = 0; status == BIREFNET_OK && i < rows.count; i++) {
        bn_seen *seen = &snapshot->rows[snapshot->count++];
        status = read_seen(&rows, i, seen, err);
        snapshot->held += seen->worker != 0;
    }
    bn_rows_free(&rows);
    return status;
}

static bn_status look_at_processes(bn_store *store, bn_snapshot *snapshot, bn_error *err)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             "SELECT now_ms, id, role, host, version, idle, started_ms, seen_ms FROM"
                             " (SELECT " BN_NOW_MS
                             " + $1::bigint AS now_ms) n LEFT JOIN processes ON true ORDER BY id",
                             "i", atomic_load(&store->shift_ms)));
    bn_status status = BIREFNET_OK;
    snapshot->processes = calloc((size_t)rows.count + 1, sizeof *snapshot->processes);
    if (!snapshot->processes) status = bn_fail_memory(err, 0, "a snapshot");
    for (int i = 0; status == BIREFNET_OK && i < rows.count; i++) {
        bn_process *process = &snapshot->processes[snapshot->process_count];
        snapshot->now_ms = bn_rows_int(&rows, i, 0, &status, err);
        process->id = bn_rows_int(&rows, i, 1, &status, err);
        bn_rows_text(&rows, i, 2, process->role, sizeof process->role);
        bn_rows_text(&rows, i, 3, process->host, sizeof process->host);
        bn_rows_text(&rows, i, 4, process->version, sizeof process->version);
        process->idle = bn_rows_int(&rows, i, 5, &status, err) != 0;
        process->started_ms = bn_rows_int(&rows, i, 6, &status, err);
        process->seen_ms = bn_rows_int(&rows, i, 7, &status, err);
        snapshot->process_count += process->id != 0; /* the row of nobody says what time it is */
    }
    bn_rows_free(&rows);
    return status;
}

bn_status bn_postgres_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err)
{
    *snapshot = (bn_snapshot){.now_ms = 0};
    bn_status status = look_at_requests(bn_postgres_db_of(store), want_logs, snapshot, err);
    if (status == BIREFNET_OK) status = look_at_processes(store, snapshot, err);
    if (status != BIREFNET_OK) bn_snapshot_free(snapshot);
    return status;
}

bn_status bn_postgres_processes(bn_store *store, bn_process **list, size_t *count, bn_error *err)
{
    bn_snapshot found = {.now_ms = 0};
    const bn_status status = look_at_processes(store, &found, err);
    if (status != BIREFNET_OK) bn_snapshot_free(&found);
    *list = found.processes;
    *count = found.process_count;
    return status;
}
