/* sqlite_webhooks.c - webhooks in SQLite: whose turn it is, found by index however many wait. */
#include "store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEHIND_ALL_KEYS "\x7f" /* ids are printable ASCII */

static bn_status read_webhook(sqlite3_stmt *statement, bn_webhook *webhook, bn_error *err)
{
    bn_db_text(statement, 0, webhook->request_id, sizeof webhook->request_id);
    webhook->attempts = sqlite3_column_int(statement, 5);
    webhook->created_ms = sqlite3_column_int64(statement, 6);
    webhook->next_ms = sqlite3_column_int64(statement, 7);
    webhook->public_only = sqlite3_column_int(statement, 8) != 0;
    BN_TRY(bn_db_copy(statement, 1, &webhook->url, NULL, err));
    BN_TRY(bn_db_copy(statement, 2, &webhook->host, NULL, err));
    BN_TRY(bn_db_copy(statement, 3, &webhook->key_id, NULL, err));
    return bn_db_copy(statement, 4, &webhook->file_base, NULL, err);
}

/* The longest due of the first group behind (host, key); webhook->url is NULL where there is no such group. */
static bn_status next_group(bn_db *db, bool again, const char *host, const char *key, bn_webhook *webhook,
                            bn_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(bn_db_query(db, &statement, err,
                       "SELECT request_id, url, host, key_id, file_base, attempts, created_ms, next_ms,"
                       " public_only FROM webhooks WHERE again = ?1 AND (host, key_id) > (?2, ?3)"
                       " ORDER BY host, key_id, next_ms LIMIT 1",
                       "itt", (int64_t)again, host, key));
    bn_status status = bn_db_step(db, statement, &row, err);
    if (status == BIREFNET_OK && row) status = read_webhook(statement, webhook, err);
    sqlite3_reset(statement);
    return status;
}

static bool is_among(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0) return true;
    return false;
}

/* From where the last one was found to the end, then from the beginning to there: every group has its turn. */
static bn_status find_webhook(bn_db *db, bool again, int64_t now_ms, const bn_webhook_turn *turn,
                              bn_webhook *webhook, bn_error *err)
{
    char host[BN_WEBHOOK_HOST_CHARS], key[BN_KEY_ID_CHARS];
    snprintf(host, sizeof host, "%s", turn->host);
    snprintf(key, sizeof key, "%s", turn->key_id);
    for (bool wrapped = false;;) {
        BN_TRY(next_group(db, again, host, key, webhook, err));
        if (!webhook->url && wrapped) return BIREFNET_OK;
        if (!webhook->url) {
            wrapped = true;
            host[0] = key[0] = '\0';
            continue;
        }
        const bool host_busy = is_among(turn->busy_hosts, turn->busy_host_count, webhook->host);
        const bool key_busy = is_among(turn->busy_keys, turn->busy_key_count, webhook->key_id);
        if (!host_busy && !key_busy && webhook->next_ms <= now_ms) return BIREFNET_OK;
        snprintf(host, sizeof host, "%s", webhook->host);
        snprintf(key, sizeof key, "%s", host_busy ? BEHIND_ALL_KEYS : webhook->key_id);
        bn_webhook_free(webhook);
        if (wrapped && strcmp(host, turn->host) > 0) return BIREFNET_OK;
    }
}

/* The first that is due at or after a time; INT64_MAX: none is. */
static bn_status find_due(bn_db *db, bool again, int64_t from_ms, int64_t *due_ms, bn_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    BN_TRY(
        bn_db_query(db, &statement, err,
                    "SELECT next_ms FROM webhooks WHERE again = ? AND next_ms >= ? ORDER BY next_ms LIMIT 1",
                    "ii", (int64_t)again, from_ms));
    const bn_status status = bn_db_step(db, statement, &row, err);
    *due_ms = status == BIREFNET_OK && row ? sqlite3_column_int64(statement, 0) : INT64_MAX;
    sqlite3_reset(statement);
    return status;
}

static bn_status find(bn_db *db, int64_t now_ms, const bn_webhook_turn *turn, int64_t *wait_ms,
                      bn_webhook *webhook, bn_error *err)
{
    *wait_ms = INT64_MAX;
    for (int again = 0; again < (turn->no_second ? 1 : 2); again++) {
        int64_t first_ms;
        BN_TRY(find_due(db, again, 0, &first_ms, err));
        if (first_ms <= now_ms) BN_TRY(find_webhook(db, again, now_ms, turn, webhook, err));
        if (webhook->url) return BIREFNET_OK;
    }
    for (int again = 0; again < 2; again++) {
        int64_t later_ms;
        BN_TRY(find_due(db, again, now_ms + 1, &later_ms, err));
        if (later_ms < INT64_MAX && later_ms - now_ms < *wait_ms) *wait_ms = later_ms - now_ms;
    }
    return BIREFNET_OK;
}

static bn_status look(bn_store *store, int64_t now_ms, const bn_webhook_turn *turn, int64_t *wait_ms,
                      bn_webhook *webhook, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    *webhook = (bn_webhook){.request_id = ""};
    const bn_status status = find(db, now_ms, turn, wait_ms, webhook, err);
    bn_db_unlock(db);
    if (status != BIREFNET_OK) bn_webhook_free(webhook);
    return status;
}

/* Found by a reader, taken by the writer where nobody else was faster; else looked for again. */
bn_status bn_sqlite_webhook_take(bn_store *store, const bn_webhook_turn *turn, const bn_webhook_taker *taker,
                                 int64_t *wait_ms, bn_webhook *webhook, bn_error *err)
{
    for (;;) {
        int changed;
        const int64_t now_ms = bn_sqlite_now(store);
        BN_TRY(look(store, now_ms, turn, wait_ms, webhook, err));
        if (!webhook->url) return BIREFNET_OK;
        const int64_t held_ms = webhook->attempts == 0 ? taker->first_ms : taker->again_ms;
        const bn_status status = bn_db_write(bn_sqlite_writer(store), false, &changed, err,
                                             "UPDATE webhooks SET next_ms = ?2, claim = ?3, process = ?4"
                                             " WHERE request_id = ?1 AND next_ms = ?5",
                                             "tiiii", webhook->request_id, now_ms + held_ms, taker->claim,
                                             taker->process, webhook->next_ms);
        if (status == BIREFNET_OK && changed > 0) return BIREFNET_OK;
        bn_webhook_free(webhook);
        if (status != BIREFNET_OK) return status;
    }
}

bn_status bn_sqlite_webhooks_pending(bn_store *store, const char *key_id, int64_t *of_key, int64_t *of_all,
                                     bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    bool row = false;
    *of_key = *of_all = 0;
    bn_status status = bn_db_query(db, &statement, err,
                                   "SELECT coalesce(sum(pending), 0),"
                                   " coalesce(sum(iif(key_id = ?, pending, 0)), 0) FROM webhook_counts",
                                   "t", key_id ? key_id : "");
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, &row, err);
    if (row) {
        *of_all = sqlite3_column_int64(statement, 0);
        *of_key = sqlite3_column_int64(statement, 1);
        sqlite3_reset(statement);
    }
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_webhook_tried(bn_store *store, const char *request_id, int64_t claim, int64_t wait_ms,
                                  bn_error *err)
{
    bn_db *db = bn_sqlite_writer(store);
    if (wait_ms == 0)
        return bn_db_write(db, true, NULL, err, "DELETE FROM webhooks WHERE request_id = ? AND claim = ?",
                           "ti", request_id, claim);
    return bn_db_write(
        db, true, NULL, err,
        "UPDATE webhooks SET attempts = attempts + 1, again = 1, next_ms = ?3, claim = 0, process = 0"
        " WHERE request_id = ?1 AND claim = ?2",
        "tii", request_id, claim, bn_sqlite_now(store) + wait_ms);
}
