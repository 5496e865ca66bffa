/* postgres_requests.c - requests that have ended, in PostgreSQL. */
#include "store/postgres.h"

#include "store/ids.h"

#define AT_A_TIME   2000 /* rows; more would hold up others, and might not end in time */
#define MOST_ROUNDS 100

bn_status bn_postgres_forget(bn_store *store, int64_t before_ms, int64_t soon_ms, bn_error *err)
{
    for (int round = 0; round < MOST_ROUNDS; round++) {
        bn_rows rows;
        BN_TRY(bn_postgres_query(
            bn_postgres_db_of(store), &rows, err,
            "DELETE FROM requests WHERE id IN (SELECT id FROM ("
            "  (SELECT id FROM requests r WHERE ended_ms < $1::bigint AND NOT EXISTS"
            "   (SELECT FROM webhooks w WHERE w.request_id = r.id) LIMIT $3::int) UNION"
            "  (SELECT id FROM requests r WHERE forget_soon AND ended_ms < $2::bigint AND NOT EXISTS"
            "   (SELECT FROM webhooks w WHERE w.request_id = r.id) LIMIT $3)) x LIMIT $3)",
            "iii", before_ms, soon_ms, (int64_t)AT_A_TIME));
        const int forgotten = rows.changed;
        bn_rows_free(&rows);
        if (forgotten < AT_A_TIME) break;
    }
    /* told of just when they ended */
    return bn_postgres_query(bn_postgres_db_of(store), NULL, err,
                             "DELETE FROM live WHERE NOT EXISTS (SELECT FROM queue q WHERE q.id = live.id)",
                             "");
}

static bn_status read_ending(const bn_rows *rows, bn_ending *ending, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    ending->code = (int)bn_rows_int(rows, 0, 0, &status, err);
    bn_rows_text(rows, 0, 1, ending->error_type, sizeof ending->error_type);
    bn_rows_text(rows, 0, 2, ending->error, sizeof ending->error);
    ending->user_timeout = bn_rows_int(rows, 0, 3, &status, err) != 0;
    ending->retry = bn_rows_int(rows, 0, 4, &status, err) != 0;
    ending->inline_images = bn_rows_int(rows, 0, 5, &status, err) != 0;
    ending->billable_s = bn_rows_double(rows, 0, 6, &status, err);
    ending->inference_s = bn_rows_double(rows, 0, 7, &status, err);
    bn_rows_text(rows, 0, 8, ending->weights, sizeof ending->weights);
    bn_rows_text(rows, 0, 9, ending->image_id, sizeof ending->image_id);
    ending->completed_ms = bn_rows_int(rows, 0, 10, &status, err);
    BN_TRY(status);
    BN_TRY(bn_rows_copy(rows, 0, 11, &ending->result, NULL, err));
    return bn_rows_copy(rows, 0, 12, &ending->logs, NULL, err);
}

static bn_status no_such_request(bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such request");
}

bn_status bn_postgres_ending(bn_store *store, const char *id, bool want_result, bool want_logs,
                             bn_ending *ending, bn_error *err)
{
    bn_rows rows;
    bn_ending found = {0};
    if (!bn_uuid_valid(id)) return no_such_request(err);
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "SELECT code, error_type, error, user_timeout, retry, inline_images, billable_s, inference_s, "
        "weights,"
        " image_id, ended_ms, CASE WHEN $2::int = 1 THEN result END, CASE WHEN $3::int = 1 THEN logs END"
        " FROM requests WHERE id = $1::uuid AND ended_ms IS NOT NULL",
        "tii", id, (int64_t)want_result, (int64_t)want_logs));
    const bn_status status = rows.count == 1 ? read_ending(&rows, &found, err) : no_such_request(err);
    bn_rows_free(&rows);
    if (status == BIREFNET_OK)
        *ending = found;
    else
        bn_ending_free(&found);
    return status;
}

bn_status bn_postgres_owner(bn_store *store, const char *id, char key_id[BN_KEY_ID_CHARS], bn_error *err)
{
    bn_rows rows;
    if (!bn_uuid_valid(id)) return no_such_request(err);
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             "SELECT key_id FROM requests WHERE id = $1::uuid", "t", id));
    const bn_status status = rows.count == 1 ? BIREFNET_OK : no_such_request(err);
    if (rows.count == 1) bn_rows_text(&rows, 0, 0, key_id, BN_KEY_ID_CHARS);
    bn_rows_free(&rows);
    return status;
}

bn_status bn_postgres_extras(bn_store *store, const char *id, char **extras, bn_error *err)
{
    bn_rows rows;
    if (!bn_uuid_valid(id)) return no_such_request(err);
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "SELECT extras FROM requests WHERE id = $1::uuid AND ended_ms IS NOT NULL AND code = 200", "t", id));
    const bn_status status =
        rows.count == 1 ? bn_rows_copy(&rows, 0, 0, extras, NULL, err) : no_such_request(err);
    bn_rows_free(&rows);
    return status;
}
