/* postgres_lease.c - in PostgreSQL: who lives, what becomes of what the dead held, and what one process does for all. */
#include "store/postgres.h"

#include <stdlib.h>
#include <string.h>

/* The database's clock, as this handle takes it to be; the parameter is its shift. */
#define NOW(parameter) "(" BN_NOW_MS " + " parameter "::bigint)"

static int64_t shift_of(bn_store *store)
{
    return atomic_load(&store->shift_ms);
}

/* ---- beats ---- */

static bn_status read_holdings(const bn_rows *rows, bn_holding *list, size_t *count, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    *count = 0;
    for (int i = 0; status == BIREFNET_OK && i < rows->count; i++) {
        bn_holding *holding = &list[*count];
        bn_rows_uuid(rows, i, 1, holding->id, &status, err);
        holding->claim = bn_rows_int(rows, i, 2, &status, err);
        holding->cancel = (bn_cancel_reason)bn_rows_int(rows, i, 3, &status, err);
        if (holding->id[0]) ++*count;
    }
    return status;
}

bn_status bn_postgres_beat(bn_store *store, const bn_process *process, int64_t *now_ms, bn_holding **holdings,
                           size_t *count, bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "WITH " BN_SOON_CTE
        ", b AS (INSERT INTO processes AS p (id, role, host, version, idle, started_ms, seen_ms)"
        "  SELECT $1::bigint, $2, $3, $4, $5::int = 1, t, t FROM soon, (SELECT " NOW(
            "$6") " AS t) n WHERE v = 'off'"
                  "  ON CONFLICT (id) DO UPDATE SET idle = excluded.idle, seen_ms = excluded.seen_ms "
                  "RETURNING seen_ms)"
                  " SELECT b.seen_ms, q.id, q.claim, q.cancel FROM b LEFT JOIN queue q ON q.worker = $1 AND "
                  "q.held",
        "itttii", process->id, process->role, process->host, process->version, (int64_t)process->idle,
        shift_of(store)));
    bn_holding *list = calloc((size_t)rows.count + 1, sizeof *list);
    if (!list) status = bn_fail_memory(err, (size_t)rows.count * sizeof *list, "a beat");
    if (list) status = read_holdings(&rows, list, count, err);
    if (status == BIREFNET_OK && rows.count == 0)
        status = bn_fail(err, BIREFNET_ERROR_INTERNAL, "the database took no beat");
    if (status == BIREFNET_OK) *now_ms = bn_rows_int(&rows, 0, 0, &status, err);
    bn_rows_free(&rows);
    if (status != BIREFNET_OK) free(list);
    if (status == BIREFNET_OK) *holdings = list;
    return status;
}

/* ---- the end of processes ---- */

static bn_status read_rescued(const bn_rows *rows, bn_rescued *list, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    for (int i = 0; status == BIREFNET_OK && i < rows->count; i++) {
        bn_rows_uuid(rows, i, 0, list[i].id, &status, err);
        list[i].worker = bn_rows_int(rows, i, 1, &status, err);
        list[i].attempts = (int)bn_rows_int(rows, i, 2, &status, err);
    }
    return status;
}

static bn_status take_rescued(bn_rows *rows, bn_rescued **list, size_t *count, bn_error *err)
{
    bn_rescued *rescued = calloc((size_t)rows->count + 1, sizeof *rescued);
    const bn_status status =
        rescued ? read_rescued(rows, rescued, err) : bn_fail_memory(err, 0, "what was rescued");
    if (status == BIREFNET_OK) {
        *list = rescued;
        *count = (size_t)rows->count;
    } else {
        free(rescued);
    }
    bn_rows_free(rows);
    return status;
}

/* One process is no more. died: what it held counts as an attempt. */
static bn_status end_process(bn_store *store, int64_t process, bool died, bn_rows *rows, bn_error *err)
{
    return bn_postgres_query(
        bn_postgres_db_of(store), rows, err,
        "WITH " BN_SOON_CTE ", w AS (UPDATE webhooks SET next_ms = least(next_ms, " NOW(
            "$2") "), claim = NULL, taker = NULL"
                  "  WHERE taker = $1::bigint),"
                  " d AS (DELETE FROM duties WHERE holder = $1),"
                  " p AS (DELETE FROM processes WHERE id = $1)"
                  " UPDATE queue SET attempts = attempts + weight * $3::int, held = false, running = false,"
                  "  worker = NULL, claim = NULL, weight = 0 WHERE held AND worker = $1 AND " BN_SOON
                  " RETURNING id, $1, attempts",
        "iii", process, shift_of(store), (int64_t)died);
}

bn_status bn_postgres_release(bn_store *store, int64_t process, bn_error *err)
{
    return end_process(store, process, false, NULL, err);
}

bn_status bn_postgres_bury(bn_store *store, int64_t process, bn_rescued **list, size_t *count, bn_error *err)
{
    bn_rows rows;
    BN_TRY(end_process(store, process, true, &rows, err));
    return take_rescued(&rows, list, count, err);
}

/* Whoever is not in this list is dead: $1 survivor, $2 lease (0: nobody else lives), $3 shift. */
#define LIVING                                                                                               \
    "(SELECT id FROM processes WHERE id = $1::bigint OR ($2::bigint > 0 AND seen_ms > " NOW(                 \
        "$3") " - $2::bigint))"

bn_status bn_postgres_rescue(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **list,
                             size_t *count, bn_error *err)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "WITH " BN_SOON_CTE ", living AS MATERIALIZED " LIVING ","
        " o AS (SELECT id, worker FROM queue WHERE held AND worker <> $1 AND worker NOT IN (SELECT id FROM "
        "living)"
        "  AND " BN_SOON " FOR UPDATE SKIP LOCKED),"
        " w AS (UPDATE webhooks SET next_ms = least(next_ms, " NOW(
            "$3") "), claim = NULL, taker = NULL"
                  "  WHERE taker IS NOT NULL AND taker <> $1 AND taker NOT IN (SELECT id FROM living)),"
                  " p AS (DELETE FROM processes WHERE id <> $1 AND id NOT IN (SELECT id FROM living))"
                  " UPDATE queue q SET attempts = attempts + weight, held = false, running = false, worker = "
                  "NULL,"
                  "  claim = NULL, weight = 0 FROM o WHERE q.id = o.id AND q.held AND q.worker = o.worker"
                  " RETURNING q.id, o.worker, q.attempts",
        "iii", survivor, lease_ms, shift_of(store)));
    return take_rescued(&rows, list, count, err);
}

bn_status bn_postgres_overdue(bn_store *store, int64_t survivor, int64_t lease_ms, int attempt_limit,
                              bn_overdue *list, size_t room, size_t *count, bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    *count = 0;
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "WITH living AS MATERIALIZED " LIVING ", n AS MATERIALIZED (SELECT " NOW(
            "$3") " AS now_ms)"
                  " SELECT q.id, CASE WHEN attempts >= $4::int THEN 3 WHEN start_by_ms > 0 AND start_by_ms "
                  "<= now_ms"
                  "  THEN 1 ELSE 2 END FROM queue q, n WHERE NOT held AND (attempts >= $4"
                  "  OR (start_by_ms > 0 AND start_by_ms <= now_ms)"
                  "  OR (sync AND front <> $1 AND front NOT IN (SELECT id FROM living))) LIMIT $5::int",
        "iiiii", survivor, lease_ms, shift_of(store), (int64_t)attempt_limit, (int64_t)room));
    for (int i = 0; status == BIREFNET_OK && i < rows.count && *count < room; i++) {
        bn_rows_uuid(&rows, i, 0, list[*count].id, &status, err);
        list[(*count)++].reason = (bn_overdue_reason)bn_rows_int(&rows, i, 1, &status, err);
    }
    bn_rows_free(&rows);
    return status;
}

/* ---- duties, rates, secrets ---- */

bn_status bn_postgres_duty(bn_store *store, const char *name, int64_t process, int64_t lease_ms, bool *mine,
                           bn_error *err)
{
    bn_rows rows;
    *mine = false;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             "WITH " BN_SOON_CTE " INSERT INTO duties AS d SELECT $1, $2::bigint, " NOW(
                                 "$4") " + $3::bigint FROM soon"
                                       " WHERE v = 'off' ON CONFLICT (name) DO UPDATE SET holder = $2, "
                                       "until_ms = excluded.until_ms"
                                       " WHERE d.holder = $2 OR d.until_ms <= " NOW("$4"),
                             "tiii", name, process, lease_ms, shift_of(store)));
    *mine = rows.changed > 0;
    bn_rows_free(&rows);
    return BIREFNET_OK;
}

/* $1 key, $2 a minute, $3 shift */
#define TOKENS "least($2::float8, r.tokens + greatest(0, " NOW("$3") " - r.at_ms) * $2::float8 / 60000)"

bn_status bn_postgres_rate(bn_store *store, const char *key_id, int per_minute, int64_t *wait_ms,
                           bn_error *err)
{
    bn_postgres_db *db = bn_postgres_db_of(store);
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    *wait_ms = 0;
    BN_TRY(bn_postgres_query(db, &rows, err,
                             "WITH " BN_SOON_CTE " INSERT INTO rate AS r SELECT $1, $2::float8 - 1, " NOW(
                                 "$3") " FROM soon WHERE v = 'off'"
                                       " ON CONFLICT (key_id) DO UPDATE SET tokens = " TOKENS
                                       " - 1, at_ms = excluded.at_ms WHERE " TOKENS " >= 1",
                             "tii", key_id, (int64_t)per_minute, shift_of(store)));
    const bool paid = rows.changed > 0;
    bn_rows_free(&rows);
    if (paid) return BIREFNET_OK;
    BN_TRY(bn_postgres_query(db, &rows, err,
                             "SELECT greatest(0, ceil((1 - " TOKENS ") * 60000 / $2::float8))::bigint + 1"
                             " FROM rate r WHERE key_id = $1",
                             "tii", key_id, (int64_t)per_minute, shift_of(store)));
    *wait_ms = rows.count > 0 ? bn_rows_int(&rows, 0, 0, &status, err) : 1;
    bn_rows_free(&rows);
    return status;
}

/* Two statements: the second sees what another has written just before the first. */
bn_status bn_postgres_secret(bn_store *store, const char *name, uint8_t *value, size_t bytes, bn_error *err)
{
    bn_postgres_db *db = bn_postgres_db_of(store);
    bn_rows rows;
    char *found = NULL;
    size_t size = 0;
    BN_TRY(bn_postgres_query(db, NULL, err,
                             "INSERT INTO secrets VALUES($1, $2::bytea) ON CONFLICT (name) DO NOTHING", "tb",
                             name, (const void *)value, bytes));
    BN_TRY(bn_postgres_query(db, &rows, err, "SELECT value FROM secrets WHERE name = $1", "t", name));
    bn_status status = rows.count == 1 ? bn_rows_copy(&rows, 0, 0, &found, &size, err) : BIREFNET_OK;
    bn_rows_free(&rows);
    if (status == BIREFNET_OK && (!found || size != bytes))
        status = bn_fail(err, BIREFNET_ERROR_FORMAT,
                         "the secret %s of the store is not as long as it should be", name);
    if (status == BIREFNET_OK) memcpy(value, found, bytes);
    free(found);
    return status;
}
