/* pq.h - the one door to libpq, PostgreSQL's client library: its functions as a table, loaded when they are first asked for.
 * Servers with the embedded store never do. Its header is used for types and numbers. */
#ifndef BN_STORE_PQ_H
#define BN_STORE_PQ_H

#include "base/error.h"

#include <libpq-fe.h>

/* Named as in libpq, without "PQ". */
typedef struct bn_pq {
    PQconninfoOption *(*conninfoParse)(const char *address, char **fault);
    void (*conninfoFree)(PQconninfoOption *options);
    void (*freemem)(void *memory);
    PGconn *(*connectdbParams)(const char *const *keywords, const char *const *values, int expand_dbname);
    void (*finish)(PGconn *connection);
    ConnStatusType (*status)(const PGconn *connection);
    int (*serverVersion)(const PGconn *connection);
    char *(*errorMessage)(const PGconn *connection);
    int (*socket)(const PGconn *connection);
    int (*setnonblocking)(PGconn *connection, int on);
    PQnoticeProcessor (*setNoticeProcessor)(PGconn *connection, PQnoticeProcessor processor, void *user);
    int (*sendQueryParams)(PGconn *connection, const char *sql, int count, const Oid *types,
                           const char *const *values, const int *lengths, const int *formats,
                           int result_format);
    int (*flush)(PGconn *connection);
    int (*consumeInput)(PGconn *connection);
    int (*isBusy)(PGconn *connection);
    PGresult *(*getResult)(PGconn *connection);
    ExecStatusType (*resultStatus)(const PGresult *result);
    char *(*resultErrorField)(const PGresult *result, int field);
    int (*ntuples)(const PGresult *result);
    int (*getisnull)(const PGresult *result, int row, int column);
    int (*getlength)(const PGresult *result, int row, int column);
    char *(*getvalue)(const PGresult *result, int row, int column);
    char *(*cmdTuples)(PGresult *result);
    void (*clear)(PGresult *result);
    PGnotify *(*notifies)(PGconn *connection);
    int (*backendPID)(const PGconn *connection);
    int (*libVersion)(void);
} bn_pq;

/* The table, for as long as the process lives. NULL, with UNSUPPORTED in err (may be NULL), where it cannot be loaded. Any
 * thread. */
const bn_pq *bn_pq_open(bn_error *err);

#endif
