/* sqlite.h - what the files of the SQLite store share. */
#ifndef BN_STORE_SQLITE_H
#define BN_STORE_SQLITE_H

#include "store/sqlite_db.h"
#include "store/kind.h"

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

/* A file has it now. In a transaction. */
bn_status bn_sqlite_keep_object(bn_db *db, const char *object, bn_error *err);

/* What the files of the SQLite store bring to its table. */
bool bn_sqlite_failing(bn_store *store);
void bn_sqlite_probe(bn_store *store);
bn_status bn_sqlite_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err);
bn_status bn_sqlite_claim(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                          bool *mine, bn_error *err);
bn_status bn_sqlite_start(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                          bn_error *err);
bn_status bn_sqlite_finish(bn_store *store, const char *id, int64_t worker, int64_t claim,
                           const bn_ending *ending, const bn_file_facts *files, size_t file_count, bool *mine,
                           bn_error *err);
bn_status bn_sqlite_release(bn_store *store, int64_t worker, bn_error *err);
bn_status bn_sqlite_rescue(bn_store *store, int64_t worker, int *count, bn_error *err);
bn_status bn_sqlite_each_open(bn_store *store, bn_accepted_fn fn, void *user, bn_error *err);
bn_status bn_sqlite_body(bn_store *store, const char *id, char **body, size_t *body_bytes, bn_error *err);
bn_status bn_sqlite_ending(bn_store *store, const char *id, bool want_result, bool want_logs,
                           bn_ending *ending, bn_error *err);
bn_status bn_sqlite_owner(bn_store *store, const char *id, char key_id[BN_KEY_ID_CHARS], bn_error *err);
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
bn_status bn_sqlite_object_promise(bn_store *store, const char *object, int64_t now_ms, bn_error *err);
bn_status bn_sqlite_object_forget(bn_store *store, const char *object, bn_error *err);
bn_status bn_sqlite_objects_astray(bn_store *store, int64_t before_ms, char (*objects)[BN_OBJECT_CHARS],
                                   size_t room, size_t *count, bn_error *err);
bn_status bn_sqlite_object_known(bn_store *store, const char *object, bool *known, bn_error *err);
bn_status bn_sqlite_bytes(bn_store *store, uint64_t *bytes, bn_error *err);
bn_status bn_sqlite_webhook_next(bn_store *store, int64_t now_ms, const bn_webhook_turn *turn,
                                 int64_t *due_ms, bn_webhook *webhook, bn_error *err);
bn_status bn_sqlite_webhooks_pending(bn_store *store, const char *key_id, int64_t *of_key, int64_t *of_all,
                                     bn_error *err);
bn_status bn_sqlite_webhook_claim(bn_store *store, const char *request_id, int64_t until_ms, bn_error *err);
bn_status bn_sqlite_webhook_tried(bn_store *store, const char *request_id, int64_t next_ms, bn_error *err);

static inline void bn_db_unlock(bn_db *db)
{
    pthread_mutex_unlock(&db->lock);
}

#endif
