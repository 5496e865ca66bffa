/* postgres_db.h - statements to PostgreSQL: a small pool of connections, each statement one round trip that leaves nothing
 * behind in its session, so that pgbouncer may stand between and hand every transaction to another.
 *
 * A statement is tried again until its deadline where the connection broke, the server restarts, fails over, is full, or
 * chose this transaction to give way; nothing else is. So every statement must bear being run twice: see 'a' below. */
#ifndef BN_STORE_POSTGRES_DB_H
#define BN_STORE_POSTGRES_DB_H

#include "store/pq.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define BN_POSTGRES_CONNECTIONS 64 /* at most */

typedef struct bn_postgres_db {
    const bn_pq *pq;
    char *address;
    int limit;             /* connections */
    int64_t deadline_ms;   /* of a statement, with all its tries */
    _Atomic(bool) failing; /* the last statement did not reach the database, or it could not write */
    pthread_mutex_t lock;  /* of all below */
    pthread_cond_t given_back;
    PGconn *idle[BN_POSTGRES_CONNECTIONS];
    int idle_count, open_count;
} bn_postgres_db;

/* What a statement answered. */
typedef struct bn_rows {
    const bn_pq *pq;
    PGresult *result;
    int count;        /* rows that came */
    int changed;      /* rows that were written, by a statement without CTEs */
    bool again;       /* an earlier try may have been run, too */
    char sqlstate[6]; /* of a failure; empty where no answer came */
} bn_rows;

/* Connects once, so that a wrong address is told at once. No message names the password. */
bn_status bn_postgres_db_open(bn_postgres_db *db, const char *address, int connections, bn_error *err);
void bn_postgres_db_close(bn_postgres_db *db);
/* ARGUMENT where it is none. No message names the password. */
bn_status bn_postgres_check_address(const bn_pq *pq, const char *address, bn_error *err);
void bn_postgres_db_limit(bn_postgres_db *db, int connections);

/* binds: t text or NULL, i int64_t, d double, b pointer and size_t (NULL: null); a stands for no argument but for whether
 * this is another try of a statement that may have been run. rows (may be NULL) is freed by the caller where the status is
 * OK. */
bn_status bn_postgres_query(bn_postgres_db *db, bn_rows *rows, bn_error *err, const char *sql,
                            const char *binds, ...);
void bn_rows_free(bn_rows *rows);

/* Columns: null is 0, false or empty. What does not fit its kind is 0, too, and is told by *status (FORMAT). */
int64_t bn_rows_int(const bn_rows *rows, int row, int column, bn_status *status, bn_error *err);
double bn_rows_double(const bn_rows *rows, int row, int column, bn_status *status, bn_error *err);
void bn_rows_uuid(const bn_rows *rows, int row, int column, char id[37], bn_status *status, bn_error *err);
void bn_rows_text(const bn_rows *rows, int row, int column, char *text, size_t room);
/* Allocated, with a zero behind it; NULL for null. size may be NULL. */
bn_status bn_rows_copy(const bn_rows *rows, int row, int column, char **copy, size_t *size, bn_error *err);

/* A commit need not have reached the disk: `WITH BN_SOON_CTE ... AND BN_SOON`, or INSERT ... SELECT ... FROM soon WHERE v = 'off'. */
#define BN_SOON_CTE "soon AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) AS v)"
#define BN_SOON     "(SELECT v FROM soon) = 'off'"
/* The database's clock, in milliseconds since 1970. */
#define BN_NOW_MS "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

#endif
