/* postgres_claim.c - what waits, in PostgreSQL: the next for a worker, and all that is open. */
#include "store/postgres_rows.h"

#include "store/ids.h"

#include <stdlib.h>

/* ---- claims; not durable: a crash of the database may take them back, and the request is then as it was before ---- */

bn_status bn_postgres_claim(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                            bool *mine, bn_error *err)
{
    bn_rows rows;
    *mine = false;
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "WITH " BN_SOON_CTE
        " UPDATE queue SET held = true, running = false, worker = $2::bigint, claim = $3::bigint,"
        " weight = $4::int WHERE id = $1::uuid AND (NOT held OR (worker = $2 AND claim = $3)) AND " BN_SOON,
        "tiii", id, worker, claim, (int64_t)weight));
    *mine = rows.changed > 0;
    bn_rows_free(&rows);
    return BIREFNET_OK;
}

/* The answer to a try before was lost, and with it what it had claimed: given back at once instead of by the next beat. */
static bn_status give_back_lost(bn_postgres_db *db, const bn_claim_terms *terms, bn_error *err)
{
    return bn_postgres_query(db, NULL, err,
                             "UPDATE queue SET held = false, running = false, worker = NULL, claim = NULL,"
                             " weight = 0 WHERE held AND worker = $1::bigint AND claim = $2::bigint",
                             "ii", terms->worker, terms->claim);
}

static bn_status read_claimed(const bn_rows *rows, bn_accepted *accepted, bn_error *err)
{
    size_t size;
    BN_TRY(bn_postgres_read_open(rows, 0, accepted, err));
    return bn_rows_copy(rows, 0, BN_POSTGRES_OPEN_COLUMNS, &accepted->claimed_body, &size, err);
}

static bn_status claim_one(bn_postgres_db *db, const bn_claim_terms *terms, int64_t shift_ms,
                           const bn_buffer lists[3], bn_rows *rows, bn_error *err)
{
    return bn_postgres_query(
        db, rows, err,
        "SELECT * FROM birefnet_claim($1::bigint, $2::bigint, $3::int, $4::int = 1, $5::int = 1, $6::int = 1,"
        " " BN_NOW_MS " + $7::bigint, $8::text[], $9::text[], $10::text[], $11::int = 1)",
        "iiiiiiittti", terms->worker, terms->claim, (int64_t)terms->weight, (int64_t)terms->fetches,
        (int64_t)terms->sync_only, (int64_t)terms->normal_only, shift_ms, (const char *)lists[0].data,
        (const char *)lists[1].data, (const char *)lists[2].data, (int64_t)terms->limited);
}

bn_status bn_postgres_claim_next(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                                 bn_error *err)
{
    bn_postgres_db *db = bn_postgres_db_of(store);
    bn_buffer lists[3];
    bn_rows rows = {0};
    *accepted = (bn_accepted){.id = ""};
    for (int i = 0; i < 3; i++) bn_buffer_init(&lists[i], 0);
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(bn_postgres_array(&lists[0], terms->busy_keys, terms->busy_key_count, err));
    BN_TRY_DONE(bn_postgres_array(&lists[1], terms->busy_low_keys, terms->busy_low_key_count, err));
    BN_TRY_DONE(bn_postgres_array(&lists[2], terms->models, terms->model_count, err));
    BN_TRY_DONE(claim_one(db, terms, atomic_load(&store->shift_ms), lists, &rows, err));
    if (rows.again) { /* two may be held by one claim now */
        bn_rows_free(&rows);
        BN_TRY_DONE(give_back_lost(db, terms, err));
        BN_TRY_DONE(claim_one(db, terms, atomic_load(&store->shift_ms), lists, &rows, err));
    }
    if (rows.count > 0) status = read_claimed(&rows, accepted, err);
done:
    bn_rows_free(&rows);
    for (int i = 0; i < 3; i++) bn_buffer_free(&lists[i]);
    if (status != BIREFNET_OK) bn_accepted_free(accepted);
    return status;
}

/* ---- reading ---- */

bn_status bn_postgres_each_open(bn_store *store, bn_accepted_fn fn, void *user, bn_error *err)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "SELECT " BN_POSTGRES_OPEN " FROM queue q JOIN requests r ON r.id = q.id ORDER BY q.seq", ""));
    bn_status status = BIREFNET_OK;
    for (int i = 0; status == BIREFNET_OK && i < rows.count; i++) {
        bn_accepted accepted = {.id = ""};
        status = bn_postgres_read_open(&rows, i, &accepted, err);
        if (status == BIREFNET_OK)
            status = fn(user, &accepted, err);
        else
            bn_accepted_free(&accepted);
    }
    bn_rows_free(&rows);
    return status;
}

bn_status bn_postgres_body(bn_store *store, const char *id, char **body, size_t *body_bytes, bn_error *err)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "SELECT r.body FROM queue q JOIN requests r ON r.id = q.id WHERE q.id = $1::uuid", "t", id));
    const bn_status status =
        rows.count == 1 ? bn_rows_copy(&rows, 0, 0, body, body_bytes, err)
                        : bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no waiting request %s", id);
    bn_rows_free(&rows);
    return status;
}
