/* postgres_schema.c - the tables in PostgreSQL 13 and later, and their migration: numbered steps, each one transaction under a
 * lock. A step only adds; what it no longer uses goes in a later release, so that the last release runs beside this one. */
#include "store/postgres_schema.h"

#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIGRATION_DEADLINE_MS 120000

/* Step i makes version i+1 of the tables out of version i. Never change one that was released; add another.
 *
 * queue holds open requests only and stays small whatever the history. What changes in it while a request is held is in
 * no index, so that these updates stay within their page. */
static const char *const migrations[] = {
    "CREATE TABLE requests("
    " id uuid PRIMARY KEY, seq bigint GENERATED ALWAYS AS IDENTITY, key_id text, sync boolean NOT NULL,"
    " low boolean NOT NULL, forget_soon boolean NOT NULL, public_only boolean NOT NULL,"
    " created_ms bigint NOT NULL, start_by_ms bigint NOT NULL, body bytea, extras text, webhook text,"
    " webhook_host text, lifecycle text, file_base text, ended_ms bigint, ended_claim bigint, code int, "
    "result text,"
    " error_type text, error text, user_timeout boolean, retry boolean, inline_images boolean,"
    " billable_s float8, inference_s float8, weights text, image_id text, logs text) WITH (fillfactor = 70);"
    "CREATE INDEX requests_ended ON requests(ended_ms) WHERE ended_ms IS NOT NULL;"
    "CREATE INDEX requests_soon ON requests(ended_ms) WHERE ended_ms IS NOT NULL AND forget_soon;"
    "CREATE TABLE queue("
    " id uuid PRIMARY KEY, seq bigint NOT NULL, low boolean NOT NULL, turn bigint NOT NULL DEFAULT 0,"
    " key_id text NOT NULL DEFAULT '', key_running int NOT NULL DEFAULT 0, model text NOT NULL DEFAULT '',"
    " sync boolean NOT NULL, fetches boolean NOT NULL, front bigint NOT NULL DEFAULT 0,"
    " body_bytes bigint NOT NULL DEFAULT 0, created_ms bigint NOT NULL, start_by_ms bigint NOT NULL DEFAULT "
    "0,"
    " held boolean NOT NULL DEFAULT false, worker bigint, claim bigint, running boolean NOT NULL DEFAULT "
    "false,"
    " cancel smallint NOT NULL DEFAULT 0, weight int NOT NULL DEFAULT 0, attempts int NOT NULL DEFAULT 0)"
    " WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,"
    " autovacuum_vacuum_cost_delay = 0);"
    "CREATE INDEX queue_order ON queue(fetches, low, turn, seq) WHERE NOT held;"
    "CREATE INDEX queue_key ON queue(key_id) WHERE NOT held;"
    "CREATE INDEX queue_start ON queue(start_by_ms) WHERE NOT held AND start_by_ms > 0;"
    "CREATE INDEX queue_front ON queue(front) WHERE NOT held AND sync;"
    "CREATE INDEX queue_held ON queue(worker) WHERE held;"
    "CREATE TABLE processes("
    " id bigint PRIMARY KEY, role text NOT NULL, host text NOT NULL, version text NOT NULL,"
    " idle boolean NOT NULL, started_ms bigint NOT NULL, seen_ms bigint NOT NULL) WITH (fillfactor = 20);"
    /* lost in a crash of the database: workers write their progress again, and tokens start full */
    "CREATE UNLOGGED TABLE live("
    " id uuid PRIMARY KEY, progress float8 NOT NULL, log_count int NOT NULL, logs text) WITH (fillfactor = "
    "30);"
    "CREATE UNLOGGED TABLE rate(key_id text PRIMARY KEY, tokens float8 NOT NULL, at_ms bigint NOT NULL)"
    " WITH (fillfactor = 30);"
    "CREATE TABLE duties(name text PRIMARY KEY, holder bigint NOT NULL, until_ms bigint NOT NULL);"
    "CREATE TABLE secrets(name text PRIMARY KEY, value bytea NOT NULL);"
    "CREATE TABLE files("
    " id text PRIMARY KEY, object text NOT NULL DEFAULT '', upload_id text UNIQUE, whole boolean NOT NULL,"
    " multipart boolean NOT NULL, name text NOT NULL, type text NOT NULL, size bigint NOT NULL,"
    " created_ms bigint NOT NULL, expires_ms bigint NOT NULL, access smallint NOT NULL, etag text NOT NULL,"
    " key_id text);"
    "CREATE INDEX files_expiry ON files(expires_ms) WHERE expires_ms > 0;"
    "CREATE INDEX files_promised ON files(created_ms) WHERE NOT whole;"
    "CREATE INDEX files_object ON files(object) WHERE whole;"
    "CREATE TABLE parts("
    " upload_id text, number int, object text NOT NULL, size bigint NOT NULL, etag text NOT NULL,"
    " PRIMARY KEY(upload_id, number));"
    "CREATE INDEX parts_object ON parts(object);"
    "CREATE TABLE objects(object text PRIMARY KEY, created_ms bigint NOT NULL);"
    "CREATE INDEX objects_age ON objects(created_ms);"
    "CREATE TABLE webhooks("
    " request_id uuid PRIMARY KEY, url text NOT NULL, host text NOT NULL, key_id text NOT NULL,"
    " file_base text, public_only boolean NOT NULL, attempts int NOT NULL DEFAULT 0,"
    " again boolean NOT NULL DEFAULT false, created_ms bigint NOT NULL, next_ms bigint NOT NULL,"
    " taker bigint, claim bigint);"
    "CREATE INDEX webhooks_taker ON webhooks(taker) WHERE taker IS NOT NULL;"
    "CREATE INDEX webhooks_due ON webhooks(again, next_ms);"
    "CREATE INDEX webhooks_turn ON webhooks(again, host, key_id, next_ms);"
    "CREATE INDEX webhooks_key ON webhooks(key_id);",
    /* What must be exact is counted behind a lock, by a statement of its own: one that has waited inside for the lock would
     * count what there was before. A function's statements are such, in one round trip. */
    "CREATE FUNCTION birefnet_room_for(of_key text, most int) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN"
    " PERFORM pg_advisory_xact_lock(7303, hashtext(of_key));"
    " RETURN (SELECT count(*) < most FROM queue WHERE NOT held AND key_id = of_key); END $f$;"
    "CREATE FUNCTION birefnet_claim(by_worker bigint, by_claim bigint, at_weight int, that_fetches boolean,"
    " only_sync boolean, only_normal boolean, now_ms bigint, busy text[], busy_low text[], models text[],"
    " exactly boolean) RETURNS TABLE(id uuid, seq bigint, sync boolean, low boolean, created_ms bigint,"
    " start_by_ms bigint, attempts int, body_bytes bigint, public_only boolean, lifecycle text, file_base "
    "text,"
    " key_id text, webhook text, extras text, model text, front bigint, key_running int, fetches boolean,"
    " forget_soon boolean, body bytea) LANGUAGE plpgsql AS $f$"
    "#variable_conflict use_column\n"
    "BEGIN"
    " PERFORM set_config('synchronous_commit', 'off', true);"
    " IF exactly THEN PERFORM pg_advisory_xact_lock(7301); END IF;"
    " RETURN QUERY WITH full_keys AS MATERIALIZED (SELECT q.key_id, count(*) AS held FROM queue q"
    "   WHERE exactly AND q.held GROUP BY q.key_id),"
    "  c AS MATERIALIZED (SELECT q.id FROM queue q WHERE NOT q.held AND q.fetches = that_fetches"
    "   AND (q.sync OR NOT only_sync) AND (NOT q.low OR NOT only_normal)"
    "   AND (q.start_by_ms = 0 OR q.start_by_ms > now_ms) AND q.key_id <> ALL(busy)"
    "   AND (NOT q.low OR q.key_id <> ALL(busy_low))"
    "   AND (cardinality(models) = 0 OR q.model = '' OR q.model = ANY(models))"
    "   AND NOT EXISTS (SELECT FROM full_keys f WHERE f.key_id = q.key_id AND q.key_running > 0"
    "    AND f.held >= q.key_running)"
    "   ORDER BY q.low, q.turn, q.seq FOR UPDATE SKIP LOCKED LIMIT 1)"
    "  UPDATE queue q SET held = true, running = false, worker = by_worker, claim = by_claim,"
    "   weight = at_weight FROM c JOIN requests r ON r.id = c.id WHERE q.id = c.id"
    "  RETURNING q.id, q.seq, r.sync, q.low, r.created_ms, r.start_by_ms, q.attempts, q.body_bytes,"
    "   r.public_only, r.lifecycle, r.file_base, r.key_id, r.webhook, r.extras, q.model, q.front,"
    "   q.key_running, q.fetches, r.forget_soon, r.body; END $f$;",
    /* keys_version: 0 as long as there was never a key; grows with every change */
    "CREATE TABLE keys("
    " id text PRIMARY KEY, name text NOT NULL, hash bytea NOT NULL, created_ms bigint NOT NULL,"
    " per_minute int NOT NULL, running int NOT NULL, waiting int NOT NULL, admin boolean NOT NULL,"
    " revoked_ms bigint);"
    "ALTER TABLE settings ADD COLUMN keys_version bigint NOT NULL DEFAULT 0;"
    "ALTER TABLE objects ADD COLUMN process bigint NOT NULL DEFAULT 0;"
    "CREATE INDEX objects_process ON objects(process) WHERE process <> 0;",
};

#define NEWEST ((int)BN_COUNT(migrations))
/* The oldest program's version of the tables that may run beside these. */
#define OLDEST_PROGRAM 2

static const char no_table[] = "42P01", no_column[] = "42703";

/* *version 0: there are none yet. */
static bn_status read_version(bn_postgres_db *db, int *version, int *oldest, bn_error *err)
{
    bn_rows rows;
    *version = *oldest = 0;
    bn_status status = bn_postgres_query(db, &rows, err, "SELECT version, oldest_program FROM settings", "");
    if (status != BIREFNET_OK && strcmp(rows.sqlstate, no_table) == 0) return BIREFNET_OK;
    if (status != BIREFNET_OK && strcmp(rows.sqlstate, no_column) == 0)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "the database holds tables of something else");
    if (status != BIREFNET_OK) return status;
    if (rows.count == 1) {
        *version = (int)bn_rows_int(&rows, 0, 0, &status, err);
        *oldest = (int)bn_rows_int(&rows, 0, 1, &status, err);
    }
    bn_rows_free(&rows);
    return status;
}

static bn_status check_versions(int version, int oldest, bn_error *err)
{
    if (version > NEWEST && oldest > NEWEST)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "the database is of a newer program (version %d, this one knows %d)", version, NEWEST);
    return BIREFNET_OK;
}

bn_status bn_postgres_check_schema(bn_postgres_db *db, bn_error *err)
{
    int version, oldest;
    BN_TRY(read_version(db, &version, &oldest, err));
    BN_TRY(check_versions(version, oldest, err));
    if (version == 0)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "the database has no tables yet: birefnet migrate --store ADDRESS makes them");
    if (version < NEWEST)
        return bn_fail(
            err, BIREFNET_ERROR_FORMAT,
            "the database's tables are version %d, this program needs %d: birefnet migrate --store "
            "ADDRESS",
            version, NEWEST);
    return BIREFNET_OK;
}

/* Other encodings hold no names of files in all scripts. */
static bn_status check_server(bn_postgres_db *db, bn_error *err)
{
    bn_rows rows;
    char encoding[40];
    bn_status status = BIREFNET_OK;
    BN_TRY(bn_postgres_query(
        db, &rows, err,
        "SELECT current_setting('server_encoding'), current_setting('server_version_num')::int", ""));
    bn_rows_text(&rows, 0, 0, encoding, sizeof encoding);
    const int64_t version = bn_rows_int(&rows, 0, 1, &status, err);
    bn_rows_free(&rows);
    if (status == BIREFNET_OK && version < 130000)
        status = bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                         "the database is PostgreSQL %d: 13 or later is needed", (int)(version / 10000));
    if (status == BIREFNET_OK && strcmp(encoding, "UTF8") != 0)
        status = bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                         "the database's encoding is %s: make it with ENCODING 'UTF8'", encoding);
    return status;
}

/* Said at once: a statement that writes is tried until its deadline, as the database may be failing over. */
static bn_status check_writable(bn_postgres_db *db, bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    BN_TRY(bn_postgres_query(db, &rows, err, "SELECT (current_setting('transaction_read_only') = 'on')::int",
                             ""));
    const bool is_read_only = bn_rows_int(&rows, 0, 0, &status, err) != 0;
    bn_rows_free(&rows);
    if (status == BIREFNET_OK && is_read_only)
        status = bn_fail(err, BIREFNET_ERROR_IO, "the database is read-only here: a standby?");
    return status;
}

/* One statement, so that it is one transaction through pgbouncer, too. Whoever waited for the lock sees what was done. */
static bn_status run_step(bn_postgres_db *db, int step, bn_error *err)
{
    char *sql = NULL;
    const int length =
        asprintf(&sql,
                 "DO $do$ BEGIN"
                 " PERFORM set_config('lock_timeout', '5s', true), pg_advisory_xact_lock(7302);"
                 " IF to_regclass('settings') IS NULL THEN"
                 "  CREATE TABLE settings(version int NOT NULL, oldest_program int NOT NULL);"
                 "  INSERT INTO settings VALUES(0, 0);"
                 " END IF;"
                 " IF (SELECT version FROM settings) = %d THEN"
                 "  %s UPDATE settings SET version = %d, oldest_program = %d;"
                 " END IF; END $do$",
                 step, migrations[step], step + 1, OLDEST_PROGRAM);
    if (length < 0) return bn_fail_memory(err, 0, "a migration");
    const bn_status status = bn_postgres_query(db, NULL, err, sql, "");
    free(sql);
    return bn_error_prefix(err, status, "step %d", step + 1);
}

bn_status bn_postgres_migrate(bn_postgres_db *db, bool only_look, int *from, int *to, bn_error *err)
{
    int oldest;
    *to = NEWEST;
    BN_TRY(check_server(db, err));
    BN_TRY(read_version(db, from, &oldest, err));
    BN_TRY(check_versions(*from, oldest, err));
    if (!only_look && *from < NEWEST) BN_TRY(check_writable(db, err));
    const int64_t usual_ms = db->deadline_ms;
    db->deadline_ms = MIGRATION_DEADLINE_MS;
    bn_status status = BIREFNET_OK;
    for (int step = *from; status == BIREFNET_OK && !only_look && step < NEWEST; step++)
        status = run_step(db, step, err);
    db->deadline_ms = usual_ms;
    return status;
}
