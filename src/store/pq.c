/* pq.c - see pq.h. */
#include "store/pq.h"

#include "base/library.h"
#include "base/size.h"

#include <pthread.h>
#include <stddef.h>

#define LIBRARY "libpq.so.5"

static const bn_library_symbol functions[] = {
    {"PQconninfoParse", offsetof(bn_pq, conninfoParse)},
    {"PQconninfoFree", offsetof(bn_pq, conninfoFree)},
    {"PQfreemem", offsetof(bn_pq, freemem)},
    {"PQconnectdbParams", offsetof(bn_pq, connectdbParams)},
    {"PQfinish", offsetof(bn_pq, finish)},
    {"PQstatus", offsetof(bn_pq, status)},
    {"PQserverVersion", offsetof(bn_pq, serverVersion)},
    {"PQerrorMessage", offsetof(bn_pq, errorMessage)},
    {"PQsocket", offsetof(bn_pq, socket)},
    {"PQsetnonblocking", offsetof(bn_pq, setnonblocking)},
    {"PQsetNoticeProcessor", offsetof(bn_pq, setNoticeProcessor)},
    {"PQsendQueryParams", offsetof(bn_pq, sendQueryParams)},
    {"PQflush", offsetof(bn_pq, flush)},
    {"PQconsumeInput", offsetof(bn_pq, consumeInput)},
    {"PQisBusy", offsetof(bn_pq, isBusy)},
    {"PQgetResult", offsetof(bn_pq, getResult)},
    {"PQresultStatus", offsetof(bn_pq, resultStatus)},
    {"PQresultErrorField", offsetof(bn_pq, resultErrorField)},
    {"PQntuples", offsetof(bn_pq, ntuples)},
    {"PQgetisnull", offsetof(bn_pq, getisnull)},
    {"PQgetlength", offsetof(bn_pq, getlength)},
    {"PQgetvalue", offsetof(bn_pq, getvalue)},
    {"PQcmdTuples", offsetof(bn_pq, cmdTuples)},
    {"PQclear", offsetof(bn_pq, clear)},
    {"PQnotifies", offsetof(bn_pq, notifies)},
    {"PQbackendPID", offsetof(bn_pq, backendPID)},
    {"PQlibVersion", offsetof(bn_pq, libVersion)},
};

/* Written once, by load(). */
static bn_pq table;
static bool is_loaded;

static void load(void)
{
    is_loaded = bn_library_load(LIBRARY, functions, BN_COUNT(functions), &table);
}

const bn_pq *bn_pq_open(bn_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (is_loaded) return &table;
    bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
            "PostgreSQL's client library, " LIBRARY ", is not installed (apt-get install libpq5)");
    return NULL;
}
