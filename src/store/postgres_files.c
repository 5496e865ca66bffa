/* postgres_files.c - files and parts of uploads in PostgreSQL; their bytes lie where blobs.h says.
 *
 * Unlike in SQLite, a part's object keeps its row in objects, and is no stray while a part has it: two that put one part at
 * once would else leave the object of the one who lost without any row. */
#include "store/postgres.h"

static bn_status no_such(const char *what, bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "%s", what);
}

/* A statement whose one column says whether it had an effect. */
static bn_status told(bn_rows *rows, const char *otherwise, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    const bool done = rows->count == 1 && bn_rows_int(rows, 0, 0, &status, err) != 0;
    bn_rows_free(rows);
    if (status == BIREFNET_OK && !done) status = no_such(otherwise, err);
    return status;
}

bn_status bn_postgres_file_promise(bn_store *store, const bn_stored_file *file, bn_error *err)
{
    const bn_file_facts *facts = &file->facts;
    return bn_postgres_query(
        bn_postgres_db_of(store), NULL, err,
        "INSERT INTO files(id, upload_id, whole, multipart, name, type, size, created_ms, expires_ms, access,"
        " etag, key_id) VALUES($1, $2, false, $3::int = 1, $4, $5, 0, $6::bigint, $7::bigint, $8::smallint, "
        "'', $9)"
        " ON CONFLICT (id) DO NOTHING",
        "ttittiiit", facts->id, file->upload_id, (int64_t)file->multipart, facts->name, facts->type,
        facts->created_ms, facts->expires_ms, (int64_t)facts->access, file->key_id[0] ? file->key_id : NULL);
}

bn_status bn_postgres_file_whole(bn_store *store, const bn_file_facts *facts, bn_error *err)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "WITH mine AS (SELECT FROM objects WHERE object = $5 AND created_ms > 0 FOR UPDATE),"
        " f AS (UPDATE files SET whole = true, size = $2::bigint, etag = $3, type = $4, object = $5"
        "  WHERE id = $1 AND NOT whole AND EXISTS (SELECT FROM mine) RETURNING upload_id),"
        " k AS (DELETE FROM objects USING f WHERE objects.object = $5),"
        " p AS (DELETE FROM parts USING f WHERE parts.upload_id = f.upload_id RETURNING parts.object),"
        " o AS (INSERT INTO objects SELECT DISTINCT object, 0 FROM p WHERE object <> $5"
        "  ON CONFLICT (object) DO UPDATE SET created_ms = 0)"
        " SELECT EXISTS (SELECT FROM f) OR ($6::boolean AND EXISTS"
        "  (SELECT FROM files WHERE id = $1 AND whole AND object = $5))",
        "tittta", facts->id, (int64_t)facts->size, facts->etag, facts->type, facts->object));
    return told(&rows, "the upload has ended", err);
}

static bn_status read_file(const bn_rows *rows, bn_stored_file *file, bn_error *err)
{
    bn_file_facts *facts = &file->facts;
    bn_status status = BIREFNET_OK;
    bn_rows_text(rows, 0, 0, facts->id, sizeof facts->id);
    bn_rows_text(rows, 0, 1, file->upload_id, sizeof file->upload_id);
    file->whole = bn_rows_int(rows, 0, 2, &status, err) != 0;
    file->multipart = bn_rows_int(rows, 0, 3, &status, err) != 0;
    bn_rows_text(rows, 0, 4, facts->name, sizeof facts->name);
    bn_rows_text(rows, 0, 5, facts->type, sizeof facts->type);
    facts->size = (uint64_t)bn_rows_int(rows, 0, 6, &status, err);
    facts->created_ms = bn_rows_int(rows, 0, 7, &status, err);
    facts->expires_ms = bn_rows_int(rows, 0, 8, &status, err);
    facts->access = (bn_file_access)bn_rows_int(rows, 0, 9, &status, err);
    bn_rows_text(rows, 0, 10, facts->etag, sizeof facts->etag);
    bn_rows_text(rows, 0, 11, file->key_id, sizeof file->key_id);
    bn_rows_text(rows, 0, 12, facts->object, sizeof facts->object);
    return status;
}

#define COLUMNS                                                                                              \
    "SELECT id, upload_id, whole, multipart, name, type, size, created_ms, expires_ms, access, etag, "       \
    "key_id, object FROM files"

bn_status bn_postgres_file(bn_store *store, const char *id, bool upload, bn_stored_file *file, bn_error *err)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             upload ? COLUMNS " WHERE upload_id = $1" : COLUMNS " WHERE id = $1", "t", id));
    const bn_status status =
        rows.count == 1 ? read_file(&rows, file, err) : no_such("there is no such file", err);
    bn_rows_free(&rows);
    return status;
}

bn_status bn_postgres_expired(bn_store *store, int64_t now_ms, int64_t promised_ms,
                              char (*ids)[BN_FILE_ID_CHARS], size_t room, size_t *count, bn_error *err)
{
    bn_rows rows;
    *count = 0;
    BN_TRY(
        bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                          "SELECT id FROM files WHERE expires_ms > 0 AND expires_ms <= $1::bigint UNION"
                          " SELECT id FROM files WHERE NOT whole AND created_ms < $2::bigint LIMIT $3::int",
                          "iii", now_ms, promised_ms, (int64_t)room));
    for (int i = 0; i < rows.count && *count < room; i++)
        bn_rows_text(&rows, i, 0, ids[(*count)++], BN_FILE_ID_CHARS);
    bn_rows_free(&rows);
    return BIREFNET_OK;
}

bn_status bn_postgres_file_delete(bn_store *store, const char *id, bn_error *err)
{
    return bn_postgres_query(
        bn_postgres_db_of(store), NULL, err,
        "WITH f AS (DELETE FROM files WHERE id = $1 RETURNING upload_id, object),"
        " p AS (DELETE FROM parts USING f WHERE parts.upload_id = f.upload_id RETURNING parts.object)"
        " INSERT INTO objects SELECT object, 0 FROM (SELECT object FROM f UNION SELECT object FROM p) o"
        " WHERE object <> '' ON CONFLICT (object) DO UPDATE SET created_ms = 0",
        "t", id);
}

bn_status bn_postgres_part_put(bn_store *store, const char *upload_id, const bn_stored_part *part,
                               bn_error *err)
{
    bn_rows rows;
    BN_TRY(bn_postgres_query(
        bn_postgres_db_of(store), &rows, err,
        "WITH mine AS (SELECT FROM objects WHERE object = $5 AND created_ms > 0 FOR UPDATE),"
        " f AS (SELECT upload_id FROM files WHERE upload_id = $1 AND NOT whole AND EXISTS (SELECT FROM mine)"
        "  FOR SHARE),"
        " old AS (SELECT object FROM parts WHERE upload_id = $1 AND number = $2::int AND object <> $5),"
        " p AS (INSERT INTO parts(upload_id, number, size, etag, object)"
        "  SELECT $1, $2, $3::bigint, $4, $5 FROM f ON CONFLICT (upload_id, number)"
        "  DO UPDATE SET size = excluded.size, etag = excluded.etag, object = excluded.object RETURNING 1),"
        " s AS (INSERT INTO objects SELECT old.object, 0 FROM old, f"
        "  ON CONFLICT (object) DO UPDATE SET created_ms = 0)"
        " SELECT EXISTS (SELECT FROM p)",
        "tiitt", upload_id, (int64_t)part->number, (int64_t)part->size, part->etag, part->object));
    return told(&rows, "the upload has ended", err);
}

bn_status bn_postgres_part(bn_store *store, const char *upload_id, int number, bn_stored_part *part,
                           bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             "SELECT size, etag, object FROM parts WHERE upload_id = $1 AND number = $2::int",
                             "ti", upload_id, (int64_t)number));
    if (rows.count == 1) {
        part->number = number;
        part->size = (uint64_t)bn_rows_int(&rows, 0, 0, &status, err);
        bn_rows_text(&rows, 0, 1, part->etag, sizeof part->etag);
        bn_rows_text(&rows, 0, 2, part->object, sizeof part->object);
    } else {
        status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "part %d did not arrive", number);
    }
    bn_rows_free(&rows);
    return status;
}

/* ---- objects that no file has ---- */

bn_status bn_postgres_object_promise(bn_store *store, const char *object, int64_t now_ms, int64_t process,
                                     bool durable, bn_error *err)
{
    (void)durable; /* others may read and write the bytes, too: none of them could tell what is left over */
    return bn_postgres_query(bn_postgres_db_of(store), NULL, err,
                             "INSERT INTO objects(object, created_ms, process)"
                             " VALUES($1, $2::bigint, $3::bigint) ON CONFLICT (object) DO NOTHING",
                             "tii", object, now_ms, process);
}

/* Not of those that hold requests still: their rescue skipped what a finish under way has locked. */
bn_status bn_postgres_objects_abandon(bn_store *store, int64_t survivor, int64_t keep_ms, bn_error *err)
{
    return bn_postgres_query(bn_postgres_db_of(store), NULL, err,
                             "WITH " BN_SOON_CTE
                             " UPDATE objects o SET created_ms = CASE $2::bigint WHEN 0 THEN 0 ELSE"
                             " -(" BN_NOW_MS " + $3::bigint + $2) END WHERE process <> 0 AND created_ms > 0"
                             " AND process <> $1::bigint AND " BN_SOON
                             " AND NOT EXISTS (SELECT FROM processes p WHERE p.id = o.process)"
                             " AND NOT EXISTS (SELECT FROM queue q WHERE q.held AND q.worker = o.process)",
                             "iii", survivor, keep_ms, atomic_load(&store->shift_ms));
}

bn_status bn_postgres_object_forget(bn_store *store, const char *object, bn_error *err)
{
    return bn_postgres_query(bn_postgres_db_of(store), NULL, err,
                             "WITH " BN_SOON_CTE " DELETE FROM objects WHERE object = $1 AND " BN_SOON, "t",
                             object);
}

bn_status bn_postgres_objects_astray(bn_store *store, int64_t before_ms, char (*objects)[BN_OBJECT_CHARS],
                                     size_t room, size_t *count, bn_error *err)
{
    bn_rows rows;
    *count = 0;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             "SELECT object FROM objects o WHERE created_ms >= -(" BN_NOW_MS " + $3::bigint)"
                             " AND created_ms < greatest($1::bigint, 1)"
                             " AND NOT EXISTS (SELECT FROM parts p WHERE p.object = o.object) LIMIT $2::int",
                             "iii", before_ms, (int64_t)room, atomic_load(&store->shift_ms)));
    for (int i = 0; i < rows.count && *count < room; i++)
        bn_rows_text(&rows, i, 0, objects[(*count)++], BN_OBJECT_CHARS);
    bn_rows_free(&rows);
    return BIREFNET_OK;
}

bn_status bn_postgres_object_known(bn_store *store, const char *object, bool *known, bn_error *err)
{
    bn_rows rows;
    *known = false;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             "SELECT FROM files WHERE object = $1 AND whole UNION ALL"
                             " SELECT FROM parts WHERE object = $1 UNION ALL"
                             " SELECT FROM objects WHERE object = $1 AND created_ms > 0",
                             "t", object));
    *known = rows.count > 0;
    bn_rows_free(&rows);
    return BIREFNET_OK;
}

bn_status bn_postgres_bytes(bn_store *store, uint64_t *bytes, bn_error *err)
{
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    BN_TRY(bn_postgres_query(bn_postgres_db_of(store), &rows, err,
                             "SELECT ((SELECT coalesce(sum(size + $1::bigint * (1 + whole::int)), 0)"
                             "  FROM files) +"
                             " (SELECT coalesce(sum(size + $1::bigint), 0) FROM parts))::bigint",
                             "i", (int64_t)BN_STORED_COST));
    *bytes = (uint64_t)bn_rows_int(&rows, 0, 0, &status, err);
    bn_rows_free(&rows);
    return status;
}
