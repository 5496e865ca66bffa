/* sqlite_files.c - files and parts of uploads in SQLite; their bytes lie where blobs.h says. */
#include "store/sqlite.h"

#include <string.h>

bn_status bn_sqlite_file_promise(bn_store *store, const bn_stored_file *file, bn_error *err)
{
    const bn_file_facts *facts = &file->facts;
    return bn_db_write(
        bn_sqlite_writer(store), true, NULL, err,
        "INSERT INTO files(id, upload_id, whole, multipart, name, type, size, created_ms, expires_ms, access,"
        " etag, key_id) VALUES(?, ?, 0, ?, ?, ?, 0, ?, ?, ?, '', ?)",
        "ttittiiit", facts->id, file->upload_id, (int64_t)file->multipart, facts->name, facts->type,
        facts->created_ms, facts->expires_ms, (int64_t)facts->access, file->key_id[0] ? file->key_id : NULL);
}

bn_status bn_sqlite_keep_object(bn_db *db, const char *object, bn_error *err)
{
    return bn_db_run(db, err, "DELETE FROM objects WHERE object = ?", "t", object);
}

/* Of the file's upload; their objects stray. */
static bn_status delete_parts(bn_db *db, const char *id, bn_error *err)
{
    BN_TRY(bn_db_run(db, err,
                     "INSERT OR REPLACE INTO objects(object, created_ms) SELECT object, 0 FROM parts"
                     " WHERE upload_id = (SELECT upload_id FROM files WHERE id = ?)",
                     "t", id));
    return bn_db_run(
        db, err, "DELETE FROM parts WHERE upload_id = (SELECT upload_id FROM files WHERE id = ?)", "t", id);
}

/* The object that is parameter 5. */
#define PROMISED "EXISTS(SELECT 1 FROM objects WHERE object = ?5 AND created_ms > 0)"

bn_status bn_sqlite_file_whole(bn_store *store, const bn_file_facts *facts, bn_error *err)
{
    bn_db *db = bn_sqlite_writer(store);
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, true, err);
    if (status == BIREFNET_OK) {
        status = bn_db_run(db, err,
                           "UPDATE files SET whole = 1, size = ?2, etag = ?3, type = ?4, object = ?5"
                           " WHERE id = ?1 AND whole = 0 AND " PROMISED,
                           "tittt", facts->id, (int64_t)facts->size, facts->etag, facts->type, facts->object);
        if (status == BIREFNET_OK && sqlite3_changes(db->handle) == 0)
            status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "the upload has ended");
        if (status == BIREFNET_OK) status = bn_sqlite_keep_object(db, facts->object, err);
        if (status == BIREFNET_OK) status = delete_parts(db, facts->id, err);
        status = bn_db_end(db, status, err);
    }
    bn_db_unlock(db);
    return status;
}

#define COLUMNS                                                                                              \
    "SELECT id, upload_id, whole, multipart, name, type, size, created_ms, expires_ms, access, etag, "       \
    "key_id, object FROM files"

static void read_file(sqlite3_stmt *statement, bn_stored_file *file)
{
    bn_file_facts *facts = &file->facts;
    bn_db_text(statement, 0, facts->id, sizeof facts->id);
    bn_db_text(statement, 1, file->upload_id, sizeof file->upload_id);
    file->whole = sqlite3_column_int(statement, 2) != 0;
    file->multipart = sqlite3_column_int(statement, 3) != 0;
    bn_db_text(statement, 4, facts->name, sizeof facts->name);
    bn_db_text(statement, 5, facts->type, sizeof facts->type);
    facts->size = (uint64_t)sqlite3_column_int64(statement, 6);
    facts->created_ms = sqlite3_column_int64(statement, 7);
    facts->expires_ms = sqlite3_column_int64(statement, 8);
    facts->access = (bn_file_access)sqlite3_column_int(statement, 9);
    bn_db_text(statement, 10, facts->etag, sizeof facts->etag);
    bn_db_text(statement, 11, file->key_id, sizeof file->key_id);
    bn_db_text(statement, 12, facts->object, sizeof facts->object);
}

bn_status bn_sqlite_file(bn_store *store, const char *id, bool upload, bn_stored_file *file, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    bool row = false;
    bn_status status = upload ? bn_db_query(db, &statement, err, COLUMNS " WHERE upload_id = ?", "t", id)
                              : bn_db_query(db, &statement, err, COLUMNS " WHERE id = ?", "t", id);
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, &row, err);
    if (status == BIREFNET_OK && !row)
        status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no such file");
    if (row) {
        read_file(statement, file);
        sqlite3_reset(statement);
    }
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_expired(bn_store *store, int64_t now_ms, int64_t promised_ms,
                            char (*ids)[BN_FILE_ID_CHARS], size_t room, size_t *count, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    *count = 0;
    bn_status status = bn_db_query(db, &statement, err,
                                   "SELECT id FROM files WHERE expires_ms > 0 AND expires_ms <= ?1 UNION"
                                   " SELECT id FROM files WHERE whole = 0 AND created_ms < ?2 LIMIT ?3",
                                   "iii", now_ms, promised_ms, (int64_t)room);
    while (status == BIREFNET_OK && *count < room) {
        bool row;
        status = bn_db_step(db, statement, &row, err);
        if (status != BIREFNET_OK || !row) break;
        bn_db_text(statement, 0, ids[(*count)++], BN_FILE_ID_CHARS);
    }
    if (status == BIREFNET_OK) sqlite3_reset(statement);
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_file_delete(bn_store *store, const char *id, bn_error *err)
{
    bn_db *db = bn_sqlite_writer(store);
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, false, err);
    if (status == BIREFNET_OK) {
        status = delete_parts(db, id, err);
        if (status == BIREFNET_OK)
            status =
                bn_db_run(db, err,
                          "INSERT OR REPLACE INTO objects(object, created_ms) SELECT object, 0 FROM files"
                          " WHERE id = ? AND object <> ''",
                          "t", id);
        if (status == BIREFNET_OK) status = bn_db_run(db, err, "DELETE FROM files WHERE id = ?", "t", id);
        status = bn_db_end(db, status, err);
    }
    bn_db_unlock(db);
    return status;
}

static bn_status replace_part(bn_db *db, const char *upload_id, const bn_stored_part *part, bn_error *err)
{
    BN_TRY(bn_db_run(db, err,
                     "INSERT OR REPLACE INTO objects(object, created_ms) SELECT object, 0 FROM parts WHERE "
                     "upload_id = ? AND number = ?",
                     "ti", upload_id, (int64_t)part->number));
    BN_TRY(bn_db_run(
        db, err,
        "INSERT OR REPLACE INTO parts(upload_id, number, size, etag, object) SELECT ?1, ?2, ?3, ?4, ?5"
        " WHERE EXISTS(SELECT 1 FROM files WHERE upload_id = ?1 AND whole = 0) AND " PROMISED,
        "tiitt", upload_id, (int64_t)part->number, (int64_t)part->size, part->etag, part->object));
    if (sqlite3_changes(db->handle) == 0)
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "the upload has ended");
    return bn_sqlite_keep_object(db, part->object, err);
}

bn_status bn_sqlite_part_put(bn_store *store, const char *upload_id, const bn_stored_part *part,
                             bn_error *err)
{
    bn_db *db = bn_sqlite_writer(store);
    pthread_mutex_lock(&db->lock);
    bn_status status = bn_db_begin(db, true, err);
    if (status == BIREFNET_OK) status = bn_db_end(db, replace_part(db, upload_id, part, err), err);
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_part(bn_store *store, const char *upload_id, int number, bn_stored_part *part,
                         bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    bool row = false;
    bn_status status = bn_db_query(db, &statement, err,
                                   "SELECT size, etag, object FROM parts WHERE upload_id = ? AND number = ?",
                                   "ti", upload_id, (int64_t)number);
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, &row, err);
    if (status == BIREFNET_OK && !row)
        status = bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "part %d did not arrive", number);
    if (row) {
        part->number = number;
        part->size = (uint64_t)sqlite3_column_int64(statement, 0);
        bn_db_text(statement, 1, part->etag, sizeof part->etag);
        bn_db_text(statement, 2, part->object, sizeof part->object);
        sqlite3_reset(statement);
    }
    bn_db_unlock(db);
    return status;
}

/* ---- objects that no file has ---- */

bn_status bn_sqlite_object_promise(bn_store *store, const char *object, int64_t now_ms, int64_t process,
                                   bool durable, bn_error *err)
{
    return bn_db_write(
        bn_sqlite_writer(store), durable, NULL, err,
        "INSERT INTO objects(object, created_ms, process) VALUES(?, ?, ?) ON CONFLICT(object) DO NOTHING",
        "tii", object, now_ms, process);
}

bn_status bn_sqlite_objects_abandon(bn_store *store, int64_t survivor, int64_t keep_ms, bn_error *err)
{
    return bn_db_write(bn_sqlite_writer(store), false, NULL, err,
                       "UPDATE objects SET created_ms = ?2 WHERE process <> 0 AND created_ms > 0"
                       " AND process <> ?1 AND process NOT IN (SELECT id FROM processes)",
                       "ii", survivor, keep_ms > 0 ? -(bn_sqlite_now(store) + keep_ms) : 0);
}

bn_status bn_sqlite_object_forget(bn_store *store, const char *object, bn_error *err)
{
    return bn_db_write(bn_sqlite_writer(store), false, NULL, err, "DELETE FROM objects WHERE object = ?", "t",
                       object);
}

bn_status bn_sqlite_objects_astray(bn_store *store, int64_t before_ms, char (*objects)[BN_OBJECT_CHARS],
                                   size_t room, size_t *count, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    *count = 0;
    bn_status status = bn_db_query(
        db, &statement, err, "SELECT object FROM objects WHERE created_ms >= ? AND created_ms < ? LIMIT ?",
        "iii", -bn_sqlite_now(store), before_ms > 0 ? before_ms : 1, (int64_t)room);
    while (status == BIREFNET_OK && *count < room) {
        bool row;
        status = bn_db_step(db, statement, &row, err);
        if (status != BIREFNET_OK || !row) break;
        bn_db_text(statement, 0, objects[(*count)++], BN_OBJECT_CHARS);
    }
    if (status == BIREFNET_OK) sqlite3_reset(statement);
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_object_known(bn_store *store, const char *object, bool *known, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    *known = false;
    bn_status status = bn_db_query(db, &statement, err,
                                   "SELECT 1 FROM files WHERE object = ?1 AND whole = 1 UNION ALL"
                                   " SELECT 1 FROM parts WHERE object = ?1 UNION ALL"
                                   " SELECT 1 FROM objects WHERE object = ?1 AND created_ms > 0",
                                   "t", object);
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, known, err);
    if (status == BIREFNET_OK && *known) sqlite3_reset(statement);
    bn_db_unlock(db);
    return status;
}

bn_status bn_sqlite_bytes(bn_store *store, uint64_t *bytes, bn_error *err)
{
    bn_db *db = bn_sqlite_reader(store);
    sqlite3_stmt *statement;
    bool row = false;
    bn_status status = bn_db_query(db, &statement, err,
                                   "SELECT (SELECT coalesce(sum(size + ?1 * (1 + whole)), 0) FROM files) +"
                                   " (SELECT coalesce(sum(size + ?1), 0) FROM parts)",
                                   "i", (int64_t)BN_STORED_COST);
    if (status == BIREFNET_OK) status = bn_db_step(db, statement, &row, err);
    if (row) {
        *bytes = (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    bn_db_unlock(db);
    return status;
}
