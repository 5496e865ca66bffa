/* sqlite_claim.c - what waits: the next for a worker, and all that is open. */
#include "store/sqlite.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPTED                                                                                             \
    "id, seq, sync, low_priority, created_ms, start_by_ms, attempts, lifecycle, file_base, key_id,"          \
    " coalesce(length(body), 0), public_only, webhook, extras, model, front, key_running, fetches, "         \
    "forget_soon"

static bn_status read_accepted(sqlite3_stmt *statement, bn_accepted *accepted, bn_error *err)
{
    bn_db_text(statement, 0, accepted->id, sizeof accepted->id);
    accepted->seq = sqlite3_column_int64(statement, 1);
    accepted->sync = sqlite3_column_int(statement, 2) != 0;
    accepted->low_priority = sqlite3_column_int(statement, 3) != 0;
    accepted->created_ms = sqlite3_column_int64(statement, 4);
    accepted->start_by_ms = sqlite3_column_int64(statement, 5);
    accepted->attempts = sqlite3_column_int(statement, 6);
    accepted->body_bytes = (size_t)sqlite3_column_int64(statement, 10);
    accepted->public_only = sqlite3_column_int(statement, 11) != 0;
    bn_db_text(statement, 14, accepted->model, sizeof accepted->model);
    accepted->front = sqlite3_column_int64(statement, 15);
    accepted->key_running = sqlite3_column_int(statement, 16);
    accepted->fetches = sqlite3_column_int(statement, 17) != 0;
    accepted->forget_soon = sqlite3_column_int(statement, 18) != 0;
    BN_TRY(bn_db_copy(statement, 7, &accepted->lifecycle, NULL, err));
    BN_TRY(bn_db_copy(statement, 8, &accepted->file_base, NULL, err));
    BN_TRY(bn_db_copy(statement, 9, &accepted->key_id, NULL, err));
    BN_TRY(bn_db_copy(statement, 12, &accepted->webhook, NULL, err));
    return bn_db_copy(statement, 13, &accepted->extras, NULL, err);
}

/* ---- claims; not durable: a power failure may take them back, and the request is then as it was before ---- */

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

static char *write_list(const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_string(texts[i]));
    char *text = json_array_size(list) == count ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}

typedef struct claiming {
    const bn_claim_terms *terms;
    bn_accepted *accepted;
    int64_t now_ms;
    char *busy, *busy_low, *models; /* JSON arrays */
} claiming;

/* Limits are exact: transactions follow one another. */
static bn_status claim_next(bn_db *db, void *user, bn_error *err)
{
    const claiming *self = user;
    const bn_claim_terms *terms = self->terms;
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(bn_db_query(
        db, &statement, err,
        "UPDATE requests SET held = 1, worker = ?1, claim = ?2, weight = ?3, running = 0 WHERE seq = (SELECT "
        "seq"
        " FROM requests AS r INDEXED BY requests_waiting WHERE ended = 0 AND held = 0 AND fetches = ?4"
        " AND low_priority <= ?5 AND sync >= ?6 AND (start_by_ms = 0 OR start_by_ms > ?7)"
        " AND coalesce(key_id, '') NOT IN (SELECT value FROM json_each(?8))"
        " AND (low_priority = 0 OR coalesce(key_id, '') NOT IN (SELECT value FROM json_each(?9)))"
        " AND (?11 = 0 OR model = '' OR model IN (SELECT value FROM json_each(?10)))"
        " AND (key_running = 0 OR key_running > (SELECT count(*) FROM requests AS b INDEXED BY requests_held"
        " WHERE b.ended = 0 AND b.held = 1 AND b.key_id IS r.key_id))"
        " ORDER BY low_priority, turn, seq LIMIT 1) RETURNING " ACCEPTED,
        "iiiiiiittti", terms->worker, terms->claim, (int64_t)terms->weight, (int64_t)terms->fetches,
        (int64_t)!terms->normal_only, (int64_t)terms->sync_only, self->now_ms, self->busy, self->busy_low,
        self->models, (int64_t)terms->model_count));
    BN_TRY(bn_db_step(db, statement, &row, err));
    if (!row) return BIREFNET_OK;
    const bn_status status = read_accepted(statement, self->accepted, err);
    sqlite3_reset(statement);
    return status;
}

/* Without a transaction where nothing waits, which is what an idle worker asks. */
static bn_status anything_waits(bn_store *store, bool fetches, bool *waits, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    *waits = false;
    bn_status status = bn_db_query(db, &statement, err,
                                   "SELECT 1 FROM requests INDEXED BY requests_waiting"
                                   " WHERE ended = 0 AND held = 0 AND fetches = ? LIMIT 1",
                                   "i", (int64_t)fetches);
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, waits, err);
    if (status == BIREFNET_OK && *waits) sqlite3_reset(statement);
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_claim_next(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                               bn_error *err)
{
    bool waits;
    *accepted = (bn_accepted){.id = ""};
    BN_TRY(anything_waits(store, terms->fetches, &waits, err));
    if (!waits) return BIREFNET_OK;
    claiming self = {.terms = terms,
                     .accepted = accepted,
                     .now_ms = bn_sqlite_now(store),
                     .busy = write_list(terms->busy_keys, terms->busy_key_count),
                     .busy_low = write_list(terms->busy_low_keys, terms->busy_low_key_count),
                     .models = write_list(terms->models, terms->model_count)};
    bn_status status =
        self.busy && self.busy_low && self.models ? BIREFNET_OK : bn_fail_memory(err, 0, "a claim");
    if (status == BIREFNET_OK)
        status = bn_db_transact(bn_sqlite_writer(store), false, claim_next, &self, err);
    free(self.busy);
    free(self.busy_low);
    free(self.models);
    if (status != BIREFNET_OK) bn_accepted_free(accepted);
    return status;
}

/* ---- reading ---- */

bn_status bn_sqlite_each_open(bn_store *store, bn_accepted_fn fn, void *user, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement = NULL;
    bn_status status = bn_db_query(db, &statement, err,
                                   "SELECT " ACCEPTED " FROM requests WHERE ended = 0 ORDER BY seq", "");
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
