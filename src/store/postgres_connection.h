/* postgres_connection.h - one connection to PostgreSQL, and one statement on it until a deadline. */
#ifndef BN_STORE_POSTGRES_CONNECTION_H
#define BN_STORE_POSTGRES_CONNECTION_H

#include "store/pq.h"

#include <stdbool.h>

/* libpq's words on one line, without the line's end. */
void bn_postgres_one_line(const char *words, char *line, size_t size);
/* Waits as long as the hosts of the address need, 2 s each unless the address says otherwise. No message names the password. */
bn_status bn_postgres_connect(const bn_pq *pq, const char *address, PGconn **connection, bn_error *err);

/* Parameters as libpq takes them. */
typedef struct bn_postgres_values {
    int count;
    const char *const *values;
    const int *lengths, *formats;
} bn_postgres_values;

/* The answer to one statement; whatever comes behind it is read, so that the connection is free again. NULL where none came
 * until then (bn_clock_ms). The caller clears it. */
PGresult *bn_postgres_run(const bn_pq *pq, PGconn *connection, const char *sql, const bn_postgres_values *all,
                          double end_ms, bool *broken);
/* False where the time has passed or the connection broke. */
bool bn_postgres_wait(const bn_pq *pq, PGconn *connection, bool to_write, double end_ms);

#endif
