/* store.c - the store behind its kinds: which one an address means, and the way to its functions. */
#include "store/kind.h"

#include "base/size.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bn_accepted_free(bn_accepted *accepted)
{
    free(accepted->webhook);
    free(accepted->lifecycle);
    free(accepted->file_base);
    free(accepted->key_id);
    free(accepted->extras);
    free(accepted->claimed_body);
    *accepted = (bn_accepted){0};
}

void bn_ending_free(bn_ending *ending)
{
    free(ending->result);
    free(ending->logs);
    *ending = (bn_ending){0};
}

void bn_snapshot_free(bn_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) free(snapshot->rows[i].logs);
    free(snapshot->rows);
    free(snapshot->processes);
    *snapshot = (bn_snapshot){0};
}

/* Host and port, without the name and password that an address may carry; never empty. */
void bn_webhook_host(const char *url, char host[BN_WEBHOOK_HOST_CHARS])
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    const char *end = start + strcspn(start, "/?#\\");
    for (const char *c = start; c < end; c++)
        if (*c == '@') start = c + 1;
    snprintf(host, BN_WEBHOOK_HOST_CHARS, "%.*s", (int)(end - start), start);
    for (char *c = host; *c; c++) *c = (char)tolower((unsigned char)*c);
    if (!*host) strcpy(host, "-");
}

void bn_webhook_free(bn_webhook *webhook)
{
    free(webhook->url);
    free(webhook->host);
    free(webhook->file_base);
    free(webhook->key_id);
    *webhook = (bn_webhook){.request_id = ""};
}

/* ---- kinds */

static const bn_store_kind *const kinds[] = {
    &bn_store_sqlite,
#ifdef BN_POSTGRES
    &bn_store_postgres,
#endif
};

/* *rest: what stands behind "SCHEME:". The address itself, which may hold a password, is not repeated. */
static bn_status find_kind(const char *address, const bn_store_kind **kind, const char **rest, bn_error *err)
{
    const int length = (int)strcspn(address, ":");
    for (size_t i = 0; address[length] && i < BN_COUNT(kinds); i++) {
        if ((size_t)length != strlen(kinds[i]->scheme) ||
            strncmp(address, kinds[i]->scheme, (size_t)length) != 0)
            continue;
        *kind = kinds[i];
        *rest = address + length + 1;
        return BIREFNET_OK;
    }
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%.*s is no kind of store that this program knows: %s",
                   address[length] ? length : 0, address,
                   BN_COUNT(kinds) > 1 ? "sqlite:PATH or postgresql://USER@HOST/DATABASE"
                                       : "sqlite:PATH (it was built without PostgreSQL)");
}

bn_status bn_store_open(const char *address, bn_store **store, bn_error *err)
{
    const bn_store_kind *kind = NULL;
    const char *rest = NULL;
    BN_TRY(find_kind(address, &kind, &rest, err));
    return kind->open(rest, store, err);
}

bn_status bn_store_open_to_look(const char *address, bn_store **store, bn_error *err)
{
    const bn_store_kind *kind = NULL;
    const char *rest = NULL;
    BN_TRY(find_kind(address, &kind, &rest, err));
    return (kind->open_to_look ? kind->open_to_look : kind->open)(rest, store, err);
}

bn_status bn_store_check(const char *address, int *from, int *to, bn_error *err)
{
    const bn_store_kind *kind = NULL;
    const char *rest = NULL;
    bn_store *store = NULL;
    *from = *to = 0;
    BN_TRY(find_kind(address, &kind, &rest, err));
    if (kind->check) return kind->check(rest, from, to, err);
    BN_TRY(kind->open(rest, &store, err));
    bn_store_close(&store);
    return BIREFNET_OK;
}

bn_status bn_store_migrate(const char *address, bool only_look, int *from, int *to, bn_error *err)
{
    const bn_store_kind *kind = NULL;
    const char *rest = NULL;
    BN_TRY(find_kind(address, &kind, &rest, err));
    if (kind->migrate) return kind->migrate(rest, only_look, from, to, err);
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "a store in %s is migrated when it is opened", kind->scheme);
}

void bn_store_set_connections(bn_store *store, int most)
{
    if (store->kind->set_connections) store->kind->set_connections(store, most);
}

void bn_store_close(bn_store **store)
{
    if (*store) (*store)->kind->close(*store);
    *store = NULL;
}

bool bn_store_has_hints(const bn_store *store)
{
    return store->kind->ear_open != NULL;
}

bn_status bn_ear_check(bn_store *store, const char *address, bn_error *err)
{
    return store->kind->ear_check ? store->kind->ear_check(store, address, err) : BIREFNET_OK;
}

bn_status bn_ear_open(bn_store *store, const char *address, bn_ear **ear, bn_error *err)
{
    if (store->kind->ear_open) return store->kind->ear_open(store, address, ear, err);
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "%s has no hints", store->kind->scheme);
}

void bn_ear_close(bn_ear **ear)
{
    if (*ear) (*ear)->close(*ear);
    *ear = NULL;
}

bn_status bn_ear_tell(bn_ear *ear, unsigned hints, bn_error *err)
{
    return ear->tell(ear, hints, err);
}

bn_status bn_ear_hear(bn_ear *ear, int wake, int64_t wait_ms, unsigned *hints, bn_error *err)
{
    return ear->hear(ear, wake, wait_ms, hints, err);
}

bool bn_store_failing(bn_store *store)
{
    return store->kind->failing(store);
}

void bn_store_probe(bn_store *store)
{
    store->kind->probe(store);
}

void bn_store_shift(bn_store *store, int64_t ms)
{
    atomic_store(&store->shift_ms, ms);
}

bn_status bn_store_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err)
{
    return store->kind->accept(store, accepted, ending, err);
}

bn_status bn_store_claim(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                         bool *mine, bn_error *err)
{
    return store->kind->claim(store, id, worker, claim, weight, mine, err);
}

bn_status bn_store_claim_next(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                              bn_error *err)
{
    return store->kind->claim_next(store, terms, accepted, err);
}

bn_status bn_store_start(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                         bool running, bool *mine, bn_error *err)
{
    return store->kind->start(store, id, worker, claim, weight, running, mine, err);
}

bn_status bn_store_finish(bn_store *store, const char *id, int64_t worker, int64_t claim,
                          const bn_ending *ending, const bn_file_facts *files, size_t file_count, bool *mine,
                          bn_error *err)
{
    return store->kind->finish(store, id, worker, claim, ending, files, file_count, mine, err);
}

bn_status bn_store_give_back(bn_store *store, const char *id, int64_t worker, int64_t claim, bool *mine,
                             bn_error *err)
{
    return store->kind->give_back(store, id, worker, claim, mine, err);
}

bn_status bn_store_release(bn_store *store, int64_t process, bn_error *err)
{
    return store->kind->release(store, process, err);
}

bn_status bn_store_cancel(bn_store *store, const char *id, bn_cancel_reason reason, const bn_ending *ending,
                          bn_cancelled *outcome, bn_error *err)
{
    return store->kind->cancel(store, id, reason, ending, outcome, err);
}

bn_status bn_store_beat(bn_store *store, const bn_process *process, int64_t *now_ms, bn_holding **holdings,
                        size_t *count, bn_error *err)
{
    return store->kind->beat(store, process, now_ms, holdings, count, err);
}

/* A kind without the call shows them in its snapshot. */
bn_status bn_store_processes(bn_store *store, bn_process **list, size_t *count, bn_error *err)
{
    bn_snapshot snapshot;
    if (store->kind->processes) return store->kind->processes(store, list, count, err);
    BN_TRY(bn_store_snapshot(store, false, &snapshot, err));
    *list = snapshot.processes;
    *count = snapshot.process_count;
    snapshot.processes = NULL;
    bn_snapshot_free(&snapshot);
    return BIREFNET_OK;
}

bn_status bn_store_rescue(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **rows,
                          size_t *count, bn_error *err)
{
    return store->kind->rescue(store, survivor, lease_ms, rows, count, err);
}

bn_status bn_store_bury(bn_store *store, int64_t process, bn_rescued **rows, size_t *count, bn_error *err)
{
    return store->kind->bury(store, process, rows, count, err);
}

bn_status bn_store_overdue(bn_store *store, int64_t survivor, int64_t lease_ms, int attempt_limit,
                           bn_overdue *rows, size_t room, size_t *count, bn_error *err)
{
    return store->kind->overdue(store, survivor, lease_ms, attempt_limit, rows, room, count, err);
}

bn_status bn_store_duty(bn_store *store, const char *name, int64_t process, int64_t lease_ms, bool *mine,
                        bn_error *err)
{
    return store->kind->duty(store, name, process, lease_ms, mine, err);
}

bn_status bn_store_rate(bn_store *store, const char *key_id, int per_minute, int64_t *wait_ms, bn_error *err)
{
    return store->kind->rate(store, key_id, per_minute, wait_ms, err);
}

bn_status bn_store_secret(bn_store *store, const char *name, uint8_t *value, size_t bytes, bn_error *err)
{
    return store->kind->secret(store, name, value, bytes, err);
}

bool bn_store_keeps_keys(const bn_store *store)
{
    return store->kind->keys != NULL;
}

bn_status bn_store_keys(bn_store *store, int64_t *version, bn_key_rows *rows, bn_error *err)
{
    return store->kind->keys(store, version, rows, err);
}

bn_status bn_store_key_add(bn_store *store, const bn_key_row *row, bool again, bool *taken, bn_error *err)
{
    return store->kind->key_add(store, row, again, taken, err);
}

bn_status bn_store_key_revoke(bn_store *store, const char *id, bool *found, bn_error *err)
{
    return store->kind->key_revoke(store, id, found, err);
}

bn_status bn_store_keys_need(bn_store *store, bn_error *err)
{
    return store->kind->keys_need(store, err);
}

bn_status bn_store_tell(bn_store *store, int64_t worker, const bn_live *rows, size_t count, bn_error *err)
{
    return store->kind->tell(store, worker, rows, count, err);
}

bn_status bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err)
{
    return store->kind->snapshot(store, want_logs, snapshot, err);
}

bn_status bn_store_each_open(bn_store *store, bn_accepted_fn fn, void *user, bn_error *err)
{
    return store->kind->each_open(store, fn, user, err);
}

bn_status bn_store_body(bn_store *store, const char *id, char **body, size_t *body_bytes, bn_error *err)
{
    return store->kind->body(store, id, body, body_bytes, err);
}

bn_status bn_store_ending(bn_store *store, const char *id, bool want_result, bool want_logs,
                          bn_ending *ending, bn_error *err)
{
    return store->kind->ending(store, id, want_result, want_logs, ending, err);
}

bn_status bn_store_owner(bn_store *store, const char *id, char key_id[BN_KEY_ID_CHARS], bn_error *err)
{
    return store->kind->owner(store, id, key_id, err);
}

bn_status bn_store_extras(bn_store *store, const char *id, char **extras, bn_error *err)
{
    *extras = NULL;
    return store->kind->extras(store, id, extras, err);
}

bn_status bn_store_forget(bn_store *store, int64_t before_ms, int64_t soon_ms, bn_error *err)
{
    return store->kind->forget(store, before_ms, soon_ms, err);
}

bn_status bn_store_file_promise(bn_store *store, const bn_stored_file *file, bn_error *err)
{
    return store->kind->file_promise(store, file, err);
}

bn_status bn_store_file_whole(bn_store *store, const bn_file_facts *facts, bn_error *err)
{
    return store->kind->file_whole(store, facts, err);
}

bn_status bn_store_file(bn_store *store, const char *id, bool upload, bn_stored_file *file, bn_error *err)
{
    return store->kind->file(store, id, upload, file, err);
}

bn_status bn_store_expired(bn_store *store, int64_t now_ms, int64_t promised_ms,
                           char (*ids)[BN_FILE_ID_CHARS], size_t room, size_t *count, bn_error *err)
{
    return store->kind->expired(store, now_ms, promised_ms, ids, room, count, err);
}

bn_status bn_store_file_delete(bn_store *store, const char *id, bn_error *err)
{
    return store->kind->file_delete(store, id, err);
}

bn_status bn_store_part_put(bn_store *store, const char *upload_id, const bn_stored_part *part, bn_error *err)
{
    return store->kind->part_put(store, upload_id, part, err);
}

bn_status bn_store_part(bn_store *store, const char *upload_id, int number, bn_stored_part *part,
                        bn_error *err)
{
    return store->kind->part(store, upload_id, number, part, err);
}

bn_status bn_store_object_promise(bn_store *store, const char *object, int64_t now_ms, int64_t process,
                                  bool durable, bn_error *err)
{
    return store->kind->object_promise(store, object, now_ms, process, durable, err);
}

bn_status bn_store_objects_abandon(bn_store *store, int64_t survivor, int64_t keep_ms, bn_error *err)
{
    return store->kind->objects_abandon(store, survivor, keep_ms, err);
}

bn_status bn_store_object_forget(bn_store *store, const char *object, bn_error *err)
{
    return store->kind->object_forget(store, object, err);
}

bn_status bn_store_objects_astray(bn_store *store, int64_t before_ms, char (*objects)[BN_OBJECT_CHARS],
                                  size_t room, size_t *count, bn_error *err)
{
    return store->kind->objects_astray(store, before_ms, objects, room, count, err);
}

bn_status bn_store_object_known(bn_store *store, const char *object, bool *known, bn_error *err)
{
    return store->kind->object_known(store, object, known, err);
}

bn_status bn_store_bytes(bn_store *store, uint64_t *bytes, bn_error *err)
{
    return store->kind->bytes(store, bytes, err);
}

bn_status bn_store_webhook_take(bn_store *store, const bn_webhook_turn *turn, const bn_webhook_taker *taker,
                                int64_t *wait_ms, bn_webhook *webhook, bn_error *err)
{
    return store->kind->webhook_take(store, turn, taker, wait_ms, webhook, err);
}

bn_status bn_store_webhooks_pending(bn_store *store, const char *key_id, int64_t *of_key, int64_t *of_all,
                                    bn_error *err)
{
    return store->kind->webhooks_pending(store, key_id, of_key, of_all, err);
}

bn_status bn_store_webhook_tried(bn_store *store, const char *request_id, int64_t claim, int64_t wait_ms,
                                 bn_error *err)
{
    return store->kind->webhook_tried(store, request_id, claim, wait_ms, err);
}
