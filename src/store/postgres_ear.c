/* postgres_ear.c - hints by LISTEN and NOTIFY, on a connection of their own: through a pooler that hands transactions out LISTEN
 * says yes and never hears, so each ear first hears itself. NOTIFY is no part of a transaction that matters: it makes commits
 * wait for one another. */
#include "store/postgres.h"

#include "base/clock.h"
#include "base/size.h"
#include "store/postgres_connection.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATEMENT_MS 5000
#define TEST_MS      3000 /* in which an ear hears itself */
#define TEST         '?'

typedef struct postgres_ear {
    bn_ear base;
    const bn_pq *pq;
    PGconn *connection;
} postgres_ear;

/* What each letter of a payload says; others are of newer programs. */
static const struct {
    char letter;
    bn_hint hint;
} letters[] = {{'w', BN_HINT_WORK},
               {'c', BN_HINT_CANCEL},
               {'e', BN_HINT_ENDED},
               {'k', BN_HINT_KEYS},
               {'h', BN_HINT_WEBHOOKS}};

static void close_ear(bn_ear *ear)
{
    postgres_ear *self = (postgres_ear *)ear;
    if (self->connection) self->pq->finish(self->connection);
    free(self);
}

static bn_status say(postgres_ear *self, const char *sql, const char *word, bn_error *err)
{
    bool broken;
    const char *const values[] = {word};
    const int zero[] = {0};
    const bn_postgres_values all = {word ? 1 : 0, values, zero, zero};
    PGresult *result =
        bn_postgres_run(self->pq, self->connection, sql, &all, bn_clock_ms() + STATEMENT_MS, &broken);
    const ExecStatusType kind = result ? self->pq->resultStatus(result) : PGRES_FATAL_ERROR;
    self->pq->clear(result);
    if (!broken && (kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_IO, "the connection for hints is lost");
}

static bn_status notify(postgres_ear *self, const char *payload, bn_error *err)
{
    return say(self, "WITH " BN_SOON_CTE " SELECT pg_notify('birefnet', $1::text) FROM soon WHERE v = 'off'",
               payload, err);
}

static bn_status tell(bn_ear *ear, unsigned hints, bn_error *err)
{
    char payload[BN_COUNT(letters) + 1];
    size_t count = 0;
    for (size_t i = 0; i < BN_COUNT(letters); i++)
        if (hints & (unsigned)letters[i].hint) payload[count++] = letters[i].letter;
    payload[count] = '\0';
    return count > 0 ? notify((postgres_ear *)ear, payload, err) : BIREFNET_OK;
}

/* What has come; *tested: our own test is among it. */
static unsigned take(postgres_ear *self, bool *tested)
{
    unsigned hints = 0;
    PGnotify *note;
    const int own = self->pq->backendPID(self->connection);
    while ((note = self->pq->notifies(self->connection))) {
        for (size_t i = 0; note->be_pid != own && i < BN_COUNT(letters); i++)
            if (strchr(note->extra, letters[i].letter)) hints |= (unsigned)letters[i].hint;
        *tested = *tested || (note->be_pid == own && note->extra[0] == TEST);
        self->pq->freemem(note);
    }
    return hints;
}

static bn_status hear(bn_ear *ear, int wake, int64_t wait_ms, unsigned *hints, bn_error *err)
{
    postgres_ear *self = (postgres_ear *)ear;
    bool tested = false;
    struct pollfd waits[2] = {{.fd = self->pq->socket(self->connection), .events = POLLIN},
                              {.fd = wake, .events = POLLIN}};
    *hints = take(self, &tested);
    if (*hints) return BIREFNET_OK;
    if (poll(waits, 2, (int)BN_MIN(wait_ms, (int64_t)INT32_MAX)) <= 0 || !waits[0].revents)
        return BIREFNET_OK;
    if (self->pq->consumeInput(self->connection) != 1 || self->pq->status(self->connection) != CONNECTION_OK)
        return bn_fail(err, BIREFNET_ERROR_IO, "the connection for hints is lost");
    *hints = take(self, &tested);
    return BIREFNET_OK;
}

static bn_status hear_itself(postgres_ear *self, bn_error *err)
{
    const char test[] = {TEST, '\0'};
    const double end_ms = bn_clock_ms() + TEST_MS;
    bool tested = false;
    BN_TRY(say(self, "LISTEN birefnet", NULL, err));
    BN_TRY(notify(self, test, err));
    for (take(self, &tested); !tested; take(self, &tested))
        if (!bn_postgres_wait(self->pq, self->connection, false, end_ms))
            return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                           "hints do not come through: a pooler stands between (--store-listen)");
    return BIREFNET_OK;
}

bn_status bn_postgres_ear_check(bn_store *store, const char *address, bn_error *err)
{
    return bn_postgres_check_address(bn_postgres_db_of(store)->pq, address, err);
}

bn_status bn_postgres_ear_open(bn_store *store, const char *address, bn_ear **ear, bn_error *err)
{
    const bn_postgres_db *db = bn_postgres_db_of(store);
    postgres_ear *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "hints");
    made->base = (bn_ear){.close = close_ear, .tell = tell, .hear = hear};
    made->pq = db->pq;
    bn_status status = bn_postgres_connect(db->pq, address ? address : db->address, &made->connection, err);
    if (status == BIREFNET_OK) status = hear_itself(made, err);
    if (status == BIREFNET_OK)
        *ear = &made->base;
    else
        close_ear(&made->base);
    return status;
}
