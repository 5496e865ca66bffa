/* store_claims.c - claims a second in SQLite with 2,000 requests waiting, without and with a history that has ended, in turn; medians
 * of five. bench/store_claims.sh is the same for PostgreSQL.
 *     build/release/bin/store_claims [HISTORY] */
#include "base/clock.h"
#include "store/ids.h"
#include "store/store.h"

#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, WAITING = 2000, CLAIMS = 2000, WORKER = 7 };

typedef struct claims {
    bn_store *store;
    double a_second[ROUNDS];
} claims;

static void need(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

static void put_history(const char *path, long count)
{
    sqlite3 *db;
    char sql[400];
    snprintf(
        sql, sizeof sql,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %ld) INSERT INTO "
        "requests(id, sync, low_priority, created_ms, start_by_ms, body, attempts, ended, code, completed_ms)"
        " SELECT lower(hex(randomblob(16))), 0, 0, i, 0, NULL, 0, 1, 200, i FROM n",
        count);
    need(sqlite3_open(path, &db) == SQLITE_OK, "to open the database");
    need(count == 0 || sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void fill(claims *self, const char *folder, const char *name, long history)
{
    char address[200];
    snprintf(address, sizeof address, "sqlite:%s/%s", folder, name);
    need(bn_store_open(address, &self->store, NULL) == BIREFNET_OK, "to make a store");
    put_history(address + strlen("sqlite:"), history);
    for (int i = 0; i < WAITING; i++) {
        bn_accepted one = {.created_ms = 1, .body = "{}", .body_bytes = 2};
        bn_uuid_make(one.id);
        need(bn_store_accept(self->store, &one, NULL, NULL) == BIREFNET_OK, "to accept");
    }
}

/* Each is given back, so that as many wait for the next. */
static double measure(claims *self)
{
    double took_ms = 0;
    for (int i = 0; i < CLAIMS; i++) {
        bool mine;
        bn_accepted one;
        const bn_claim_terms terms = {.worker = WORKER, .claim = i + 1, .weight = 1};
        const double start_ms = bn_clock_ms();
        need(bn_store_claim_next(self->store, &terms, &one, NULL) == BIREFNET_OK && one.id[0], "to claim");
        took_ms += bn_clock_ms() - start_ms;
        need(bn_store_give_back(self->store, one.id, WORKER, i + 1, &mine, NULL) == BIREFNET_OK && mine,
             "to give back");
        bn_accepted_free(&one);
    }
    return CLAIMS * 1000 / took_ms;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(claims *self)
{
    qsort(self->a_second, ROUNDS, sizeof self->a_second[0], by_size);
    return self->a_second[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    claims none = {0}, much = {0};
    char folder[120], command[140];
    const char *where = getenv("TMPDIR"); /* /dev/shm leaves the disk out */
    snprintf(folder, sizeof folder, "%.80s/birefnet-claims-XXXXXX", where ? where : "/tmp");
    const long history = argc > 1 ? atol(argv[1]) : 1000000;
    need(sodium_init() >= 0 && mkdtemp(folder), "to begin");
    fill(&none, folder, "none.sqlite", 0);
    fill(&much, folder, "much.sqlite", history);
    for (int i = 0; i < ROUNDS; i++) {
        none.a_second[i] = measure(&none);
        much.a_second[i] = measure(&much);
    }
    printf("claims a second: %.0f without history, %.0f with %ld ended\n", median(&none), median(&much),
           history);
    bn_store_close(&none.store);
    bn_store_close(&much.store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0;
}
