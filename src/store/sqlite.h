/* sqlite.h - what the files of the SQLite store share. */
#ifndef BN_STORE_SQLITE_H
#define BN_STORE_SQLITE_H

#include "base/times.h"
#include "store/kind.h"
#include "store/sqlite_db.h"

#include <stdatomic.h>

#define BN_STORE_READERS 4

typedef struct bn_sqlite {
    bn_store base;
    bn_db writer;
    bn_db readers[BN_STORE_READERS];
    atomic_uint turn;
} bn_sqlite;

/* A reader that is free, or the next in turn; locked. */
bn_db *bn_sqlite_reader(bn_store *store);

static inline bn_db *bn_sqlite_writer(bn_store *store)
{
    return &((bn_sqlite *)store)->writer;
}

/* The store's clock. */
static inline int64_t bn_sqlite_now(bn_store *store)
{
    return bn_wall_ms() + atomic_load(&store->shift_ms);
}

/* A file has it now. In a transaction. */
bn_status bn_sqlite_keep_object(bn_db *db, const char *object, bn_error *err);

/* What the files of the SQLite store bring to its table. */
bool bn_sqlite_failing(bn_store *store);
void bn_sqlite_probe(bn_store *store);
bn_status bn_sqlite_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err);
bn_status bn_sqlite_claim(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                          bool *mine, bn_error *err);
bn_status bn_sqlite_claim_next(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                               bn_error *err);
bn_status bn_sqlite_start(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                          bool running, bool *mine, bn_error *err);
bn_status bn_sqlite_finish(bn_store *store, const char *id, int64_t worker, int64_t claim,
                           const bn_ending *ending, const bn_file_facts *files, size_t file_count, bool *mine,
                           bn_error *err);
bn_status bn_sqlite_give_back(bn_store *store, const char *id, int64_t worker, int64_t claim, bool *mine,
                              bn_error *err);
bn_status bn_sqlite_release(bn_store *store, int64_t process, bn_error *err);
bn_status bn_sqlite_cancel(bn_store *store, const char *id, bn_cancel_reason reason, const bn_ending *ending,
                           bn_cancelled *outcome, bn_error *err);
bn_status bn_sqlite_beat(bn_store *store, const bn_process *process, int64_t *now_ms, bn_holding **holdings,
                         size_t *count, bn_error *err);
bn_status bn_sqlite_processes(bn_store *store, bn_process **list, size_t *count, bn_error *err);
bn_status bn_sqlite_rescue(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **rows,
                           size_t *count, bn_error *err);
bn_status bn_sqlite_bury(bn_store *store, int64_t process, bn_rescued **list, size_t *count, bn_error *err);
bn_status bn_sqlite_overdue(bn_store *store, int64_t survivor, int64_t lease_ms, int attempt_limit,
                            bn_overdue *rows, size_t room, size_t *count, bn_error *err);
bn_status bn_sqlite_duty(bn_store *store, const char *name, int64_t process, int64_t lease_ms, bool *mine,
                         bn_error *err);
bn_status bn_sqlite_rate(bn_store *store, const char *key_id, int per_minute, int64_t *wait_ms,
                         bn_error *err);
bn_status bn_sqlite_secret(bn_store *store, const char *name, uint8_t *value, size_t bytes, bn_error *err);
bn_status bn_sqlite_tell(bn_store *store, int64_t worker, const bn_live *rows, size_t count, bn_error *err);
bn_status bn_sqlite_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);
bn_status bn_sqlite_each_open(bn_store *store, bn_accepted_fn fn, void *user, bn_error *err);
bn_status bn_sqlite_body(bn_store *store, const char *id, char **body, size_t *body_bytes, bn_error *err);
bn_status bn_sqlite_ending(bn_store *store, const char *id, bool want_result, bool want_logs,
                           bn_ending *ending, bn_error *err);
bn_status bn_sqlite_owner(bn_store *store, const char *id, char key_id[BN_KEY_ID_CHARS], bn_error *err);
bn_status bn_sqlite_extras(bn_store *store, const char *id, char **extras, bn_error *err);
bn_status bn_sqlite_forget(bn_store *store, int64_t before_ms, int64_t soon_ms, bn_error *err);
bn_status bn_sqlite_file_promise(bn_store *store, const bn_stored_file *file, bn_error *err);
bn_status bn_sqlite_file_whole(bn_store *store, const bn_file_facts *facts, bn_error *err);
bn_status bn_sqlite_file(bn_store *store, const char *id, bool upload, bn_stored_file *file, bn_error *err);
bn_status bn_sqlite_expired(bn_store *store, int64_t now_ms, int64_t promised_ms,
                            char (*ids)[BN_FILE_ID_CHARS], size_t room, size_t *count, bn_error *err);
bn_status bn_sqlite_file_delete(bn_store *store, const char *id, bn_error *err);
bn_status bn_sqlite_part_put(bn_store *store, const char *upload_id, const bn_stored_part *part,
                             bn_error *err);
bn_status bn_sqlite_part(bn_store *store, const char *upload_id, int number, bn_stored_part *part,
                         bn_error *err);
bn_status bn_sqlite_object_promise(bn_store *store, const char *object, int64_t now_ms, int64_t process,
                                   bool durable, bn_error *err);
bn_status bn_sqlite_objects_abandon(bn_store *store, int64_t survivor, int64_t keep_ms, bn_error *err);
bn_status bn_sqlite_object_forget(bn_store *store, const char *object, bn_error *err);
bn_status bn_sqlite_objects_astray(bn_store *store, int64_t before_ms, char (*objects)[BN_OBJECT_CHARS],
                                   size_t room, size_t *count, bn_error *err);
bn_status bn_sqlite_object_known(bn_store *store, const char *object, bool *known, bn_error *err);
bn_status bn_sqlite_bytes(bn_store *store, uint64_t *bytes, bn_error *err);
bn_status bn_sqlite_webhook_take(bn_store *store, const bn_webhook_turn *turn, const bn_webhook_taker *taker,
                                 int64_t *wait_ms, bn_webhook *webhook, bn_error *err);
bn_status bn_sqlite_webhooks_pending(bn_store *store, const char *key_id, int64_t *of_key, int64_t *of_all,
                                     bn_error *err);
bn_status bn_sqlite_webhook_tried(bn_store *store, const char *request_id, int64_t claim, int64_t wait_ms,
                                  bn_error *err);

static inline void bn_db_unlock(bn_db *db)
{
    pthread_mutex_unlock(&db->lock);
}

#endif
