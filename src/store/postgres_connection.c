/* postgres_connection.c - see postgres_connection.h. */
#include "store/postgres_connection.h"

#include "base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

static void ignore_notice(void *user, const char *message)
{
    (void)user;
    (void)message;
}

void bn_postgres_one_line(const char *words, char *line, size_t size)
{
    snprintf(line, size, "%s", words);
    size_t length = strlen(line);
    while (length > 0 && line[length - 1] == '\n') line[--length] = '\0';
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\t') *c = ' ';
}

bn_status bn_postgres_connect(const bn_pq *pq, const char *address, PGconn **connection, bn_error *err)
{
    /* those before the address yield to it */
    static const char *const words[] = {"connect_timeout",
                                        "tcp_user_timeout",
                                        "keepalives_idle",
                                        "fallback_application_name",
                                        "dbname",
                                        "client_encoding",
                                        NULL};
    const char *const values[] = {"2", "5000", "15", "birefnet", address, "UTF8", NULL};
    PGconn *made = pq->connectdbParams(words, values, 1);
    if (!made) return bn_fail_memory(err, 0, "a connection to the database");
    if (pq->status(made) == CONNECTION_OK && pq->setnonblocking(made, 1) == 0) {
        pq->setNoticeProcessor(made, ignore_notice, NULL);
        *connection = made;
        return BIREFNET_OK;
    }
    char line[400];
    bn_postgres_one_line(pq->errorMessage(made), line, sizeof line);
    pq->finish(made);
    return bn_fail(err, BIREFNET_ERROR_IO, "cannot reach the database: %s", line);
}

bool bn_postgres_wait(const bn_pq *pq, PGconn *connection, bool to_write, double end_ms)
{
    struct pollfd wait = {.fd = pq->socket(connection), .events = (short)(POLLIN | (to_write ? POLLOUT : 0))};
    const double left_ms = end_ms - bn_clock_ms();
    if (wait.fd < 0 || left_ms <= 0) return false;
    if (poll(&wait, 1, (int)left_ms + 1) < 0) return true; /* a signal */
    return !(wait.revents & (POLLIN | POLLERR | POLLHUP)) || pq->consumeInput(connection) == 1;
}

/* NULL where none came in time. */
static PGresult *next_result(const bn_pq *pq, PGconn *connection, double end_ms, bool *broken)
{
    for (;;) {
        const int unsent = pq->flush(connection);
        if (unsent < 0) break;
        if (unsent == 0 && !pq->isBusy(connection)) return pq->getResult(connection);
        if (!bn_postgres_wait(pq, connection, unsent > 0, end_ms)) break;
    }
    *broken = true;
    return NULL;
}

PGresult *bn_postgres_run(const bn_pq *pq, PGconn *connection, const char *sql, const bn_postgres_values *all,
                          double end_ms, bool *broken)
{
    *broken = pq->sendQueryParams(connection, sql, all->count, NULL, all->values, all->lengths, all->formats,
                                  1) != 1;
    PGresult *result = *broken ? NULL : next_result(pq, connection, end_ms, broken);
    for (PGresult *more = result; more && !*broken;) {
        more = next_result(pq, connection, end_ms, broken);
        pq->clear(more);
    }
    if (pq->status(connection) != CONNECTION_OK) *broken = true;
    return result;
}
