/* postgres_keys.c - keys in PostgreSQL, which all servers share: hashes only. settings.keys_version tells that they have changed,
 * so that looking costs one row. What is revoked stays as a row, so that no server brings it back from an old file. */
#include "store/postgres.h"

#include <stdlib.h>
#include <string.h>

/* Statements that change keys end with it. */
#define CHANGED "WITH v AS (UPDATE settings SET keys_version = keys_version + 1) "

static bn_status read_key(const bn_rows *rows, int row, bn_key_row *key, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    bn_key_facts *facts = &key->facts;
    char *hash = NULL;
    size_t size = 0;
    bn_rows_text(rows, row, 1, facts->id, sizeof facts->id);
    bn_rows_text(rows, row, 2, facts->name, sizeof facts->name);
    facts->created_ms = bn_rows_int(rows, row, 4, &status, err);
    facts->limits.per_minute = (int)bn_rows_int(rows, row, 5, &status, err);
    facts->limits.running = (int)bn_rows_int(rows, row, 6, &status, err);
    facts->limits.waiting = (int)bn_rows_int(rows, row, 7, &status, err);
    facts->admin = bn_rows_int(rows, row, 8, &status, err) != 0;
    BN_TRY(status);
    BN_TRY(bn_rows_copy(rows, row, 3, &hash, &size, err));
    if (hash && size == sizeof key->hash)
        memcpy(key->hash, hash, sizeof key->hash);
    else
        status = bn_fail(err, BIREFNET_ERROR_FORMAT, "the key %s of the database is broken", facts->id);
    free(hash);
    return status;
}

bn_status bn_postgres_keys(bn_store *store, int64_t *version, bn_key_rows *keys, bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    *keys = (bn_key_rows){0};
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "SELECT s.keys_version, k.id, k.name, k.hash, k.created_ms, k.per_minute, k.running, k.waiting, "
        "k.admin"
        " FROM settings s LEFT JOIN keys k ON k.revoked_ms IS NULL AND s.keys_version <> $1::bigint"
        " ORDER BY k.created_ms, k.id",
        "i", *version));
    keys->list = calloc((size_t)rows.count + 1, sizeof *keys->list);
    if (!keys->list) status = bn_fail_memory(err, (size_t)rows.count * sizeof *keys->list, "keys");
    for (int i = 0; status == BIREFNET_OK && i < rows.count; i++) {
        char id[2];
        bn_rows_text(&rows, i, 1, id, sizeof id);
        if (id[0]) status = read_key(&rows, i, &keys->list[keys->count++], err);
    }
    if (status == BIREFNET_OK && rows.count > 0) *version = bn_rows_int(&rows, 0, 0, &status, err);
    bn_rows_free(&rows);
    if (status == BIREFNET_OK) return BIREFNET_OK;
    free(keys->list);
    *keys = (bn_key_rows){0};
    return status;
}

bn_status bn_postgres_key_add(bn_store *store, const bn_key_row *row, bool again, bool *taken, bn_error *err)
{
    bn_rows rows;
    const bn_key_facts *facts = &row->facts;
    *taken = false;
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        CHANGED
        "INSERT INTO keys AS k VALUES($1, $2, $3::bytea, $4::bigint, $5::int, $6::int, $7::int,"
        " $8::int = 1, NULL) ON CONFLICT (id) DO UPDATE SET name = excluded.name, hash = excluded.hash,"
        " created_ms = excluded.created_ms, per_minute = excluded.per_minute,"
        " running = excluded.running, waiting = excluded.waiting, admin = excluded.admin,"
        " revoked_ms = NULL WHERE ($9::int = 1 AND k.revoked_ms IS NOT NULL)"
        " OR ($10::boolean AND k.hash = excluded.hash)",
        "ttbiiiiiia", facts->id, facts->name, (const void *)row->hash, sizeof row->hash, facts->created_ms,
        (int64_t)facts->limits.per_minute, (int64_t)facts->limits.running, (int64_t)facts->limits.waiting,
        (int64_t)facts->admin, (int64_t)again));
    *taken = rows.changed == 0;
    bn_rows_free(&rows);
    return BIREFNET_OK;
}

bn_status bn_postgres_key_revoke(bn_store *store, const char *id, bool *found, bn_error *err)
{
    bn_rows rows;
    *found = false;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             CHANGED "UPDATE keys SET revoked_ms = " BN_NOW_MS
                                     " WHERE id = $1 AND (revoked_ms IS NULL OR $2::boolean)",
                             "ta", id));
    *found = rows.changed > 0;
    bn_rows_free(&rows);
    return BIREFNET_OK;
}

bn_status bn_postgres_keys_need(bn_store *store, bn_error *err)
{
    return bn_postgres_query(bn_postgres_db_of(store), NULL, err,
                             "UPDATE settings SET keys_version = keys_version + 1", "");
}
