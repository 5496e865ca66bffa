/* postgres.h - the database that BN_TEST_STORE names (scripts/services.sh run ...), for tests. */
#ifndef BN_TESTS_STORE_POSTGRES_H
#define BN_TESTS_STORE_POSTGRES_H

#include <stdbool.h>

/* The address; ends the program with ctest's code for skipped where it is none of PostgreSQL. */
const char *test_postgres_address(void);
/* Runs SQL by psql; false where that failed. */
bool test_postgres_run(const char *sql);
/* Ends all other connections of this user: the server's own (autovacuum) are an administrator's. */
bool test_postgres_disconnect(void);
/* As a test begins: no tables. */
void test_postgres_empty(void);
/* As a test begins: empty tables. */
void test_postgres_prepare(void);

#endif
