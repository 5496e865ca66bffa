/* sqlite.c - opening the SQLite store: its tables, their migration, the check at the start. */
#include "store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Step i makes version i+1 of the tables out of version i. Never change one that was released; add another. */
static const char *const migrations[] = {
    "CREATE TABLE requests("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, ended INTEGER NOT NULL DEFAULT 0,"
    " sync INTEGER NOT NULL, low_priority INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " start_by_ms INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, body BLOB, webhook TEXT,"
    " lifecycle TEXT, file_base TEXT, key_id TEXT, code INTEGER, result TEXT, error_type TEXT, error TEXT,"
    " user_timeout INTEGER, retry INTEGER, inline_images INTEGER, billable_s REAL, inference_s REAL,"
    " weights TEXT, image_id TEXT, completed_ms INTEGER, logs TEXT) STRICT;"
    "CREATE INDEX requests_open ON requests(seq) WHERE ended = 0;"
    "CREATE INDEX requests_ended ON requests(completed_ms) WHERE ended = 1;"
    "CREATE TABLE files("
    " id TEXT PRIMARY KEY, upload_id TEXT UNIQUE, whole INTEGER NOT NULL, multipart INTEGER NOT NULL,"
    " name TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, access INTEGER NOT NULL, etag TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX files_expiry ON files(expires_ms) WHERE expires_ms > 0;"
    "CREATE INDEX files_promised ON files(created_ms) WHERE whole = 0;"
    "CREATE TABLE parts("
    " upload_id TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,"
    " PRIMARY KEY(upload_id, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE webhooks("
    " request_id TEXT PRIMARY KEY, url TEXT NOT NULL, file_base TEXT, attempts INTEGER NOT NULL DEFAULT 0,"
    " created_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX webhooks_due ON webhooks(next_ms);",
    "ALTER TABLE requests ADD COLUMN forget_soon INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE files ADD COLUMN key_id TEXT;",
    /* whose turn it is must not depend on how many wait; triggers count them, so that a submit can ask */
    "ALTER TABLE webhooks ADD COLUMN host TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE webhooks ADD COLUMN key_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE webhooks ADD COLUMN again INTEGER NOT NULL DEFAULT 0;"
    "UPDATE webhooks SET host = host_of(url), again = attempts > 0,"
    " key_id = coalesce((SELECT key_id FROM requests WHERE id = request_id), '');"
    "DROP INDEX webhooks_due;"
    "CREATE INDEX webhooks_due ON webhooks(again, next_ms);"
    "CREATE INDEX webhooks_turn ON webhooks(again, host, key_id, next_ms);"
    "CREATE TABLE webhook_counts(key_id TEXT PRIMARY KEY, pending INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO webhook_counts SELECT key_id, count(*) FROM webhooks GROUP BY key_id;"
    "CREATE TRIGGER webhook_comes AFTER INSERT ON webhooks BEGIN"
    " INSERT INTO webhook_counts VALUES(NEW.key_id, 1) ON CONFLICT DO UPDATE SET pending = pending + 1; END;"
    "CREATE TRIGGER webhook_goes AFTER DELETE ON webhooks BEGIN"
    " UPDATE webhook_counts SET pending = pending - 1 WHERE key_id = OLD.key_id;"
    " DELETE FROM webhook_counts WHERE key_id = OLD.key_id AND pending <= 0; END;",
    ("ALTER TABLE requests ADD COLUMN public_only INTEGER NOT NULL DEFAULT 0;" /* both in one step */
     "ALTER TABLE webhooks ADD COLUMN public_only INTEGER NOT NULL DEFAULT 0;"),
    /* who holds an open request; weight: what is added to its attempts, should the holder die now */
    ("ALTER TABLE requests ADD COLUMN held INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE requests ADD COLUMN worker INTEGER;"
     "ALTER TABLE requests ADD COLUMN claim INTEGER;"
     "ALTER TABLE requests ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE requests ADD COLUMN ended_claim INTEGER;"),
    /* objects: those that no file has; created_ms 0: none will; below 0: nor will these, but bytes may come until then */
    ("ALTER TABLE files ADD COLUMN object TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE parts ADD COLUMN object TEXT NOT NULL DEFAULT '';"
     "UPDATE files SET object = id WHERE whole = 1;"
     "UPDATE parts SET object = upload_id || '.' || number;"
     "CREATE INDEX files_object ON files(object) WHERE whole = 1;"
     "CREATE INDEX parts_object ON parts(object);"
     "CREATE TABLE objects(object TEXT PRIMARY KEY, created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
     "CREATE INDEX objects_age ON objects(created_ms);"),
    /* the queue for many processes; requests_waiting answers a claim alone, however many of blocked keys come first */
    ("ALTER TABLE requests ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE requests ADD COLUMN model TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE requests ADD COLUMN fetches INTEGER NOT NULL DEFAULT 1;"
     "ALTER TABLE requests ADD COLUMN key_running INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE requests ADD COLUMN front INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE requests ADD COLUMN extras TEXT;"
     "ALTER TABLE requests ADD COLUMN running INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE requests ADD COLUMN cancel INTEGER NOT NULL DEFAULT 0;"
     "UPDATE requests SET fetches = 0 WHERE ended = 0 AND length(body) > 65536;" /* it carries its photo */
     "CREATE INDEX requests_waiting ON requests(fetches, low_priority, turn, seq, key_id, key_running, "
     "start_by_ms,"
     " sync, model) WHERE ended = 0 AND held = 0;"
     "CREATE INDEX requests_line ON requests(key_id) WHERE ended = 0 AND held = 0;"
     "CREATE INDEX requests_held ON requests(key_id) WHERE ended = 0 AND held = 1;"
     "CREATE TABLE processes(id INTEGER PRIMARY KEY, role TEXT NOT NULL, host TEXT NOT NULL, version TEXT "
     "NOT NULL,"
     " idle INTEGER NOT NULL, started_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL) STRICT;"
     "CREATE TABLE live(id TEXT PRIMARY KEY, progress REAL NOT NULL, log_count INTEGER NOT NULL, logs TEXT)"
     " STRICT, WITHOUT ROWID;"
     "CREATE TABLE rate(key_id TEXT PRIMARY KEY, tokens REAL NOT NULL, at_ms INTEGER NOT NULL) STRICT, "
     "WITHOUT ROWID;"
     "CREATE TABLE duties(name TEXT PRIMARY KEY, holder INTEGER NOT NULL, until_ms INTEGER NOT NULL)"
     " STRICT, WITHOUT ROWID;"
     "CREATE TABLE secrets(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
     "ALTER TABLE webhooks ADD COLUMN claim INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE webhooks ADD COLUMN process INTEGER NOT NULL DEFAULT 0;"
     "CREATE INDEX webhooks_taken ON webhooks(process) WHERE claim <> 0;"
     "UPDATE webhooks SET next_ms = created_ms WHERE attempts = 0;"), /* taken by an older program: not in a while, now */
    "ALTER TABLE objects ADD COLUMN process INTEGER NOT NULL DEFAULT 0;", /* who writes it */
};

#define NEWEST ((int)(sizeof migrations / sizeof *migrations))

static bn_status read_number(bn_db *db, const char *sql, int64_t *number, bn_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(bn_db_query(db, &statement, err, sql, ""));
    BN_TRY(bn_db_step(db, statement, &row, err));
    *number = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return BIREFNET_OK;
}

static bn_status check_integrity(bn_db *db, bn_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(bn_db_query(db, &statement, err, "PRAGMA quick_check(1)", ""));
    BN_TRY(bn_db_step(db, statement, &row, err));
    char words[200] = "no answer";
    if (row) bn_db_text(statement, 0, words, sizeof words);
    sqlite3_reset(statement);
    if (strcmp(words, "ok") == 0) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "the database is damaged: %s", words);
}

/* host_of(URL) in SQL, see bn_webhook_host. */
static void host_of(sqlite3_context *context, int count, sqlite3_value **values)
{
    char host[BN_WEBHOOK_HOST_CHARS];
    const char *url = count == 1 ? (const char *)sqlite3_value_text(values[0]) : NULL;
    bn_webhook_host(url ? url : "", host);
    sqlite3_result_text(context, host, -1, SQLITE_TRANSIENT);
}

static bn_status add_functions(bn_db *db, bn_error *err)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    if (sqlite3_create_function(db->handle, "host_of", 1, flags, NULL, host_of, NULL, NULL) == SQLITE_OK)
        return BIREFNET_OK;
    return bn_fail_memory(err, 0, "the store");
}

/* FORMAT where it is of a newer program. */
static bn_status read_version(bn_db *db, int64_t *version, bn_error *err)
{
    BN_TRY(read_number(db, "PRAGMA user_version", version, err));
    if (*version <= NEWEST) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT,
                   "the database is of a newer program (version %d, this one knows %d)", (int)*version,
                   NEWEST);
}

static bn_status check(const char *path, int *from, int *to, bn_error *err)
{
    bn_db db;
    int64_t version = 0;
    *to = NEWEST;
    if (access(path, F_OK) != 0) return BIREFNET_OK;
    bn_status status = bn_db_open_to_look(path, &db, err);
    if (status == BIREFNET_OK) status = read_version(&db, &version, err);
    bn_db_close(&db);
    *from = (int)version;
    return status == BIREFNET_OK ? status : bn_error_prefix(err, status, "%s", path);
}

static bn_status migrate(bn_db *db, bn_error *err)
{
    int64_t version;
    const int64_t newest = NEWEST;
    BN_TRY(read_version(db, &version, err));
    if (version == newest) return BIREFNET_OK;
    BN_TRY(bn_db_begin(db, true, err));
    bn_status status = BIREFNET_OK;
    for (; status == BIREFNET_OK && version < newest; version++)
        status = bn_db_exec(db, migrations[version], err);
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", (int)newest);
    if (status == BIREFNET_OK) status = bn_db_exec(db, sql, err);
    return bn_db_end(db, status, err);
}

static void close_all(bn_store *store)
{
    bn_sqlite *self = (bn_sqlite *)store;
    for (int i = 0; i < BN_STORE_READERS; i++) bn_db_close(&self->readers[i]);
    bn_db_close(&self->writer); /* last: it checkpoints */
    free(self);
}

static bn_status make(bn_sqlite **store, bn_error *err)
{
    *store = calloc(1, sizeof **store);
    if (!*store) return bn_fail_memory(err, sizeof **store, "the store");
    (*store)->base.kind = &bn_store_sqlite;
    return BIREFNET_OK;
}

static bn_status open_all(const char *path, bn_store **store, bn_error *err)
{
    bn_sqlite *made = NULL;
    int from, to;
    BN_TRY(check(path, &from, &to, err)); /* that of a newer program stays as it is */
    BN_TRY(make(&made, err));
    bn_status status = bn_db_open(path, true, &made->writer, err);
    if (status == BIREFNET_OK) status = add_functions(&made->writer, err);
    if (status == BIREFNET_OK) status = check_integrity(&made->writer, err);
    if (status == BIREFNET_OK) status = migrate(&made->writer, err);
    for (int i = 0; status == BIREFNET_OK && i < BN_STORE_READERS; i++)
        status = bn_db_open(path, false, &made->readers[i], err);
    if (status != BIREFNET_OK) {
        close_all(&made->base);
        return bn_error_prefix(err, status, "%s", path);
    }
    *store = &made->base;
    return BIREFNET_OK;
}

static bn_status open_to_look(const char *path, bn_store **store, bn_error *err)
{
    bn_sqlite *made = NULL;
    int from, to;
    BN_TRY(check(path, &from, &to, err));
    if (from == 0) return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "%s: no server has used it", path);
    if (from < to)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "%s: its tables are version %d, this program needs %d: birefnet serve, or work, "
                       "migrates them",
                       path, from, to);
    BN_TRY(make(&made, err));
    bn_status status = BIREFNET_OK;
    for (int i = 0; status == BIREFNET_OK && i < BN_STORE_READERS; i++)
        status = bn_db_open_to_look(path, &made->readers[i], err);
    if (status != BIREFNET_OK) {
        close_all(&made->base);
        return bn_error_prefix(err, status, "%s", path);
    }
    *store = &made->base;
    return BIREFNET_OK;
}

bool bn_sqlite_failing(bn_store *store)
{
    return atomic_load(&bn_sqlite_writer(store)->failing);
}

/* The version that is there already: a page is written all the same. */
void bn_sqlite_probe(bn_store *store)
{
    char sql[64];
    bn_db *db = bn_sqlite_writer(store);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", NEWEST);
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, true, NULL);
    if (status == BIREFNET_OK) status = bn_db_end(db, bn_db_exec(db, sql, NULL), NULL);
    atomic_store(&db->failing, status != BIREFNET_OK);
    bn_db_unlock(db);
}

bn_db *bn_sqlite_reader(bn_store *store)
{
    bn_sqlite *self = (bn_sqlite *)store;
    const unsigned first = atomic_fetch_add(&self->turn, 1);
    for (unsigned i = 0; i < BN_STORE_READERS; i++) {
        bn_db *db = &self->readers[(first + i) % BN_STORE_READERS];
        if (pthread_mutex_trylock(&db->lock) == 0) return db;
    }
    bn_db *db = &self->readers[first % BN_STORE_READERS];
    pthread_mutex_lock(&db->lock);
    return db;
}

const bn_store_kind bn_store_sqlite = {
    .scheme = "sqlite",
    .open = open_all,
    .check = check,
    .open_to_look = open_to_look,
    .close = close_all,
    .failing = bn_sqlite_failing,
    .probe = bn_sqlite_probe,
    .accept = bn_sqlite_accept,
    .claim = bn_sqlite_claim,
    .claim_next = bn_sqlite_claim_next,
    .start = bn_sqlite_start,
    .finish = bn_sqlite_finish,
    .give_back = bn_sqlite_give_back,
    .release = bn_sqlite_release,
    .cancel = bn_sqlite_cancel,
    .beat = bn_sqlite_beat,
    .processes = bn_sqlite_processes,
    .rescue = bn_sqlite_rescue,
    .bury = bn_sqlite_bury,
    .overdue = bn_sqlite_overdue,
    .duty = bn_sqlite_duty,
    .rate = bn_sqlite_rate,
    .secret = bn_sqlite_secret,
    .tell = bn_sqlite_tell,
    .snapshot = bn_sqlite_snapshot,
    .each_open = bn_sqlite_each_open,
    .body = bn_sqlite_body,
    .ending = bn_sqlite_ending,
    .owner = bn_sqlite_owner,
    .extras = bn_sqlite_extras,
    .forget = bn_sqlite_forget,
    .file_promise = bn_sqlite_file_promise,
    .file_whole = bn_sqlite_file_whole,
    .file = bn_sqlite_file,
    .expired = bn_sqlite_expired,
    .file_delete = bn_sqlite_file_delete,
    .part_put = bn_sqlite_part_put,
    .part = bn_sqlite_part,
    .object_promise = bn_sqlite_object_promise,
    .objects_abandon = bn_sqlite_objects_abandon,
    .object_forget = bn_sqlite_object_forget,
    .objects_astray = bn_sqlite_objects_astray,
    .object_known = bn_sqlite_object_known,
    .bytes = bn_sqlite_bytes,
    .webhook_take = bn_sqlite_webhook_take,
    .webhooks_pending = bn_sqlite_webhooks_pending,
    .webhook_tried = bn_sqlite_webhook_tried,
};
