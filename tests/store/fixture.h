/* fixture.h - a store with two handles, as two processes would have, and the calls that most tests make. Which store: the
 * address in BN_TEST_STORE, of PostgreSQL, whose tables are made anew for each test; else SQLite in a temporary folder. */
#ifndef BN_TESTS_STORE_FIXTURE_H
#define BN_TESTS_STORE_FIXTURE_H

#include "tests/test.h"

#include "store/ids.h"
#include "store/store.h"

enum { ALICE = 11, BOB = 22 }; /* workers */

typedef struct store_fixture {
    char folder[64]; /* of SQLite's; else empty */
    bn_store *store, *other;
} store_fixture;

int store_set_up(void **state);
int store_tear_down(void **state);
void store_open(store_fixture *self, bn_store **store);

/* id empty: one is made. */
void store_accept_one(store_fixture *self, char id[BN_REQUEST_ID_CHARS], const char *webhook);
bool store_claim(store_fixture *self, const char *id, int64_t worker, int64_t number, int weight);
bool store_finish(store_fixture *self, const char *id, int64_t worker, int64_t number, int code);
int store_code_of(store_fixture *self, const char *id); /* 0: it has not ended */
/* Of all but this one. */
int store_rescue(store_fixture *self, int64_t worker);

typedef struct store_found {
    int count, attempts; /* of the last */
} store_found;
store_found store_look_at_open(store_fixture *self);

#endif
