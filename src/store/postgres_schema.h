/* postgres_schema.h - the tables in PostgreSQL, and whether they are this program's. */
#ifndef BN_STORE_POSTGRES_SCHEMA_H
#define BN_STORE_POSTGRES_SCHEMA_H

#include "store/postgres_db.h"

/* FORMAT where the tables are not there, older than this program needs, or of a program that it must not run beside. */
bn_status bn_postgres_check_schema(bn_postgres_db *db, bn_error *err);
/* Makes or migrates them; only_look: says what there is. *from, *to: the version that was found, 0 where there was none, and
 * this program's. Two at once wait for each other. */
bn_status bn_postgres_migrate(bn_postgres_db *db, bool only_look, int *from, int *to, bn_error *err);

#endif
