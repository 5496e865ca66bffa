/* postgres_queue.c - requests from accepted to ended in PostgreSQL: who holds them, and what only the holder may write. */
#include "store/postgres.h"

#include "store/ids.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- accepted ---- */

/* Of a request that was accepted before, by whoever it was: the statement before did not see it yet. */
static bn_status read_seq(bn_postgres_db *db, bn_accepted *accepted, bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    BN_TRY(
        bn_postgres_query(db, &rows, err, "SELECT seq FROM requests WHERE id = $1::uuid", "t", accepted->id));
    if (rows.count == 1) accepted->seq = bn_rows_int(&rows, 0, 0, &status, err);
    accepted->repeated = rows.count == 1;
    bn_rows_free(&rows);
    return status;
}

#define NEW_REQUEST                                                                                          \
    "INSERT INTO requests(id, key_id, sync, low, forget_soon, public_only, created_ms, start_by_ms,"         \
    " webhook, webhook_host, lifecycle, file_base"

static bn_status insert_open(bn_postgres_db *db, const bn_accepted *accepted, const char *host, bn_rows *rows,
                             bn_error *err)
{
    return bn_postgres_query(
        db, rows, err,
        "WITH soon AS MATERIALIZED (SELECT CASE WHEN $3::int = 1 THEN"
        "  set_config('synchronous_commit', 'off', true) END),"
        " r AS (" NEW_REQUEST
        ", body, extras) SELECT $1::uuid, $2, $3 = 1, $4::int = 1, $5::int = 1, $6::int = 1,"
        "  $7::bigint, $8::bigint, $9, $10, $11, $12, $13::bytea, $14 FROM soon"
        "  WHERE $15::int <= 0 OR birefnet_room_for(coalesce($2, ''), $15)"
        "  ON CONFLICT (id) DO NOTHING RETURNING id, seq),"
        " q AS (INSERT INTO queue(id, seq, low, sync, key_id, created_ms, start_by_ms, body_bytes, fetches, "
        "model,"
        "  key_running, front, turn) SELECT id, seq, $4 = 1, $3 = 1, coalesce($2, ''), $7, $8, $16::bigint,"
        "  $17::int = 1, $18, $19::int, $20::bigint, CASE WHEN $21::int = 1 THEN"
        "   (SELECT coalesce(min(turn), 0) FROM queue WHERE NOT held) +"
        "   (SELECT count(*) FROM queue WHERE NOT held AND key_id = coalesce($2, '')) ELSE 0 END FROM r)"
        " SELECT seq, false FROM r UNION ALL SELECT seq, true FROM requests WHERE id = $1::uuid",
        "ttiiiiiittttbtiiitiii", accepted->id, accepted->key_id, (int64_t)accepted->sync,
        (int64_t)accepted->low_priority, (int64_t)accepted->forget_soon, (int64_t)accepted->public_only,
        accepted->created_ms, accepted->start_by_ms, accepted->webhook, host, accepted->lifecycle,
        accepted->file_base, (const void *)accepted->body, accepted->body_bytes, accepted->extras,
        (int64_t)accepted->key_waiting, (int64_t)accepted->body_bytes, (int64_t)accepted->fetches,
        accepted->model, (int64_t)accepted->key_running, accepted->front, (int64_t)accepted->by_keys);
}

/* It never waits: its ending and its webhook come with it. */
static bn_status insert_ended(bn_postgres_db *db, const bn_accepted *accepted, const char *host,
                              const bn_ending *ending, bn_rows *rows, bn_error *err)
{
    return bn_postgres_query(
        db, rows, err,
        "WITH r AS (" NEW_REQUEST ", ended_ms, ended_claim, code, result, error_type, error, user_timeout,"
        "  retry, inline_images, billable_s, inference_s, weights, image_id, logs)"
        " VALUES($1::uuid, $2, $3::int = 1, $4::int = 1, $5::int = 1, $6::int = 1, $7::bigint, $8::bigint,"
        "  $9, $10, $11, $12, $13::bigint, 0, $14::int, $15, $16, $17, $18::int = 1, $19::int = 1, $20::int "
        "= 1,"
        "  $21::float8, $22::float8, $23, $24, $25) ON CONFLICT (id) DO NOTHING"
        "  RETURNING id, seq, webhook, webhook_host, key_id, file_base, public_only),"
        " w AS (INSERT INTO webhooks(request_id, url, host, key_id, file_base, public_only, created_ms, "
        "next_ms)"
        "  SELECT id, webhook, webhook_host, coalesce(key_id, ''), file_base, public_only, $13, $13 FROM r"
        "  WHERE webhook IS NOT NULL)"
        " SELECT seq, false FROM r UNION ALL SELECT seq, true FROM requests WHERE id = $1::uuid",
        "ttiiiiiittttiitttiiiddttt", accepted->id, accepted->key_id, (int64_t)accepted->sync,
        (int64_t)accepted->low_priority, (int64_t)accepted->forget_soon, (int64_t)accepted->public_only,
        accepted->created_ms, accepted->start_by_ms, accepted->webhook, host, accepted->lifecycle,
        accepted->file_base, ending->completed_ms, (int64_t)ending->code, ending->result, ending->error_type,
        ending->error, (int64_t)ending->user_timeout, (int64_t)ending->retry, (int64_t)ending->inline_images,
        ending->billable_s, ending->inference_s, ending->weights, ending->image_id, ending->logs);
}

bn_status bn_postgres_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err)
{
    bn_postgres_db *db = bn_postgres_db_of(store);
    char text[BN_WEBHOOK_HOST_CHARS];
    const char *host = NULL;
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    if (accepted->webhook) {
        bn_webhook_host(accepted->webhook, text);
        host = text;
    }
    if (ending)
        BN_TRY(insert_ended(db, accepted, host, ending, &rows, err));
    else
        BN_TRY(insert_open(db, accepted, host, &rows, err));
    const bool found = rows.count > 0;
    accepted->refused = false;
    if (found) {
        accepted->seq = bn_rows_int(&rows, 0, 0, &status, err);
        /* a try of our own that was cut off is no other's request */
        accepted->repeated = bn_rows_int(&rows, 0, 1, &status, err) != 0 && !rows.again;
    }
    bn_rows_free(&rows);
    if (found) return status;
    BN_TRY(read_seq(db, accepted, err));
    accepted->refused = !accepted->repeated;
    return BIREFNET_OK;
}

/* ---- ended ---- */

static json_t *file_to_json(const bn_file_facts *file)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:i, s:s, s:s}", "id", file->id, "name", file->name,
                     "type", file->type, "size", (json_int_t)file->size, "created_ms",
                     (json_int_t)file->created_ms, "expires_ms", (json_int_t)file->expires_ms, "access",
                     (int)file->access, "etag", file->etag, "object", file->object);
}

/* As text for jsonb_to_recordset; allocated. */
static bn_status files_to_json(const bn_file_facts *files, size_t count, char **text, bn_error *err)
{
    json_t *all = json_array();
    *text = NULL;
    bool whole = all != NULL;
    for (size_t i = 0; i < count && whole; i++)
        whole = json_array_append_new(all, file_to_json(&files[i])) == 0;
    if (whole) *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return *text ? BIREFNET_OK : bn_fail_memory(err, count * sizeof *files, "the files of a result");
}

static bn_status end_it(bn_postgres_db *db, const char *id, int64_t worker, int64_t claim,
                        const bn_ending *ending, const char *files, bool *mine, bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    BN_TRY(bn_postgres_query(
        db, &rows, err,
        "WITH d AS (DELETE FROM queue WHERE id = $1::uuid AND CASE WHEN held"
        "  THEN worker = $2::bigint AND $3::bigint IN (0, claim) ELSE $3 = 0 END RETURNING id),"
        " r AS (UPDATE requests q SET ended_ms = $4::bigint, ended_claim = $3, body = NULL, code = $5::int,"
        "  result = $6, error_type = $7, error = $8, user_timeout = $9::int = 1, retry = $10::int = 1,"
        "  inline_images = $11::int = 1, billable_s = $12::float8, inference_s = $13::float8, weights = $14,"
        "  image_id = $15, logs = $16 FROM d WHERE q.id = d.id AND q.ended_ms IS NULL RETURNING q.*),"
        " j AS (SELECT f.* FROM r, jsonb_to_recordset($17::jsonb) AS f(id text, name text, type text,"
        "  size bigint, created_ms bigint, expires_ms bigint, access smallint, etag text, object text)),"
        " f AS (INSERT INTO files(id, object, whole, multipart, name, type, size, created_ms, expires_ms, "
        "access,"
        "  etag, key_id) SELECT j.id, j.object, true, false, j.name, j.type, j.size, j.created_ms, "
        "j.expires_ms,"
        "  j.access, j.etag, r.key_id FROM j, r),"
        " l AS (DELETE FROM live USING d WHERE live.id = d.id),"
        " o AS (DELETE FROM objects USING j WHERE objects.object = j.object),"
        " w AS (INSERT INTO webhooks(request_id, url, host, key_id, file_base, public_only, created_ms, "
        "next_ms)"
        "  SELECT id, webhook, webhook_host, coalesce(key_id, ''), file_base, public_only, $4, $4 FROM r"
        "  WHERE webhook IS NOT NULL)"
        " SELECT EXISTS (SELECT FROM r)",
        "tiiiitttiiiddtttt", id, worker, claim, ending->completed_ms, (int64_t)ending->code, ending->result,
        ending->error_type, ending->error, (int64_t)ending->user_timeout, (int64_t)ending->retry,
        (int64_t)ending->inline_images, ending->billable_s, ending->inference_s, ending->weights,
        ending->image_id, ending->logs, files));
    *mine = bn_rows_int(&rows, 0, 0, &status, err) != 0;
    bn_rows_free(&rows);
    return status;
}

/* Whether it has ended by this claim already: the answer to the first call was lost. Without a claim several may want to end it. A
 * statement of its own, which sees what the one before may have waited for. */
static bn_status was_mine(bn_postgres_db *db, const char *id, int64_t claim, const bn_ending *ending,
                          bool *mine, bn_error *err)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(
        db, &rows, err,
        "SELECT FROM requests WHERE id = $1::uuid AND ended_ms IS NOT NULL AND ended_claim = $2::bigint"
        " AND ($2 <> 0 OR (code = $3::int AND ended_ms = $4::bigint))",
        "tiii", id, claim, (int64_t)ending->code, ending->completed_ms));
    *mine = rows.count > 0;
    bn_rows_free(&rows);
    return BIREFNET_OK;
}

bn_status bn_postgres_finish(bn_store *store, const char *id, int64_t worker, int64_t claim,
                             const bn_ending *ending, const bn_file_facts *files, size_t file_count,
                             bool *mine, bn_error *err)
{
    char *text;
    *mine = false;
    BN_TRY(files_to_json(files, file_count, &text, err));
    bn_status status = end_it(bn_postgres_db_of(store), id, worker, claim, ending, text, mine, err);
    free(text);
    if (status == BIREFNET_OK && !*mine)
        status = was_mine(bn_postgres_db_of(store), id, claim, ending, mine, err);
    return status;
}

/* ---- cancelled by whoever is asked ---- */

/* The flag first: it waits for a claim that is under way, and whoever claims it later sees it. */
static bn_status raise_flag(bn_postgres_db *db, const char *id, bn_cancel_reason reason, bn_cancelled *found,
                            bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    BN_TRY(
        bn_postgres_query(db, &rows, err,
                          "UPDATE queue SET cancel = CASE WHEN cancel = 0 THEN $2::smallint ELSE cancel END"
                          " WHERE id = $1::uuid RETURNING held",
                          "ti", id, (int64_t)reason));
    *found = BN_CANCELLED_NONE;
    if (rows.count == 1)
        *found = bn_rows_int(&rows, 0, 0, &status, err) ? BN_CANCELLED_TOLD : BN_CANCELLED_ENDED;
    bn_rows_free(&rows);
    return status;
}

bn_status bn_postgres_cancel(bn_store *store, const char *id, bn_cancel_reason reason,
                             const bn_ending *ending, bn_cancelled *outcome, bn_error *err)
{
    bn_postgres_db *db = bn_postgres_db_of(store);
    *outcome = BN_CANCELLED_NONE;
    if (!bn_uuid_valid(id)) return BIREFNET_OK;
    for (;;) {
        bool ended = false;
        bn_cancelled found;
        BN_TRY(raise_flag(db, id, reason, &found, err));
        if (found == BN_CANCELLED_ENDED) BN_TRY(end_it(db, id, 0, 0, ending, "[]", &ended, err));
        if (found == BN_CANCELLED_ENDED && !ended) continue; /* claimed, or ended by another, in between */
        *outcome = found;
        return BIREFNET_OK;
    }
}

/* ---- by the holder ---- */

/* A statement of an id, a worker, a claim and two more numbers that changes one row or none. */
static bn_status write_row(bn_store *store, bool *changed, bn_error *err, const char *sql, const char *id,
                           int64_t worker, int64_t claim, int64_t weight, int64_t running)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err, sql, "tiiii", id, worker, claim, weight,
                             running));
    if (changed) *changed = rows.changed > 0;
    bn_rows_free(&rows);
    return BIREFNET_OK;
}

#define MINE "id = $1::uuid AND held AND worker = $2::bigint AND claim = $3::bigint"

bn_status bn_postgres_start(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                            bool running, bool *mine, bn_error *err)
{
    return write_row(store, mine, err,
                     "WITH " BN_SOON_CTE
                     " UPDATE queue SET weight = $4::int, running = $5::int = 1 WHERE " MINE " AND " BN_SOON,
                     id, worker, claim, weight, running);
}

bn_status bn_postgres_give_back(bn_store *store, const char *id, int64_t worker, int64_t claim, bool *mine,
                                bn_error *err)
{
    return write_row(store, mine, err,
                     "WITH " BN_SOON_CTE " UPDATE queue SET held = false, running = false, worker = NULL,"
                     " claim = NULL, weight = $4::int WHERE " MINE " AND " BN_SOON " AND $5::int = 0",
                     id, worker, claim, 0, 0);
}
