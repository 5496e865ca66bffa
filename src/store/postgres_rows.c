/* postgres_rows.c - see postgres_rows.h. */
#include "store/postgres_rows.h"

#define MAX_ARRAY_BYTES ((size_t)1 << 20)

static bn_status append_quoted(bn_buffer *out, const char *word, bn_error *err)
{
    BN_TRY(bn_buffer_append(out, "\"", 1, err));
    for (const char *c = word; *c; c++) {
        if (*c == '"' || *c == '\\') BN_TRY(bn_buffer_append(out, "\\", 1, err));
        BN_TRY(bn_buffer_append(out, c, 1, err));
    }
    return bn_buffer_append(out, "\"", 1, err);
}

bn_status bn_postgres_array(bn_buffer *out, const char *const *words, size_t count, bn_error *err)
{
    bn_buffer_init(out, MAX_ARRAY_BYTES);
    BN_TRY(bn_buffer_append(out, "{", 1, err));
    for (size_t i = 0; i < count; i++) {
        if (i > 0) BN_TRY(bn_buffer_append(out, ",", 1, err));
        BN_TRY(append_quoted(out, words[i], err));
    }
    return bn_buffer_append(out, "}", 2, err); /* with its zero */
}

bn_status bn_postgres_read_open(const bn_rows *rows, int row, bn_accepted *accepted, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    bn_rows_uuid(rows, row, 0, accepted->id, &status, err);
    accepted->seq = bn_rows_int(rows, row, 1, &status, err);
    accepted->sync = bn_rows_int(rows, row, 2, &status, err) != 0;
    accepted->low_priority = bn_rows_int(rows, row, 3, &status, err) != 0;
    accepted->created_ms = bn_rows_int(rows, row, 4, &status, err);
    accepted->start_by_ms = bn_rows_int(rows, row, 5, &status, err);
    accepted->attempts = (int)bn_rows_int(rows, row, 6, &status, err);
    accepted->body_bytes = (size_t)bn_rows_int(rows, row, 7, &status, err);
    accepted->public_only = bn_rows_int(rows, row, 8, &status, err) != 0;
    bn_rows_text(rows, row, 14, accepted->model, sizeof accepted->model);
    accepted->front = bn_rows_int(rows, row, 15, &status, err);
    accepted->key_running = (int)bn_rows_int(rows, row, 16, &status, err);
    accepted->fetches = bn_rows_int(rows, row, 17, &status, err) != 0;
    accepted->forget_soon = bn_rows_int(rows, row, 18, &status, err) != 0;
    BN_TRY(status);
    BN_TRY(bn_rows_copy(rows, row, 9, &accepted->lifecycle, NULL, err));
    BN_TRY(bn_rows_copy(rows, row, 10, &accepted->file_base, NULL, err));
    BN_TRY(bn_rows_copy(rows, row, 11, &accepted->key_id, NULL, err));
    BN_TRY(bn_rows_copy(rows, row, 12, &accepted->webhook, NULL, err));
    return bn_rows_copy(rows, row, 13, &accepted->extras, NULL, err);
}
