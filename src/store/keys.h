/* keys.h - who may use the server: hashes of keys, and what each may.
 *
 * On one machine they are in keys.json in the data folder, which is replaced as a whole under a lock: `birefnet keys` may
 * change it while a server runs, and the server reads it again when it has changed. Where servers share a database, they
 * are in that, and each server reads them again when told to (bn_keys_refresh).
 *
 * Where the file is, or the database has ever had a key, one is needed, even if there is none any more: revoking the last
 * key must not let everybody in. */
#ifndef BN_STORE_KEYS_H
#define BN_STORE_KEYS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BN_KEY_ID_CHARS 65
#define BN_KEY_CHARS    320 /* of a whole key, "ID:SECRET" */

/* 0 = no limit. */
typedef struct bn_key_limits {
    int per_minute; /* submits */
    int running;    /* at a time; more of the queue wait, more sync runs are refused */
    int waiting;
} bn_key_limits;

typedef struct bn_key_facts {
    char id[BN_KEY_ID_CHARS];
    char name[101]; /* for people */
    int64_t created_ms;
    bn_key_limits limits; /* -1 = the server's */
    bool admin;           /* may see and change what is the operator's: /admin */
} bn_key_facts;

#define BN_KEY_HASH_BYTES 32

/* As it is kept. */
typedef struct bn_key_row {
    bn_key_facts facts;
    uint8_t hash[BN_KEY_HASH_BYTES]; /* SHA-256 of the whole key */
} bn_key_row;

typedef struct bn_key_rows {
    bn_key_row *list;
    size_t count;
} bn_key_rows;

/* Where they are: in the store where that keeps them (bn_store_keeps_keys), else in the data folder's file. */
typedef struct bn_keys_home {
    const char *data_folder;
    struct bn_store *store; /* may be NULL */
} bn_keys_home;

/* Whether a key can keep it, and be found by it: 1 to 100 bytes of UTF-8 without control characters. */
bool bn_keys_is_name(const char *name);
/* Make a key, or take `given` (any text without blanks; the id is what stands before its colon, or a hash of it). The
 * key's only copy is in `key`. ARGUMENT where the id is taken. */
bn_status bn_keys_make(const bn_keys_home *home, const char *name, const char *given,
                       const bn_key_limits *limits, bool admin, char key[BN_KEY_CHARS], bn_key_facts *facts,
                       bn_error *err);
/* By id, or by name where one key has it. NOT_FOUND where none has. */
bn_status bn_keys_revoke(const bn_keys_home *home, const char *id, bn_error *err);
/* All keys, oldest first; the caller frees *keys. */
bn_status bn_keys_list(const bn_keys_home *home, bn_key_facts **keys, size_t *count, bn_error *err);

/* Whether a server that is started now needs keys; and what an operator does to have one that needs none again. */
#define BN_KEYS_WAY_BACK 4200
bool bn_keys_required(const bn_keys_home *home, char way_back[BN_KEYS_WAY_BACK]);

/* The keys of a data folder's file into the store, where that keeps them; what it knows already, revoked keys too, stays as
 * it is. The file is then called keys.json.moved. */
bn_status bn_keys_move(const bn_keys_home *home, bool *moved, bn_error *err);

/* What a server holds; home->store must live as long. Nothing below asks the store, but bn_keys_open and bn_keys_refresh. */
typedef struct bn_keys bn_keys;
bn_status bn_keys_open(const bn_keys_home *home, bn_keys **keys, bn_error *err);
void bn_keys_close(bn_keys **keys);
/* Read again what others have changed; after a failure all is as before. */
bn_status bn_keys_refresh(bn_keys *keys, bn_error *err);
bool bn_keys_any(bn_keys *keys); /* whether one is needed */
/* True once for each file that could not be read when it was looked at, with what was wrong: the keys stay as they were. */
bool bn_keys_fault(bn_keys *keys, bn_error *fault);
/* One is needed and there is none. */
bool bn_keys_shut(bn_keys *keys, char way_back[BN_KEYS_WAY_BACK]);
bn_status bn_keys_all(bn_keys *keys, bn_key_facts **list, size_t *count, bn_error *err); /* as bn_keys_list */
/* How many there were when they were last read, and how many of them are administrators'. */
void bn_keys_count(bn_keys *keys, int *all, int *admin);
/* Whether this is a key that is configured; takes the same time wherever the text differs. */
bool bn_keys_check(bn_keys *keys, const char *key, bn_key_facts *facts);
/* By id; false where it was revoked. */
bool bn_keys_find(bn_keys *keys, const char *id, bn_key_facts *facts);

#endif
