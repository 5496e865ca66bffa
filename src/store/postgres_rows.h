/* postgres_rows.h - lists that go into a statement, and rows that several statements answer. */
#ifndef BN_STORE_POSTGRES_ROWS_H
#define BN_STORE_POSTGRES_ROWS_H

#include "base/buffer.h"
#include "store/postgres.h"

/* Words as PostgreSQL writes arrays, {"a","b"}; the caller frees out, also after a failure. */
bn_status bn_postgres_array(bn_buffer *out, const char *const *words, size_t count, bn_error *err);

/* A request that has not ended: the columns of birefnet_claim up to forget_soon, in their order. */
#define BN_POSTGRES_OPEN                                                                                     \
    "q.id, q.seq, r.sync, q.low, r.created_ms, r.start_by_ms, q.attempts, q.body_bytes, r.public_only,"      \
    " r.lifecycle, r.file_base, r.key_id, r.webhook, r.extras, q.model, q.front, q.key_running, q.fetches,"  \
    " r.forget_soon"
#define BN_POSTGRES_OPEN_COLUMNS 19
/* The caller frees accepted, also after a failure. */
bn_status bn_postgres_read_open(const bn_rows *rows, int row, bn_accepted *accepted, bn_error *err);

#endif
