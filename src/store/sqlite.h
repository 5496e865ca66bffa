/* sqlite.h - what the files of the SQLite store share. */
#ifndef BN_STORE_SQLITE_H
#define BN_STORE_SQLITE_H

#include "store/sqlite_db.h"
#include "store/store.h"

#include <stdatomic.h>

#define BN_STORE_READERS 4

struct bn_store {
    bn_db writer;
    bn_db readers[BN_STORE_READERS];
    atomic_uint turn;
};

/* A reader that is free, or the next in turn; locked. */
bn_db *bn_store_reader(bn_store *store);

static inline void bn_db_unlock(bn_db *db)
{
    pthread_mutex_unlock(&db->lock);
}

#endif
