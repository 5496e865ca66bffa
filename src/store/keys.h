/* keys.h - who may use the server: keys.json in the data folder, with hashes instead of keys.
 *
 * The file is replaced as a whole under a lock, so that `birefnet keys` may change it while a server runs; the server
 * reads it again when it has changed. Where the file is, a key is needed, even if it holds none any more: revoking the
 * last key must not let everybody in. Only a server that is started without the file needs none. */
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

/* Make a key, or take `given` (any text without blanks; the id is what stands before its colon, or a hash of it). The
 * key's only copy is in `key`. ARGUMENT where the id is taken. */
bn_status bn_keys_make(const char *data_folder, const char *name, const char *given,
                       const bn_key_limits *limits, bool admin, char key[BN_KEY_CHARS], bn_key_facts *facts,
                       bn_error *err);
/* By id, or by name where one key has it. NOT_FOUND where none has. */
bn_status bn_keys_revoke(const char *data_folder, const char *id, bn_error *err);
/* All keys, oldest first; the caller frees *keys. */
bn_status bn_keys_list(const char *data_folder, bn_key_facts **keys, size_t *count, bn_error *err);

/* Whether a server that is started now needs keys: the file is there. path (4096 bytes) receives its name. */
bool bn_keys_required(const char *data_folder, char path[4096]);

/* What a server holds. */
typedef struct bn_keys bn_keys;
bn_status bn_keys_open(const char *data_folder, bn_keys **keys, bn_error *err);
void bn_keys_close(bn_keys **keys);
bool bn_keys_any(bn_keys *keys); /* whether one is needed */
/* Whether this is a key that is configured; takes the same time wherever the text differs. */
bool bn_keys_check(bn_keys *keys, const char *key, bn_key_facts *facts);
/* By id; false where it was revoked. */
bool bn_keys_find(bn_keys *keys, const char *id, bn_key_facts *facts);

#endif
