/* postgres.c - opening the PostgreSQL store, and making its tables. */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_CONNECTIONS 4

static void close_all(bn_store *store)
{
    bn_postgres *self = (bn_postgres *)store;
    bn_postgres_db_close(&self->db);
    free(self);
}

/* What stands behind "postgresql:" is for libpq with it. */
static bn_status open_db(const char *rest, int connections, bn_postgres_db *db, bn_error *err)
{
    char *address = NULL;
    if (asprintf(&address, "postgresql:%s", rest) < 0) return bn_fail_memory(err, strlen(rest), "the store");
    const bn_status status = bn_postgres_db_open(db, address, connections, err);
    free(address);
    return status;
}

static bn_status open_all(const char *rest, bn_store **store, bn_error *err)
{
    bn_postgres *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "the store");
    made->base.kind = &bn_store_postgres;
    bn_status status = open_db(rest, USUAL_CONNECTIONS, &made->db, err);
    if (status != BIREFNET_OK) {
        free(made);
        return status;
    }
    status = bn_postgres_check_schema(&made->db, err);
    if (status == BIREFNET_OK)
        *store = &made->base;
    else
        close_all(&made->base);
    return status;
}

static bn_status migrate(const char *rest, bool only_look, int *from, int *to, bn_error *err)
{
    bn_postgres_db db;
    BN_TRY(open_db(rest, 1, &db, err));
    const bn_status status = bn_postgres_migrate(&db, only_look, from, to, err);
    bn_postgres_db_close(&db);
    return status;
}

static void set_connections(bn_store *store, int most)
{
    bn_postgres_db_limit(bn_postgres_db_of(store), most);
}

static bool is_failing(bn_store *store)
{
    return atomic_load(&bn_postgres_db_of(store)->failing);
}

/* Writes what is there already: a database that was made a standby, or whose disk is full, refuses. */
static void probe(bn_store *store)
{
    bn_postgres_query(bn_postgres_db_of(store), NULL, NULL, "UPDATE settings SET version = version", "");
}

const bn_store_kind bn_store_postgres = {
    .scheme = "postgresql",
    .open = open_all,
    .migrate = migrate,
    .set_connections = set_connections,
    .close = close_all,
    .ear_check = bn_postgres_ear_check,
    .ear_open = bn_postgres_ear_open,
    .failing = is_failing,
    .probe = probe,
    .accept = bn_postgres_accept,
    .claim = bn_postgres_claim,
    .claim_next = bn_postgres_claim_next,
    .start = bn_postgres_start,
    .finish = bn_postgres_finish,
    .give_back = bn_postgres_give_back,
    .release = bn_postgres_release,
    .cancel = bn_postgres_cancel,
    .beat = bn_postgres_beat,
    .rescue = bn_postgres_rescue,
    .bury = bn_postgres_bury,
    .overdue = bn_postgres_overdue,
    .duty = bn_postgres_duty,
    .rate = bn_postgres_rate,
    .secret = bn_postgres_secret,
    .keys = bn_postgres_keys,
    .key_add = bn_postgres_key_add,
    .key_revoke = bn_postgres_key_revoke,
    .keys_need = bn_postgres_keys_need,
    .tell = bn_postgres_tell,
    .snapshot = bn_postgres_snapshot,
    .processes = bn_postgres_processes,
    .each_open = bn_postgres_each_open,
    .body = bn_postgres_body,
    .ending = bn_postgres_ending,
    .owner = bn_postgres_owner,
    .extras = bn_postgres_extras,
    .forget = bn_postgres_forget,
    .file_promise = bn_postgres_file_promise,
    .file_whole = bn_postgres_file_whole,
    .file = bn_postgres_file,
    .expired = bn_postgres_expired,
    .file_delete = bn_postgres_file_delete,
    .part_put = bn_postgres_part_put,
    .part = bn_postgres_part,
    .object_promise = bn_postgres_object_promise,
    .objects_abandon = bn_postgres_objects_abandon,
    .object_forget = bn_postgres_object_forget,
    .objects_astray = bn_postgres_objects_astray,
    .object_known = bn_postgres_object_known,
    .bytes = bn_postgres_bytes,
    .webhook_take = bn_postgres_webhook_take,
    .webhooks_pending = bn_postgres_webhooks_pending,
    .webhook_tried = bn_postgres_webhook_tried,
};
