/* sqlite_db.c - see db.h. */
#include "store/sqlite_db.h"

#include "base/clock.h"
#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS 500   /* for programs that are not ours */
#define TURN_MS 10000 /* for ours, which write for milliseconds: only one that hangs lets it pass */

static bn_status fail(bn_db *db, int code, bn_error *err)
{
    bn_status status = BIREFNET_ERROR_IO;
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        status = BIREFNET_ERROR_MEMORY;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        status = BIREFNET_ERROR_FORMAT;
        break;
    case SQLITE_TOOBIG:
        status = BIREFNET_ERROR_LIMIT;
        break;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_CONSTRAINT:
        status = BIREFNET_ERROR_INTERNAL;
        break;
    default:
        break;
    }
    return bn_fail(err, status, "the database: %s",
                   db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
}

bn_status bn_db_exec(bn_db *db, const char *sql, bn_error *err)
{
    const int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? BIREFNET_OK : fail(db, code, err);
}

/* ---- one writer at a time, whichever process it is in ---- */

static bn_status open_lock(bn_db *db, const char *path, bn_error *err)
{
    char name[4200];
    snprintf(name, sizeof name, "%s-writer", path);
    db->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return db->lock_fd >= 0 ? BIREFNET_OK : bn_fail_errno(err, errno, "cannot open %s", name);
}

static bn_status enter(bn_db *db, bn_error *err)
{
    const double end_ms = bn_clock_ms() + TURN_MS;
    while (flock(db->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return bn_fail_errno(err, errno, "the database's lock");
        if (bn_clock_ms() > end_ms) return bn_fail(err, BIREFNET_ERROR_IO, "the database is locked");
        nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
    }
    return BIREFNET_OK;
}

static void leave(bn_db *db)
{
    flock(db->lock_fd, LOCK_UN);
}

bn_status bn_db_exec_alone(bn_db *db, const char *sql, bn_error *err)
{
    BN_TRY(enter(db, err));
    const bn_status status = bn_db_exec(db, sql, err);
    leave(db);
    return status;
}

/* It has no table yet: afterwards to ask for auto_vacuum changes nothing, and writes a page, for which a full disk has no room. */
static bool is_new(const char *path)
{
    struct stat facts;
    return stat(path, &facts) != 0 || facts.st_size == 0;
}

static bn_status open_handle(bn_db *db, const char *path, int flags, bn_error *err)
{
    const bool made = (flags & SQLITE_OPEN_CREATE) && is_new(path);
    const int code =
        sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (code != SQLITE_OK) return fail(db, code, err);
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    BN_TRY(bn_db_exec(db, "PRAGMA mmap_size=0; PRAGMA cache_size=-2000; PRAGMA temp_store=MEMORY", err));
    if (made) BN_TRY(bn_db_exec(db, "PRAGMA auto_vacuum=INCREMENTAL", err));
    if (flags & SQLITE_OPEN_READWRITE)
        return bn_db_exec(db,
                          "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                          "PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=67108864",
                          err);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return bn_db_exec(db, "PRAGMA wal_autocheckpoint=0; PRAGMA query_only=1", err);
}

bn_status bn_db_open(const char *path, bool writer, bn_db *db, bn_error *err)
{
    *db = (bn_db){.durable = true, .lock_fd = -1};
    pthread_mutex_init(&db->lock, NULL);
    bn_status status = writer ? open_lock(db, path, err) : BIREFNET_OK;
    if (status == BIREFNET_OK && writer) status = enter(db, err);
    const bool entered = writer && status == BIREFNET_OK;
    const int flags = writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    if (status == BIREFNET_OK) status = open_handle(db, path, flags, err);
    if (entered) leave(db);
    if (status != BIREFNET_OK) bn_db_close(db);
    return status;
}

/* "file:PATH?immutable=1", with what a URI reads otherwise as %XX. */
static void make_uri(const char *path, char *uri, size_t size)
{
    size_t length = (size_t)snprintf(uri, size, "file:%s", path[0] == '/' ? "//" : "");
    for (; *path && length + 20 < size; path++)
        length += (size_t)snprintf(uri + length, size - length, strchr("%?#", *path) ? "%%%02X" : "%c",
                                   (unsigned char)*path);
    snprintf(uri + length, size - length, "?immutable=1");
}

bn_status bn_db_open_to_look(const char *path, bn_db *db, bn_error *err)
{
    char log[4200], uri[3 * sizeof log];
    *db = (bn_db){.durable = true, .lock_fd = -1};
    pthread_mutex_init(&db->lock, NULL);
    snprintf(log, sizeof log, "%s-wal", path);
    make_uri(path, uri, sizeof uri);
    const bool in_use = access(log, F_OK) == 0; /* or was, when its process died */
    const int flags = SQLITE_OPEN_READONLY | (in_use ? 0 : SQLITE_OPEN_URI);
    const bn_status status = open_handle(db, in_use ? path : uri, flags, err);
    if (status != BIREFNET_OK) bn_db_close(db);
    return status;
}

void bn_db_close(bn_db *db)
{
    if (!db->handle) {
        if (db->lock_fd > 0) close(db->lock_fd);
        *db = (bn_db){.lock_fd = -1};
        return;
    }
    for (size_t i = 0; i < BN_DB_STATEMENTS; i++) sqlite3_finalize(db->cache[i].statement);
    const bool entered = db->lock_fd >= 0 && enter(db, NULL) == BIREFNET_OK; /* the last one checkpoints */
    sqlite3_close(db->handle);
    if (entered) leave(db);
    if (db->lock_fd >= 0) close(db->lock_fd);
    pthread_mutex_destroy(&db->lock);
    *db = (bn_db){.lock_fd = -1};
}

static bn_status prepare(bn_db *db, const char *sql, sqlite3_stmt **statement, bn_error *err)
{
    size_t i = 0;
    while (i < BN_DB_STATEMENTS && db->cache[i].sql && db->cache[i].sql != sql) i++;
    if (i == BN_DB_STATEMENTS) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "too many kinds of statements");
    if (!db->cache[i].sql) {
        const int code =
            sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &db->cache[i].statement, NULL);
        if (code != SQLITE_OK) return fail(db, code, err);
        db->cache[i].sql = sql;
    }
    *statement = db->cache[i].statement;
    sqlite3_reset(*statement);
    return BIREFNET_OK;
}

/* The texts and blobs must stay until the statement is reset. */
static int bind_all(sqlite3_stmt *statement, const char *binds, va_list args)
{
    int code = SQLITE_OK;
    for (int i = 1; *binds && code == SQLITE_OK; binds++, i++) {
        if (*binds == 't') {
            code = sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_STATIC);
        } else if (*binds == 'i') {
            code = sqlite3_bind_int64(statement, i, va_arg(args, int64_t));
        } else if (*binds == 'd') {
            code = sqlite3_bind_double(statement, i, va_arg(args, double));
        } else {
            const void *bytes = va_arg(args, const void *);
            code = sqlite3_bind_blob64(statement, i, bytes, va_arg(args, size_t), SQLITE_STATIC);
        }
    }
    return code;
}

static bn_status query(bn_db *db, sqlite3_stmt **statement, bn_error *err, const char *sql, const char *binds,
                       va_list args)
{
    BN_TRY(prepare(db, sql, statement, err));
    const int code = bind_all(*statement, binds, args);
    return code == SQLITE_OK ? BIREFNET_OK : fail(db, code, err);
}

bn_status bn_db_query(bn_db *db, sqlite3_stmt **statement, bn_error *err, const char *sql, const char *binds,
                      ...)
{
    va_list args;
    va_start(args, binds);
    const bn_status status = query(db, statement, err, sql, binds, args);
    va_end(args);
    return status;
}

bn_status bn_db_step(bn_db *db, sqlite3_stmt *statement, bool *row, bn_error *err)
{
    const int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (*row) return BIREFNET_OK;
    bn_status status = code == SQLITE_DONE ? BIREFNET_OK : fail(db, code, err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

static bn_status run(bn_db *db, bn_error *err, const char *sql, const char *binds, va_list args)
{
    sqlite3_stmt *statement = NULL;
    bn_status status = query(db, &statement, err, sql, binds, args);
    for (bool row = true; status == BIREFNET_OK && row;) status = bn_db_step(db, statement, &row, err);
    return status;
}

bn_status bn_db_run(bn_db *db, bn_error *err, const char *sql, const char *binds, ...)
{
    va_list args;
    va_start(args, binds);
    const bn_status status = run(db, err, sql, binds, args);
    va_end(args);
    return status;
}

static bn_status begin(bn_db *db, bool durable, bn_error *err)
{
    if (db->durable != durable)
        BN_TRY(bn_db_exec(db, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err));
    db->durable = durable;
    db->changes = sqlite3_total_changes(db->handle);
    return bn_db_run(db, err, "BEGIN IMMEDIATE", "");
}

bn_status bn_db_begin(bn_db *db, bool durable, bn_error *err)
{
    bn_status status = enter(db, err);
    if (status == BIREFNET_OK) {
        status = begin(db, durable, err);
        if (status != BIREFNET_OK) leave(db);
    }
    if (status == BIREFNET_ERROR_IO) atomic_store(&db->failing, true);
    return status;
}

bn_status bn_db_end(bn_db *db, bn_status status, bn_error *err)
{
    if (status == BIREFNET_OK) status = bn_db_run(db, err, "COMMIT", "");
    if (status != BIREFNET_OK && !sqlite3_get_autocommit(db->handle)) bn_db_run(db, NULL, "ROLLBACK", "");
    leave(db);
    if (status == BIREFNET_ERROR_IO)
        atomic_store(&db->failing, true);
    else if (status == BIREFNET_OK && sqlite3_total_changes(db->handle) != db->changes)
        atomic_store(&db->failing, false);
    return status;
}

bn_status bn_db_write(bn_db *db, bool durable, int *changed, bn_error *err, const char *sql,
                      const char *binds, ...)
{
    va_list args;
    va_start(args, binds);
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, durable, err);
    if (status == BIREFNET_OK) status = bn_db_end(db, run(db, err, sql, binds, args), err);
    if (changed) *changed = status == BIREFNET_OK ? sqlite3_changes(db->handle) : 0;
    pthread_mutex_unlock(&db->lock);
    va_end(args);
    return status;
}

bn_status bn_db_transact(bn_db *db, bool durable, bn_db_step_fn step, void *user, bn_error *err)
{
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, durable, err);
    if (status == BIREFNET_OK) status = bn_db_end(db, step(db, user, err), err);
    pthread_mutex_unlock(&db->lock);
    return status;
}

void bn_db_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
    const char *value = (const char *)sqlite3_column_text(statement, column);
    snprintf(text, size, "%s", value ? value : "");
}

bn_status bn_db_copy(sqlite3_stmt *statement, int column, char **copy, size_t *size, bn_error *err)
{
    *copy = NULL;
    if (size) *size = 0;
    if (sqlite3_column_type(statement, column) == SQLITE_NULL) return BIREFNET_OK;
    const void *bytes = sqlite3_column_blob(statement, column);
    const size_t count = (size_t)sqlite3_column_bytes(statement, column);
    *copy = malloc(count + 1);
    if (!*copy) return bn_fail_memory(err, count, "a value of the database");
    if (count > 0) memcpy(*copy, bytes, count);
    (*copy)[count] = '\0';
    if (size) *size = count;
    return BIREFNET_OK;
}
