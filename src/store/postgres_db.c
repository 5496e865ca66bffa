/* postgres_db.c - see postgres_db.h. */
#include "store/postgres_db.h"

#include "base/clock.h"
#include "base/size.h"
#include "store/postgres_connection.h"
#include "store/postgres_value.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PARAMETERS        32
#define DEADLINE_MS       5000
#define MAX_PARAMETER     ((size_t)1 << 30) /* PostgreSQL's limit of a value */
#define FIRST_WAIT_MS     50
#define LAST_WAIT_MS      1000
#define WORDS_OF_A_SERVER 160

/* ---- parameters ---- */

typedef struct parameters {
    int count;
    const char *values[PARAMETERS];
    int lengths[PARAMETERS], formats[PARAMETERS];
    char numbers[PARAMETERS][32];
    char *owned[PARAMETERS];
    int again; /* which one says so; -1: none */
} parameters;

static void parameters_free(parameters *all)
{
    for (int i = 0; i < all->count; i++) free(all->owned[i]);
}

static bn_status add_text(parameters *all, const char *text, bn_error *err)
{
    const int i = all->count++;
    all->values[i] = text;
    if (!text) return BIREFNET_OK;
    BN_TRY(bn_postgres_repair(text, &all->owned[i], err));
    if (all->owned[i]) all->values[i] = all->owned[i];
    return BIREFNET_OK;
}

static bn_status add_bytes(parameters *all, const void *bytes, size_t size, bn_error *err)
{
    const int i = all->count++;
    if (size > MAX_PARAMETER)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "%zu bytes are too many for the database", size);
    all->values[i] = bytes;
    all->lengths[i] = (int)size;
    all->formats[i] = 1;
    return BIREFNET_OK;
}

static void add_number(parameters *all, const char *format, ...)
{
    const int i = all->count++;
    va_list args;
    va_start(args, format);
    vsnprintf(all->numbers[i], sizeof all->numbers[i], format, args);
    va_end(args);
    all->values[i] = all->numbers[i];
}

static bn_status read_parameters(parameters *all, const char *binds, va_list args, bn_error *err)
{
    *all = (parameters){.again = -1};
    for (; *binds; binds++) {
        if (all->count == PARAMETERS) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "too many parameters");
        if (*binds == 't') {
            BN_TRY(add_text(all, va_arg(args, const char *), err));
        } else if (*binds == 'i') {
            add_number(all, "%lld", (long long)va_arg(args, int64_t));
        } else if (*binds == 'd') {
            add_number(all, "%.17g", va_arg(args, double));
        } else if (*binds == 'a') {
            all->again = all->count;
            add_number(all, "false");
        } else {
            const void *bytes = va_arg(args, const void *);
            BN_TRY(add_bytes(all, bytes, va_arg(args, size_t), err));
        }
    }
    return BIREFNET_OK;
}

/* ---- connections ---- */

/* An idle one (*pooled), else a new one while there may be more; waits for one of others until then. */
static bn_status take(bn_postgres_db *db, double end_ms, PGconn **connection, bool *pooled, bn_error *err)
{
    pthread_mutex_lock(&db->lock);
    while (db->idle_count == 0 && db->open_count >= db->limit) {
        const double left_ms = end_ms - bn_clock_ms();
        const struct timespec until = bn_clock_after(left_ms > 0 ? (int64_t)left_ms + 1 : 0);
        if (left_ms > 0) {
            pthread_cond_timedwait(&db->given_back, &db->lock, &until);
            continue;
        }
        pthread_mutex_unlock(&db->lock);
        return bn_fail(err, BIREFNET_ERROR_IO, "the database is too slow: all %d connections are busy",
                       db->limit);
    }
    *pooled = db->idle_count > 0;
    if (*pooled)
        *connection = db->idle[--db->idle_count];
    else
        db->open_count++;
    pthread_mutex_unlock(&db->lock);
    if (*pooled) return BIREFNET_OK;
    const bn_status status = bn_postgres_connect(db->pq, db->address, connection, err);
    if (status == BIREFNET_OK) return BIREFNET_OK;
    pthread_mutex_lock(&db->lock);
    db->open_count--;
    pthread_cond_signal(&db->given_back);
    pthread_mutex_unlock(&db->lock);
    return status;
}

static void close_idle(bn_postgres_db *db)
{
    while (db->idle_count > 0) {
        db->pq->finish(db->idle[--db->idle_count]);
        db->open_count--;
    }
}

/* broken: it is closed, and so are those that idle, which are most likely no better. */
static void give_back(bn_postgres_db *db, PGconn *connection, bool broken)
{
    if (broken) db->pq->finish(connection);
    pthread_mutex_lock(&db->lock);
    if (broken) {
        db->open_count--;
        close_idle(db);
        pthread_cond_broadcast(&db->given_back);
    } else {
        db->idle[db->idle_count++] = connection;
        pthread_cond_signal(&db->given_back);
    }
    pthread_mutex_unlock(&db->lock);
}

/* ---- one try ---- */

static bool begins_with_any(const char *sqlstate, const char *const *classes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0) return true;
    return false;
}

/* broken connection, shut down, failed over to what is read-only | gave way to another, full */
static bool is_lost(const char *sqlstate)
{
    static const char *const classes[] = {"08", "57P", "25006"};
    return begins_with_any(sqlstate, classes, BN_COUNT(classes));
}

static bool gave_way(const char *sqlstate)
{
    static const char *const classes[] = {"40", "53300"};
    return begins_with_any(sqlstate, classes, BN_COUNT(classes));
}

/* Data that do not fit, a table that is not there: our fault, unless somebody changed the tables. */
static bn_status status_of(const char *sqlstate)
{
    static const char *const ours[] = {"22", "23", "42"};
    if (strcmp(sqlstate, "42501") == 0) return BIREFNET_ERROR_IO; /* no permission */
    return begins_with_any(sqlstate, ours, BN_COUNT(ours)) ? BIREFNET_ERROR_INTERNAL : BIREFNET_ERROR_IO;
}

static bn_status fail_of(const bn_pq *pq, const PGresult *result, bn_rows *rows, bn_error *err)
{
    const char *sqlstate = pq->resultErrorField(result, PG_DIAG_SQLSTATE);
    const char *words = pq->resultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    snprintf(rows->sqlstate, sizeof rows->sqlstate, "%s", sqlstate ? sqlstate : "");
    return bn_fail(err, status_of(rows->sqlstate), "the database: %.*s (%s)", WORDS_OF_A_SERVER,
                   words ? words : "no answer", rows->sqlstate);
}

typedef struct try_outcome {
    bool again;    /* worth another try */
    bool at_once;  /* it was only the connection that had gone stale */
    bool was_sent; /* it may have been run */
} try_outcome;

static bn_status try_once(bn_postgres_db *db, const char *sql, const parameters *all, double end_ms,
                          bn_rows *rows, try_outcome *outcome, bn_error *err)
{
    PGconn *connection = NULL;
    bool pooled, broken;
    *outcome = (try_outcome){.again = true};
    BN_TRY(take(db, end_ms, &connection, &pooled, err));
    const bn_postgres_values wire = {all->count, all->values, all->lengths, all->formats};
    PGresult *result = bn_postgres_run(db->pq, connection, sql, &wire, end_ms, &broken);
    const ExecStatusType kind = result ? db->pq->resultStatus(result) : PGRES_FATAL_ERROR;
    bn_status status = BIREFNET_OK;
    if (kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK) {
        outcome->again = false;
        rows->result = result;
    } else if (result) {
        status = fail_of(db->pq, result, rows, err);
        const bool lost = is_lost(rows->sqlstate) || broken;
        outcome->again = lost || gave_way(rows->sqlstate);
        outcome->was_sent = lost;
        broken = lost;
        db->pq->clear(result);
    } else {
        outcome->was_sent = true;
        status = bn_fail(err, BIREFNET_ERROR_IO, "the database does not answer");
    }
    outcome->at_once = pooled && broken;
    give_back(db, connection, broken);
    return status;
}

/* ---- statements ---- */

static bool wait_before_next(int tries, double end_ms)
{
    const uint32_t longest = BN_MIN((uint32_t)FIRST_WAIT_MS << BN_MIN(tries, 8), (uint32_t)LAST_WAIT_MS);
    const uint32_t ms = longest / 2 + randombytes_uniform(longest / 2 + 1);
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    if (bn_clock_ms() + ms >= end_ms) return false;
    nanosleep(&pause, NULL);
    return true;
}

static bn_status run_until(bn_postgres_db *db, const char *sql, parameters *all, bn_rows *rows, bn_error *err)
{
    const double end_ms = bn_clock_ms() + (double)db->deadline_ms;
    for (int tries = 0;; tries++) {
        try_outcome outcome;
        const bn_status status = try_once(db, sql, all, end_ms, rows, &outcome, err);
        if (status == BIREFNET_OK || !outcome.again) return status;
        if (outcome.was_sent) rows->again = true;
        if (rows->again && all->again >= 0) all->values[all->again] = "true";
        const bool in_time = outcome.at_once ? bn_clock_ms() < end_ms : wait_before_next(tries, end_ms);
        if (!in_time) return status;
    }
}

bn_status bn_postgres_query(bn_postgres_db *db, bn_rows *rows, bn_error *err, const char *sql,
                            const char *binds, ...)
{
    parameters all;
    bn_rows none;
    va_list args;
    const bool unwanted = !rows;
    if (unwanted) rows = &none;
    *rows = (bn_rows){.pq = db->pq};
    va_start(args, binds);
    bn_status status = read_parameters(&all, binds, args, err);
    va_end(args);
    if (status == BIREFNET_OK) status = run_until(db, sql, &all, rows, err);
    parameters_free(&all);
    if (status == BIREFNET_OK) {
        rows->count = db->pq->ntuples(rows->result);
        rows->changed = atoi(db->pq->cmdTuples(rows->result));
        if (unwanted) bn_rows_free(rows);
    }
    if (status == BIREFNET_OK || status == BIREFNET_ERROR_IO)
        atomic_store(&db->failing, status != BIREFNET_OK);
    return status;
}

void bn_rows_free(bn_rows *rows)
{
    if (rows->result) rows->pq->clear(rows->result);
    rows->result = NULL;
    rows->count = 0;
}

/* ---- columns ---- */

static const void *column_bytes(const bn_rows *rows, int row, int column, size_t *size)
{
    if (rows->pq->getisnull(rows->result, row, column)) return NULL;
    *size = (size_t)rows->pq->getlength(rows->result, row, column);
    return rows->pq->getvalue(rows->result, row, column);
}

int64_t bn_rows_int(const bn_rows *rows, int row, int column, bn_status *status, bn_error *err)
{
    size_t size;
    int64_t number = 0;
    const void *bytes = column_bytes(rows, row, column, &size);
    if (bytes && *status == BIREFNET_OK) *status = bn_postgres_int(bytes, size, &number, err);
    return number;
}

double bn_rows_double(const bn_rows *rows, int row, int column, bn_status *status, bn_error *err)
{
    size_t size;
    double number = 0;
    const void *bytes = column_bytes(rows, row, column, &size);
    if (bytes && *status == BIREFNET_OK) *status = bn_postgres_double(bytes, size, &number, err);
    return number;
}

void bn_rows_uuid(const bn_rows *rows, int row, int column, char id[37], bn_status *status, bn_error *err)
{
    size_t size;
    const void *bytes = column_bytes(rows, row, column, &size);
    id[0] = '\0';
    if (bytes && *status == BIREFNET_OK) *status = bn_postgres_uuid(bytes, size, id, err);
}

void bn_rows_text(const bn_rows *rows, int row, int column, char *text, size_t room)
{
    size_t size = 0;
    const void *bytes = column_bytes(rows, row, column, &size);
    bn_postgres_text(bytes, bytes ? size : 0, text, room);
}

bn_status bn_rows_copy(const bn_rows *rows, int row, int column, char **copy, size_t *size, bn_error *err)
{
    size_t count = 0;
    const void *bytes = column_bytes(rows, row, column, &count);
    *copy = NULL;
    if (size) *size = count;
    if (!bytes) return BIREFNET_OK;
    *copy = malloc(count + 1);
    if (!*copy) return bn_fail_memory(err, count, "a value of the database");
    if (count > 0) memcpy(*copy, bytes, count);
    (*copy)[count] = '\0';
    return BIREFNET_OK;
}

/* ---- opening ---- */

/* A password with a slash in it makes a port of its beginning and a database of its end. */
static bool is_sensible(const PQconninfoOption *options)
{
    for (; options->keyword; options++) {
        const char *value = options->val ? options->val : "";
        if (strcmp(options->keyword, "port") == 0 && value[strspn(value, "0123456789,")]) return false;
        if (strcmp(options->keyword, "dbname") == 0 && strchr(value, '@')) return false;
    }
    return true;
}

/* libpq's own words on an address repeat parts of it, which may be a password that was not percent-encoded. */
bn_status bn_postgres_check_address(const bn_pq *pq, const char *address, bn_error *err)
{
    char *fault = NULL, line[200];
    PQconninfoOption *options = pq->conninfoParse(address, &fault);
    const bool sensible = options && is_sensible(options);
    if (options) pq->conninfoFree(options);
    if (sensible) return BIREFNET_OK;
    const bool secret = strchr(address, '@') || strstr(address, "password");
    bn_postgres_one_line(
        secret || !fault ? "in user and password write : / ? # @ % as %3A %2F %3F %23 %40 %25" : fault, line,
        sizeof line);
    if (fault) pq->freemem(fault);
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                   "the database's address is not postgresql://USER@HOST:PORT/DATABASE: %s", line);
}

bn_status bn_postgres_db_open(bn_postgres_db *db, const char *address, int connections, bn_error *err)
{
    PGconn *connection;
    bool pooled;
    pthread_condattr_t monotonic;
    *db = (bn_postgres_db){.limit = BN_MAX(1, BN_MIN(connections, BN_POSTGRES_CONNECTIONS)),
                           .deadline_ms = DEADLINE_MS};
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->given_back, &monotonic);
    pthread_condattr_destroy(&monotonic);
    bn_status status = BIREFNET_OK;
    db->pq = bn_pq_open(err);
    if (!db->pq) BN_TRY_DONE(BIREFNET_ERROR_UNSUPPORTED);
    BN_TRY_DONE(bn_postgres_check_address(db->pq, address, err));
    db->address = strdup(address);
    if (!db->address) BN_TRY_DONE(bn_fail_memory(err, strlen(address), "the store"));
    BN_TRY_DONE(take(db, bn_clock_ms() + DEADLINE_MS, &connection, &pooled, err));
    give_back(db, connection, false);
done:
    if (status != BIREFNET_OK) bn_postgres_db_close(db);
    return status;
}

void bn_postgres_db_close(bn_postgres_db *db)
{
    close_idle(db);
    pthread_cond_destroy(&db->given_back);
    pthread_mutex_destroy(&db->lock);
    free(db->address);
    db->address = NULL;
}

void bn_postgres_db_limit(bn_postgres_db *db, int connections)
{
    pthread_mutex_lock(&db->lock);
    db->limit = BN_MAX(1, BN_MIN(connections, BN_POSTGRES_CONNECTIONS));
    pthread_mutex_unlock(&db->lock);
}
