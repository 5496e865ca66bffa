/* postgres_value.h - values as PostgreSQL sends them in binary: numbers of 1, 2, 4 or 8 bytes, the highest first; UUIDs in 16.
 * What comes may be anything: no length is trusted. */
#ifndef BN_STORE_POSTGRES_VALUE_H
#define BN_STORE_POSTGRES_VALUE_H

#include "base/error.h"

#include <stdint.h>

/* boolean, smallint, int, bigint. FORMAT for any other length. */
bn_status bn_postgres_int(const void *bytes, size_t size, int64_t *number, bn_error *err);
bn_status bn_postgres_double(const void *bytes, size_t size, double *number, bn_error *err); /* float8 */
/* 16 bytes; into 37 chars with the zero. */
bn_status bn_postgres_uuid(const void *bytes, size_t size, char id[37], bn_error *err);
/* Text, cut where it is longer than the room for it. */
void bn_postgres_text(const void *bytes, size_t size, char *text, size_t room);

/* What a text parameter must be: UTF-8, without surrogates. *repaired: NULL where it is, else an allocated copy with '?' for
 * each byte that is not. */
bn_status bn_postgres_repair(const char *text, char **repaired, bn_error *err);

#endif
