/* postgres_webhooks.c - webhooks in PostgreSQL: whose turn it is, found by index however many wait. */
#include "store/postgres_rows.h"

/* ---- whose turn ---- */

/* The longest due of each group of a host and a key, in their order, behind a first one: a step each, by webhooks_turn. */
#define GROUPS(name, again, host, key)                                                                       \
    name " AS ((SELECT request_id, host, key_id, next_ms FROM webhooks WHERE again = " again                 \
         " AND (host, key_id) > (" host ", " key ") ORDER BY host, key_id, next_ms LIMIT 1) UNION ALL"       \
         " SELECT w.* FROM " name " g, LATERAL (SELECT request_id, host, key_id, next_ms FROM webhooks"      \
         "  WHERE again = " again " AND (host, key_id) > (g.host, g.key_id)"                                 \
         "  ORDER BY host, key_id, next_ms LIMIT 1) w)"
#define MAY_GO           " WHERE next_ms <= now_ms AND host <> ALL($3::text[]) AND key_id <> ALL($4::text[])"
#define DUE_LATER(again) "(SELECT min(next_ms) FROM webhooks WHERE again = " again " AND next_ms > now_ms)"

/* Lists are read as far as the first that may go: from behind the last one to the end, then from the beginning; and first
 * attempts before others. The row is there even where none may go, and says how long until the next is due. Whoever was
 * faster has changed next_ms. */
static const char take_sql[] =
    "WITH RECURSIVE n AS MATERIALIZED (SELECT " BN_NOW_MS
    " + $6::bigint AS now_ms)," GROUPS("a", "false", "$1::text", "$2::text") ", " GROUPS(
        "b", "false", "''",
        "''") ", " GROUPS("c", "true", "$1::text",
                          "$2::text") ", " GROUPS("d", "true", "''",
                                                  "''") ", " BN_SOON_CTE ", found AS MATERIALIZED (SELECT "
                                                        "request_id, next_ms FROM ("
                                                        "  SELECT a.* FROM a, n" MAY_GO
                                                        " UNION ALL SELECT b.* FROM b, n" MAY_GO
                                                        "  UNION ALL SELECT c.* FROM c, n" MAY_GO
                                                        " AND $5::int = 0"
                                                        "  UNION ALL SELECT d.* FROM d, n" MAY_GO
                                                        " AND $5::int = 0) all_groups LIMIT 1),"
                                                        " took AS (UPDATE webhooks w SET claim = $7::bigint, "
                                                        "taker = $8::bigint, next_ms = now_ms +"
                                                        "  CASE WHEN attempts = 0 THEN $9::bigint ELSE "
                                                        "$10::bigint END FROM found f, n, soon"
                                                        "  WHERE w.request_id = f.request_id AND w.next_ms = "
                                                        "f.next_ms AND soon.v = 'off' RETURNING w.*)"
                                                        " SELECT least(" DUE_LATER("false") ", " DUE_LATER(
                                                            "true") ") - now_ms, EXISTS (SELECT FROM found), "
                                                                    "t.request_id,"
                                                                    "  t.attempts, t.created_ms, t.next_ms, "
                                                                    "t.public_only, t.url, t.host, t.key_id, "
                                                                    "t.file_base"
                                                                    " FROM n LEFT JOIN took t ON true";

static bn_status read_webhook(const bn_rows *rows, bn_webhook *webhook, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    bn_rows_uuid(rows, 0, 2, webhook->request_id, &status, err);
    webhook->attempts = (int)bn_rows_int(rows, 0, 3, &status, err);
    webhook->created_ms = bn_rows_int(rows, 0, 4, &status, err);
    webhook->next_ms = bn_rows_int(rows, 0, 5, &status, err);
    webhook->public_only = bn_rows_int(rows, 0, 6, &status, err) != 0;
    BN_TRY(status);
    BN_TRY(bn_rows_copy(rows, 0, 7, &webhook->url, NULL, err));
    BN_TRY(bn_rows_copy(rows, 0, 8, &webhook->host, NULL, err));
    BN_TRY(bn_rows_copy(rows, 0, 9, &webhook->key_id, NULL, err));
    return bn_rows_copy(rows, 0, 10, &webhook->file_base, NULL, err);
}

/* *raced: one was found, and another was faster. */
static bn_status take(bn_store *store, const bn_webhook_turn *turn, const bn_buffer lists[2],
                      const bn_webhook_taker *taker, int64_t *wait_ms, bn_webhook *webhook, bool *raced,
                      bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err, take_sql, "ttttiiiiii", turn->host,
                             turn->key_id, (const char *)lists[0].data, (const char *)lists[1].data,
                             (int64_t)turn->no_second, atomic_load(&store->shift_ms), taker->claim,
                             taker->process, taker->first_ms, taker->again_ms));
    const int64_t later_ms = bn_rows_int(&rows, 0, 0, &status, err);
    const bool found = bn_rows_int(&rows, 0, 1, &status, err) != 0;
    *wait_ms = later_ms > 0 ? later_ms : INT64_MAX;
    if (status == BIREFNET_OK) status = read_webhook(&rows, webhook, err);
    *raced = found && !webhook->url;
    bn_rows_free(&rows);
    return status;
}

bn_status bn_postgres_webhook_take(bn_store *store, const bn_webhook_turn *turn,
                                   const bn_webhook_taker *taker, int64_t *wait_ms, bn_webhook *webhook,
                                   bn_error *err)
{
    bn_buffer lists[2];
    *webhook = (bn_webhook){.request_id = ""};
    bn_status status = bn_postgres_array(&lists[0], turn->busy_hosts, turn->busy_host_count, err);
    const bn_status other = bn_postgres_array(&lists[1], turn->busy_keys, turn->busy_key_count, err);
    if (status == BIREFNET_OK) status = other;
    for (bool raced = true; status == BIREFNET_OK && raced;)
        status = take(store, turn, lists, taker, wait_ms, webhook, &raced, err);
    bn_buffer_free(&lists[0]);
    bn_buffer_free(&lists[1]);
    if (status != BIREFNET_OK) bn_webhook_free(webhook);
    return status;
}

/* ---- the rest of their lives ---- */

bn_status bn_postgres_webhooks_pending(bn_store *store, const char *key_id, int64_t *of_key, int64_t *of_all,
                                       bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    *of_key = *of_all = 0;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             "SELECT (SELECT count(*) FROM webhooks),"
                             " (SELECT count(*) FROM webhooks WHERE key_id = $1)",
                             "t", key_id ? key_id : ""));
    *of_all = bn_rows_int(&rows, 0, 0, &status, err);
    *of_key = bn_rows_int(&rows, 0, 1, &status, err);
    bn_rows_free(&rows);
    return status;
}

bn_status bn_postgres_webhook_tried(bn_store *store, const char *request_id, int64_t claim, int64_t wait_ms,
                                    bn_error *err)
{
    bn_postgres_db *db = bn_postgres_db_of(store);
    if (wait_ms == 0)
        return bn_postgres_query(db, NULL, err,
                                 "DELETE FROM webhooks WHERE request_id = $1::uuid AND claim = $2::bigint",
                                 "ti", request_id, claim);
    return bn_postgres_query(
        db, NULL, err,
        "UPDATE webhooks SET attempts = attempts + 1, again = true, claim = NULL, taker = NULL,"
        " next_ms = " BN_NOW_MS " + $3::bigint WHERE request_id = $1::uuid AND claim = $2::bigint",
        "tii", request_id, claim, atomic_load(&store->shift_ms) + wait_ms);
}
