/* sqlite_lease.c - who lives, what becomes of what the dead held, and what one process does for all. */
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

/* Rows that a statement gives, as an allocated list. */
typedef struct rows {
    char *items;
    size_t size, count, room; /* size: of one */
} rows;

static void *add(rows *self, bn_error *err)
{
    if (self->count == self->room) {
        const size_t room = self->room ? 2 * self->room : 16;
        char *items = realloc(self->items, room * self->size);
        if (!items) {
            bn_fail_memory(err, room * self->size, "rows of the store");
            return NULL;
        }
        self->items = items;
        self->room = room;
    }
    void *item = self->items + self->size * self->count++;
    memset(item, 0, self->size);
    return item;
}

/* ---- beats ---- */

typedef struct beating {
    const bn_process *process;
    int64_t now_ms;
    rows holdings;
} beating;

static bn_status beat(bn_db *db, void *user, bn_error *err)
{
    beating *self = user;
    const bn_process *process = self->process;
    sqlite3_stmt *statement;
    BN_TRY(
        bn_db_run(db, err,
                  "INSERT INTO processes(id, role, host, version, idle, started_ms, seen_ms)"
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT(id) DO UPDATE SET idle = ?5, seen_ms = ?6",
                  "itttii", process->id, process->role, process->host, process->version,
                  (int64_t)process->idle, self->now_ms));
    BN_TRY(bn_db_query(db, &statement, err,
                       "SELECT id, claim, cancel FROM requests INDEXED BY requests_held"
                       " WHERE ended = 0 AND held = 1 AND worker = ?",
                       "i", process->id));
    for (;;) {
        bool row;
        BN_TRY(bn_db_step(db, statement, &row, err));
        if (!row) return BIREFNET_OK;
        bn_holding *holding = add(&self->holdings, err);
        if (!holding) {
            sqlite3_reset(statement);
            return BIREFNET_ERROR_MEMORY;
        }
        bn_db_text(statement, 0, holding->id, sizeof holding->id);
        holding->claim = sqlite3_column_int64(statement, 1);
        holding->cancel = (bn_cancel_reason)sqlite3_column_int(statement, 2);
    }
}

bn_status bn_sqlite_beat(bn_store *store, const bn_process *process, int64_t *now_ms, bn_holding **holdings,
                         size_t *count, bn_error *err)
{
    beating self = {
        .process = process, .now_ms = bn_sqlite_now(store), .holdings = {.size = sizeof(bn_holding)}};
    const bn_status status = bn_db_transact(bn_sqlite_writer(store), false, beat, &self, err);
    if (status != BIREFNET_OK) {
        free(self.holdings.items);
        return status;
    }
    *now_ms = self.now_ms;
    *holdings = (bn_holding *)(void *)self.holdings.items;
    *count = self.holdings.count;
    return BIREFNET_OK;
}

/* ---- the end of processes ---- */

/* The rows of a statement that says id, worker and attempts. */
static bn_status read_rescued(bn_db *db, sqlite3_stmt *statement, rows *list, bn_error *err)
{
    for (;;) {
        bool row;
        BN_TRY(bn_db_step(db, statement, &row, err));
        if (!row) return BIREFNET_OK;
        bn_rescued *rescued = add(list, err);
        if (!rescued) {
            sqlite3_reset(statement);
            return BIREFNET_ERROR_MEMORY;
        }
        bn_db_text(statement, 0, rescued->id, sizeof rescued->id);
        rescued->worker = sqlite3_column_int64(statement, 1);
        rescued->attempts = sqlite3_column_int(statement, 2);
    }
}

typedef struct leaving {
    int64_t process, now_ms;
    bool died; /* what it held counts as an attempt */
    rows held;
} leaving;

static bn_status leave(bn_db *db, void *user, bn_error *err)
{
    leaving *self = user;
    sqlite3_stmt *statement;
    BN_TRY(bn_db_query(
        db, &statement, err,
        "UPDATE requests INDEXED BY requests_held SET attempts = attempts + weight * ?2, held = 0,"
        " running = 0, worker = NULL, claim = NULL, weight = 0"
        " WHERE ended = 0 AND held = 1 AND worker = ?1 RETURNING id, ?1, attempts",
        "ii", self->process, (int64_t)self->died));
    BN_TRY(read_rescued(db, statement, &self->held, err));
    BN_TRY(bn_db_run(db, err,
                     "UPDATE webhooks SET next_ms = min(next_ms, ?2), claim = 0, process = 0"
                     " WHERE claim <> 0 AND process = ?1",
                     "ii", self->process, self->now_ms));
    BN_TRY(bn_db_run(db, err, "DELETE FROM duties WHERE holder = ?", "i", self->process));
    return bn_db_run(db, err, "DELETE FROM processes WHERE id = ?", "i", self->process);
}

bn_status bn_sqlite_release(bn_store *store, int64_t process, bn_error *err)
{
    leaving self = {.process = process, .now_ms = bn_sqlite_now(store), .held = {.size = sizeof(bn_rescued)}};
    const bn_status status = bn_db_transact(bn_sqlite_writer(store), false, leave, &self, err);
    free(self.held.items);
    return status;
}

bn_status bn_sqlite_bury(bn_store *store, int64_t process, bn_rescued **list, size_t *count, bn_error *err)
{
    leaving self = {process, bn_sqlite_now(store), true, {.size = sizeof(bn_rescued)}};
    const bn_status status = bn_db_transact(bn_sqlite_writer(store), false, leave, &self, err);
    if (status != BIREFNET_OK) {
        free(self.held.items);
        return status;
    }
    *list = (bn_rescued *)(void *)self.held.items;
    *count = self.held.count;
    return BIREFNET_OK;
}

#define LIVING "(SELECT id FROM processes WHERE id = ?1 OR seen_ms > ?2)"

typedef struct rescuing {
    int64_t survivor, alive_ms, now_ms; /* alive_ms: who was seen after then lives */
    rows rescued;
} rescuing;

static bn_status list_orphans(bn_db *db, rescuing *self, bn_error *err)
{
    sqlite3_stmt *statement;
    BN_TRY(bn_db_query(db, &statement, err,
                       "SELECT id, worker, attempts + weight FROM requests INDEXED BY requests_held"
                       " WHERE ended = 0 AND held = 1 AND worker <> ?1 AND worker NOT IN " LIVING,
                       "ii", self->survivor, self->alive_ms));
    return read_rescued(db, statement, &self->rescued, err);
}

static bn_status rescue(bn_db *db, void *user, bn_error *err)
{
    rescuing *self = user;
    BN_TRY(list_orphans(db, self, err));
    if (self->rescued.count > 0)
        BN_TRY(
            bn_db_run(db, err,
                      "UPDATE requests INDEXED BY requests_held SET attempts = attempts + weight, held = 0,"
                      " running = 0, worker = NULL, claim = NULL, weight = 0"
                      " WHERE ended = 0 AND held = 1 AND worker <> ?1 AND worker NOT IN " LIVING,
                      "ii", self->survivor, self->alive_ms));
    BN_TRY(bn_db_run(db, err,
                     "UPDATE webhooks SET next_ms = min(next_ms, ?3), claim = 0, process = 0"
                     " WHERE claim <> 0 AND process <> ?1 AND process NOT IN " LIVING,
                     "iii", self->survivor, self->alive_ms, self->now_ms));
    return bn_db_run(db, err, "DELETE FROM processes WHERE id <> ?1 AND seen_ms <= ?2", "ii", self->survivor,
                     self->alive_ms);
}

bn_status bn_sqlite_rescue(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **list,
                           size_t *count, bn_error *err)
{
    const int64_t now_ms = bn_sqlite_now(store);
    rescuing self = {
        survivor, lease_ms > 0 ? now_ms - lease_ms : INT64_MAX, now_ms, {.size = sizeof(bn_rescued)}};
    const bn_status status = bn_db_transact(bn_sqlite_writer(store), false, rescue, &self, err);
    if (status != BIREFNET_OK) {
        free(self.rescued.items);
        return status;
    }
    *list = (bn_rescued *)(void *)self.rescued.items;
    *count = self.rescued.count;
    return BIREFNET_OK;
}

bn_status bn_sqlite_overdue(bn_store *store, int64_t survivor, int64_t lease_ms, int attempt_limit,
                            bn_overdue *list, size_t room, size_t *count, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    const int64_t now_ms = bn_sqlite_now(store), alive_ms = lease_ms > 0 ? now_ms - lease_ms : INT64_MAX;
    *count = 0;
    bn_status status =
        bn_db_query(db, &statement, err,
                    "SELECT id, CASE WHEN attempts >= ?4 THEN 3 WHEN start_by_ms > 0 AND start_by_ms <= ?3 "
                    "THEN 1 ELSE 2 END"
                    " FROM requests WHERE ended = 0 AND held = 0 AND (attempts >= ?4 OR (start_by_ms > 0 AND "
                    "start_by_ms <= ?3)"
                    " OR (sync AND front <> ?1 AND front NOT IN " LIVING ")) LIMIT ?5",
                    "iiiii", survivor, alive_ms, now_ms, (int64_t)attempt_limit, (int64_t)room);
    while (status == BIREFNET_OK && *count < room) {
        bool row;
        status = bn_db_step(db, statement, &row, err);
        if (status != BIREFNET_OK || !row) break;
        bn_db_text(statement, 0, list[*count].id, BN_REQUEST_ID_CHARS);
        list[(*count)++].reason = (bn_overdue_reason)sqlite3_column_int(statement, 1);
    }
    if (status == BIREFNET_OK) sqlite3_reset(statement);
    bn_db_unlock(db);
    return status;
}

/* ---- duties, rates, secrets ---- */

bn_status bn_sqlite_duty(bn_store *store, const char *name, int64_t process, int64_t lease_ms, bool *mine,
                         bn_error *err)
{
    int changed;
    const int64_t now_ms = bn_sqlite_now(store);
    const bn_status status =
        bn_db_write(bn_sqlite_writer(store), false, &changed, err,
                    "INSERT INTO duties VALUES(?1, ?2, ?4) ON CONFLICT(name) DO UPDATE SET holder = ?2,"
                    " until_ms = ?4 WHERE holder = ?2 OR until_ms <= ?3",
                    "tiii", name, process, now_ms, now_ms + lease_ms);
    *mine = changed > 0;
    return status;
}

typedef struct paying {
    const char *key_id;
    int64_t now_ms, wait_ms;
    double per_minute;
} paying;

static bn_status pay(bn_db *db, void *user, bn_error *err)
{
    paying *self = user;
    sqlite3_stmt *statement;
    bool row;
    double tokens = self->per_minute;
    BN_TRY(bn_db_query(db, &statement, err, "SELECT tokens, at_ms FROM rate WHERE key_id = ?", "t",
                       self->key_id));
    BN_TRY(bn_db_step(db, statement, &row, err));
    if (row) {
        const double elapsed_ms = (double)(self->now_ms - sqlite3_column_int64(statement, 1));
        const double now = sqlite3_column_double(statement, 0) +
                           (elapsed_ms > 0 ? elapsed_ms : 0) * self->per_minute / 60000;
        if (now < tokens) tokens = now;
        sqlite3_reset(statement);
    }
    self->wait_ms = tokens >= 1 ? 0 : (int64_t)((1 - tokens) * 60000 / self->per_minute) + 1;
    if (self->wait_ms > 0) return BIREFNET_OK;
    return bn_db_run(db, err, "INSERT OR REPLACE INTO rate VALUES(?, ?, ?)", "tdi", self->key_id, tokens - 1,
                     self->now_ms);
}

bn_status bn_sqlite_rate(bn_store *store, const char *key_id, int per_minute, int64_t *wait_ms, bn_error *err)
{
    paying self = {key_id, bn_sqlite_now(store), 0, per_minute};
    const bn_status status = bn_db_transact(bn_sqlite_writer(store), false, pay, &self, err);
    *wait_ms = self.wait_ms;
    return status;
}

typedef struct secret {
    const char *name;
    uint8_t *value;
    size_t bytes;
} secret;

static bn_status share_secret(bn_db *db, void *user, bn_error *err)
{
    const secret *self = user;
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(bn_db_run(db, err, "INSERT OR IGNORE INTO secrets VALUES(?, ?)", "tb", self->name,
                     (const void *)self->value, self->bytes));
    BN_TRY(bn_db_query(db, &statement, err, "SELECT value FROM secrets WHERE name = ?", "t", self->name));
    BN_TRY(bn_db_step(db, statement, &row, err));
    const bool fits = row && (size_t)sqlite3_column_bytes(statement, 0) == self->bytes;
    if (fits) memcpy(self->value, sqlite3_column_blob(statement, 0), self->bytes);
    sqlite3_reset(statement);
    return fits ? BIREFNET_OK
                : bn_fail(err, BIREFNET_ERROR_FORMAT,
                          "the secret %s of the store is not as long as it should be", self->name);
}

bn_status bn_sqlite_secret(bn_store *store, const char *name, uint8_t *value, size_t bytes, bn_error *err)
{
    secret self = {name, value, bytes};
    return bn_db_transact(bn_sqlite_writer(store), true, share_secret, &self, err);
}
