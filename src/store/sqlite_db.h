/* sqlite_db.h - one SQLite connection with its prepared statements, and SQLite's failures as ours.
 *
 * Debian's 3.40.1 can damage a WAL database when two connections write or checkpoint at once. So a handle has exactly one
 * writer, which alone checkpoints; readers are opened read-only, and nothing maps the file into memory. Writers of other
 * handles and processes are kept out by a lock of our own, on PATH-writer. */
#ifndef BN_STORE_SQLITE_DB_H
#define BN_STORE_SQLITE_DB_H

#include "base/error.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

#define BN_DB_STATEMENTS 80

typedef struct bn_db {
    sqlite3 *handle;
    pthread_mutex_t lock;  /* callers hold it from the first query to the last column */
    bool durable;          /* writer: a commit reaches the disk before it returns */
    int lock_fd;           /* writer: PATH-writer; else -1 */
    int changes;           /* rows so far, when the transaction began */
    _Atomic(bool) failing; /* the last transaction that had something to write did not succeed */
    struct {
        const char *sql; /* by address: a literal at its place of use */
        sqlite3_stmt *statement;
    } cache[BN_DB_STATEMENTS];
} bn_db;

bn_status bn_db_open(const char *path, bool writer, bn_db *db, bn_error *err);
/* A reader that leaves the folder as it is: no log and no index of it come where nobody has the database open. */
bn_status bn_db_open_to_look(const char *path, bn_db *db, bn_error *err);
void bn_db_close(bn_db *db);

/* All below, bn_db_write excepted: the lock is held. */
bn_status bn_db_exec(bn_db *db, const char *sql, bn_error *err);
/* Prepare (once) and bind. binds: t text or NULL, i int64_t, d double, b pointer and size_t. sql must be a literal. */
bn_status bn_db_query(bn_db *db, sqlite3_stmt **statement, bn_error *err, const char *sql, const char *binds,
                      ...);
/* *row: there is one. After the last the statement is reset. */
bn_status bn_db_step(bn_db *db, sqlite3_stmt *statement, bool *row, bn_error *err);
/* Query, and step to the end. */
bn_status bn_db_run(bn_db *db, bn_error *err, const char *sql, const char *binds, ...);

/* Writer: a transaction; durable = on the disk when commit returns, else safe from kill -9 only. */
bn_status bn_db_begin(bn_db *db, bool durable, bn_error *err);
/* Commit if status is OK, else (or where that fails) roll back. */
bn_status bn_db_end(bn_db *db, bn_status status, bn_error *err);
/* bn_db_run in a transaction of its own; takes the lock itself. *changed (may be NULL): how many rows, 0 on failure. */
bn_status bn_db_write(bn_db *db, bool durable, int *changed, bn_error *err, const char *sql,
                      const char *binds, ...);

/* bn_db_begin, step(user), bn_db_end; takes the lock itself. */
typedef bn_status (*bn_db_step_fn)(bn_db *db, void *user, bn_error *err);
bn_status bn_db_transact(bn_db *db, bool durable, bn_db_step_fn step, void *user, bn_error *err);
/* Writer: what is no transaction, as vacuum; nobody else writes meanwhile. */
bn_status bn_db_exec_alone(bn_db *db, const char *sql, bn_error *err);

/* Copies of a column: text into a buffer (cut), or allocated (NULL for NULL). */
void bn_db_text(sqlite3_stmt *statement, int column, char *text, size_t size);
bn_status bn_db_copy(sqlite3_stmt *statement, int column, char **copy, size_t *size, bn_error *err);

#endif
