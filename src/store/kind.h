/* kind.h - what a database does to be a store: the functions of store.h, which says what each does. A store's own struct
 * begins with a bn_store. */
#ifndef BN_STORE_KIND_H
#define BN_STORE_KIND_H

#include "store/store.h"

#include <stdatomic.h>

typedef struct bn_store_kind {
    const char *scheme; /* of addresses, "sqlite" */
    bn_status (*open)(const char *address, bn_store **store,
                      bn_error *err); /* what stands behind "SCHEME:" */
    /* both NULL where opening changes nothing */
    bn_status (*check)(const char *address, int *from, int *to, bn_error *err);
    bn_status (*open_to_look)(const char *address, bn_store **store, bn_error *err);
    /* NULL where it is migrated when it is opened */
    bn_status (*migrate)(const char *address, bool only_look, int *from, int *to, bn_error *err);
    void (*set_connections)(bn_store *store, int most); /* NULL where it has none */
    void (*close)(bn_store *store);
    /* NULL where there are no hints; the others are the ear's own, see below */
    bn_status (*ear_check)(bn_store *store, const char *address, bn_error *err);
    bn_status (*ear_open)(bn_store *store, const char *address, bn_ear **ear, bn_error *err);
    bool (*failing)(bn_store *store);
    void (*probe)(bn_store *store);
    bn_status (*accept)(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err);
    bn_status (*claim)(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight, bool *mine,
                       bn_error *err);
    bn_status (*claim_next)(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                            bn_error *err);
    bn_status (*start)(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                       bool running, bool *mine, bn_error *err);
    bn_status (*finish)(bn_store *store, const char *id, int64_t worker, int64_t claim,
                        const bn_ending *ending, const bn_file_facts *files, size_t file_count, bool *mine,
                        bn_error *err);
    bn_status (*give_back)(bn_store *store, const char *id, int64_t worker, int64_t claim, bool *mine,
                           bn_error *err);
    bn_status (*release)(bn_store *store, int64_t process, bn_error *err);
    bn_status (*cancel)(bn_store *store, const char *id, bn_cancel_reason reason, const bn_ending *ending,
                        bn_cancelled *outcome, bn_error *err);
    bn_status (*beat)(bn_store *store, const bn_process *process, int64_t *now_ms, bn_holding **holdings,
                      size_t *count, bn_error *err);
    bn_status (*processes)(bn_store *store, bn_process **list, size_t *count,
                           bn_error *err); /* may be NULL */
    bn_status (*rescue)(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **rows, size_t *count,
                        bn_error *err);
    bn_status (*bury)(bn_store *store, int64_t process, bn_rescued **rows, size_t *count, bn_error *err);
    bn_status (*overdue)(bn_store *store, int64_t survivor, int64_t lease_ms, int attempt_limit,
                         bn_overdue *rows, size_t room, size_t *count, bn_error *err);
    bn_status (*duty)(bn_store *store, const char *name, int64_t process, int64_t lease_ms, bool *mine,
                      bn_error *err);
    bn_status (*rate)(bn_store *store, const char *key_id, int per_minute, int64_t *wait_ms, bn_error *err);
    bn_status (*secret)(bn_store *store, const char *name, uint8_t *value, size_t bytes, bn_error *err);
    /* all NULL where it keeps none */
    bn_status (*keys)(bn_store *store, int64_t *version, bn_key_rows *rows, bn_error *err);
    bn_status (*key_add)(bn_store *store, const bn_key_row *row, bool again, bool *taken, bn_error *err);
    bn_status (*key_revoke)(bn_store *store, const char *id, bool *found, bn_error *err);
    bn_status (*keys_need)(bn_store *store, bn_error *err);
    bn_status (*tell)(bn_store *store, int64_t worker, const bn_live *rows, size_t count, bn_error *err);
    bn_status (*snapshot)(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);
    bn_status (*each_open)(bn_store *store, bn_accepted_fn fn, void *user, bn_error *err);
    bn_status (*body)(bn_store *store, const char *id, char **body, size_t *body_bytes, bn_error *err);
    bn_status (*ending)(bn_store *store, const char *id, bool want_result, bool want_logs, bn_ending *ending,
                        bn_error *err);
    bn_status (*owner)(bn_store *store, const char *id, char key_id[BN_KEY_ID_CHARS], bn_error *err);
    bn_status (*extras)(bn_store *store, const char *id, char **extras, bn_error *err);
    bn_status (*forget)(bn_store *store, int64_t before_ms, int64_t soon_ms, bn_error *err);
    bn_status (*file_promise)(bn_store *store, const bn_stored_file *file, bn_error *err);
    bn_status (*file_whole)(bn_store *store, const bn_file_facts *facts, bn_error *err);
    bn_status (*file)(bn_store *store, const char *id, bool upload, bn_stored_file *file, bn_error *err);
    bn_status (*expired)(bn_store *store, int64_t now_ms, int64_t promised_ms, char (*ids)[BN_FILE_ID_CHARS],
                         size_t room, size_t *count, bn_error *err);
    bn_status (*file_delete)(bn_store *store, const char *id, bn_error *err);
    bn_status (*part_put)(bn_store *store, const char *upload_id, const bn_stored_part *part, bn_error *err);
    bn_status (*part)(bn_store *store, const char *upload_id, int number, bn_stored_part *part,
                      bn_error *err);
    bn_status (*object_promise)(bn_store *store, const char *object, int64_t now_ms, int64_t process,
                                bool durable, bn_error *err);
    bn_status (*objects_abandon)(bn_store *store, int64_t survivor, int64_t keep_ms, bn_error *err);
    bn_status (*object_forget)(bn_store *store, const char *object, bn_error *err);
    bn_status (*objects_astray)(bn_store *store, int64_t before_ms, char (*objects)[BN_OBJECT_CHARS],
                                size_t room, size_t *count, bn_error *err);
    bn_status (*object_known)(bn_store *store, const char *object, bool *known, bn_error *err);
    bn_status (*bytes)(bn_store *store, uint64_t *bytes, bn_error *err);
    bn_status (*webhook_take)(bn_store *store, const bn_webhook_turn *turn, const bn_webhook_taker *taker,
                              int64_t *wait_ms, bn_webhook *webhook, bn_error *err);
    bn_status (*webhooks_pending)(bn_store *store, const char *key_id, int64_t *of_key, int64_t *of_all,
                                  bn_error *err);
    bn_status (*webhook_tried)(bn_store *store, const char *request_id, int64_t claim, int64_t wait_ms,
                               bn_error *err);
} bn_store_kind;

struct bn_store {
    const bn_store_kind *kind;
    _Atomic(int64_t) shift_ms; /* added to whatever the store's clock says, see bn_store_shift */
};

/* An ear's own struct begins with it. */
struct bn_ear {
    void (*close)(bn_ear *ear);
    bn_status (*tell)(bn_ear *ear, unsigned hints, bn_error *err);
    bn_status (*hear)(bn_ear *ear, int wake, int64_t wait_ms, unsigned *hints, bn_error *err);
};

extern const bn_store_kind bn_store_sqlite, bn_store_postgres;

#endif
