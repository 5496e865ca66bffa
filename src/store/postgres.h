/* postgres.h - what the files of the PostgreSQL store share. */
#ifndef BN_STORE_POSTGRES_H
#define BN_STORE_POSTGRES_H

#include "store/kind.h"
#include "store/postgres_db.h"
#include "store/postgres_schema.h"

typedef struct bn_postgres {
    bn_store base;
    bn_postgres_db db;
} bn_postgres;

static inline bn_postgres_db *bn_postgres_db_of(bn_store *store)
{
    return &((bn_postgres *)store)->db;
}

/* ---- what the files of the PostgreSQL store bring to its table */

bn_status bn_postgres_ear_check(bn_store *store, const char *address, bn_error *err);
bn_status bn_postgres_ear_open(bn_store *store, const char *address, bn_ear **ear, bn_error *err);
bn_status bn_postgres_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err);
bn_status bn_postgres_claim(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                            bool *mine, bn_error *err);
bn_status bn_postgres_claim_next(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                                 bn_error *err);
bn_status bn_postgres_start(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                            bool running, bool *mine, bn_error *err);
bn_status bn_postgres_give_back(bn_store *store, const char *id, int64_t worker, int64_t claim, bool *mine,
                                bn_error *err);
bn_status bn_postgres_cancel(bn_store *store, const char *id, bn_cancel_reason reason,
                             const bn_ending *ending, bn_cancelled *outcome, bn_error *err);
bn_status bn_postgres_beat(bn_store *store, const bn_process *process, int64_t *now_ms, bn_holding **holdings,
                           size_t *count, bn_error *err);
bn_status bn_postgres_overdue(bn_store *store, int64_t survivor, int64_t lease_ms, int attempt_limit,
                              bn_overdue *list, size_t room, size_t *count, bn_error *err);
bn_status bn_postgres_duty(bn_store *store, const char *name, int64_t process, int64_t lease_ms, bool *mine,
                           bn_error *err);
bn_status bn_postgres_rate(bn_store *store, const char *key_id, int per_minute, int64_t *wait_ms,
                           bn_error *err);
bn_status bn_postgres_secret(bn_store *store, const char *name, uint8_t *value, size_t bytes, bn_error *err);
bn_status bn_postgres_keys(bn_store *store, int64_t *version, bn_key_rows *keys, bn_error *err);
bn_status bn_postgres_key_add(bn_store *store, const bn_key_row *row, bool again, bool *taken, bn_error *err);
bn_status bn_postgres_key_revoke(bn_store *store, const char *id, bool *found, bn_error *err);
bn_status bn_postgres_keys_need(bn_store *store, bn_error *err);
bn_status bn_postgres_tell(bn_store *store, int64_t worker, const bn_live *rows, size_t count, bn_error *err);
bn_status bn_postgres_processes(bn_store *store, bn_process **list, size_t *count, bn_error *err);
bn_status bn_postgres_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);
bn_status bn_postgres_finish(bn_store *store, const char *id, int64_t worker, int64_t claim,
                             const bn_ending *ending, const bn_file_facts *files, size_t file_count,
                             bool *mine, bn_error *err);
bn_status bn_postgres_release(bn_store *store, int64_t process, bn_error *err);
bn_status bn_postgres_rescue(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **list,
                             size_t *count, bn_error *err);
bn_status bn_postgres_bury(bn_store *store, int64_t process, bn_rescued **list, size_t *count, bn_error *err);
bn_status bn_postgres_each_open(bn_store *store, bn_accepted_fn fn, void *user, bn_error *err);
bn_status bn_postgres_body(bn_store *store, const char *id, char **body, size_t *body_bytes, bn_error *err);
bn_status bn_postgres_ending(bn_store *store, const char *id, bool want_result, bool want_logs,
                             bn_ending *ending, bn_error *err);
bn_status bn_postgres_owner(bn_store *store, const char *id, char key_id[BN_KEY_ID_CHARS], bn_error *err);
bn_status bn_postgres_extras(bn_store *store, const char *id, char **extras, bn_error *err);
bn_status bn_postgres_forget(bn_store *store, int64_t before_ms, int64_t soon_ms, bn_error *err);
bn_status bn_postgres_file_promise(bn_store *store, const bn_stored_file *file, bn_error *err);
bn_status bn_postgres_file_whole(bn_store *store, const bn_file_facts *facts, bn_error *err);
bn_status bn_postgres_file(bn_store *store, const char *id, bool upload, bn_stored_file *file, bn_error *err);
bn_status bn_postgres_expired(bn_store *store, int64_t now_ms, int64_t promised_ms,
                              char (*ids)[BN_FILE_ID_CHARS], size_t room, size_t *count, bn_error *err);
bn_status bn_postgres_file_delete(bn_store *store, const char *id, bn_error *err);
bn_status bn_postgres_part_put(bn_store *store, const char *upload_id, const bn_stored_part *part,
                               bn_error *err);
bn_status bn_postgres_part(bn_store *store, const char *upload_id, int number, bn_stored_part *part,
                           bn_error *err);
bn_status bn_postgres_object_promise(bn_store *store, const char *object, int64_t now_ms, int64_t process,
                                     bool durable, bn_error *err);
bn_status bn_postgres_objects_abandon(bn_store *store, int64_t survivor, int64_t keep_ms, bn_error *err);
bn_status bn_postgres_object_forget(bn_store *store, const char *object, bn_error *err);
bn_status bn_postgres_objects_astray(bn_store *store, int64_t before_ms, char (*objects)[BN_OBJECT_CHARS],
                                     size_t room, size_t *count, bn_error *err);
bn_status bn_postgres_object_known(bn_store *store, const char *object, bool *known, bn_error *err);
bn_status bn_postgres_bytes(bn_store *store, uint64_t *bytes, bn_error *err);
bn_status bn_postgres_webhook_take(bn_store *store, const bn_webhook_turn *turn,
                                   const bn_webhook_taker *taker, int64_t *wait_ms, bn_webhook *webhook,
                                   bn_error *err);
bn_status bn_postgres_webhooks_pending(bn_store *store, const char *key_id, int64_t *of_key, int64_t *of_all,
                                       bn_error *err);
bn_status bn_postgres_webhook_tried(bn_store *store, const char *request_id, int64_t claim, int64_t wait_ms,
                                    bn_error *err);

#endif
